"""Leave-one-clone-out evaluation: RMSE, the baseline's RMSE and Q2, always together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from phasewell.errors import InputError
from phasewell.potency.forest import predict_forest_left_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.potency.training import TrainingTable

BASELINE_RATIO = 0.95
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Prediction:
    """One row predicted by a model that never saw its clone; all values in units of the target."""

    well: str
    group: str
    truth: float
    predicted: float
    baseline: float  # mean target of the other clones' rows


@dataclass(frozen=True)
class Coefficient:
    """One profile column with a coefficient other than 0, in units of the target per SD of the column."""

    title: str
    descriptor: str
    statistic: str
    time_h: float
    coefficient: float


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts clones it never saw, and how well their mean does.

    `rmse` and `baseline_rmse` are square roots of the mean over clones of a clone's mean squared error, in units of
    the target (every clone counts the same); `q2` = 1 - rmse^2 / baseline_rmse^2, the baseline refitted per fold.
    `p_sign_flip` is the one-sided sign-flip test of the clones' differences in squared error to the baseline.
    `coefficients` (LASSO only) are those of the model fitted on all rows, largest first.
    """

    kind: str
    validation: str
    rmse: float
    baseline_rmse: float
    q2: float
    p_sign_flip: float
    verdict: str
    better_than_baseline: bool
    n_rows: int
    n_groups: int
    n_parameters: int
    predictions: tuple[Prediction, ...]
    coefficients: tuple[Coefficient, ...]
    columns_left_out: tuple[str, ...]
    wells_left_out: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """RMSE divided by the baseline's RMSE; 1 or more means nothing was learned."""
        return self.rmse / self.baseline_rmse

    @property
    def n_selected(self) -> int:
        """Number of columns with a coefficient other than 0 (LASSO only)."""
        return len(self.coefficients)

    def __str__(self) -> str:
        return f"{self.kind}: RMSE {self.rmse:.3f}, baseline {self.baseline_rmse:.3f}, Q2 {self.q2:.3f}: {self.verdict}"

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as one JSON document."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Return the evaluation of `to_dict`; raises InputError when keys are missing or unknown."""
        try:
            values = dict(document)
            values["predictions"] = tuple(Prediction(**row) for row in values["predictions"])
            values["coefficients"] = tuple(Coefficient(**row) for row in values["coefficients"])
            for name in ("columns_left_out", "wells_left_out"):
                values[name] = tuple(values[name])
            return cls(**values)
        except (TypeError, KeyError) as error:
            raise InputError(f"evaluation: not the expected keys ({error}); fit the model again") from error


def fold_predictions(estimator: Any, table: TrainingTable) -> NDArray[np.float64]:
    """Return the prediction of every row (rows,) of a table by a model fitted without the row's group."""
    return predict_folds(estimator, table.values, table.target, table.group_codes)


def predict_folds(
    estimator: Any, rows: NDArray[np.float64], target: NDArray[np.float64], codes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the prediction of every row (rows,) by a clone of `estimator` fitted without the row's group.

    Everything that is learned, scaling and lambda included, is learned inside the fold. `target` is (rows,), or
    (targets, rows) for many targets of the same rows, and so is the answer. An estimator that solves all folds together
    does so.
    """
    if hasattr(estimator, "predict_left_out"):
        left_out: NDArray[np.float64] = estimator.predict_left_out(rows, target, codes)
        return left_out
    if target.ndim > 1:
        return np.array([predict_folds(estimator, rows, own, codes) for own in target])
    from sklearn.base import clone
    from sklearn.ensemble import RandomForestRegressor

    if isinstance(estimator, RandomForestRegressor):
        return predict_forest_left_out(estimator, rows, target, codes)
    predicted = np.empty(len(codes))
    for group in range(int(codes.max()) + 1):
        held = codes == group
        fitted = fit_estimator(clone(estimator), rows[~held], target[~held], codes[~held])
        predicted[held] = fitted.predict(rows[held])
    return predicted


def fit_estimator(estimator: Any, rows: Any, target: Any, codes: Any) -> Any:
    """Fit an estimator, with the groups where it chooses something by leaving groups out."""
    from phasewell.potency.lasso import LassoLeaveGroupOut

    if isinstance(estimator, LassoLeaveGroupOut):
        return estimator.fit(rows, target, groups=codes)
    return estimator.fit(rows, target)


def baseline_predictions(table: TrainingTable) -> NDArray[np.float64]:
    """Return, for every row (rows,), the mean target of the rows of all other groups."""
    codes = table.group_codes
    predicted = np.empty(len(codes))
    for group in range(int(codes.max()) + 1):
        predicted[codes == group] = table.target[codes != group].mean()
    return predicted


def group_squared_error(table: TrainingTable, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean squared error of every group (groups,)."""
    codes = table.group_codes
    total = np.bincount(codes, weights=(table.target - predicted) ** 2)
    mean: NDArray[np.float64] = total / np.bincount(codes)
    return mean


def evaluate(
    kind: str,
    validation: str,
    table: TrainingTable,
    predicted: NDArray[np.float64],
    coefficients: tuple[Coefficient, ...] = (),
) -> Evaluation:
    """Return the evaluation of held-out predictions (rows,) beside the baseline's."""
    baseline = baseline_predictions(table)
    model_error, baseline_error = group_squared_error(table, predicted), group_squared_error(table, baseline)
    rmse, baseline_rmse = float(np.sqrt(model_error.mean())), float(np.sqrt(baseline_error.mean()))
    p_value = sign_flip_p(baseline_error - model_error)
    better, verdict = judge_against_baseline(rmse / baseline_rmse, p_value, len(model_error))
    rows = zip(table.wells, table.groups, table.target, predicted, baseline, strict=True)
    return Evaluation(
        kind=kind,
        validation=validation,
        rmse=rmse,
        baseline_rmse=baseline_rmse,
        q2=1.0 - (rmse / baseline_rmse) ** 2,
        p_sign_flip=p_value,
        verdict=verdict,
        better_than_baseline=better,
        n_rows=len(table.wells),
        n_groups=len(model_error),
        n_parameters=len(table.columns),
        predictions=tuple(Prediction(w, g, float(t), float(p), float(b)) for w, g, t, p, b in rows),
        coefficients=coefficients,
        columns_left_out=tuple(column.title for column in table.left_out),
        wells_left_out=table.wells_left_out,
    )


def judge_against_baseline(ratio: float, p_value: float, n_groups: int) -> tuple[bool, str]:
    """Return (better, sentence): better only when RMSE < 0.95 x baseline and the sign-flip test has p < 0.05.

    LASSO on pure noise, 15 clones, 16 data sets: 2 of 16 pass both at 360 columns, none at 120
    (`benchmarks/results/potency.jsonl`): leave-one-out errors depend on each other, so the shuffle test settles it.
    """
    numbers = f"RMSE is {ratio:.2f} x the baseline over {n_groups} clones, sign-flip p = {p_value:.3f}"
    if ratio >= BASELINE_RATIO:
        return False, f"no better than the baseline ({numbers})"
    if p_value >= SIGNIFICANCE:
        return False, f"no better than the baseline, as far as {n_groups} clones can show ({numbers})"
    return True, f"better than the baseline ({numbers})"


def sign_flip_p(gains: NDArray[np.float64]) -> float:
    """Return the one-sided p-value of `gains` (groups,) having mean 0, over sign flips.

    Exact up to 14 groups; above that 20,000 flips drawn with seed 0, the observed one counted.
    The least possible p is 2^-groups, so fewer than 5 groups never pass 0.05.
    """
    if len(gains) <= 14:
        signs = np.array(list(product((1.0, -1.0), repeat=len(gains))))
    else:
        draws = np.random.default_rng(0).choice((1.0, -1.0), size=(20_000, len(gains)))
        signs = np.vstack([np.ones(len(gains)), draws])
    sums = signs @ gains
    tolerance = 1e-12 * float(np.abs(gains).sum())
    return float(np.mean(sums >= gains.sum() - tolerance))
