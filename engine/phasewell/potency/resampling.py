"""What chance in the fields and in the clones does to a model: field bootstraps, intervals, the noise floor.

Two kinds of chance are kept apart. Fields are resampled within a clone: all rows of a clone stay in one fold, or the
clone vouches for itself. Clones are resampled for the interval of an RMSE; 15 of them make it wide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.estimators import make_estimator
from phasewell.potency.evaluation import Evaluation, evaluate, fit_estimator, fold_predictions
from phasewell.potency.training import training_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from phasewell.potency.field_sums import ProfileStack
    from phasewell.potency.training import Groups, Targets, TrainingTable
    from phasewell.profiles import Profile

    Floats = NDArray[np.float64]

ROW_FOLDS = 10


def stack_rows(stack: ProfileStack, n_hours: int | None = None) -> tuple[Profile, NDArray[np.int64]]:
    """Return all draws as one profile of draws x wells rows, and the place of the well of every row (rows,).

    Rows are called `A01 draw 7`. Index targets and groups of the wells with the places, so that every row of a clone
    carries its clone.
    """
    first = stack.profile(0, n_hours)
    draws, wells = len(stack.values), len(stack.wells)
    profiles = [stack.profile(draw, n_hours) for draw in range(draws)]
    rows = replace(
        first,
        wells=tuple(f"{well} draw {draw + 1}" for draw in range(draws) for well in stack.wells),
        values=np.concatenate([profile.values for profile in profiles]),
        n_cells=np.concatenate([profile.n_cells for profile in profiles]),
        n_fields=np.concatenate([profile.n_fields for profile in profiles]),
    )
    return rows, np.tile(np.arange(wells), draws)


class Leak(NamedTuple):
    """The same rows with whole clones left out, and with rows left out: the second is a demonstration of an error."""

    grouped: Evaluation
    row_wise_rmse: float
    sentence: str


def demonstrate_row_folds(
    profile: Profile,
    targets: Targets,
    groups: Groups | None,
    kind: str = "lasso",
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> Leak:
    """Show what folds over rows would report where a clone has several rows, beside leaving out whole clones.

    Ten folds of rows at random, lambda chosen over rows as well; the copies of a clone in the training rows give its
    target away. The number is called wrong wherever it goes, and `fit` offers no such folds. Raises UsageError when
    every clone has one row.
    """
    table = training_table(profile, targets, groups)
    codes = table.group_codes
    if len(codes) == codes.max() + 1:
        raise UsageError(
            "demonstrate_row_folds: every clone has one row, so that folds over rows leave out whole clones"
        )
    estimator = make_estimator(kind, seed, parameters)
    grouped = evaluate(kind, "nested", table, fold_predictions(estimator, table))
    fold = np.random.default_rng(seed).permutation(len(codes)) % ROW_FOLDS
    predicted = np.empty(len(codes))
    for left_out in range(ROW_FOLDS):
        held = fold == left_out
        estimator, rows = make_estimator(kind, seed, parameters), np.arange(int((~held).sum()))
        fitted = fit_estimator(estimator, table.values[~held], table.target[~held], rows)
        predicted[held] = fitted.predict(table.values[held])
    rmse = float(np.sqrt(np.mean((table.target - predicted) ** 2)))
    sentence = (
        f"wrong: folds over rows report an RMSE of {rmse:.2f}, because rows of the predicted clone were learned from; "
        f"with whole clones left out it is {grouped.rmse:.2f} (baseline {grouped.baseline_rmse:.2f})"
    )
    return Leak(grouped, rmse, sentence)


class Interval(NamedTuple):
    """An interval by resampling clones: it covers the chance of which clones were taken, not a new plate or donor."""

    low: float
    high: float
    level: float
    draws: int


def rmse_interval(evaluation: Evaluation, level: float = 0.9, draws: int = 10_000, seed: int = 0) -> Interval:
    """Return the percentile interval of the RMSE over resamplings of the clones with replacement."""
    errors = _errors_by_group(evaluation)
    means = errors[_draw_groups(len(errors), level, draws, seed)].mean(axis=1)
    return _interval(np.sqrt(means), level)


def rmse_difference(
    first: Evaluation, second: Evaluation, level: float = 0.9, draws: int = 10_000, seed: int = 0
) -> Interval:
    """Return the interval of first RMSE - second RMSE over the same resamplings of the clones for both.

    Raises UsageError when the two rest on different clones.
    """
    names = [tuple(dict.fromkeys(p.group for p in evaluation.predictions)) for evaluation in (first, second)]
    if names[0] != names[1]:
        raise UsageError("rmse_difference: the two evaluations rest on different clones, or in another order")
    one, two = _errors_by_group(first), _errors_by_group(second)
    chosen = _draw_groups(len(one), level, draws, seed)
    return _interval(np.sqrt(one[chosen].mean(axis=1)) - np.sqrt(two[chosen].mean(axis=1)), level)


def _errors_by_group(evaluation: Evaluation) -> Floats:
    groups: dict[str, list[float]] = {}
    for p in evaluation.predictions:
        groups.setdefault(p.group, []).append((p.truth - p.predicted) ** 2)
    return np.array([np.mean(errors) for errors in groups.values()])


def _draw_groups(n: int, level: float, draws: int, seed: int) -> NDArray[np.int64]:
    if not 0.0 < level < 1.0 or draws < 100:
        raise UsageError(
            f"interval: level {level:g}, draws {draws}; expected a level within 0..1 and 100 draws or more"
        )
    return np.random.default_rng(seed).integers(0, n, size=(draws, n))


def _interval(values: Floats, level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, len(values))


class JackknifePlus(NamedTuple):
    """An interval for the target of a new clone, with the share of clones it covers at least, by theory."""

    low: float
    high: float
    level: float
    guarantee: float
    sentence: str


@dataclass(frozen=True)
class LeftOutModels:
    """The models without each clone, and how far each was off for the clone it had not seen.

    `residuals` (groups,) are root mean squares over a clone's rows, in units of the target.
    """

    estimators: tuple[Any, ...]
    residuals: Floats

    def interval(self, row: Floats, level: float = 0.9) -> JackknifePlus:
        """Return the jackknife+ interval of one profile row (columns,) at `level`.

        Guaranteed for exchangeable clones is 2 level - 1, and about `level` is usual. With n clones a level above
        n / (n + 1) gives an infinite interval: 95 % needs 19. Source: Barber, Candes, Ramdas, Tibshirani 2021.
        """
        if not 0.0 < level < 1.0:
            raise UsageError(f"jackknife+: level {level:g}; expected a share within 0..1")
        n = len(self.residuals)
        predicted = np.array([float(estimator.predict(row[None])[0]) for estimator in self.estimators])
        rank = int(np.ceil(round(level * (n + 1), 9)))  # 1-based; n + 1 is beyond every residual
        ends = np.concatenate([np.sort(predicted + self.residuals), [np.inf]])
        starts = np.concatenate([np.sort(-(predicted - self.residuals)), [np.inf]])
        high, low = float(ends[rank - 1]), -float(starts[rank - 1])
        guarantee = max(0.0, 2 * level - 1)
        if rank > n:
            sentence = f"{n} clones cannot give {level:.0%}: the interval is infinite; the most is {n / (n + 1):.1%}"
        else:
            sentence = f"jackknife+ over {n} clones: aims at {level:.0%}, guarantees {guarantee:.0%} of new clones"
        return JackknifePlus(low, high, level, guarantee, sentence)


def leave_out_models(
    profile: Profile,
    targets: Targets,
    groups: Groups | None,
    kind: str = "lasso",
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> LeftOutModels:
    """Fit one model without each clone, for intervals; columns undefined in some well are left out. Raises as `fit`."""
    return leave_out_of_table(training_table(profile, targets, groups), kind, seed, parameters)


def leave_out_of_table(
    table: TrainingTable, kind: str, seed: int = 0, parameters: Mapping[str, Any] | None = None
) -> LeftOutModels:
    """Return `leave_out_models` of a table that is already joined."""
    codes = table.group_codes
    estimators, residuals = [], []
    for group in range(int(codes.max()) + 1):
        held = codes == group
        estimator = make_estimator(kind, seed, parameters)
        fitted = fit_estimator(estimator, table.values[~held], table.target[~held], codes[~held])
        errors = table.target[held] - fitted.predict(table.values[held])
        estimators.append(fitted)
        residuals.append(float(np.sqrt(np.mean(errors**2))))
    return LeftOutModels(tuple(estimators), np.array(residuals))


def noise_floor(
    stack: ProfileStack,
    targets: Targets,
    groups: Groups | None,
    kind: str = "lasso",
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Return, for every well, the SD (ddof 1) over the draws of fields of its left-out prediction.

    Each draw is validated by itself; what moves is which fields were seen. Predictions that differ by less than this
    between two clones do not tell them apart. Raises UsageError for fewer than two draws and as `fit` does.
    """
    if len(stack.values) < 2:
        raise UsageError("noise_floor: one draw of fields; expected at least 2")
    predicted: dict[str, list[float]] = {}
    for draw in range(len(stack.values)):
        table = training_table(stack.profile(draw), targets, groups)
        for well, value in zip(
            table.wells, fold_predictions(make_estimator(kind, seed, parameters), table), strict=True
        ):
            predicted.setdefault(well, []).append(float(value))
    return {well: float(np.std(values, ddof=1)) for well, values in predicted.items()}
