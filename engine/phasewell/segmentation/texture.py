"""Step 2: how much is going on around a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.background import BACKGROUND_LEVEL, box_sum

if TYPE_CHECKING:
    from phasewell.frames import Array

MAX_ENERGY = 520_200
"""Largest gradient energy of 8-bit frames: (1020^2 + 1020^2) // 4."""


def mirror_pad(xp: Any, values: Array, pad: int, repeat_edge: bool) -> Array:
    """Return frames (frames, height, width) mirrored outwards by `pad` pixels, the edge pixel repeated or not."""
    for axis in (1, 2):
        indices = xp.asarray(_mirror_indices(values.shape[axis], pad, repeat_edge))
        values = xp.take(values, indices, axis=axis)
    return values


def _mirror_indices(size: int, pad: int, repeat_edge: bool) -> Array:
    index = np.arange(-pad, size + pad)
    if repeat_edge:
        index = index % (2 * size)
        return np.where(index < size, index, 2 * size - 1 - index)
    if size == 1:
        return np.zeros_like(index)
    index = index % (2 * size - 2)
    return np.where(index < size, index, 2 * size - 2 - index)


def gradient_energy(xp: Any, grey: Array, half: int) -> Array:
    """Return the mean squared Sobel gradient over squares of 2 half + 1 pixels, (frames, height, width) int32.

    `grey` is uint8. E = sum(gx^2 + gy^2) // (4 pixels), 0..MAX_ENERGY. The frame is mirrored without repeating its edge
    for the gradients, and with repeating it for the sum.
    """
    padded = mirror_pad(xp, grey, 1, repeat_edge=False).astype(xp.int16)
    across = padded[:, :, 2:] - padded[:, :, :-2]
    gx = across[:, :-2] + across[:, 2:] + 2 * across[:, 1:-1]
    down = padded[:, 2:] - padded[:, :-2]
    gy = down[:, :, :-2] + down[:, :, 2:] + 2 * down[:, :, 1:-1]
    squared = xp.multiply(gx, gx, dtype=xp.int32)
    squared += xp.multiply(gy, gy, dtype=xp.int32)
    total = box_sum(xp, mirror_pad(xp, squared, half, repeat_edge=True), half)
    energy: Array = total // (4 * (2 * half + 1) ** 2)
    return energy


def background_distance(xp: Any, grey: Array) -> Array:
    """Return the squared distance from the background's grey level, int32: what is binarised without step 2."""
    level = grey.astype(xp.int32) - BACKGROUND_LEVEL
    squared: Array = level * level
    return squared
