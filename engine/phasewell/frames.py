"""A batch of frames: the pixels that travel through the engine, with their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import UsageError
from phasewell.plate import FrameKey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]  # numpy here, CuPy on a GPU: the engine's array code runs on either


@dataclass(frozen=True)
class FrameBatch:
    """Frames of one size and one pixel size.

    `pixels` is (frames, height, width) uint8, C-contiguous; on a GPU it may be a CuPy array.
    `keys` has one address per frame, or is empty for frames that belong to no plate.
    Raises UsageError for any other dtype, shape, pixel size or number of keys; nothing is converted.
    """

    pixels: Array
    pixel_size_um: float
    keys: tuple[FrameKey, ...] = ()

    def __post_init__(self) -> None:
        """Check shape, dtype, pixel size and number of keys."""
        if self.pixels.ndim != 3 or self.pixels.dtype != np.uint8:
            raise UsageError(
                f"pixels {self.pixels.dtype} {self.pixels.shape}: expected uint8 (frames, height, width); "
                "map 16-bit frames to 8 bit with the plate's window first"
            )
        if not self.pixels.flags.c_contiguous:
            raise UsageError("pixels are strided in memory: expected C-contiguous; copy with np.ascontiguousarray")
        if not (np.isfinite(self.pixel_size_um) and self.pixel_size_um > 0):
            raise UsageError(f"pixel_size_um {self.pixel_size_um}: expected a positive number of um per pixel")
        if self.keys and len(self.keys) != len(self.pixels):
            raise UsageError(f"{len(self.keys)} keys for {len(self.pixels)} frames: expected one key per frame")

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        n, height, width = self.pixels.shape
        where = f", {self.keys[0]} ..." if self.keys else ""
        return f"FrameBatch({n} frames of {height} x {width}, {self.pixel_size_um} um/px{where})"
