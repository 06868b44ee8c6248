"""Touching cells are parted at their necks: basins of the smoothed distance to the outline, merged by depth."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from phasewell.background import box_sum
from phasewell.segmentation.distance import squared_distance
from phasewell.segmentation.texture import mirror_pad

if TYPE_CHECKING:
    from phasewell.frames import Array

SIXTEENTHS = 16
_SMOOTHING_HALF_PX = 2  # without smoothing, ragged outlines part into slivers


def split_pieces(xp: ModuleType, mask: Array, depth: int) -> tuple[Array, int]:
    """Return (labels, count): foreground pixels numbered 1..count by cell, int32; numbers have no order.

    `mask` (frames, height, width) bool. The distance to the background, in sixteenths of a pixel rounded down, is
    summed over 5 x 5 pixels. Each pixel climbs to its highest neighbour (of equals, the first in raster order):
    pixels that end at one summit form a basin. Basins merge while the lower summit stands less than `depth` above
    the highest saddle between them; every decision compares (height, position), so no order of work can show.
    """
    pixels, neighbours, heights = _foreground_graph(xp, mask)
    if pixels.size == 0:
        return xp.zeros(mask.shape, xp.int32), 0
    summit = _climb(xp, neighbours, heights)
    summits = xp.flatnonzero(summit == xp.arange(summit.size))
    basin_of = xp.zeros(summit.size, xp.int32)
    basin_of[summits] = xp.arange(summits.size, dtype=xp.int32)
    basin = basin_of[summit]
    first, second, saddle = _saddles(xp, basin, neighbours, heights, summits.size)
    group = _merge(xp, heights[summits], first, second, saddle, depth)
    labels = xp.zeros(mask.size, xp.int32)
    labels[pixels] = group[basin] + 1
    return labels.reshape(mask.shape), int(summits.size)


def smoothed_distance(xp: ModuleType, mask: Array) -> Array:
    """Return the sum over 5 x 5 pixels of floor(16 distance), 0 on background, int32; the frame is mirrored."""
    squared = squared_distance(xp, mask)
    # 256 D < 2^39: the double square root is exact enough that its floor is the integer root
    distance = xp.floor(xp.sqrt(squared.astype(xp.float64)) * SIXTEENTHS).astype(xp.int32)
    padded = mirror_pad(xp, distance, _SMOOTHING_HALF_PX, repeat_edge=True)
    return box_sum(xp, padded, _SMOOTHING_HALF_PX) * mask


def _foreground_graph(xp: ModuleType, mask: Array) -> tuple[Array, Array, Array]:
    # pixels: flat positions of the foreground in raster order; neighbours: (8, pixels) ranks of the neighbours among
    # them in raster order of the neighbour, or `pixels.size` where there is none; heights: one more than pixels, last 0
    n, height, width = mask.shape
    surface = smoothed_distance(xp, mask)
    pixels = xp.flatnonzero(mask)
    rank = xp.full((n, height + 2, width + 2), pixels.size, xp.int32)
    inner = rank[:, 1:-1, 1:-1]
    inner[mask] = xp.arange(pixels.size, dtype=xp.int32)
    row = width + 2
    at = xp.flatnonzero(rank.ravel() < pixels.size)
    offsets = [-row - 1, -row, -row + 1, -1, 1, row - 1, row, row + 1]
    flat = rank.ravel()
    neighbours = xp.stack([flat[at + offset] for offset in offsets])
    heights = xp.append(surface.ravel()[pixels], xp.zeros(1, xp.int32))
    return pixels, neighbours, heights


def _climb(xp: ModuleType, neighbours: Array, heights: Array) -> Array:
    # every pixel points to the best of itself and its neighbours, then pointers double until they rest at summits
    size = neighbours.shape[1]
    target = xp.arange(size, dtype=xp.int32)
    best = heights[:size].copy()
    for earlier, other in zip((True,) * 4 + (False,) * 4, neighbours, strict=True):
        height = heights[other]
        # of equal heights the first in raster order wins; the four earlier neighbours come first, then the pixel
        if earlier:
            wins = (height > best) | ((height == best) & (target == xp.arange(size)) & (height > 0))
        else:
            wins = height > best
        target = xp.where(wins, other, target)
        best = xp.where(wins, height, best)
    while True:
        further = target[target]
        if bool((further == target).all()):
            return target
        target = further


def _saddles(xp: ModuleType, basin: Array, neighbours: Array, heights: Array, count: int) -> tuple[Array, Array, Array]:
    # for every pair of touching basins: (first < second, height of the highest pass between them)
    size = basin.size
    outside = xp.append(basin, xp.full(1, -1, basin.dtype))
    keys, passes = [], []
    for other in neighbours[4:]:  # the later four: every touching pair once
        there = outside[other]
        border = xp.flatnonzero((there != basin) & (there >= 0))
        here, there = basin[border].astype(xp.int64), there[border].astype(xp.int64)
        keys.append(xp.minimum(here, there) * count + xp.maximum(here, there))
        passes.append(xp.minimum(heights[:size][border], heights[other[border]]))
    key, position = xp.unique(xp.concatenate(keys), return_inverse=True)
    saddle = xp.zeros(key.size, xp.int32)
    xp.maximum.at(saddle, position.ravel(), xp.concatenate(passes))
    return key // count, key % count, saddle


def _merge(xp: ModuleType, summit: Array, first: Array, second: Array, saddle: Array, depth: int) -> Array:
    # group of every basin. Basins are numbered in raster order of their summits, so (height, -number) orders them.
    count = summit.size
    order = xp.lexsort(xp.stack([-xp.arange(count), summit]))
    rise = xp.empty(count, xp.int64)  # rank of the summit: higher first in height, then earlier in raster order
    rise[order] = xp.arange(count)
    group = xp.arange(count)  # the highest basin of the group
    while first.size:
        # the highest saddle of every group; of equal ones that to the highest neighbour
        pass_rank = saddle.astype(xp.int64) * count
        strongest = xp.full(count, -1, xp.int64)
        xp.maximum.at(strongest, first, pass_rank + rise[second])
        xp.maximum.at(strongest, second, pass_rank + rise[first])
        over = strongest // count
        towards = order[strongest % count]
        joins = (strongest >= 0) & (summit - over < depth) & (rise[towards] > rise)
        if not bool(joins.any()):
            break
        parent = xp.where(joins, towards, xp.arange(count))
        while True:
            further = parent[parent]
            if bool((further == parent).all()):
                break
            parent = further
        group = parent[group]
        first, second, saddle = _between_groups(xp, parent[first], parent[second], saddle, count)
    return group


def _between_groups(
    xp: ModuleType, first: Array, second: Array, saddle: Array, count: int
) -> tuple[Array, Array, Array]:
    different = xp.flatnonzero(first != second)
    low = xp.minimum(first[different], second[different])
    high = xp.maximum(first[different], second[different])
    key, position = xp.unique(low * count + high, return_inverse=True)
    highest = xp.zeros(key.size, saddle.dtype)
    xp.maximum.at(highest, position.ravel(), saddle[different])
    return key // count, key % count, highest


__all__ = ["SIXTEENTHS", "smoothed_distance", "split_pieces"]
