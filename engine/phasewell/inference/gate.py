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

TOLERANCES = {"f32": 1e-4, "f16": 1e-2, "bf16": 4e-2, "int8": 3e-1}
"""Largest difference of a logit per precision, in units of the largest expected logit or of 1 if that is smaller.

That of int8 only tells a broken graph from a coarse one: what decides is the AUC on held-out frames, when it is made.
"""
INT8_REPEAT = 4e-2
"""The same for INT8 logits here and where the graph was made: measured, 7e-3 between instruction sets; sums of 8-bit
products that overflow, as they do on some, are far outside."""


def gate_pictures(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return the gate's pictures (GATE_PICTURES, height, width) uint8: blocks of grey under noise, of SHAKE-256."""
    coarse = _draw(seed, "blocks", GATE_PICTURES, -(-height // _BLOCK), -(-width // _BLOCK))
    blocks = coarse.repeat(_BLOCK, 1).repeat(_BLOCK, 2)[:, :height, :width]
    noise = _draw(seed, "noise", GATE_PICTURES, height, width)
    return (blocks // 2 + noise // 4 + 32).astype(np.uint8)  # at most 127 + 63 + 32


def check_logits(found: NDArray[Any], expected: NDArray[Any], precision: str, who: str) -> float:
    """Return the largest difference in units of the tolerance's scale; raises InputError where it is too large.

    Both are (pictures, classes). `who` names backend and model in the message.
    """
    difference = largest_difference(found, expected)
    if not difference <= TOLERANCES[precision]:
        raise InputError(
            f"{who}: logits of the gate's pictures differ by {difference:.2g} of their scale from float32 torch, and "
            f"{count_flips(found, expected)} of {len(expected)} change their class; at most "
            f"{TOLERANCES[precision]:g} is allowed in {precision}; choose another precision or backend, and check the "
            "model's files"
        )
    return difference


def check_repeated(found: NDArray[Any], recorded: NDArray[Any], who: str) -> None:
    """Raise InputError where INT8 logits (pictures, classes) are not those of the machine that quantised the model."""
    difference = largest_difference(found, recorded)
    if not difference <= INT8_REPEAT:
        raise InputError(
            f"{who}: INT8 logits of the gate's pictures differ by {difference:.2g} of their scale from those where the "
            f"graph was made; at most {INT8_REPEAT:g} is allowed; serve it in bf16 or f32 on this processor"
        )


def largest_difference(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the largest difference of logits (pictures, classes) in units of the largest, or of 1; inf for NaN."""
    scale = max(1.0, float(np.abs(expected).max()))
    if not np.isfinite(found).all():
        return np.inf
    return float(np.abs(found.astype(np.float64) - expected).max()) / scale


def count_flips(found: NDArray[Any], expected: NDArray[Any]) -> int:
    """Return how many pictures have another most probable class; logits are (pictures, classes)."""
    return int((found.argmax(1) != expected.argmax(1)).sum())


def _draw(seed: int, name: str, *shape: int) -> NDArray[np.uint8]:
    stream = hashlib.shake_256(f"phasewell gate {seed} {name} {shape}".encode())
    return np.frombuffer(stream.digest(int(np.prod(shape))), np.uint8).reshape(shape)
