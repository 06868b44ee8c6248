"""The largest value in a disc around each pixel, and erosion by a disc."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phasewell.frames import Array


def disc_half_widths(radius: int) -> list[int]:
    """Return w for every row -radius..radius: the disc holds the pixels with x^2 + y^2 <= radius^2 + radius."""
    reach = radius * (radius + 1)
    return [math.isqrt(reach - y * y) for y in range(-radius, radius + 1)]


def disc_maximum(xp: Any, values: Array, radius: int) -> Array:
    """Return the largest value in the disc around every pixel; `values` (frames, height, width) unsigned, 0 outside."""
    n, height, width = values.shape
    padded = xp.zeros((n, height + 2 * radius, width + 2 * radius), values.dtype)
    padded[:, radius : radius + height, radius : radius + width] = values
    half_widths = disc_half_widths(radius)
    result: Array = xp.zeros_like(values)
    runs, span = padded, 1  # runs[x] = largest of `span` values from x on
    for half in sorted(set(half_widths)):
        size = 2 * half + 1
        while 2 * span <= size:
            runs = xp.maximum(runs[:, :, : runs.shape[2] - span], runs[:, :, span:])
            span *= 2
        left, right = radius - half, radius + half + 1 - span
        row = xp.maximum(runs[:, :, left : left + width], runs[:, :, right : right + width])
        for y, other in enumerate(half_widths):
            if other == half:
                xp.maximum(result, row[:, y : y + height], out=result)
    return result


def erode(xp: Any, mask: Array, radius: int) -> Array:
    """Return the pixels whose whole disc is foreground, (frames, height, width) bool; outside counts as such.

    If outside were background, no object would touch the frame afterwards and step 8 would remove nothing.
    """
    background = (~mask).view(xp.uint8)
    eroded: Array = disc_maximum(xp, background, radius) == 0
    return eroded
