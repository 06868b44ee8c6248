"""The quality sums of the kernels equal those of the array specification, and so do the numbers made of them."""

from __future__ import annotations

import itertools
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from phasewell.quality import metrics
from phasewell_kernels import cpu
from planes import instruction_sets

SETS = instruction_sets()
NAMES = ("black", "saturated", "constant", "laplacian", "laplacian_squared", *(f"energy_{i}" for i in range(4)))


def sum_frames(pixels: Any, threads: int, instructions: str) -> dict[str, Any]:
    n, height, width = pixels.shape
    integers = np.full((n, cpu.QUALITY_INTEGERS), -1, np.int64)
    rows, columns = np.full((n, height), 77, np.uint32), np.full((n, width), 77, np.uint32)
    cpu.sum_frames(pixels, integers, rows, columns, threads, instructions)
    return dict(zip(NAMES, integers.T, strict=True)) | {"rows": rows, "columns": columns}


def check(pixels: Any, threads: tuple[int, ...] = (1, 2)) -> None:
    expected = metrics._sum_frames(pixels, np)
    for name, count in itertools.product(SETS, threads):
        sums = sum_frames(pixels, count, name)
        assert sums.keys() == expected.keys()
        for key, values in expected.items():
            np.testing.assert_array_equal(sums[key], values, err_msg=key)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 140))))
@settings(max_examples=100)
def test_random_levels(pixels: Any) -> None:
    check(pixels)


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 600), st.integers(1, 90), st.sampled_from([(0, 256), (0, 2), (254, 256)])
)
@settings(max_examples=60)
def test_noise(seed: int, height: int, width: int, levels: tuple[int, int]) -> None:
    check(np.random.default_rng(seed).integers(*levels, (1, height, width), np.uint8), (1,))


@pytest.mark.parametrize(
    "shape", [(2, 1, 1), (1, 1, 300), (1, 300, 1), (1, 2, 2), (1, 3, 3), (1, 255, 64), (1, 256, 65)]
)
def test_flat_frames_and_checkerboards(shape: tuple[int, ...]) -> None:
    rows, columns = np.indices(shape[1:])
    board = np.broadcast_to((rows + columns) % 2 * 255, shape).astype(np.uint8)
    for pixels in (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), board):
        check(pixels, (1,))


@pytest.mark.parametrize("box", [1, 2, 4, 8])
def test_the_largest_sums(box: int) -> None:
    """Boards of black and white boxes: the largest steps there are, on lines as long as a frame's side may be."""
    rows, columns = np.indices((3 * box, 16384))
    check(((rows // box + columns // box) % 2 * 255).astype(np.uint8)[None], (1,))


def test_the_numbers_are_those_of_assess(data: Any) -> None:
    raw = tifffile.imread(data / "t98g_phase" / "timelapse_xy01" / "images" / "20180101ef002xy01t01.tif")
    pixels = (raw >> 8).astype(np.uint8)[None]
    check(pixels, (1,))
    expected = metrics.finish_quality(metrics._sum_frames(pixels, np), raw.shape)
    found = metrics.finish_quality(sum_frames(pixels, 1, "best"), raw.shape)
    for field in fields(metrics.FrameQuality):
        assert getattr(found, field.name).tobytes() == getattr(expected, field.name).tobytes()


@pytest.mark.parametrize("shape", [(3, 70, 130), (1, 1, 1), (2, 9, 300), (2, 0, 5), (0, 8, 8)])
def test_the_way_of_a_frame_in_cache_gives_the_same_sums(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    recipe = np.array((2, 85, 60, 200, 64, 11, 30, 20, 2, 60, 60, 40, 900, 65, 1), np.int32)
    expected, nothing = metrics.make_sums(shape), metrics.make_sums((0, 0, 0))
    cpu.sum_frames(pixels, expected.integers, expected.rows, expected.columns)
    labels = np.empty((0, 0, 0), np.int32)
    alone = cpu.measure_frames(pixels, 9, 8, recipe, labels, nothing.integers, nothing.rows, nothing.columns)
    for name, threads in itertools.product(SETS, (1, 3)):
        found = metrics.make_sums(shape)
        rows = cpu.measure_frames(
            pixels, 9, 8, recipe, labels, found.integers, found.rows, found.columns, 0, threads, name
        )
        np.testing.assert_array_equal(rows, alone)
        for key, values in expected.by_name().items():
            np.testing.assert_array_equal(found.by_name()[key], values, err_msg=key)
