"""LASSO whose lambda is chosen on the training groups alone, so that it can stand inside an outer fold.

How lambda is chosen was decided on made-up tables before any plate was fitted (15 clones, 16 data sets a row, median
RMSE / baseline RMSE of the leave-one-clone-out predictions; `benchmarks/results/potency.jsonl`):

| data                                       | minimum | 0.5 SE | 1 SE |
|--------------------------------------------|---------|--------|------|
| noise, 360 columns                         | 1.06    | 1.01   | 1.00 |
| noise target, 120 columns of 3 factors     | 1.11    | 1.04   | 1.00 |
| 3 factors, 120 columns, noise SD 0.4       | 0.34    | 0.37   | 0.40 |
| 3 factors, 120 columns, noise SD 1.0       | 0.70    | 0.76   | 0.81 |

Half a standard error costs less than a whole one where there is signal and returns most noise to the mean.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path, lasso_path
from sklearn.utils.validation import check_is_fitted

from phasewell.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Vector = NDArray[np.float64]  # (rows,) or (columns,)
    Matrix = NDArray[np.float64]  # (rows, columns)
    Codes = NDArray[np.int64]

MAX_GROUPS_LEFT_OUT_SINGLY = 30  # above this many groups, ten folds of whole groups
MAX_DUALITY_GAP = 1e-5  # relative to the target's sum of squares; scikit-learn's own default is 1e-4
CONSTANT_RELATIVE_SD = 1e-12  # a column that varies by less than rounding of its mean carries nothing


class LassoPath(NamedTuple):
    """The LASSO solutions of one table along a grid of lambdas, on the standardised scale.

    `coefficients` is (columns, alphas); `mean` and `scale` (columns,) are those of the rows (SD with ddof 0);
    `intercept` is the mean of the target.
    """

    coefficients: Matrix
    mean: Vector
    scale: Vector
    intercept: float

    def predict(self, rows: Matrix) -> Matrix:
        """Return the predictions (rows, alphas) of raw (not standardised) rows."""
        predicted: Matrix = self.intercept + ((rows - self.mean) / self.scale) @ self.coefficients
        return predicted


def standardise(rows: Matrix) -> tuple[Matrix, Vector, Vector]:
    """Return (rows - mean) / SD with ddof 0, the mean and the SD; a constant column has SD 1 and becomes 0."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    constant = scale <= CONSTANT_RELATIVE_SD * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)
    scale = np.where(constant, 1.0, scale)
    standardised = (rows - mean) / scale
    standardised[:, constant] = 0.0
    return standardised, mean, scale


def largest_alpha(rows: Matrix, target: Vector) -> float:
    """Return the least lambda at which every coefficient is 0: max |Z'(y - mean)| / n."""
    standardised, _, _ = standardise(rows)
    return float(np.abs(standardised.T @ (target - target.mean())).max(initial=0.0) / len(target))


def solve_path(rows: Matrix, target: Vector, alphas: Vector) -> LassoPath:
    """Solve min (1/2n) |y - b0 - Zb|^2 + alpha |b|_1 for every alpha (descending), Z standardised with ddof 0.

    The exact path by least angle regression, which is piecewise linear in alpha; this lambda is glmnet's. Where
    its duality gap is too wide, which happens when columns tie or are copies of each other, the path is solved by
    coordinate descent instead. Coefficients below 1e-9 of the largest are rounding and become 0.
    Source: Efron, Hastie, Johnstone, Tibshirani 2004 (scikit-learn `lars_path`, `lasso_path`).
    """
    standardised, mean, scale = standardise(rows)
    intercept = float(target.mean())
    coefficients = np.zeros((rows.shape[1], len(alphas)))
    centred = target - intercept
    steepest = float(np.abs(standardised.T @ centred).max(initial=0.0)) / len(target)
    if steepest > 1e-12 * float(np.abs(target).max()) and alphas[-1] < steepest:
        with warnings.catch_warnings():
            # collinear columns are the rule in a profile: the solver drops one of them and says so each time
            warnings.simplefilter("ignore", ConvergenceWarning)
            knots, _, solutions = lars_path(standardised, centred, method="lasso", alpha_min=float(alphas[-1]))
        coefficients = _interpolate(knots[::-1], solutions[:, ::-1], alphas)
        if duality_gaps(standardised, centred, coefficients, alphas).max() > MAX_DUALITY_GAP * float(centred @ centred):
            coefficients = lasso_path(standardised, centred, alphas=alphas, tol=MAX_DUALITY_GAP, max_iter=50_000)[1]
        coefficients = np.where(np.abs(coefficients) > 1e-9 * np.abs(coefficients).max(), coefficients, 0.0)
    return LassoPath(coefficients, mean, scale, intercept)


def duality_gaps(standardised: Matrix, centred: Vector, coefficients: Matrix, alphas: Vector) -> Vector:
    """Return n x (objective - a lower bound of its minimum) for every alpha; 0 at the solution.

    The lower bound is the dual at the residuals shrunk until every |Z'r| is at most n alpha.
    """
    residuals = centred[:, None] - standardised @ coefficients
    steepest = np.abs(standardised.T @ residuals).max(axis=0, initial=0.0)
    n_alphas = len(centred) * alphas
    dual_point = residuals * np.minimum(1.0, n_alphas / np.maximum(steepest, np.finfo(np.float64).tiny))
    primal = 0.5 * (residuals**2).sum(axis=0) + n_alphas * np.abs(coefficients).sum(axis=0)
    dual = 0.5 * (centred @ centred - ((centred[:, None] - dual_point) ** 2).sum(axis=0))
    gaps: Vector = primal - dual
    return gaps


def _interpolate(knots: Vector, solutions: Matrix, alphas: Vector) -> Matrix:
    """Return the piecewise linear path (knots ascending) at `alphas`, constant beyond both ends."""
    if len(knots) == 1:
        return np.repeat(solutions, len(alphas), axis=1)
    upper = np.clip(np.searchsorted(knots, alphas), 1, len(knots) - 1)
    width = np.maximum(knots[upper] - knots[upper - 1], np.finfo(np.float64).tiny)
    share = np.clip((alphas - knots[upper - 1]) / width, 0.0, 1.0)
    path: Matrix = solutions[:, upper - 1] * (1.0 - share) + solutions[:, upper] * share
    return path


class LassoLeaveGroupOut(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """LASSO with lambda chosen by leaving out whole groups of the rows it is fitted on.

    Scaling (ddof 0) and the path are refitted without the group left out; up to 30 groups are left out one by one,
    more in ten folds of whole groups. Candidates are the mean alone, then `n_alphas` lambdas from the largest
    useful one down to `alpha_ratio` of it. Chosen is the largest lambda whose error, averaged over groups, is at
    most `se_factor` standard errors above the least. No random number is drawn.

    Fitted: `coef_` (columns,) on the standardised scale, `mean_`, `scale_`, `intercept_` (mean of the target),
    `alpha_`, `alphas_`, `cv_error_` (n_alphas + 1,), first the mean alone.
    """

    def __init__(self, n_alphas: int = 60, alpha_ratio: float = 0.02, se_factor: float = 0.5) -> None:
        self.n_alphas = n_alphas
        self.alpha_ratio = alpha_ratio
        self.se_factor = se_factor

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:  # noqa: N803
        """Choose lambda and fit; X (rows, columns), y (rows,), groups (rows,) of at least 2 values.

        Raises UsageError without groups: rows of one clone would otherwise vouch for each other.
        """
        rows, target = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if groups is None:
            raise UsageError("LassoLeaveGroupOut: groups is missing; pass one clone id per row")
        codes = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
        if codes.max(initial=0) < 1:
            raise UsageError("LassoLeaveGroupOut: one group only; expected at least 2")
        first = largest_alpha(rows, target)
        self.n_features_in_ = rows.shape[1]
        self.alphas_ = np.geomspace(first, first * self.alpha_ratio, self.n_alphas) if first > 0 else np.zeros(1)
        errors = _group_errors(rows, target, codes, self.alphas_)
        self.cv_error_ = errors.mean(axis=0)
        chosen = choose_candidate(errors, self.se_factor)
        path = solve_path(rows, target, self.alphas_)
        self.alpha_ = float(self.alphas_[max(chosen - 1, 0)])
        # candidate 0 is the mean alone; candidate 1 is its limit on these rows
        self.coef_ = path.coefficients[:, chosen - 1].copy() if chosen else np.zeros(rows.shape[1])
        self.mean_, self.scale_, self.intercept_ = path.mean, path.scale, path.intercept
        return self

    def predict(self, X: ArrayLike) -> Vector:  # noqa: N803
        """Return the predictions (rows,); a row undefined only in columns of coefficient 0 is predicted as well."""
        check_is_fitted(self)
        rows = np.asarray(X, dtype=np.float64)
        used = np.flatnonzero(self.coef_)
        standardised = (rows[:, used] - self.mean_[used]) / self.scale_[used]
        predicted: Vector = self.intercept_ + standardised @ self.coef_[used]
        return predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags


def choose_candidate(errors: Matrix, se_factor: float) -> int:
    """Return the first candidate within `se_factor` standard errors (over groups) of the least mean error.

    `errors` is (groups, candidates), candidates from the simplest to the most complex.
    """
    mean = errors.mean(axis=0)
    best = int(mean.argmin())
    spread = float(errors[:, best].std(ddof=1)) / np.sqrt(len(errors))
    return int(np.flatnonzero(mean <= mean[best] + se_factor * spread)[0])


def _group_errors(rows: Matrix, target: Vector, codes: Codes, alphas: Vector) -> Matrix:
    """Return the mean squared error of every group when it is left out, (groups, 1 + alphas), the mean first."""
    n_groups = int(codes.max()) + 1
    fold = np.arange(n_groups) if n_groups <= MAX_GROUPS_LEFT_OUT_SINGLY else np.arange(n_groups) % 10
    errors = np.empty((n_groups, 1 + len(alphas)))
    for left_out in range(int(fold.max()) + 1):
        held = fold[codes] == left_out
        path = solve_path(rows[~held], target[~held], alphas)
        predicted = np.column_stack([np.full(held.sum(), path.intercept), path.predict(rows[held])])
        squared = (target[held, None] - predicted) ** 2
        for group in np.flatnonzero(fold == left_out):
            errors[group] = squared[codes[held] == group].mean(axis=0)
    return errors
