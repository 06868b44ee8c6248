"""The exact squared Euclidean distance to the nearest background pixel."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phasewell.frames import Array


def squared_distance(xp: ModuleType, mask: Array) -> Array:
    """Return, per foreground pixel, the smallest dx^2 + dy^2 to a background pixel of its frame, int32; 0 elsewhere.

    `mask` (frames, height, width) bool. Outside of the frame is not background; without any background the distance
    is that of a pixel height + width away.
    """
    n, height, width = mask.shape
    far = height + width
    column = _column_distance(xp, mask, far)
    # along rows: only pixels whose distance can still shrink take part
    flat = column.ravel()
    where = xp.flatnonzero(mask)
    x = (where % width).astype(xp.int32)
    best = flat[where].astype(xp.int64) ** 2
    result = xp.zeros(mask.size, xp.int32)
    result[where] = xp.minimum(best, far * far)
    best = result[where]
    for step in range(1, width):
        active = xp.flatnonzero(best > step * step)
        if active.size == 0:
            break
        where, x, best = where[active], x[active], best[active]
        for shift in (-step, step):
            inside = (x + shift >= 0) & (x + shift < width)
            other = flat[xp.where(inside, where + shift, where)]
            best = xp.minimum(best, xp.where(inside, other * other + step * step, far * far))
        result[where] = best
    return result.reshape(n, height, width)


def _column_distance(xp: ModuleType, mask: Array, far: int) -> Array:
    # rows to the nearest background pixel of the column, `far` where there is none: doubling, both ways
    distance = xp.where(mask, xp.int32(far), xp.int32(0))
    height = mask.shape[1]
    step = 1
    while step < height:
        nearer = distance.copy()
        xp.minimum(nearer[:, step:], distance[:, :-step] + step, out=nearer[:, step:])
        xp.minimum(nearer[:, :-step], distance[:, step:] + step, out=nearer[:, :-step])
        distance = nearer
        step *= 2
    return xp.minimum(distance, far)
