"""Step 1, shared by segmentation and descriptors: an uneven background becomes one grey level."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from phasewell.config import BackgroundConfig
from phasewell.device import Device, as_device

if TYPE_CHECKING:
    from phasewell.frames import Array

BACKGROUND_LEVEL = 128
"""Grey level of the background after the adjustment."""


def length_px(length_um: float, pixel_size_um: float) -> int:
    """Return a length in whole pixels: the nearest number, halves up. Every length is rounded by this rule."""
    return math.floor(length_um / pixel_size_um + 0.5)


def half_window_px(window_um: float, pixel_size_um: float) -> int:
    """Return h of the window of 2h + 1 pixels nearest to `window_um`; ties go to the larger window."""
    return max(0, math.floor((window_um / pixel_size_um - 1) / 2 + 0.5))


def kernel_half_px(config: BackgroundConfig, pixel_size_um: float, height: int, width: int) -> int:
    """Return half the window as the kernels take it, for frames of that size; -1 leaves the background as it is.

    What is wider than the frame is as good as the frame's longer side.
    """
    return min(half_window_px(config.window_um, pixel_size_um), max(height, width)) if config.enabled else -1


def box_sum(xp: Any, padded: Array, half: int) -> Array:
    """Return the sum over squares of 2 half + 1 pixels of frames (frames, height, width) padded by `half`.

    The result is smaller by the padding and of the same integer dtype, which must hold every sum.
    """
    total: Array = window_sum(xp, window_sum(xp, padded, 2 * half + 1, 1), 2 * half + 1, 2)
    return total


def window_sum(xp: Any, values: Array, size: int, axis: int) -> Array:
    """Return the sums of `size` neighbours along axis 1 or 2; that axis gets shorter by size - 1.

    `values` (frames, height, width); the sums are integers of its dtype, which must hold every one.
    """
    n, height, width = values.shape
    unit = width if axis == 1 else 1
    # Frames as one line each: neighbours lie `unit` apart, and sums that run over the end of a row are cut off below.
    # Sums of 1, 2, 4... neighbours are added up along the binary digits of the size.
    values = values.reshape(n, height * width)
    sums: Array = xp.empty_like(values)
    total = sums[:, : height * width - (size - 1) * unit]
    buffers = (xp.empty_like(values), xp.empty_like(values))
    start, power = 0, 1
    while power <= size:
        if size & power:
            piece = values[:, start : start + total.shape[1]]
            if start:
                xp.add(total, piece, out=total)
            else:
                total[...] = piece
            start += power * unit
        if 2 * power <= size:
            count = values.shape[1] - power * unit
            buffers = buffers[::-1]
            values = xp.add(values[:, :count], values[:, power * unit :], out=buffers[0][:, :count])
        power *= 2
    sums = sums.reshape(n, height, width)
    return sums[:, : height - size + 1] if axis == 1 else sums[:, :, : width - size + 1]


def adjust_background(
    pixels: Array, pixel_size_um: float, device: Device | str = "auto", config: BackgroundConfig | None = None
) -> Array:
    """Return frames whose background is grey level 128, (frames, height, width) uint8, on the device.

    Per pixel: v - m + 128, clipped to 0..255, where m is the integer mean of the background-like pixels in a square
    around it (cut at the frame), or the frame's most frequent grey level where the square holds none. Background-like
    = within `tolerance` of that most frequent level (the smallest of several).
    """
    where = as_device(device)
    config = config or BackgroundConfig()
    pixels = where.put(pixels)
    if not config.enabled or pixels.size == 0:
        return pixels
    half = half_window_px(config.window_um, pixel_size_um)
    adjusted: Array = where.xp.empty_like(pixels)
    if where.kernels:
        window = kernel_half_px(config, pixel_size_um, *pixels.shape[1:])
        where.kernels.adjust_background(pixels, window, config.tolerance, adjusted)
        return adjusted
    for first in range(0, len(pixels), where.batch_frames):
        part = slice(first, first + where.batch_frames)
        adjusted[part] = _adjust(where.xp, pixels[part], half, config.tolerance)
    return adjusted


def _adjust(xp: Any, pixels: Array, half: int, tolerance: int) -> Array:
    height, width = pixels.shape[1:]
    half_y, half_x = min(half, height), min(half, width)  # beyond the frame there is nothing to sum
    mode = frame_histograms(xp, pixels, 256).argmax(axis=1).astype(xp.int16)[:, None, None]
    level = xp.subtract(pixels, mode, dtype=xp.int16)
    like = xp.abs(level) <= tolerance
    offset = xp.where(like, level, 0)
    count = _square_sum(xp, like, half_y, half_x, 1)
    total = _square_sum(xp, offset, half_y, half_x, tolerance)
    level -= total // xp.maximum(count, 1)
    level += BACKGROUND_LEVEL
    adjusted: Array = xp.clip(level, 0, 255).astype(xp.uint8)
    return adjusted


def _square_sum(xp: Any, values: Array, half_y: int, half_x: int, largest: int) -> Array:
    # sums over squares cut at the frame, of values up to +-largest, in the narrowest integers that hold them
    for axis, half in ((1, half_y), (2, half_x)):
        largest *= 2 * half + 1
        dtype = xp.int16 if largest < 2**15 else xp.int32 if largest < 2**31 else xp.int64
        shape = [*values.shape]
        shape[axis] += 2 * half
        padded = xp.zeros(shape, dtype)
        inside = slice(half, half + values.shape[axis])
        padded[(slice(None),) * axis + (inside,)] = values
        values = window_sum(xp, padded, 2 * half + 1, axis)
    return values


def frame_histograms(xp: Any, values: Array, levels: int) -> Array:
    """Return (frames, levels) int64 counts of `values` (frames, height, width), integers in 0..levels - 1."""
    n = len(values)
    bins = values.reshape(n, -1) + xp.arange(0, n * levels, levels)[:, None]  # all frames are counted in one call
    counts: Array = xp.bincount(bins.ravel(), minlength=n * levels).reshape(n, levels)
    return counts
