"""The split against its definition: pixels climb one by one, passes are walked down one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from phasewell.segmentation.components import number_per_frame
from phasewell.segmentation.distance import squared_distance
from phasewell.segmentation.split import bright_seams, smoothed_distance, split_pieces

Pixel = tuple[int, int]
NEAR = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]


def climb(surface: NDArray[np.int32]) -> dict[Pixel, Pixel]:
    """Return the summit of every foreground pixel: highest neighbour, of equals the first in raster order."""
    foreground = {(int(y), int(x)) for y, x in np.argwhere(surface > 0)}

    def step(pixel: Pixel) -> Pixel:
        near = [(pixel[0] + dy, pixel[1] + dx) for dy, dx in NEAR]
        return max((p for p in near if p in foreground), key=lambda p: (surface[p], -p[0], -p[1]))

    summits = {}
    for pixel in foreground:
        end = pixel
        while step(end) != end:
            end = step(end)
        summits[pixel] = end
    return summits


def walk_down(surface: NDArray[np.int32], summits: dict[Pixel, Pixel], depth: int) -> dict[Pixel, Pixel]:
    """Return the group of every summit: best pass first, the lower group joins if less than `depth` above it."""
    number = {summit: rank for rank, summit in enumerate(sorted(set(summits.values())))}
    saddles: dict[tuple[int, int], int] = {}
    for (y, x), summit in summits.items():
        for dy, dx in NEAR:
            other = summits.get((y + dy, x + dx), summit)
            if other != summit:
                pair = (min(number[summit], number[other]), max(number[summit], number[other]))
                height = int(min(surface[y, x], surface[y + dy, x + dx]))
                saddles[pair] = max(saddles.get(pair, 0), height)
    group = {rank: rank for rank in number.values()}
    heights = [int(surface[summit]) for summit in sorted(number)]
    for pair in sorted(saddles, key=lambda pair: (-saddles[pair], pair)):
        first, second = group[pair[0]], group[pair[1]]
        if first == second:
            continue
        lower, upper = sorted((first, second), key=lambda g: (heights[g], -g))
        if heights[lower] - saddles[pair] < depth:
            group = {rank: upper if head == lower else head for rank, head in group.items()}
    return {summit: sorted(number)[group[rank]] for summit, rank in number.items()}


def split_by_definition(surface: NDArray[np.int32], depth: int) -> NDArray[np.int32]:
    labels = np.zeros(surface.shape, np.int32)
    summits = climb(surface)
    groups = walk_down(surface, summits, depth)
    numbers: dict[Pixel, int] = {}
    for pixel in sorted(summits):
        labels[pixel] = numbers.setdefault(groups[summits[pixel]], len(numbers) + 1)
    return labels


def blobs(seed: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return overlapping discs: clumps with necks, some cut by the frame."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, bool)
    for _ in range(rng.integers(3, 12)):
        cy, cx, r = rng.integers(0, shape[0]), rng.integers(0, shape[1]), rng.integers(2, 9)
        mask |= (y - cy) ** 2 + (x - cx) ** 2 <= r * r
    return mask


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(0, 3000))
def test_clumps_are_split_as_defined(seed: int, depth: int) -> None:
    mask = np.stack([blobs(seed, (26, 31)), blobs(seed + 1, (26, 31))])
    grey = np.random.default_rng(seed).integers(0, 256, mask.shape).astype(np.uint8)
    level = seed % 3 * 30
    surface = smoothed_distance(np, mask, grey, level)
    labels = number_per_frame(np, *split_pieces(np, mask, grey, depth, level))
    for frame, heights in zip(labels, surface, strict=True):
        np.testing.assert_array_equal(frame, split_by_definition(heights, depth))


@settings(max_examples=25)
@given(hnp.arrays(np.bool_, (1, 9, 11)), st.integers(0, 2000))
def test_ragged_masks_with_many_equal_heights_are_split_as_defined(mask: NDArray[np.bool_], depth: int) -> None:
    grey = np.full(mask.shape, 128, np.uint8)
    labels = number_per_frame(np, *split_pieces(np, mask, grey, depth))
    np.testing.assert_array_equal(labels[0], split_by_definition(smoothed_distance(np, mask, grey)[0], depth))


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from([0, 20, 60]))
def test_smoothed_distance_is_a_sum_of_sixteenths(seed: int, level: int) -> None:
    mask = blobs(seed, (17, 19))[None]
    grey = np.random.default_rng(seed).integers(90, 256, mask.shape).astype(np.uint8)
    inner = mask & ~bright_seams(np, grey, level) if level else mask
    exact = np.vectorize(lambda d: math.isqrt(256 * int(d)))(squared_distance(np, inner)[0])
    padded = np.pad(exact, 2, mode="symmetric")
    for y, x in np.argwhere(mask[0]):
        expected = max(1, padded[y : y + 5, x : x + 5].sum())
        assert smoothed_distance(np, mask, grey, level)[0, y, x] == expected


def test_bright_seams_are_means_of_25_pixels_above_the_level() -> None:
    grey = np.random.default_rng(2).integers(100, 256, (1, 12, 9)).astype(np.uint8)
    padded = np.pad(grey[0].astype(int), 2, mode="symmetric")
    seams = bright_seams(np, grey, 50)
    for y, x in np.ndindex(12, 9):
        assert seams[0, y, x] == (padded[y : y + 5, x : x + 5].mean() > 178)


@pytest.mark.parametrize("gap", [0, 6])
def test_two_round_cells_part_at_a_narrow_neck_and_stay_one_at_a_wide_one(gap: int) -> None:
    y, x = np.mgrid[:41, :81]
    mask = np.zeros((1, 41, 81), bool)
    for centre in (34 - gap * 2, 44 + gap):
        mask[0] |= (y - 20) ** 2 + (x - centre) ** 2 <= 14**2
    grey = np.full(mask.shape, 128, np.uint8)
    labels = number_per_frame(np, *split_pieces(np, mask, grey, 1200))
    assert labels.max() == (2 if gap else 1)
