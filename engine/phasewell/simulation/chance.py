"""Random numbers by counter: a number depends on its address only, never on what was drawn before.

Only integers, + - x / and tables from `math` are used, because NumPy's own exp and sin change bits with the
instruction set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXP_STEPS = 256  # samples of the exponential per unit
_EXP = np.array([math.exp(k / _EXP_STEPS) for k in range(-4 * _EXP_STEPS, 4 * _EXP_STEPS + 1)])
TURN = 1024  # steps of a full turn
COSINE_Q14 = np.array([round(16384 * math.cos(2 * math.pi * k / TURN)) for k in range(TURN)], np.int64)
SINE_Q14 = np.roll(COSINE_Q14, TURN // 4)


def mix(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return a 32-bit hash of every word (Wang-type mixer with the constants of lowbias32); same as in render.cuh."""
    x = words ^ (words >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x = x * np.uint32(0x846CA68B)
    return np.asarray(x ^ (x >> np.uint32(16)), np.uint32)


def exp(values: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return e^values, of any shape, to 0.2 % and the same bits everywhere; values are clipped to -4..4."""
    steps = np.rint(np.clip(np.asarray(values, np.float64), -4, 4) * _EXP_STEPS).astype(np.int64)
    return np.asarray(_EXP[steps + 4 * _EXP_STEPS])


@dataclass(frozen=True)
class Chance:
    """A stream of random numbers addressed by (key, channel, index); `at` names a sub-stream."""

    key: int

    def at(self, *path: int) -> Chance:
        """Return the sub-stream of a path such as (well, field)."""
        key = np.array([self.key], np.uint32)
        for part in path:
            key = mix(key ^ mix(np.array([part & 0xFFFFFFFF], np.uint32) + np.uint32(0x9E3779B9)))
        return Chance(int(key[0]))

    def bits(self, channel: int, indices: NDArray[Any]) -> NDArray[np.uint32]:
        """Return one 32-bit word per index, in the shape of `indices`."""
        return mix(indices.astype(np.uint32) + np.uint32(self.at(channel).key))

    def uniform(self, channel: int, indices: NDArray[Any]) -> NDArray[np.float64]:
        """Return numbers in [0, 1), in the shape of `indices`."""
        return self.bits(channel, indices) / 2.0**32

    def normal(self, channel: int, indices: NDArray[Any]) -> NDArray[np.float64]:
        """Return numbers of mean 0 and SD 1: sums of four uniform 16-bit words, within +-3.5."""
        first, second = self.bits(channel, indices), self.bits(channel + 1_000_003, indices)
        low, shift = np.uint32(0xFFFF), np.uint32(16)
        total = sum(word.astype(np.int64) for word in (first & low, first >> shift, second & low, second >> shift))
        return (np.asarray(total, np.float64) - 131070.0) / 37837.2257  # 65536 sqrt(4 / 12)
