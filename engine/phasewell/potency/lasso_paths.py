"""Exact LASSO paths of many training sets of one table, and of many targets of each.

The paths are followed by the compiled homotopy (least angle regression; `kernels/cpu/lasso.cpp`), one path at a time:
on the rows of a set where the table has no more rows than columns, else on the Gram matrix of its columns. What a path
says is checked against the optimality conditions; one that fails them (columns that tie) goes to coordinate descent,
and so does the elastic net. Ridge has its closed form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from phasewell_kernels import cpu

from phasewell.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Masks = NDArray[np.bool_]
    Integers = NDArray[np.int64]

CONSTANT_RELATIVE_SD = 1e-12  # a column that varies by less than rounding of its mean carries nothing
DESCENT_TOLERANCE = 1e-9  # duality gap relative to the target's sum of squares; scikit-learn's default is 1e-4
DESCENT_ROUNDS = 100_000
USELESS = 1e-12  # relative to the target: a correlation this small is rounding
REASONS = {
    1: "an active column left the edge of its band: columns tie, or nearly",
    2: "another column left its band before it could join: columns tie, or nearly",
    3: "a column joined and its coefficient went the wrong way: columns tie, or nearly",
    4: "a column joined that depends on the active ones",
    5: "the path did not end: columns join and leave in a circle",
    6: "elastic net: its path is not followed",
}


class TrainingSets:
    """Training sets of one table: `rows` (n, columns), `train` (sets, n) True where a row is learned from.

    `target` is (n,), or (targets, n) for several at once, and everything said of a set then has the targets in front.
    With `standardise` columns are divided by their SD (ddof 0) over the set's rows, as glmnet does, else only centred
    (scikit-learn's `Lasso`). A constant column is never chosen. `by_gram` chooses where correlations come from: the
    rows, cheaper with few of them, or the Gram matrix; None decides by the shape of the table.
    `mean`, `scale` (sets, columns), `intercept` and `largest_alpha` (sets,) belong to the rows as given.
    Raises UsageError for shapes that do not fit, values that are not finite, and a set that learns from nothing.
    """

    def __init__(
        self, rows: Floats, train: Masks, target: Floats, standardise: bool = True, by_gram: bool | None = None
    ) -> None:
        if rows.ndim != 2 or train.shape[1:] != rows.shape[:1] or target.shape[-1:] != rows.shape[:1]:
            raise UsageError(
                f"LASSO: rows {rows.shape}, train {train.shape}, target {target.shape}; expected (n, columns), "
                "(sets, n) and (n,) or (targets, n)"
            )
        rows, target = np.asarray(rows, dtype=np.float64), np.asarray(target, dtype=np.float64)
        n, columns = rows.shape
        self.train = np.ascontiguousarray(train, dtype=bool)
        self._middle = rows.mean(axis=0)
        self._rows = np.ascontiguousarray(rows - self._middle)
        self.by_gram = n > columns if by_gram is None else by_gram
        self.n = train.sum(axis=1).astype(np.float64)
        targets = np.atleast_2d(target)
        self._shape = (*target.shape[:-1], len(train))
        own = np.where(self.train, targets[:, None], 0.0)  # (targets, sets, n)
        with np.errstate(invalid="ignore"):
            self._intercept = own.sum(axis=2) / self.n  # no product of matrices: their bits depend on their shapes
            self._centred = np.where(self.train, own - self._intercept[:, :, None], 0.0)
        self._means, self._scales = np.empty((2, len(train), columns))
        steepest = np.empty(self._intercept.shape)
        try:
            cpu.measure_lasso_sets(
                self._rows,
                self._middle,
                self.train.view(np.uint8),
                self._centred,
                standardise,
                self._means,
                self._scales,
                steepest,
            )
        except ValueError as error:
            raise UsageError(f"LASSO: {error}") from error
        size = np.abs(own).max(axis=2)
        self._largest = np.where(steepest > USELESS * size, steepest, 0.0)

    @property
    def mean(self) -> Floats:
        """Means of the columns over the rows of every set (sets, columns)."""
        mean: Floats = self._middle + self._means
        return mean

    @property
    def scale(self) -> Floats:
        """What the columns of every set are divided by (sets, columns); 1 for a constant one."""
        return np.where(self._scales > 0, self._scales, 1.0)

    @property
    def intercept(self) -> Floats:
        """Mean target of every set."""
        mean: Floats = self._intercept.reshape(self._shape)
        return mean

    @property
    def largest_alpha(self) -> Floats:
        """The least lambda of every set at which every coefficient is 0; 0 where no column is of use."""
        return self._largest.reshape(self._shape)

    def solve(self, alphas: Floats, l1_ratio: float = 1.0) -> Solutions:
        """Return the solutions at `alphas` (sets, alphas), or (targets, sets, alphas), descending along the last axis.

        With `l1_ratio` below 1 the penalty is alpha (l1_ratio |b|_1 + (1 - l1_ratio) |b|^2 / 2), the elastic net
        (glmnet calls the ratio alpha), by coordinate descent, and at 0 ridge in closed form (scikit-learn's `Ridge`
        calls n times this alpha its own). Raises UsageError for alphas of another shape, negative or rising.
        """
        if alphas.shape[:-1] != self._shape:
            raise UsageError(f"LASSO: alphas {alphas.shape}; expected {(*self._shape, 'alphas')}")
        return Solutions(self, np.ascontiguousarray(alphas.reshape(*self._largest.shape, -1)), l1_ratio)


class Solutions:
    """Solutions of every training set, and target, at its alphas.

    What is asked is computed when it is asked; a question to all sets follows all paths.
    """

    def __init__(self, sets: TrainingSets, alphas: Floats, l1_ratio: float) -> None:
        self._sets, self._alphas, self._l1_ratio = sets, alphas, l1_ratio
        self._fitted: Floats | None = None
        self._other: dict[tuple[int, int], Floats] = {}
        self._reasons: dict[tuple[int, int], int] = {}

    @property
    def fitted(self) -> Floats:
        """Predictions of all rows (sets, alphas, rows), those left out included."""
        if self._fitted is None:
            sets = len(self._sets.train)
            self._fitted = self.predict(np.ones(self._sets.train.shape, bool), np.arange(sets))
        return self._fitted[..., 1:].swapaxes(-1, -2)

    @property
    def descended(self) -> tuple[int, ...]:
        """The training sets whose path failed a check, or that are elastic nets: solved by coordinate descent."""
        return tuple(sorted({which for _, which in self.reasons}))

    @property
    def reasons(self) -> dict[tuple[int, int], str]:
        """Why, for every (target, set) that coordinate descent solved."""
        self.fitted  # noqa: B018 (follows the paths)
        return {path: REASONS[reason] for path, reason in self._reasons.items() if reason}

    def predict(self, wanted: Masks, place: Integers) -> Floats:
        """Return predictions (places, rows, 1 + alphas), the mean alone first; targets in front where there are many.

        `wanted` (sets, rows) are the rows a set is asked for and `place` (sets,) is where they go: sets that are asked
        for different rows can share a place. What nobody is asked for is NaN.
        """
        sets = self._sets
        targets, n_sets, n_alphas = self._alphas.shape
        fitted = np.full((targets, int(place.max(initial=-1)) + 1, wanted.shape[1], 1 + n_alphas), np.nan)
        if self._l1_ratio == 1.0:
            reasons = np.zeros((targets, n_sets), np.int32)
            self._call(
                cpu.predict_lasso_paths,
                sets._intercept,
                np.ascontiguousarray(wanted).view(np.uint8),
                np.ascontiguousarray(place, dtype=np.int64),
                fitted,
                reasons,
            )
            others = np.argwhere(reasons)
            self._reasons |= {(int(t), int(s)): int(reasons[t, s]) for t, s in others}
        else:
            others = np.argwhere(np.ones((targets, n_sets), bool))
        for target, which in others:
            found = self._descend(int(target), int(which))
            rows = np.flatnonzero(wanted[which])
            intercept = sets._intercept[target, which]
            fitted[target, place[which], rows, 0] = intercept
            fitted[target, place[which], rows, 1:] = intercept + self._standardised(which, rows) @ found
        return fitted.reshape(*sets._shape[:-1], *fitted.shape[1:])

    def coefficients(self, which: int, target: int = 0) -> Floats:
        """Return the coefficients (columns, alphas) of one training set, on its own standardised scale."""
        if self._l1_ratio != 1.0:
            return self._descend(target, which)
        columns, n_alphas = self._sets._rows.shape[1], self._alphas.shape[2]
        found, reasons = np.empty((1, 1, n_alphas, columns)), np.zeros((1, 1), np.int32)
        self._call(cpu.solve_lasso_paths, found, reasons, one=(target, which))
        if reasons[0, 0]:
            self._reasons[target, which] = int(reasons[0, 0])
            return self._descend(target, which)
        coefficients: Floats = found[0, 0].T
        return coefficients

    def _call(
        self, kernel: Callable[..., None], *results: NDArray[np.generic], one: tuple[int, int] | None = None
    ) -> None:
        """Call a kernel of paths on all sets, or on one (target, set)."""
        sets = self._sets
        at, of = (slice(None), slice(None)) if one is None else (slice(one[0], one[0] + 1), slice(one[1], one[1] + 1))
        try:
            kernel(
                sets._rows,
                sets._middle,
                sets.train[of].view(np.uint8),
                np.ascontiguousarray(sets._centred[at, of]),
                sets._means[of],
                sets._scales[of],
                np.ascontiguousarray(self._alphas[at, of]),
                np.ascontiguousarray(sets._largest[at, of]),
                *results,
                sets.by_gram,
            )
        except ValueError as error:
            raise UsageError(f"LASSO: {error}") from error

    def _standardised(self, which: int, rows: Integers) -> Floats:
        """Return some rows of the table on the scale of a set; a constant column is 0."""
        scale = self._sets._scales[which]
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        table: Floats = (self._sets._rows[rows] - self._sets._means[which]) * inverse
        return table

    def _descend(self, target: int, which: int) -> Floats:
        """Return the coefficients (columns, alphas) of one set by scikit-learn's coordinate descent; ridge by SVD."""
        if (target, which) not in self._other:
            if self._l1_ratio != 0.0:
                self._reasons.setdefault((target, which), 6)
            self._other[target, which] = self._descend_once(target, which)
        return self._other[target, which]

    def _descend_once(self, target: int, which: int) -> Floats:
        from sklearn.linear_model import enet_path

        sets, alphas = self._sets, self._alphas[target, which]
        rows = np.flatnonzero(sets.train[which])
        table, centred = self._standardised(which, rows), sets._centred[target, which, rows]
        if sets._largest[target, which] <= self._l1_ratio * alphas[-1] or not sets._largest[target, which]:
            return np.zeros((table.shape[1], len(alphas)))
        if self._l1_ratio == 0.0:
            left, sizes, right = np.linalg.svd(table, full_matrices=False)
            weights = sizes[:, None] / (sizes[:, None] ** 2 + sets.n[which] * alphas)
            ridge: Floats = right.T @ (weights * (left.T @ centred)[:, None])
            return ridge
        found = enet_path(
            np.asfortranarray(table),
            centred,
            l1_ratio=self._l1_ratio,
            alphas=alphas,
            tol=DESCENT_TOLERANCE,
            max_iter=DESCENT_ROUNDS,
        )[1]
        return np.where(np.abs(found) > 1e-9 * np.abs(found).max(initial=0.0), found, 0.0)
