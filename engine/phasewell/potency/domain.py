"""Whether a new profile is of the kind a model learned from: outside, a number is not an answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phasewell.potency.lasso import standardise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.profiles import ProfileColumn

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

RANGE_MARGIN = 0.25  # of the training range, beyond each end: a dozen clones do not span what clones can be
MOST_NAMED = 3
COLUMNS_ALLOWED = 0.05  # share of the used columns that may lie beyond the range: of hundreds a few always do
RIDGE_SHARE = 0.01
MOST_ROWS = 500  # above, the limit of leverage is the usual 3 x its mean


class Applicability(NamedTuple):
    """Where one well stands to the training wells; `reasons` is empty inside.

    `leverage` is that of the used columns, `limit` the largest of a training well left out of its own reckoning.
    """

    inside: bool
    leverage: float
    limit: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Domain:
    """The training wells as a model of `columns` sees them.

    `values` (rows, columns) are those of the columns the model uses, `n_cells` (rows, hours) the cells
    behind them at `times_h`.
    """

    columns: tuple[ProfileColumn, ...]
    values: Floats
    n_cells: Counts
    times_h: tuple[float, ...]

    def judge(self, row: Floats, n_cells: Counts, n_fields: Counts, n_fields_expected: int) -> Applicability:
        """Return whether a well lies where the model learned.

        `row` (columns,) holds the used columns, all defined; `n_cells` and `n_fields` (hours,) what is behind it. Four
        rules: columns beyond the training range by more than a quarter of it (one of a sparse model, more than a
        twentieth of the columns of a dense one); at an hour that the model uses fewer than half of the expected fields,
        or fewer than half the cells of the training well with fewest; and leverage (squared Mahalanobis distance /
        rows, in the plane that the training wells span) above the largest that a training well has against the others,
        which a new clone of the same kind exceeds once in rows + 1.
        """
        reasons = self._beyond_range(row) + self._thin(n_cells, n_fields, n_fields_expected)
        leverage, limit = _leverage(self.values, row), self._largest_left_out
        if leverage > limit:
            reasons.append(f"leverage {leverage:.2f}, among the training wells at most {limit:.2f}")
        return Applicability(not reasons, leverage, limit, tuple(reasons))

    def _beyond_range(self, row: Floats) -> list[str]:
        if not len(self.columns):
            return []
        low, high = self.values.min(axis=0), self.values.max(axis=0)
        margin = RANGE_MARGIN * (high - low)
        out = np.flatnonzero((row < low - margin) | (row > high + margin))
        if len(out) <= COLUMNS_ALLOWED * len(self.columns):
            return []
        width = np.where(high > low, high - low, 1.0)
        far = np.maximum(low - row, row - high) / width
        first = sorted(out.tolist(), key=lambda i: -far[i])[:MOST_NAMED]
        names = [f"{self.columns[i].title} {row[i]:.4g} (trained on {low[i]:.4g} to {high[i]:.4g})" for i in first]
        more = f" and {len(out) - len(names)} more columns" if len(out) > len(names) else ""
        return [f"outside the training range: {', '.join(names)}{more}"]

    def _thin(self, n_cells: Counts, n_fields: Counts, n_fields_expected: int) -> list[str]:
        used = {column.time_h for column in self.columns}
        reasons = []
        for place, hour in enumerate(self.times_h):
            least = int(self.n_cells[:, place].min())
            if hour not in used:
                continue
            if 2 * int(n_fields[place]) < n_fields_expected:
                reasons.append(f"{int(n_fields[place])} of {n_fields_expected} fields measured at {hour:g} h")
            elif 2 * int(n_cells[place]) < least:
                reasons.append(f"{int(n_cells[place])} cells at {hour:g} h, in training at least {least}")
        return reasons[:MOST_NAMED]

    @cached_property
    def _largest_left_out(self) -> float:
        """The largest leverage of a training well against the others."""
        rows = np.arange(len(self.values))
        if not len(self.columns):
            return 0.0
        if len(rows) > MOST_ROWS:
            return float(3.0 * (min(self.values.shape) + 1) / len(rows))
        return max((_leverage(self.values[rows != i], self.values[i]) for i in rows.tolist()), default=0.0)


def _leverage(values: Floats, row: Floats) -> float:
    """Return 1/n + x' (Z'Z + k I)^-1 x for a standardised row x: the squared Mahalanobis distance / n, regularised.

    k is (1 % of the largest singular value)^2, so that directions in which the training wells do not differ count as
    nearly forbidden, not as infinitely so; the limit is reckoned the same way.
    """
    if not values.shape[1]:
        return 0.0
    z, mean, scale = standardise(values)
    _, singular, right = np.linalg.svd(z, full_matrices=False)
    if not singular[0] > 0.0:
        return 0.0
    new = (row - mean) / scale
    along = right @ new
    rest = new - along @ right
    ridge = (RIDGE_SHARE * singular[0]) ** 2
    return float(1.0 / len(values) + (along**2 / (singular**2 + ridge)).sum() + (rest @ rest) / ridge)
