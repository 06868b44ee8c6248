"""Connected pieces: labels, small ones, holes, and those that touch the frame (steps 4, 6, 7, 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from phasewell.device import Device
    from phasewell.frames import Array

# neighbours within a frame only: of the 3 x 3 x 3 cube the middle plane
_EIGHT = np.zeros((3, 3, 3), bool)
_EIGHT[1] = True
_FOUR = _EIGHT.copy()
_FOUR[1, ::2, ::2] = False


def label_pieces(device: Device, mask: Array, connectivity: int = 8) -> tuple[Array, int]:
    """Return (labels, count): pieces of every frame numbered through the batch in raster order, int32.

    `mask` (frames, height, width) bool; `connectivity` 8 for objects, 4 for holes.
    """
    labels = device.xp.empty(mask.shape, device.xp.int32)
    count = device.ndimage.label(mask, _EIGHT if connectivity == 8 else _FOUR, output=labels)
    return labels, int(count)


def piece_areas(xp: Any, labels: Array, count: int) -> Array:
    """Return (count + 1,) pixels of every piece; index 0 is what belongs to none."""
    areas: Array = xp.bincount(labels.ravel(), minlength=count + 1)
    return areas


def _present(xp: Any, labels: Array, count: int) -> Array:
    # (count + 1,) bool: which pieces have a pixel in this part of the frames; index 0 is False
    present: Array = xp.zeros(count + 1, bool)
    present[labels.ravel()] = True
    present[0] = False
    return present


def touching_frame(xp: Any, labels: Array, count: int) -> Array:
    """Return (count + 1,) bool: which pieces have a pixel on the outermost rows or columns; index 0 is False."""
    touching = _present(xp, labels[:, 0], count) | _present(xp, labels[:, -1], count)
    touching |= _present(xp, labels[:, :, 0], count) | _present(xp, labels[:, :, -1], count)
    return touching


def remove_small(device: Device, mask: Array, least_area: int) -> Array:
    """Return the mask (frames, height, width) without 8-connected objects below `least_area` pixels."""
    if least_area <= 1:
        return mask
    labels, count = label_pieces(device, mask)
    keep = piece_areas(device.xp, labels, count) >= least_area
    keep[0] = False
    kept: Array = keep[labels]
    return kept


def fill_holes(device: Device, mask: Array, largest_area: int) -> Array:
    """Return the mask (frames, height, width) with 4-connected holes of up to `largest_area` pixels filled.

    Background that touches the frame is no hole: what lies outside is unknown. Without the limit, rings of cells
    would swallow the background between them.
    """
    if largest_area <= 0:
        return mask
    xp = device.xp
    labels, count = label_pieces(device, ~mask, connectivity=4)
    fill = piece_areas(xp, labels, count) <= largest_area
    fill &= ~touching_frame(xp, labels, count)
    fill[0] = True
    filled: Array = fill[labels]
    return filled


def remove_frame_touching(xp: Any, labels: Array, count: int) -> Array:
    """Return labels (frames, height, width) with every piece that touches the frame set to 0."""
    keep = ~touching_frame(xp, labels, count)
    kept: Array = labels * keep[labels]
    return kept


def remove_walls(device: Device, mask: Array, depth: int) -> Array:
    """Return the mask without walls of the vessel: objects that run through the frame along one of its sides.

    Such an object touches two opposite sides of the frame and stays within `depth` pixels of a third one, or within a
    quarter of the frame if that is less. A sheet of cells that runs through the frame reaches deeper.
    """
    if depth <= 0:
        return mask
    xp = device.xp
    labels, count = label_pieces(device, mask)
    wall = xp.zeros(count + 1, bool)
    for turned in (labels, labels.swapaxes(1, 2)):
        through = _present(xp, turned[:, :, 0], count) & _present(xp, turned[:, :, -1], count)
        band = min(depth, turned.shape[1] // 4)
        if band and bool(through.any()):
            wall |= through & ~_present(xp, turned[:, band:], count)
            wall |= through & ~_present(xp, turned[:, : turned.shape[1] - band], count)
    return mask & ~wall[labels] if bool(wall.any()) else mask


def number_per_frame(xp: Any, labels: Array, count: int) -> Array:
    """Return labels 1..n per frame, int32, in raster order of each label's first pixel; 0 stays 0.

    `labels` (frames, height, width) holds numbers 0..count; a number belongs to one frame.
    """
    if count == 0 or labels.size == 0:
        return labels.astype(xp.int32)
    flat = labels.ravel()
    where = xp.flatnonzero(flat)
    size = flat.size
    first = xp.full(count + 1, size, xp.uint64)  # CuPy has no signed 64-bit minimum.at
    xp.minimum.at(first, flat[where], where.astype(xp.uint64))
    first = first.astype(xp.int64)
    order = xp.argsort(first)  # first pixels differ, and unused numbers come last
    frame_of = first[order] // (labels.shape[1] * labels.shape[2])
    starts = xp.searchsorted(frame_of, xp.arange(len(labels)))
    number = xp.zeros(count + 1, xp.int32)
    used = frame_of < len(labels)
    ranks = xp.arange(count + 1) - starts[xp.minimum(frame_of, len(labels) - 1)] + 1
    number[order] = xp.where(used, ranks, 0).astype(xp.int32)
    numbered: Array = number[flat].reshape(labels.shape)
    return numbered
