"""Touching cells are parted at their necks: basins of the smoothed distance to the outline, merged by depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phasewell.background import BACKGROUND_LEVEL, box_sum
from phasewell.segmentation.distance import squared_distance
from phasewell.segmentation.texture import mirror_pad

if TYPE_CHECKING:
    from phasewell.frames import Array

SIXTEENTHS = 16
_SMOOTHING_HALF_PX = 2  # without smoothing, ragged outlines part into slivers


def split_pieces(xp: Any, mask: Array, grey: Array, depth: int, seam_level: int = 0) -> tuple[Array, int]:
    """Return (labels, count): foreground pixels numbered 1..count by cell, int32; numbers have no order.

    `mask` (frames, height, width) bool. The distance to the background, in sixteenths of a pixel rounded down, is
    summed over 5 x 5 pixels. Each pixel climbs to its highest neighbour (of equals, the first in raster order):
    pixels that end at one summit form a basin. Basins merge while the lower summit stands less than `depth` above
    the highest saddle between them; every decision compares (height, position), so no order of work can show.
    """
    pixels, neighbours, heights = _foreground_graph(xp, mask, smoothed_distance(xp, mask, grey, seam_level))
    if pixels.size == 0:
        return xp.zeros(mask.shape, xp.int32), 0
    summit = _climb(xp, neighbours, heights)
    summits = xp.flatnonzero(summit == xp.arange(summit.size))
    basin_of = xp.zeros(summit.size, xp.int32)
    basin_of[summits] = xp.arange(summits.size, dtype=xp.int32)
    basin = basin_of[summit]
    passes = _passes(xp, basin, neighbours, heights, summits.size)
    group = _merge(xp, heights[summits], passes, depth)
    labels = xp.zeros(mask.size, xp.int32)
    labels[pixels] = group[basin] + 1
    return labels.reshape(mask.shape), int(summits.size)


def smoothed_distance(xp: Any, mask: Array, grey: Array, seam_level: int = 0) -> Array:
    """Return the sum over 5 x 5 pixels of floor(16 distance), at least 1 on foreground, 0 on background, int32.

    With a seam level, the distance is that to the nearest background or seam pixel. The frame is mirrored for the sum.
    """
    inner = mask & ~bright_seams(xp, grey, seam_level) if seam_level else mask
    # 256 D < 2^39: the correctly rounded double square root has the floor of the exact one
    distance = xp.floor(xp.sqrt(squared_distance(xp, inner).astype(xp.float64)) * SIXTEENTHS).astype(xp.int32)
    padded = mirror_pad(xp, distance, _SMOOTHING_HALF_PX, repeat_edge=True)
    smoothed: Array = xp.maximum(box_sum(xp, padded, _SMOOTHING_HALF_PX), 1) * mask
    return smoothed


def bright_seams(xp: Any, grey: Array, level: int) -> Array:
    """Return where the mean over 5 x 5 px exceeds the background by more than `level`, (frames, height, width) bool.

    In phase contrast, halos line the border between two cells that touch; `grey` is background-adjusted, uint8.
    """
    padded = mirror_pad(xp, grey, _SMOOTHING_HALF_PX, repeat_edge=True).astype(xp.int16)
    seams: Array = box_sum(xp, padded, _SMOOTHING_HALF_PX) > 25 * (BACKGROUND_LEVEL + level)
    return seams


def _foreground_graph(xp: Any, mask: Array, surface: Array) -> tuple[Array, list[Array], Array]:
    # pixels: flat positions of the foreground in raster order; neighbours: of the eight, in raster order, each pixel's
    # rank among them, or `pixels.size` where there is none; heights: one more than pixels, the last 0
    n, height, width = mask.shape
    pixels = xp.flatnonzero(mask)
    rank = xp.full((n, height + 2, width + 2), pixels.size, xp.int32)
    inner = rank[:, 1:-1, 1:-1]
    inner[mask] = xp.arange(pixels.size, dtype=xp.int32)
    row = width + 2
    at = xp.flatnonzero(rank.ravel() < pixels.size)
    offsets = [-row - 1, -row, -row + 1, -1, 1, row - 1, row, row + 1]
    flat = rank.ravel()
    neighbours = [flat[at + offset] for offset in offsets]
    heights = xp.append(surface.ravel()[pixels], xp.zeros(1, xp.int32))
    return pixels, neighbours, heights


def _climb(xp: Any, neighbours: list[Array], heights: Array) -> Array:
    # every pixel points to the best of itself and its neighbours, then pointers double until they rest at summits
    size = neighbours[0].size
    itself = xp.arange(size, dtype=xp.int32)
    target, best = neighbours[0], heights[neighbours[0]]
    for other in (*neighbours[1:4], itself, *neighbours[4:]):  # in raster order: of equal heights the first stays
        height = heights[other]
        wins = height > best
        target = xp.where(wins, other, target)
        best = xp.maximum(best, height)
    return _follow(target)


def _follow(target: Array) -> Array:
    # the end of every chain of pointers
    while True:
        further = target[target]
        if bool((further == target).all()):
            return target
        target = further


def _passes(xp: Any, basin: Array, neighbours: list[Array], heights: Array, count: int) -> tuple[Array, Array, Array]:
    # the passes between touching basins, best first: (first < second, height of their highest saddle).
    # Of equally high ones the smaller pair of numbers comes first: a total order.
    outside = xp.append(basin, xp.full(1, -1, basin.dtype))
    keys, levels = [], []
    for other in neighbours[4:]:  # the later four: every touching pair of pixels once
        there = outside[other]
        border = xp.flatnonzero((there != basin) & (there >= 0))
        here, there = basin[border].astype(xp.int64), there[border].astype(xp.int64)
        keys.append(xp.minimum(here, there) * count + xp.maximum(here, there))
        levels.append(xp.minimum(heights[border], heights[other[border]]))
    key, position = xp.unique(xp.concatenate(keys), return_inverse=True)
    saddle = xp.zeros(key.size, xp.int32)
    xp.maximum.at(saddle, position.ravel(), xp.concatenate(levels))
    order = xp.lexsort(xp.stack([key, -saddle.astype(xp.int64)]))
    return key[order] // count, key[order] % count, saddle[order]


def _merge(xp: Any, summit: Array, passes: tuple[Array, Array, Array], depth: int) -> Array:
    # The group of every basin, named by its highest one. Basins are numbered in raster order of their summits, so of
    # two equally high ones the smaller number is the higher. The result is that of walking down the passes one by one,
    # best first, and joining the two groups when the lower summit stands less than `depth` above the pass. Here in
    # rounds: each group looks at its best pass and joins the group behind it if that is higher and its own summit close
    # enough. A group whose best pass is too deep joins nobody any more: passes to higher groups are dropped.
    first, second, saddle = passes
    count = summit.size
    itself = xp.arange(count)
    group: Array = itself
    while first.size:
        rank = xp.arange(first.size, dtype=xp.int32)  # CuPy has no 64-bit minimum.at of signed integers
        best = xp.full(count, rank.size, xp.int32)
        xp.minimum.at(best, first, rank)
        xp.minimum.at(best, second, rank)
        has_pass = best < rank.size
        best = xp.where(has_pass, best, 0)
        close = summit - saddle[best] < depth
        other = xp.where(has_pass, first[best] + second[best] - itself, itself)
        joins = _is_higher(summit, other, itself) & close
        parent = _follow(xp.where(joins, other, itself))
        group = parent[group]
        lower = xp.where(_is_higher(summit, first, second), second, first)
        open_still = close[lower] & (parent[first] != parent[second])
        if bool(open_still.all()):
            break
        first, second, saddle = parent[first][open_still], parent[second][open_still], saddle[open_still]
    return group


def _is_higher(summit: Array, one: Array, other: Array) -> Array:
    higher: Array = (summit[one] > summit[other]) | ((summit[one] == summit[other]) & (one < other))
    return higher
