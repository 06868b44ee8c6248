"""Which columns models lean on, and whether they would again: windows compared, signs, selection frequencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.estimators import LINEAR_KINDS, make_estimator
from phasewell.potency.evaluation import Coefficient
from phasewell.potency.lasso_paths import TrainingSets
from phasewell.potency.training import training_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.potency.training import Groups, Targets, TrainingTable
    from phasewell.profiles import Profile, ProfileColumn

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ModelStructure:
    """Coefficients of the same kind of model on several windows, aligned by descriptor, statistic and hour.

    `coefficients` is (windows, columns) in units of the target per SD of the column, 0 for hours beyond a window;
    `same_sign` (windows, columns) is the share of the leave-one-clone-out models whose coefficient has the sign of the
    model of all clones, NaN where that is 0. `n_hours` are the hours of each window, all from the first hour.
    """

    kind: str
    columns: tuple[ProfileColumn, ...]
    last_h: tuple[float, ...]
    coefficients: Floats
    same_sign: Floats

    def correlation(self, align: Literal["zero-fill", "common"] = "zero-fill") -> Floats:
        """Return Pearson's r between the coefficients of every two windows, (windows, windows).

        "zero-fill" compares all columns, hours beyond a window as 0; "common" the hours that both windows have. NaN
        where a window has no coefficient other than 0. Source: paper R, Fig. 4c, which does not say which.
        """
        if align not in ("zero-fill", "common"):
            raise UsageError(f"correlation: align {align!r}; expected 'zero-fill' or 'common'")
        hours = np.array([column.time_h for column in self.columns])
        found = np.full((len(self.last_h), len(self.last_h)), np.nan)
        for i, j in np.ndindex(found.shape):
            shared = hours <= min(self.last_h[i], self.last_h[j]) if align == "common" else np.full(len(hours), True)
            first, second = self.coefficients[i, shared], self.coefficients[j, shared]
            if first.any() and second.any():
                first, second = first - first.mean(), second - second.mean()
                found[i, j] = (first @ second) / np.sqrt((first @ first) * (second @ second))
        return found

    def top_terms(self, window: int, n: int = 10) -> tuple[Coefficient, ...]:
        """Return the `n` largest coefficients of one window, largest first, in the paper's spelling."""
        order = np.argsort(-np.abs(self.coefficients[window]), kind="stable")[:n]
        return tuple(
            Coefficient(c.title, c.descriptor, c.statistic, float(c.time_h), float(self.coefficients[window, i]))
            for i, c in ((int(i), self.columns[int(i)]) for i in order)
            if self.coefficients[window, i] != 0
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the structure as one JSON document, null where undefined."""

        def boxed(values: Floats) -> Any:
            cells = values.astype(object)
            cells[np.isnan(values)] = None
            return cells.tolist()

        return {
            "kind": self.kind,
            "columns": [column.title for column in self.columns],
            "last_h": list(self.last_h),
            "coefficients": self.coefficients.tolist(),
            "same_sign": boxed(self.same_sign),
            "correlation": {align: boxed(self.correlation(align)) for align in ("zero-fill", "common")},
            "top_terms": [[asdict(term) for term in self.top_terms(i)] for i in range(len(self.last_h))],
        }


def compare_windows(
    profile: Profile,
    targets: Targets,
    groups: Groups | None,
    hours: Sequence[int],
    kind: str = "lasso",
    parameters: Mapping[str, Any] | None = None,
) -> ModelStructure:
    """Fit one linear kind on windows of the first `hours` hours, on all clones and without each of them.

    A column that is undefined in some well has coefficient 0. Raises UsageError as `fit` does, and for a kind without
    coefficients.
    """
    if kind not in LINEAR_KINDS:
        raise UsageError(
            f"compare_windows: kind {kind!r} has no coefficients; expected one of {', '.join(LINEAR_KINDS)}"
        )
    if not hours or not all(1 <= n <= len(profile.times_h) for n in hours):
        raise UsageError(f"compare_windows: hours {tuple(hours)}; expected numbers out of 1..{len(profile.times_h)}")
    table = training_table(profile, targets, groups)
    places = {column: i for i, column in enumerate(profile.columns)}
    coefficients = np.zeros((len(hours), len(profile.columns)))
    same_sign = np.full(coefficients.shape, np.nan)
    for window, n_hours in enumerate(hours):
        last_h = profile.times_h[n_hours - 1]
        own = [i for i, column in enumerate(table.columns) if column.time_h <= last_h]
        if not own:
            continue
        at = [places[table.columns[i]] for i in own]
        whole, left_out = _fit_all_and_folds(table, own, kind, parameters)
        coefficients[window, at] = whole
        agreeing = (np.sign(left_out) == np.sign(whole)).mean(axis=0)
        same_sign[window, at] = np.where(whole != 0, agreeing, np.nan)
    last = tuple(profile.times_h[n - 1] for n in hours)
    return ModelStructure(kind, profile.columns, last, coefficients, same_sign)


def _fit_all_and_folds(
    table: TrainingTable, columns: list[int], kind: str, parameters: Mapping[str, Any] | None
) -> tuple[Floats, Floats]:
    """Return the coefficients of all clones (columns,) and of the folds (clones, columns)."""
    codes, rows = table.group_codes, table.values[:, columns]

    def learn(keep: Any) -> Floats:
        fitted = make_estimator(kind, 0, parameters).fit(rows[keep], table.target[keep], groups=codes[keep])
        coefficients: Floats = fitted.coef_
        return coefficients

    folds = [learn(codes != group) for group in range(int(codes.max()) + 1)]
    return learn(codes >= 0), np.array(folds)


@dataclass(frozen=True)
class StabilitySelection:
    """How often a column is among the first `most_columns` of the LASSO path on half of the clones.

    `frequency` is (columns,) over 2 x `pairs` halves; `stable` are the columns at or above `threshold`, most frequent
    first. On columns that carry nothing at most `false_columns` are expected among them (Meinshausen, Buehlmann 2010;
    complementary halves: Shah, Samworth 2013).
    """

    columns: tuple[ProfileColumn, ...]
    frequency: Floats
    pairs: int
    most_columns: int
    threshold: float
    false_columns: float
    seed: int

    @property
    def stable(self) -> tuple[ProfileColumn, ...]:
        """The columns at or above the threshold, most frequent first."""
        order = np.argsort(-self.frequency, kind="stable")
        return tuple(self.columns[int(i)] for i in order if self.frequency[i] >= self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Return the selection as one JSON document."""
        return {
            "frequency": {c.title: float(f) for c, f in zip(self.columns, self.frequency, strict=True) if f > 0},
            "stable": [column.title for column in self.stable],
            "pairs": self.pairs,
            "most_columns": self.most_columns,
            "threshold": self.threshold,
            "expected_false_columns": self.false_columns,
            "seed": self.seed,
        }


def select_stable(
    profile: Profile,
    targets: Targets,
    groups: Groups | None,
    pairs: int = 50,
    most_columns: int = 3,
    threshold: float = 0.75,
    seed: int = 0,
) -> StabilitySelection:
    """Follow the LASSO path on complementary random halves of the clones and count which columns come first.

    `most_columns` ends a path before more columns are in it; half of 15 clones can tell few apart. Halves are drawn by
    NumPy's PCG64 from `seed`. Raises UsageError as `fit` does, for a threshold outside (0.5, 1] and too few clones.
    """
    table = training_table(profile, targets, groups)
    codes = table.group_codes
    n_groups = int(codes.max()) + 1
    if not 0.5 < threshold <= 1.0 or pairs < 1 or not 1 <= most_columns < n_groups // 2 - 1:
        raise UsageError(
            f"select_stable: threshold {threshold:g}, pairs {pairs}, most_columns {most_columns}; expected a threshold "
            f"above 0.5 and at most 1, a pair at least, and fewer columns than half of {n_groups} clones less one"
        )
    rng = np.random.default_rng(seed)
    halves = []
    for _ in range(pairs):
        order, half = rng.permutation(n_groups), n_groups // 2
        halves += [np.isin(codes, order[:half]), np.isin(codes, order[half : 2 * half])]
    sets = TrainingSets(table.values, np.array(halves), table.target)
    solutions = sets.solve(sets.largest_alpha[:, None] * np.geomspace(1.0, 0.01, 200))
    chosen = np.zeros(table.values.shape[1])
    for which in range(len(halves)):
        active = solutions.coefficients(which) != 0  # (columns, alphas)
        within = np.logical_and.accumulate(active.sum(axis=0) <= most_columns)
        chosen += active[:, int(within.sum()) - 1]  # the first alpha has none, so one at least is within
    expected = most_columns**2 / ((2 * threshold - 1) * len(chosen))
    return StabilitySelection(
        table.columns, chosen / len(halves), pairs, most_columns, threshold, float(expected), seed
    )
