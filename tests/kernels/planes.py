"""What the parity tests of the kernels share: masks as bit planes, and the instruction sets of this processor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from phasewell_kernels import cpu


def pack(masks: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return the bit planes (frames, height, ceil(width / 64)) of masks (frames, height, width)."""
    n, height, width = masks.shape
    bits = np.zeros((n, height, (width + 63) // 64 * 64), bool)
    bits[:, :, :width] = masks
    return np.packbits(bits, axis=2, bitorder="little").view(np.uint64)


def unpack(planes: NDArray[np.uint64], width: int) -> NDArray[np.bool_]:
    """Return the masks of bit planes; bits beyond the width must be 0."""
    bits: NDArray[np.bool_] = np.unpackbits(planes.view(np.uint8), axis=2, bitorder="little").astype(bool)
    assert not bits[:, :, width:].any()
    return bits[:, :, :width]


def instruction_sets() -> list[str]:
    """Return the names that this processor has, plain first."""
    return cpu.instruction_sets()
