"""Connected pieces by runs of bit planes against the array engine, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hard_masks import Mask, hard_masks
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell import Device
from phasewell.background import adjust_background
from phasewell.segmentation import components as arrays
from phasewell.segmentation.texture import gradient_energy
from phasewell_kernels import cpu
from planes import instruction_sets, pack, unpack
from scipy import ndimage

DEVICE = Device("cpu")
WIDTHS = (1, 2, 3, 31, 63, 64, 65, 66, 127, 128, 129, 130, 191, 192, 193)


SETS = instruction_sets()


def label_arrays(mask: Mask, remove_touching: bool) -> tuple[Any, Any]:
    labels, count = arrays.label_pieces(DEVICE, mask)
    if remove_touching:
        labels = arrays.remove_frame_touching(np, labels, count)
    labels = arrays.number_per_frame(np, labels, count)
    return labels, labels.max(axis=(1, 2), initial=0)


def label_kernels(mask: Mask, remove_touching: bool, threads: int, instructions: str) -> tuple[Any, Any]:
    labels, counts = np.full(mask.shape, -1, np.int32), np.full(len(mask), -1, np.int32)
    cpu.label_pieces(pack(mask), remove_touching, labels, counts, threads, instructions)
    return labels, counts


def clean_kernels(planes: Any, width: int, limit: int, threads: int = 1, instructions: str = "best") -> None:
    cpu.clean_objects(planes, width, limit // 3, limit, threads, instructions)


def clean_arrays(device: Device, mask: Mask, limit: int) -> Mask:
    cleaned: Mask = arrays.fill_holes(device, arrays.remove_small(device, mask, limit // 3), limit)
    return cleaned


STEPS = {
    "clean_objects": (clean_kernels, clean_arrays),
    "remove_small": (cpu.remove_small, arrays.remove_small),
    "fill_holes": (cpu.fill_holes, arrays.fill_holes),
    "remove_walls": (cpu.remove_walls, arrays.remove_walls),
}


def check_step(name: str, mask: Mask, limit: int, threads: int, instructions: str) -> None:
    planes, width = pack(mask), mask.shape[2]
    kernel, oracle = STEPS[name]
    kernel(planes, width, limit, threads, instructions)
    np.testing.assert_array_equal(unpack(planes, width), oracle(DEVICE, mask, limit), err_msg=f"{name} {limit}")


def check_all(mask: Mask, limits: tuple[int, ...], threads: int, instructions: str) -> None:
    for name in STEPS:
        for limit in limits:
            check_step(name, mask, limit, threads, instructions)
    for remove_touching in (False, True):
        labels, counts = label_kernels(mask, remove_touching, threads, instructions)
        expected, expected_counts = label_arrays(mask, remove_touching)
        np.testing.assert_array_equal(labels, expected)
        np.testing.assert_array_equal(counts, expected_counts)


@st.composite
def random_masks(draw: st.DrawFn) -> Mask:
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 40)), draw(st.sampled_from(WIDTHS)))
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32))))
    noise = rng.random(shape)
    smoothing = draw(st.sampled_from((0, 1, 3)))
    if smoothing:
        noise = ndimage.uniform_filter(noise, (0, smoothing, 2 * smoothing))
    return noise < np.quantile(noise, draw(st.sampled_from((0.05, 0.3, 0.45, 0.55, 0.7, 0.95))))


@settings(max_examples=60)
@given(mask=random_masks(), limit=st.integers(-1, 60), threads=st.integers(1, 2), instructions=st.sampled_from(SETS))
def test_random_masks(mask: Mask, limit: int, threads: int, instructions: str) -> None:
    check_all(mask, (limit,), threads, instructions)


@settings(max_examples=60)
@given(data=st.data(), depth=st.integers(0, 14), instructions=st.sampled_from(SETS))
def test_ragged_bands_along_the_sides(data: st.DataObject, depth: int, instructions: str) -> None:
    height, width = data.draw(st.integers(2, 50)), data.draw(st.sampled_from(WIDTHS))
    rng = np.random.Generator(np.random.PCG64(data.draw(st.integers(0, 2**32))))
    sides = [rng.integers(0, 1 + rng.integers(1, 14), size) for size in (width, width, height, height)]
    y, x = np.mgrid[:height, :width]
    outer = [y < sides[0], height - 1 - y < sides[1], x < sides[2][:, None], width - 1 - x < sides[3][:, None]]
    masks = np.stack([*outer, outer[0] | outer[2], outer[1] ^ outer[3]]) & (rng.random((6, height, width)) < 0.97)
    check_step("remove_walls", masks, depth, 1, instructions)


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (1, 200), (200, 1), (2, 64), (5, 65), (37, 129), (64, 64), (90, 301)]
)
def test_hard_masks(shape: tuple[int, int], instructions: str) -> None:
    check_all(hard_masks(*shape), (1, 2, 9, shape[0] * shape[1]), 2, instructions)


@pytest.mark.parametrize("width", [640, 641])
def test_many_pieces_and_one_long_one(width: int) -> None:
    check_all(hard_masks(400, width)[[2, 3, 8, 14, 15]], (2, 70000), 2, "best")


@pytest.mark.parametrize("limit", [2**31 - 1, -(2**31)])
def test_extreme_limits(limit: int) -> None:
    mask = np.random.Generator(np.random.PCG64(7)).random((2, 30, 70)) < 0.4
    for name in STEPS:
        check_step(name, mask, limit, 1, "best")


@pytest.mark.parametrize("shape", [(0, 5, 70), (2, 0, 70), (2, 5, 0), (0, 0, 0)])
def test_nothing_to_do(shape: tuple[int, int, int]) -> None:
    mask = np.zeros(shape, bool)
    planes = pack(mask)
    for kernel, _ in STEPS.values():
        kernel(planes, shape[2], 5)
    labels, counts = label_kernels(mask, True, 1, "best")
    assert labels.shape == shape
    assert not counts.any()


def test_real_fields(data: Path) -> None:
    for path in sorted((data / "t98g_phase").rglob("raw.tif"))[:2]:
        pixels = tifffile.imread(path).astype(np.int64)[None] >> 8
        energy = gradient_energy(np, adjust_background(pixels.astype(np.uint8), 0.8708, DEVICE), 2)
        check_all(energy > np.quantile(energy, 0.7), (40, 600), 1, "best")
