"""Profiles with a known link to a target, for the tests of the models."""

from __future__ import annotations

import numpy as np
from phasewell.profiles import Profile, profile_columns

POTENCY = np.array([7, 8, 8, 9, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12, 13], dtype=float)


def make_profile(values: np.ndarray, wells: tuple[str, ...] | None = None, pixel_size_um: float = 0.87) -> Profile:
    """Return a profile of 24 columns an hour around `values` (wells, 24 x hours)."""
    n, n_columns = values.shape
    times = tuple(6.0 * (i + 1) for i in range(n_columns // 24))
    names = wells or tuple(f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}" for i in range(n))
    counts = np.full((n, len(times)), 1000)
    return Profile(
        names, times, profile_columns(times), np.asarray(values, float), counts, counts // 25, 40, pixel_size_um
    )


def noise_table(n_columns: int, seed: int) -> tuple[Profile, np.ndarray, list[str]]:
    """Return columns that know nothing of the potencies of 15 clones."""
    rng = np.random.default_rng(seed)
    return make_profile(rng.normal(size=(15, n_columns))), rng.permutation(POTENCY), clones(15)


def factor_table(n_columns: int, seed: int, noise: float = 0.4, n: int = 15) -> tuple[Profile, np.ndarray, list[str]]:
    """Return columns driven by three factors, and a target linear in the factors with noise of the given SD."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, 3))
    link = rng.normal(size=3)
    values = 50 + factors @ rng.normal(size=(3, n_columns)) + 0.3 * rng.normal(size=(n, n_columns))
    signal = factors @ link
    target = 9.8 + 1.5 * (signal - signal.mean()) / signal.std() + noise * rng.normal(size=n)
    return make_profile(values), target, clones(n)


def clones(n: int) -> list[str]:
    """Return n clone names."""
    return [f"clone {i}" for i in range(n)]
