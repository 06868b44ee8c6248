"""Step 3: which pixels are foreground."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.background import frame_histograms
from phasewell.segmentation.discs import disc_maximum
from phasewell.segmentation.texture import MAX_ENERGY

if TYPE_CHECKING:
    from phasewell.frames import Array

LEVELS_PER_OCTAVE = 16


def _integer_root(value: int, degree: int) -> int:
    """Return the largest integer whose power `degree` (a power of 2) is at most `value`, exactly."""
    import math

    while degree > 1:
        value = math.isqrt(value)
        degree //= 2
    return value


@functools.cache
def level_starts() -> tuple[int, ...]:
    """Return the least E + 1 of every level L >= 1 up to MAX_ENERGY: ceil(2^((L - 1/2) / 16)), in exact integers."""
    starts: list[int] = []
    while not starts or starts[-1] <= MAX_ENERGY + 1:
        power = 2 ** (2 * len(starts) + 1)  # 2^((2 L - 1) / 32) to the 32nd
        root = _integer_root(power, 2 * LEVELS_PER_OCTAVE)
        starts.append(root + (root ** (2 * LEVELS_PER_OCTAVE) < power))
    return tuple(starts)


@functools.cache
def _level_table() -> Array:
    # level of every energy; E + 1 = 2^(L / 16), L rounded to nearest
    return np.searchsorted(np.array(level_starts()), np.arange(MAX_ENERGY + 1) + 1, side="right").astype(np.int16)


def level_energy(level: int) -> int:
    """Return the energy of a level, rounded down: floor(2^(L / 16)) - 1."""
    return _integer_root(2**level, LEVELS_PER_OCTAVE) - 1


def otsu_level(counts: list[int]) -> int:
    """Return the level up to which pixels are background by Otsu's rule; the lowest of equally good ones.

    Maximises (S w - s W)^2 / (w (W - w)), compared by cross-multiplication in exact integers, where w and s are
    count and level sum of the background class and W and S those of the frame. One single level gives that level.
    """
    total, level_sum = sum(counts), sum(level * count for level, count in enumerate(counts))
    best, best_numerator, best_denominator = 0, -1, 1
    below = below_sum = 0
    for level, count in enumerate(counts):
        if count == 0:
            continue
        below += count
        below_sum += level * count
        if below == total:
            if best_numerator < 0:
                best = level
            break
        numerator = (level_sum * below - below_sum * total) ** 2
        denominator = below * (total - below)
        if numerator * best_denominator > best_numerator * denominator:
            best, best_numerator, best_denominator = level, numerator, denominator
    return best


def frame_thresholds(xp: Any, energy: Array, percent: int, floor: int, cap: int) -> list[int]:
    """Return thresholds (frames,): Otsu on logarithmic levels, times percent / 100, back to energy, clamped."""
    levels = xp.asarray(_level_table())[energy]
    counts = frame_histograms(xp, levels, len(level_starts()) + 1)
    host = counts.get() if hasattr(counts, "get") else counts
    return [min(cap, max(floor, level_energy(otsu_level(row.tolist()) * percent // 100))) for row in host]


def binarise(xp: Any, energy: Array, thresholds: list[int]) -> Array:
    """Return energy > threshold of its frame, (frames, height, width) bool."""
    above: Array = energy > xp.asarray(thresholds, dtype=xp.int32)[:, None, None]
    return above


def stands_out(xp: Any, energy: Array, ratio: int, radius: int) -> Array:
    """Return where energy * ratio > the largest energy in the disc, (frames, height, width) bool.

    It parts neighbours: beside a strong edge weak texture is halo, far from one it is a cell.
    """
    # E r > max(E)  <=>  E > floor(max(E) / r) = max(floor(E / r)); small numbers make the maximum cheap
    reduced = energy // ratio
    narrow = xp.uint16 if ratio * 65536 > MAX_ENERGY else xp.uint32
    return energy > disc_maximum(xp, reduced.astype(narrow), radius)
