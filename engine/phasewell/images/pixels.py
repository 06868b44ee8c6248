"""Arithmetic on stored pixels: the window from 16 to 8 bit, the 1/8 overview, the digest of a frame."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewell.errors import UsageError


def pixel_window_to_uint8(pixels: NDArray[Any], window: tuple[int, int]) -> NDArray[np.uint8]:
    """Map unsigned pixels to 8 bit: `clip(v - low, 0, high - low) * 255 // (high - low)`, in integers.

    `pixels` is uint8 or uint16 of any shape; `window` is (low, high) in grey levels. Raises UsageError otherwise.
    """
    low, high = window
    if pixels.dtype not in (np.uint8, np.uint16) or not 0 <= low < high <= 65535:
        raise UsageError(
            f"{pixels.dtype} pixels, window {window}: expected uint8 or uint16 and 0 <= low < high <= 65535"
        )
    mapped: NDArray[np.uint8] = np.take(_window_table(low, high), pixels)
    return mapped


@functools.lru_cache(maxsize=16)
def _window_table(low: int, high: int) -> NDArray[np.uint8]:
    values = np.clip(np.arange(65536, dtype=np.int64) - low, 0, high - low) * 255 // (high - low)
    table = values.astype(np.uint8)
    table.setflags(write=False)
    return table


def frame_sha256(pixels: NDArray[Any]) -> str:
    """Return the SHA-256 of a frame's pixels, little-endian and in C order."""
    data = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    return hashlib.sha256(data.reshape(-1).view(np.uint8).data).hexdigest()


def overview(
    frames: Mapping[tuple[int, int], NDArray[Any]], grid: tuple[int, int], frame_shape: tuple[int, int], factor: int
) -> NDArray[Any]:
    """Return the mosaic shrunk by `factor`: the rounded integer mean of every box of factor x factor pixels.

    `frames` is (grid row, grid column) -> (height, width), unsigned, at least one. A box counts only pixels of
    frames that exist, and is 0 where none does; boxes may span frames and are cut off at the mosaic's edge.
    """
    height, width = grid[0] * frame_shape[0], grid[1] * frame_shape[1]
    shape = -(-height // factor), -(-width // factor)
    sums, counts = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)  # 64 pixels x 65535 fits
    dtype = np.dtype(np.uint8)
    for (row, column), frame in frames.items():
        dtype = frame.dtype
        top, rows = _boxes(row * frame_shape[0], frame_shape[0], factor)
        left, columns = _boxes(column * frame_shape[1], frame_shape[1], factor)
        part = np.add.reduceat(np.add.reduceat(frame, rows, axis=0, dtype=np.uint32), columns, axis=1)
        where = np.s_[top : top + len(rows), left : left + len(columns)]
        sums[where] += part
        counts[where] += np.outer(np.diff([*rows, frame_shape[0]]), np.diff([*columns, frame_shape[1]])).astype(
            np.uint32
        )
    mean: NDArray[Any] = ((sums + counts // 2) // np.maximum(counts, 1)).astype(dtype)
    return mean


def _boxes(start: int, length: int, factor: int) -> tuple[int, NDArray[np.intp]]:
    """Return the first box that a frame touches and where in the frame each of its boxes begins."""
    first, last = start // factor, (start + length - 1) // factor
    begins = np.maximum(np.arange(first, last + 1) * factor - start, 0)
    return first, begins.astype(np.intp)
