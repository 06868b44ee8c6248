"""Masks that are hard on connected pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def spiral(height: int, width: int) -> Mask:
    """Return one path of single pixels that winds to the middle with single pixels of background between its turns."""
    mask = np.zeros((height, width), bool)
    top, left, bottom, right = 0, 0, height - 1, width - 1
    y, x = 0, 0
    mask[0, 0] = True
    while top <= bottom and left <= right:
        mask[y, x : right + 1] = True
        mask[top : bottom + 1, right] = True
        if bottom - top < 2 or right - left < 2:
            break
        mask[bottom, left : right + 1] = True
        mask[top + 2 : bottom + 1, left] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
        y, x = top, left - 2
    return mask


def hard_masks(height: int, width: int) -> Mask:
    """Return masks (frames, height, width): empty, full, lattices, combs of both directions, spirals, nested rings."""
    y, x = np.mgrid[:height, :width]
    depth = np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x))
    one_end_closed = (x % 2 == 0) | (y == height - 1)
    masks = [
        np.zeros((height, width), bool),
        np.ones((height, width), bool),
        (y + x) % 2 == 0,
        (y % 2 == 0) & (x % 2 == 0),
        (y % 3 == 0) & (x % 3 == 0),
        one_end_closed,
        one_end_closed[::-1],
        (y % 2 == 0) | (x == width - 1),
        (y % 2 == 0) | (x == np.where(y % 4 == 1, 0, width - 1)),
        (y + x) % 4 == 0,
        np.abs(y - x) % 3 == 0,
        depth % 2 == 0,
        depth % 2 == 1,
        depth % 4 < 2,
        spiral(height, width),
        ~spiral(height, width),
        spiral(width, height).T,
        (y < 2) | (y > height - 3),
        (x < 2) | (x > width - 3),
        (y == height // 2) | (x == width // 2),
    ]
    return np.stack(masks)
