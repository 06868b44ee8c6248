"""Cells per field over hours, the fold of each well, and the rate the fold implies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.profiles import FieldMoments

    Floats = NDArray[np.float64]

FOLD_LIMIT = 4.0
"""Paper R, figure 2c: 12 of 15 clones grew more than fourfold."""
DEFINITION = (
    "growth rate = fold = cells per measured field at the last hour / cells per measured field at the first hour, "
    "counted on the fields measured at both; the paper gives no formula. Doublings per day = log2(fold) / days."
)


@dataclass(frozen=True)
class Growth:
    """Growth of every well: `cells_per_field` and `n_fields` are (wells, hours), the rest (wells,).

    `cells_per_field` is NaN where no field was measured. `fold` compares `last_h` with `first_h` over the `n_paired`
    fields measured at both; NaN without such a field or without cells at the first hour. `fold_error` is the standard
    error of the fold by chance of which fields were imaged (delta method of a ratio of sums; NaN for one field).
    """

    wells: tuple[str, ...]
    times_h: tuple[float, ...]
    cells_per_field: Floats
    n_fields: NDArray[np.int64]
    first_h: float
    last_h: float
    fold: Floats
    fold_error: Floats
    n_paired: NDArray[np.int64]

    @property
    def doublings_per_day(self) -> Floats:
        """log2(fold) / days, (wells,); NaN where the fold is undefined or no cell is left."""
        days = (self.last_h - self.first_h) / 24.0
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.log2(self.fold) / days if days else np.full_like(self.fold, np.nan)
        return np.where(np.isfinite(rate), rate, np.nan)

    def above(self, limit: float = FOLD_LIMIT) -> int:
        """Return how many wells grew more than `limit`-fold."""
        return int((self.fold > limit).sum())


def measure_growth(field_moments: FieldMoments) -> Growth:
    """Return the growth of every well from the cell counts of its fields, first to last hour of the moments.

    Cells cut by the frame are not counted, at every hour alike. Source: paper R, figure 2c; `DEFINITION`.
    """
    plate = field_moments
    measured = plate.measured
    n_fields = measured.sum(axis=2)
    counts = np.where(measured, plate.n_cells, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_field = counts.sum(axis=2) / n_fields
    both = measured[:, 0] & measured[:, -1]  # (wells, fields)
    n = both.sum(axis=1)
    first, last = (np.where(both, counts[:, t], 0).astype(np.float64) for t in (0, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        fold = last.sum(axis=1) / first.sum(axis=1)
        residual = np.where(both, last - fold[:, None] * first, 0.0)
        variance = (residual**2).sum(axis=1) / (n - 1) * n
        error = np.sqrt(variance) / first.sum(axis=1)
    finite = np.isfinite(fold)
    fold, error = np.where(finite, fold, math.nan), np.where(finite & (n > 1), error, math.nan)
    hours = plate.times_h
    return Growth(plate.wells, hours, per_field, n_fields, hours[0], hours[-1], fold, error, n)
