"""The split of touching cells by kernels against the array engine, bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hard_masks import Mask, hard_masks
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from phasewell import Device
from phasewell.background import adjust_background
from phasewell.config import SegmentationConfig
from phasewell.segmentation import components, split
from phasewell.segmentation.recipe import make_recipe
from phasewell.segmentation.steps import find_foreground
from phasewell_kernels import cpu
from planes import instruction_sets, pack
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1] / "segmentation"))
from hand_fields import PIXEL_SIZE_UM, read_field

SETS = instruction_sets()
WIDTHS = (1, 2, 3, 31, 63, 64, 65, 66, 127, 128, 129, 130, 191, 192, 193)
Grey = NDArray[np.uint8]


def split_arrays(mask: Mask, grey: Grey, depth: int, seam_level: int, remove_touching: bool) -> tuple[Any, Any]:
    labels, count = split.split_pieces(np, mask, grey, depth, seam_level)
    if remove_touching:
        labels = components.remove_frame_touching(np, labels, count)
    labels = components.number_per_frame(np, labels, count)
    return labels, labels.max(axis=(1, 2), initial=0)


def check(
    mask: Mask,
    grey: Grey,
    depth: int,
    seam_level: int,
    *,
    threads: int = 1,
    sets: list[str] = SETS,
    touching: tuple[bool, ...] = (False, True),
) -> None:
    planes = pack(mask)
    for remove_touching in touching:
        expected, expected_counts = split_arrays(mask, grey, depth, seam_level, remove_touching)
        for instructions in sets:
            labels, counts = np.full(mask.shape, -1, np.int32), np.full(len(mask), -1, np.int32)
            cpu.split(planes, grey, depth, seam_level, remove_touching, labels, counts, threads, instructions)
            np.testing.assert_array_equal(labels, expected, err_msg=f"{instructions} {depth} {seam_level}")
            np.testing.assert_array_equal(counts, expected_counts)


def grey_of(mask: Mask, seed: int = 3) -> Grey:
    rng = np.random.Generator(np.random.PCG64(seed))
    smooth = ndimage.uniform_filter(rng.integers(0, 256, mask.shape).astype(float), (0, 3, 3))
    return np.clip((smooth - 128) * 2 + 128, 0, 255).astype(np.uint8)


@st.composite
def random_masks(draw: st.DrawFn) -> Mask:
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 60)), draw(st.sampled_from(WIDTHS)))
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32))))
    noise = rng.random(shape)
    smoothing = draw(st.sampled_from((0, 2, 5, 9)))
    if smoothing:
        noise = ndimage.uniform_filter(noise, (0, smoothing, smoothing))
    return noise < np.quantile(noise, draw(st.sampled_from((0.05, 0.3, 0.5, 0.7, 0.95, 1.0))))


@settings(max_examples=80)
@given(
    mask=random_masks(),
    depth=st.sampled_from((1, 2, 40, 400, 1301, 2**31 - 1)),
    seam_level=st.sampled_from((0, 0, 5, 30, 127, 255)),
    threads=st.integers(1, 2),
)
def test_random_masks(mask: Mask, depth: int, seam_level: int, threads: int) -> None:
    check(mask, grey_of(mask), depth, seam_level, threads=threads)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (1, 200), (200, 1), (2, 64), (5, 65), (37, 129), (64, 64), (60, 201)]
)
def test_hard_masks(shape: tuple[int, int]) -> None:
    mask = hard_masks(*shape)
    for depth, seam_level in ((1, 0), (300, 20)):
        check(mask, grey_of(mask), depth, seam_level, threads=2)


@pytest.mark.parametrize("side", [326, 327, 328])
def test_far_from_any_background(side: int) -> None:
    """Distances beyond 16 bits: solid squares around the change."""
    mask = np.zeros((1, side + 7, side + 3), bool)
    mask[0, 4 : 4 + side, 1 : 1 + side] = True
    check(mask, np.full(mask.shape, 128, np.uint8), 400, 0, touching=(True,))


def test_one_pixel_of_background_and_none() -> None:
    mask = np.ones((4, 90, 200), bool)
    mask[0, 0, 0] = mask[1, 77, 130] = mask[2, ::60, 190] = False
    check(mask, grey_of(mask), 1301, 0)


def test_more_passes_than_are_kept() -> None:
    rng = np.random.Generator(np.random.PCG64(11))
    mask = rng.random((2, 120, 200)) < 0.8
    for depth in (1, 60, 200):
        check(mask, grey_of(mask), depth, 0)


def test_more_basins_than_16_bits_name() -> None:
    """Single pixels apart: each is a summit; just below, at and above what a grid of 16 bits holds."""
    mask = np.zeros((3, 364, 364), bool)
    mask[:, ::2, ::2] = True  # 33,124
    mask[0, 358:] = False  # 32,578
    mask[1, 360:, 40:] = False  # 32,800
    check(mask, np.full(mask.shape, 128, np.uint8), 1, 0)


def test_discs_in_a_row_part_by_depth() -> None:
    y, x = np.mgrid[:80, :330]
    centres = [(38, 20), (40, 50), (41, 83), (39, 118), (40, 156), (42, 200), (40, 250), (40, 309)]
    mask = np.zeros((1, 80, 330), bool)
    for i, (v, u) in enumerate(centres):
        mask[0] |= (y - v) ** 2 + (x - u) ** 2 < (14 + 2 * i) ** 2
    for depth in (1, 100, 400, 800, 1301, 2000, 4000):
        check(mask, grey_of(mask), depth, 0)
        check(mask, grey_of(mask), depth, 12)


@pytest.mark.parametrize("shape", [(0, 5, 70), (2, 0, 70), (2, 5, 0), (0, 0, 0)])
def test_nothing_to_do(shape: tuple[int, int, int]) -> None:
    labels, counts = np.zeros(shape, np.int32), np.full(shape[0], -1, np.int32)
    cpu.split(pack(np.zeros(shape, bool)), np.zeros(shape, np.uint8), 400, 0, True, labels, counts)
    assert not counts.any()


@pytest.mark.parametrize("field", ["set14"])
def test_real_fields(data: Path, field: str) -> None:
    recipe = make_recipe(SegmentationConfig(preset="phase"), PIXEL_SIZE_UM)
    device = Device("cpu")
    grey = adjust_background(read_field(data, field)[0][None], PIXEL_SIZE_UM, device)
    mask = find_foreground(device, grey, recipe)
    check(mask, grey, recipe.split_depth, recipe.seam_level)
    check(mask, grey, 200, 20, sets=["best"], touching=(True,))
