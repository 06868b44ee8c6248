"""The numeric gate: no backend serves a model unless it makes of fixed pictures what float32 torch made of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

GATE_PICTURES = 4
_BLOCK = 12  # px of a picture over which its coarse part is one level: about a cell

TOLERANCES = {"f32": 1e-4, "f16": 1e-2, "bf16": 4e-2}
"""Largest difference of a logit per precision, in units of the largest expected logit or of 1 if that is smaller."""


def gate_pictures(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return the gate's pictures (GATE_PICTURES, height, width) uint8: blocks of grey under noise, of SHAKE-256."""
    coarse = _draw(seed, "blocks", GATE_PICTURES, -(-height // _BLOCK), -(-width // _BLOCK))
    blocks = coarse.repeat(_BLOCK, 1).repeat(_BLOCK, 2)[:, :height, :width]
    noise = _draw(seed, "noise", GATE_PICTURES, height, width)
    return (blocks // 2 + noise // 4 + 32).astype(np.uint8)  # at most 127 + 63 + 32


def check_logits(found: NDArray[Any], expected: NDArray[Any], precision: str, who: str) -> float:
    """Return the largest difference in units of the tolerance's scale; raises InputError where it is too large.

    `who` names backend and model in the message.
    """
    scale = max(1.0, float(np.abs(expected).max()))
    difference = (
        float(np.abs(found.astype(np.float64) - expected).max()) / scale if np.isfinite(found).all() else np.inf
    )
    if not difference <= TOLERANCES[precision]:
        raise InputError(
            f"{who}: logits of the gate's pictures differ by {difference:.2g} of their scale from float32 torch; at "
            f"most {TOLERANCES[precision]:g} is allowed in {precision}; choose another precision or backend, and check "
            "the model's files"
        )
    return difference


def _draw(seed: int, name: str, *shape: int) -> NDArray[np.uint8]:
    stream = hashlib.shake_256(f"phasewell gate {seed} {name} {shape}".encode())
    return np.frombuffer(stream.digest(int(np.prod(shape))), np.uint8).reshape(shape)
