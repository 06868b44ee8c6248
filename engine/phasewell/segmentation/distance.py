"""The exact squared Euclidean distance to the nearest background pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phasewell.errors import UsageError

if TYPE_CHECKING:
    from phasewell.frames import Array

MAX_SIDES_PX = 32_767
"""Height + width of a frame up to which distances fit 16 bits and their squares 31."""


def squared_distance(xp: Any, mask: Array) -> Array:
    """Return, per foreground pixel, the smallest dx^2 + dy^2 to a background pixel of its frame, int32; 0 elsewhere.

    `mask` (frames, height, width) bool. Outside of the frame is not background; a frame without any background has
    (height + width)^2 everywhere. Raises UsageError for frames whose sides sum to more than MAX_SIDES_PX.
    """
    n, height, width = mask.shape
    far = height + width
    if far > MAX_SIDES_PX:
        raise UsageError(f"frames of {height} x {width} px: expected height + width of at most {MAX_SIDES_PX} px")
    column = _column_distance(xp, mask, far).astype(xp.int32)
    where = xp.flatnonzero(mask)
    squared = (column * column).ravel()
    best = squared[where]
    if best.size == 0:
        return column
    # along rows: only pixels whose distance can still shrink take part; a margin keeps neighbours in their row
    margin = min(width, int(column.max()))
    padded = xp.full((n, height, width + 2 * margin), far * far, xp.int32)
    padded[:, :, margin : margin + width] = squared.reshape(mask.shape)
    padded = padded.ravel()
    at = where + (where // width * 2 + 1) * margin
    result = squared
    for step in range(1, margin + 1):
        active = xp.flatnonzero(best > step * step)
        if active.size == 0:
            break
        if active.size < best.size:
            result[where] = best
            where, at, best = where[active], at[active], best[active]
        nearest = xp.minimum(padded[at - step], padded[at + step])
        nearest += step * step
        xp.minimum(best, nearest, out=best)
    result[where] = best
    distances: Array = result.reshape(mask.shape)
    return distances


def _column_distance(xp: Any, mask: Array, far: int) -> Array:
    # rows to the nearest background pixel of the column, `far` where there is none: doubling, both ways
    distance: Array = mask * xp.int16(far)
    step = 1
    while step < mask.shape[1]:
        nearer = distance.copy()
        later, earlier = nearer[:, step:], nearer[:, :-step]
        xp.minimum(later, distance[:, :-step] + xp.int16(step), out=later)
        xp.minimum(earlier, distance[:, step:] + xp.int16(step), out=earlier)
        distance = nearer
        step *= 2
    return distance
