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

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from phasewell.errors import UsageError
from phasewell.potency.lasso_paths import CONSTANT_RELATIVE_SD, TrainingSets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Vector = NDArray[np.float64]  # (rows,) or (columns,)
    Matrix = NDArray[np.float64]  # (rows, columns)
    Codes = NDArray[np.int64]

MAX_GROUPS_LEFT_OUT_SINGLY = 30  # above this many groups, ten folds of whole groups
MOST_FITTED = 400_000  # targets x groups x rows x alphas predicted at once: 3 MB an array, about a processor's cache


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


def solve_path(rows: Matrix, target: Vector, alphas: Vector, l1_ratio: float = 1.0) -> LassoPath:
    """Solve min (1/2n) |y - b0 - Zb|^2 + alpha |b|_1 for every alpha (descending), Z standardised with ddof 0.

    The exact path (`phasewell.potency.lasso_paths`); this lambda is glmnet's. `l1_ratio` below 1 is the elastic net, by
    coordinate descent.
    """
    sets = TrainingSets(rows, np.ones((1, len(rows)), bool), target)
    coefficients = sets.solve(alphas[None], l1_ratio).coefficients(0)
    return LassoPath(coefficients, sets.mean[0], sets.scale[0], float(sets.intercept[0]))


class LassoLeaveGroupOut(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """LASSO with lambda chosen by leaving out whole groups of the rows it is fitted on.

    Scaling (ddof 0) and the path are refitted without the groups left out: with `folds` None up to 30 groups are left
    out one by one, more in ten folds of whole groups; a number gives that many folds, group i in fold i mod `folds`.
    Candidates are the mean alone, then `n_alphas` lambdas from the largest useful one down to `alpha_ratio` of it.
    Chosen is the largest lambda whose error, averaged over groups, is at most `se_factor` standard errors above the
    least. No random number is drawn.

    Fitted: `coef_` (columns,) on the standardised scale, `mean_`, `scale_`, `intercept_` (mean of the target),
    `alpha_`, `alphas_`, `cv_error_` (n_alphas + 1,), first the mean alone.
    """

    def __init__(
        self, n_alphas: int = 60, alpha_ratio: float = 0.02, se_factor: float = 0.5, folds: int | None = None
    ) -> None:
        self.n_alphas = n_alphas
        self.alpha_ratio = alpha_ratio
        self.se_factor = se_factor
        self.folds = folds

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:  # noqa: N803
        """Choose lambda and fit; X (rows, columns), y (rows,), groups (rows,) of at least 2 values.

        Raises UsageError without groups: rows of one clone would otherwise vouch for each other.
        """
        rows, target = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
        codes = self._codes(groups, 2)
        ratio = self.penalty_ratio()
        self.n_features_in_ = rows.shape[1]
        self.alphas_ = self.alphas_for(np.array([largest_alpha(rows, target)]))[0]
        inner = self._inner_folds(codes, int(codes.max()) + 1)
        sets = TrainingSets(rows, inner, target)
        solutions = sets.solve(np.tile(self.alphas_, (len(inner), 1)), ratio)
        predicted = solutions.predict(~inner, np.zeros(len(inner), np.int64))[0]
        errors = _group_means((predicted - target[:, None]) ** 2, codes)
        self.cv_error_ = errors.mean(axis=0)
        chosen = int(choose_candidate(errors, self.se_factor))
        path = solve_path(rows, target, self.alphas_, ratio)
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

    def predict_left_out(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None) -> Matrix:  # noqa: N803
        """Return the prediction of every row by a fit without its group; at least 3 groups.

        `y` is (rows,), or (targets, rows) for many targets of the same rows, and so is the answer. The same numbers as
        a `fit` a group and target, with the paths of all targets and of all outer and inner folds followed together.
        """
        rows, target = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
        codes = self._codes(groups, 3)
        predicted = np.empty(target.shape)
        n_groups = int(codes.max()) + 1
        size = target.size * n_groups * (1 + self.n_alphas)
        for block in np.array_split(np.arange(n_groups), min(n_groups, -(-size // MOST_FITTED))):
            candidates = self._left_out_candidates(rows, target, codes, block)  # (.., block, rows, 1 + alphas)
            squared = candidates - target[..., None, :, None]
            squared *= squared
            errors = _group_means(squared, codes)
            inside = np.arange(n_groups) != block[:, None]
            errors = errors[..., inside, :].reshape(*errors.shape[:-2], n_groups - 1, -1)
            chosen = choose_candidate(errors, self.se_factor)  # (.., block)
            own = np.flatnonzero((codes >= block[0]) & (codes <= block[-1]))
            place = codes[own] - block[0]
            found = np.take_along_axis(candidates[..., place, own, :], chosen[..., place][..., None], axis=-1)
            predicted[..., own] = found[..., 0]
        return predicted

    def _left_out_candidates(self, rows: Matrix, target: Matrix, codes: Codes, block: Codes) -> Matrix:
        """Return predictions (.., block, rows, 1 + alphas) without every group of a block, the mean alone first.

        Rows of the group itself are predicted by the fit without it, the others by the inner fold that leaves them out.
        """
        n_groups = int(codes.max()) + 1
        outer = codes != block[:, None]
        rank = codes - (codes > block[:, None])  # of a row's group among the groups inside
        inner = self._inner_folds(rank, n_groups - 1) & outer  # (folds, block, rows)
        train = np.concatenate([outer[None], inner]).swapaxes(0, 1)  # (block, 1 + folds, rows)
        wanted = np.concatenate([~outer[None], outer & ~inner]).swapaxes(0, 1)
        each = train.shape[1]
        sets = TrainingSets(rows, train.reshape(-1, len(codes)), target)
        alphas = np.repeat(self.alphas_for(sets.largest_alpha[..., ::each]), each, axis=-2)
        solutions = sets.solve(alphas, self.penalty_ratio())
        return solutions.predict(wanted.reshape(-1, len(codes)), np.repeat(np.arange(len(block)), each))

    def penalty_ratio(self) -> float:
        """Return the share of the penalty that is |b|_1: 1 for LASSO, 0 for ridge."""
        return 1.0

    def _codes(self, groups: ArrayLike | None, least: int) -> Codes:
        if groups is None:
            raise UsageError(f"{type(self).__name__}: groups is missing; pass one clone id per row")
        codes = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
        if codes.max(initial=0) + 1 < least:
            found = {0: "no group", 1: "one group only", 2: "two groups only"}[len(np.unique(codes))]
            raise UsageError(f"{type(self).__name__}: {found}; expected at least {least}")
        return codes

    def alphas_for(self, largest: Vector) -> Matrix:
        """Return the lambdas (.., n_alphas), descending; all 0 where no column is of use."""
        # as glmnet: at 0.001 already every coefficient is shrunk to nothing
        grid: Matrix = (largest / max(self.penalty_ratio(), 0.001))[..., None] * _shares(
            self.alpha_ratio, self.n_alphas
        )
        return grid

    def _inner_folds(self, codes: Codes, n_groups: int) -> NDArray[np.bool_]:
        """Return where a row is learned from, (folds, ..) of codes (..), when whole groups are left out."""
        folds = self.folds or (n_groups if n_groups <= MAX_GROUPS_LEFT_OUT_SINGLY else 10)
        if folds < 2:
            raise UsageError(f"{type(self).__name__}: folds is {folds}; expected 2 or more, or None")
        left_out = np.arange(min(folds, n_groups)).reshape(-1, *(1,) * codes.ndim)
        learned: NDArray[np.bool_] = codes % folds != left_out
        return learned

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags


class ElasticNetLeaveGroupOut(LassoLeaveGroupOut):
    """Elastic net, alpha (l1_ratio |b|_1 + (1 - l1_ratio) |b|^2 / 2), with alpha chosen as `LassoLeaveGroupOut` does.

    `l1_ratio` is glmnet's alpha; it is a parameter, not tuned. Solved by coordinate descent.
    """

    def __init__(
        self,
        n_alphas: int = 60,
        alpha_ratio: float = 0.02,
        se_factor: float = 0.5,
        folds: int | None = None,
        l1_ratio: float = 0.5,
    ) -> None:
        super().__init__(n_alphas, alpha_ratio, se_factor, folds)
        self.l1_ratio = l1_ratio

    def penalty_ratio(self) -> float:
        """Return `l1_ratio`, checked."""
        if not 0.0 < self.l1_ratio <= 1.0:
            raise UsageError(f"elastic net: l1_ratio {self.l1_ratio:g}; expected above 0, at most 1 (0 is ridge)")
        return float(self.l1_ratio)


class RidgeLeaveGroupOut(LassoLeaveGroupOut):
    """Ridge regression, penalty alpha |b|^2 / 2, with alpha chosen as `LassoLeaveGroupOut` does.

    The largest alpha is 1000 times the LASSO's, as in glmnet; the path goes to 1e-5 of it, because below glmnet's 1e-2
    the fit of a dozen rows is still shrunk by a third.
    """

    def __init__(
        self, n_alphas: int = 60, alpha_ratio: float = 1e-5, se_factor: float = 0.5, folds: int | None = None
    ) -> None:
        super().__init__(n_alphas, alpha_ratio, se_factor, folds)

    def penalty_ratio(self) -> float:
        """Return 0: no part of the penalty is |b|_1."""
        return 0.0


@lru_cache(maxsize=16)
def _shares(least: float, n: int) -> Vector:
    """Return n shares of the largest lambda from 1 down to the least; kept, because a grid asks for them every time."""
    shares: Vector = np.geomspace(1.0, least, n)
    shares.flags.writeable = False
    return shares


def choose_candidate(errors: Matrix, se_factor: float) -> Codes:
    """Return the first candidate within `se_factor` standard errors (over groups) of the least mean error.

    `errors` is (.., groups, candidates), candidates from the simplest to the most complex; the answer is (..).
    """
    mean = errors.mean(axis=-2)
    best = mean.argmin(axis=-1, keepdims=True)
    of_best = np.take_along_axis(errors, best[..., None], axis=-1)[..., 0]
    spread = of_best.std(axis=-1, ddof=1, keepdims=True) / np.sqrt(errors.shape[-2])
    enough = mean <= np.take_along_axis(mean, best, axis=-1) + se_factor * spread
    first: Codes = enough.argmax(axis=-1)
    return first


def _group_means(values: Matrix, codes: Codes) -> Matrix:
    """Return the means (.., groups, candidates) over the rows of every group of values (.., rows, candidates)."""
    counts = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    if (order != np.arange(len(codes))).any():
        values = values[..., order, :]
    if len(counts) == len(codes):
        return values
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means: Matrix = np.add.reduceat(values, starts, axis=-2) / counts[:, None]
    return means
