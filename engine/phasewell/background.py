"""Step 1, shared by segmentation and descriptors: an uneven background becomes one grey level."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING

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


def box_sum(xp: ModuleType, padded: Array, half: int) -> Array:
    """Return the sum over squares of 2 half + 1 pixels of frames (frames, height, width) padded by `half`.

    The result is smaller by the padding and of the same integer dtype, which must hold every sum.
    """
    for axis in (1, 2):
        padded = _window_sum(xp, padded, 2 * half + 1, axis)
    return padded


def _window_sum(xp: ModuleType, values: Array, size: int, axis: int) -> Array:
    # sums of 1, 2, 4... neighbours, added up along the binary digits of the size: integers, so any order is exact
    length = values.shape[axis] - size + 1

    def part(array: Array, start: int, count: int) -> Array:
        return array[:, start : start + count] if axis == 1 else array[:, :, start : start + count]

    if size <= 16:
        total, start, power = None, 0, 1
        while True:
            if size & power:
                piece = part(values, start, length)
                total = piece if total is None else total + piece
                start += power
            power *= 2
            if power > size:
                break
            count = values.shape[axis] - power // 2
            values = part(values, 0, count) + part(values, power // 2, count)
        return total
    running = xp.cumsum(values, axis=axis, dtype=values.dtype)
    total = part(running, size - 1, length).copy()
    if length > 1:
        rest = part(total, 1, length - 1)
        rest -= part(running, 0, length - 1)
    return total


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
    adjusted = where.xp.empty_like(pixels)
    for first in range(0, len(pixels), where.batch_frames):
        part = slice(first, first + where.batch_frames)
        adjusted[part] = _adjust(where.xp, pixels[part], half, config.tolerance)
    return adjusted


def _adjust(xp: ModuleType, pixels: Array, half: int, tolerance: int) -> Array:
    n, height, width = pixels.shape
    half_y, half_x = min(half, height), min(half, width)  # beyond the frame there is nothing to sum
    mode = frame_histograms(xp, pixels, 256).argmax(axis=1).astype(xp.int32)[:, None, None]
    level = xp.subtract(pixels, mode, dtype=xp.int32)
    like = xp.abs(level) <= tolerance
    # offsets from the mode keep every sum of a square below 2^31 for squares up to 2,901 px
    wide = xp.int32 if tolerance * (2 * half_y + 1) * (2 * half_x + 1) < 2**31 else xp.int64
    padded = xp.zeros((2, n, height + 2 * half_y, width + 2 * half_x), wide)
    inside = (slice(None), slice(half_y, half_y + height), slice(half_x, half_x + width))
    padded[0][inside] = like
    padded[1][inside] = level * like
    count, total = (_window_sum(xp, _window_sum(xp, part, 2 * half_y + 1, 1), 2 * half_x + 1, 2) for part in padded)
    level -= total // xp.maximum(count, 1)
    level += BACKGROUND_LEVEL
    return xp.clip(level, 0, 255).astype(xp.uint8)


def frame_histograms(xp: ModuleType, values: Array, levels: int) -> Array:
    """Return (frames, levels) int64 counts of `values` (frames, height, width), integers in 0..levels - 1."""
    counts = xp.empty((len(values), levels), xp.int64)
    for frame, pixels in enumerate(values):
        counts[frame] = xp.bincount(pixels.ravel(), minlength=levels)
    return counts
