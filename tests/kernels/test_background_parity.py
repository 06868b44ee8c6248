"""The background adjustment of the kernels equals the array specification, bit for bit."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from phasewell.background import _adjust
from phasewell_kernels import cpu
from planes import instruction_sets

SETS = instruction_sets()
HALVES, TOLERANCES = (0, 1, 2, 7, 31, 64, 127, 128, 1000, 2**31 - 1), (0, 1, 8, 60, 127, 128, 254, 255)


def check(pixels: Any, half: int, tolerance: int, threads: tuple[int, ...] = (1, 2)) -> None:
    expected = _adjust(np, pixels, min(half, 20_000), tolerance) if pixels.size else pixels
    for name, count in itertools.product(SETS, threads):
        grey = np.full_like(pixels, 77)
        cpu.adjust_background(pixels, half, tolerance, grey, count, name)
        np.testing.assert_array_equal(grey, expected)


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(0, 3), st.integers(1, 20), st.integers(1, 150))),
    st.sampled_from(HALVES),
    st.sampled_from(TOLERANCES),
)
@settings(max_examples=60)
def test_random_levels(pixels: Any, half: int, tolerance: int) -> None:
    check(pixels, half, tolerance)


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 255), st.sampled_from([1, 5, 40]), st.integers(0, 40), st.integers(0, 255)
)
@settings(max_examples=60)
def test_levels_around_one(seed: int, level: int, spread: int, half: int, tolerance: int) -> None:
    random = np.random.default_rng(seed)
    shape = (1, int(random.integers(1, 60)), int(random.integers(1, 200)))
    check(random.normal(level, spread, shape).clip(0, 255).astype(np.uint8), half, tolerance)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 300), (1, 300, 1), (2, 64, 64), (1, 3, 63), (1, 3, 65)])
def test_narrow_frames_and_flat_ones(shape: tuple[int, ...]) -> None:
    steps = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    for pixels, half in itertools.product(
        (steps, np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)), (0, 5, 400)
    ):
        check(pixels, half, 8, (1,))


def test_every_width_of_the_sums() -> None:
    """Rests and prefix sums of 16 and of 32 bits, offsets whose sums of four leave a byte, totals beyond 31 bits."""
    random = np.random.default_rng(3)
    noise = random.normal(120, 6, (1, 320, 330)).clip(0, 255).astype(np.uint8)
    for half, tolerance in ((130, 3), (160, 8), (120, 255), (127, 20), (200, 255)):
        check(noise, half, tolerance, (1,))
    bright = np.concatenate([np.zeros(64, np.uint8), np.repeat(np.arange(3, 256, dtype=np.uint8), 63)])
    random.shuffle(bright)
    check(bright[:16000].reshape(1, 1, 16000), 20_000, 255, (1,))


def test_squares_without_background_take_the_most_frequent_level() -> None:
    pixels = np.full((1, 40, 90), 60, np.uint8)
    pixels[:, 10:30, 20:70] = 200
    check(pixels, 3, 8)
    grey = np.empty_like(pixels)
    cpu.adjust_background(pixels, 3, 8, grey)
    assert grey[0, 20, 45] == 255
    assert grey[0, 0, 0] == 128


def test_of_two_most_frequent_levels_the_smaller_is_taken() -> None:
    pixels = np.repeat(np.array([90, 40], np.uint8), 600).reshape(1, 8, 150)
    check(pixels, 0, 0)


def test_large_frames_are_counted_in_pairs() -> None:
    random = np.random.default_rng(4)
    for shape in ((1, 256, 256), (1, 257, 257), (1, 300, 401)):
        check(random.normal(120, 9, shape).clip(0, 255).astype(np.uint8), 20, 8, (1,))


def test_real_frames(data: Path) -> None:
    raw = tifffile.imread(data / "t98g_phase" / "timelapse_xy01" / "images" / "20180101ef002xy01t01.tif")
    low = int(raw.min())
    pixels = ((raw.astype(np.int64) - low) * 255 // (int(raw.max()) - low)).astype(np.uint8)[None]
    check(np.ascontiguousarray(pixels[:, :500, :700]), 64, 8, (1,))
