"""Moments of fields of a plate that was never pictured, for the tests of everything that works on moments."""

from __future__ import annotations

import numpy as np
from phasewell.profiles import FieldMoments, Moments


def make_field_moments(
    wells: int = 5, hours: int = 3, fields: int = 6, seed: int = 0, missing: float = 0.0, most_cells: int = 40
) -> FieldMoments:
    """Return moments of fields with few cells, some of them empty, some not measured."""
    rng = np.random.default_rng(seed)
    shape = (wells, hours, fields)
    measured = rng.random(shape) >= missing
    n_cells = np.where(measured, rng.integers(0, most_cells, shape), 0)
    n = np.where(rng.random((*shape, 12)) < 0.1, n_cells[..., None] // 2, n_cells[..., None])
    level = rng.normal(1e3, 50, (wells, 1, 1, 12)) + rng.normal(0, 5, (wells, hours, 1, 12))
    mean = np.where(n > 0, level + rng.normal(0, 3, n.shape), 0.0)
    m2 = np.where(n > 1, (n - 1) * rng.uniform(50, 150, n.shape), 0.0)
    names = tuple(f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}" for i in range(wells))
    times_h = tuple(6.0 * (i + 1) for i in range(hours))
    return FieldMoments(
        names, times_h, tuple(f"f{k}" for k in range(fields)), Moments(n, mean, m2), n_cells, measured, 0.87
    )
