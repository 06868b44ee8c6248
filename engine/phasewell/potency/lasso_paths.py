"""Exact LASSO paths of many training sets of one table at once, by a batched homotopy (least angle regression).

The solution of min (1/2n) |y - Zb|^2 + alpha |b|_1 is piecewise linear in alpha. With the active columns A and their
signs s it is b(alpha) = (Z_A'Z_A)^-1 (Z_A'y - n alpha s), until a column joins (its correlation with the residual
reaches n alpha) or leaves (its coefficient reaches 0). Every training set here is a choice of rows of the same table,
and a residual is 0 on the rows left out, so that one matrix product gives the correlations of all of them.
Each segment is solved anew from A and s: rounding does not add up along the path. What the path says is checked
against the optimality conditions; a training set that fails them (columns that tie) goes to coordinate descent.
Source: Osborne, Presnell, Turlach 2000; Efron, Hastie, Johnstone, Tibshirani 2004.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CONSTANT_RELATIVE_SD = 1e-12  # a column that varies by less than rounding of its mean carries nothing
COPY = 1e-9  # a column this close (relative) to a combination of active ones is a copy of it and never joins
TOLERANCE = 1e-7  # of the optimality conditions, relative to n alpha; beyond it coordinate descent takes over
DESCENT_TOLERANCE = 1e-9  # duality gap relative to the target's sum of squares; scikit-learn's default is 1e-4
DESCENT_ROUNDS = 100_000
LOST_DIGITS = 1e-4  # below this share of mean^2 + SD^2 a variance is computed anew, from deviations
MOST_ROWS = 100  # homotopy costs rows^3 or more a segment; above, coordinate descent is faster


class Segment(NamedTuple):
    """One linear piece of the unfinished paths `who` (m,): below `upper` (m,) a coefficient is constant - alpha slope.

    `slots` (m, k) are columns (the number of columns where unused); `constant` and `slope` (m, k) belong to them;
    `at_zero` and `fall` (m, n) are the same two for the fitted values of all rows, without the intercept.
    """

    who: NDArray[np.int64]
    upper: Floats
    slots: NDArray[np.int64]
    constant: Floats
    slope: Floats
    at_zero: Floats
    fall: Floats


@dataclass(frozen=True)
class Solutions:
    """LASSO solutions of every training set at its alphas.

    `fitted` is (sets, alphas, rows): predictions of all rows, those left out included.
    `descended` lists the training sets that coordinate descent solved.
    """

    fitted: Floats
    descended: tuple[int, ...]
    _piece: NDArray[np.int64]  # (sets, alphas) number of the segment, -1 where every coefficient is 0
    _alphas: Floats
    _segments: tuple[Segment, ...]
    _other: dict[int, Floats]  # set -> coefficients (columns, alphas) by coordinate descent
    _columns: int

    def coefficients(self, which: int) -> Floats:
        """Return the coefficients (columns, alphas) of one training set, on its own standardised scale."""
        if which in self._other:
            return self._other[which]
        alphas = self._alphas[which]
        found = np.zeros((self._columns + 1, len(alphas)))
        for place, (piece, alpha) in enumerate(zip(self._piece[which], alphas, strict=True)):
            if piece >= 0:
                segment = self._segments[piece]
                row = int(np.searchsorted(segment.who, which))
                found[segment.slots[row], place] = segment.constant[row] - alpha * segment.slope[row]
        found[-1] = 0.0
        return found[:-1]


class TrainingSets:
    """Training sets of one table: `rows` (n, columns), `train` (sets, n) True where a row is learned from.

    `target` is (n,) or (sets, n). With `standardise` columns are divided by their SD (ddof 0) over the set's rows, as
    glmnet does, else only centred (scikit-learn's `Lasso`). A constant column is never chosen.
    `mean`, `scale` (sets, columns) and `intercept` (sets,) belong to the rows as given.
    """

    def __init__(self, rows: Floats, train: NDArray[np.bool_], target: Floats, standardise: bool = True) -> None:
        middle, spread = rows.mean(axis=0), rows.std(axis=0)
        spread = np.where(spread <= CONSTANT_RELATIVE_SD * np.abs(middle), 1.0, spread)
        spread = np.where(spread > 0, spread, 1.0)
        self.train, self.n = train.astype(np.float64), train.sum(axis=1).astype(np.float64)
        columns = rows.shape[1]
        # one column of zeros more: what an unused slot points at
        self.rows = np.zeros((len(rows), columns + 1))
        self.rows[:, :-1] = (rows - middle) / spread
        means, scales = _moments(self.rows, self.train, self.n)
        constant = scales <= CONSTANT_RELATIVE_SD * np.maximum(np.abs(means), np.abs(middle / spread).max(initial=1.0))
        constant[:, :-1] |= scales[:, :-1] * spread <= CONSTANT_RELATIVE_SD * np.abs(means[:, :-1] * spread + middle)
        self._means, self._scales = means, np.where(constant, np.inf, scales if standardise else 1.0)
        if not standardise:
            self._scales[:, :-1] /= spread
        self.mean = middle + means[:, :-1] * spread
        self.scale = np.where(constant[:, :-1], 1.0, self._scales[:, :-1] * spread)
        full = np.broadcast_to(target, train.shape)
        self.intercept: Floats = (full * self.train).sum(axis=1) / self.n
        self.centred = (full - self.intercept[:, None]) * self.train
        steepest = np.abs((self.centred @ self.rows) / self._scales).max(axis=1, initial=0.0) / self.n
        size = np.abs(full * self.train).max(axis=1, initial=0.0)
        self.largest_alpha: Floats = np.where(steepest > 1e-12 * size, steepest, 0.0)

    def solve(self, alphas: Floats, l1_ratio: float = 1.0) -> Solutions:
        """Return the solutions at `alphas` (sets, alphas), descending in every row.

        With `l1_ratio` below 1 the penalty is alpha (l1_ratio |b|_1 + (1 - l1_ratio) |b|^2 / 2), the elastic net
        (glmnet calls the ratio alpha), by coordinate descent, and at 0 ridge in closed form (scikit-learn's `Ridge`
        calls n times this alpha its own). Sets of more than 100 rows are solved by coordinate descent as well.
        """
        stop = alphas[:, -1]
        some = (self.largest_alpha > l1_ratio * stop) & (self.largest_alpha > 0.0)
        exact = some & (self.n <= MOST_ROWS) & (l1_ratio == 1.0)
        segments, failed = _follow(self, np.flatnonzero(exact), stop)
        fitted, piece = self._read(segments, alphas)
        descend = np.flatnonzero(failed | (some & ~exact))
        other = {int(which): self._descend(int(which), alphas[which], l1_ratio) for which in descend}
        for which, found in other.items():
            fitted[which] = self.intercept[which] + (self._standardised(which) @ found).T
        columns = self.rows.shape[1] - 1
        return Solutions(fitted, tuple(other), piece, alphas, tuple(segments), other, columns)

    def _read(self, segments: list[Segment], alphas: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Return the fitted values (sets, alphas, n) and the segment of every alpha (sets, alphas)."""
        sets, n = self.centred.shape
        upper = np.full((len(segments), sets), -np.inf)
        at_zero, fall = (np.zeros((len(segments) + 1, sets, n)) for _ in range(2))
        for i, segment in enumerate(segments):
            upper[i, segment.who] = segment.upper
            at_zero[i, segment.who], fall[i, segment.who] = segment.at_zero, segment.fall
        piece = (upper[:, :, None] > alphas).sum(axis=0) - 1  # (sets, alphas); -1 reads the row of zeros at the end
        each = np.arange(sets)[:, None]
        fitted = at_zero[piece, each] - alphas[:, :, None] * fall[piece, each]
        fitted += self.intercept[:, None, None]
        return fitted, piece

    def _standardised(self, which: int) -> Floats:
        found: Floats = ((self.rows - self._means[which]) / self._scales[which])[:, :-1]
        return found

    def _descend(self, which: int, alphas: Floats, l1_ratio: float) -> Floats:
        """Return the coefficients (columns, alphas) of one set by scikit-learn's coordinate descent; ridge by SVD."""
        from sklearn.linear_model import enet_path

        rows = self.train[which] > 0
        table = np.asfortranarray(self._standardised(which)[rows])
        if l1_ratio == 0.0:
            left, sizes, right = np.linalg.svd(table, full_matrices=False)
            weights = sizes[:, None] / (sizes[:, None] ** 2 + self.n[which] * alphas)
            ridge: Floats = right.T @ (weights * (left.T @ self.centred[which, rows])[:, None])
            return ridge
        found = enet_path(
            table,
            self.centred[which, rows],
            l1_ratio=l1_ratio,
            alphas=alphas,
            tol=DESCENT_TOLERANCE,
            max_iter=DESCENT_ROUNDS,
        )[1]
        return np.where(np.abs(found) > 1e-9 * np.abs(found).max(initial=0.0), found, 0.0)


def _moments(rows: Floats, train: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return mean and SD (ddof 0) of every column over every set's rows, both (sets, columns).

    From sums of squares of columns that have mean 0 and SD 1 over all rows; where that would lose digits, because a
    set varies far less than its distance from that mean, from deviations.
    """
    mean = (train @ rows) / n[:, None]
    square = (train @ (rows * rows)) / n[:, None]
    variance = square - mean * mean
    which, column = np.nonzero(variance < LOST_DIGITS * square)
    if len(which):
        deviations = (rows[:, column].T - mean[which, column][:, None]) * train[which]
        variance[which, column] = (deviations * deviations).sum(axis=1) / n[which]
    return mean, np.sqrt(np.maximum(variance, 0.0))


class _Work:
    """The arrays of the unfinished paths, one row each: active columns in slots, their signs, and the rows' data."""

    def __init__(self, sets: TrainingSets, who: NDArray[np.int64]) -> None:
        n, columns = sets.centred.shape[1], sets.rows.shape[1] - 1
        most = int(min(sets.n.max(initial=1) - 1, columns))
        self.who = who
        self.slots = np.full((len(who), most + 1), columns)
        self.signs = np.zeros((len(who), most + 1))
        self.active_rows = np.zeros((len(who), most + 1, n))
        self.alpha = sets.largest_alpha[who].copy()
        self.just_joined = np.full(len(who), -1)  # slot
        self.just_left = np.full(len(who), columns)  # column, and its sign when it left
        self.left_sign = np.zeros(len(who))
        self.train, self.centred, self.n = sets.train[who], sets.centred[who], sets.n[who]
        self.reach = sets._scales[who] * self.n[:, None]

    def pack(self, keep: NDArray[np.bool_]) -> None:
        """Keep some paths only."""
        for name, values in vars(self).items():
            setattr(self, name, values[keep])


def _follow(sets: TrainingSets, who: NDArray[np.int64], stop: Floats) -> tuple[list[Segment], NDArray[np.bool_]]:
    """Follow the paths `who` down to `stop` (sets,); return their segments and which sets (sets,) failed a check."""
    failed = np.zeros(len(stop), bool)
    segments: list[Segment] = []
    work = _Work(sets, who)
    if len(who):
        correlations = work.centred @ sets.rows
        first = np.abs(correlations / work.reach).argmax(axis=1)
        _join(sets, work, np.arange(len(who)), first, np.sign(correlations[np.arange(len(who)), first]))
    limit = 20 * work.slots.shape[1] + 50
    while len(work.who):
        segment, following = _step(sets, work, failed)
        segments.append(segment)
        going = (following > stop[work.who]) & ~failed[work.who]
        if len(segments) >= limit:
            failed[work.who[going]] = True
            going[:] = False
        work.alpha = following
        if not going.all():
            work.pack(going)
    return segments, failed


def _step(sets: TrainingSets, work: _Work, failed: NDArray[np.bool_]) -> tuple[Segment, Floats]:
    """Solve one segment of every path, then let a column join or leave; return it and the next alphas (paths,)."""
    columns = sets.rows.shape[1] - 1
    width = int(np.flatnonzero((work.slots < columns).any(axis=0)).max(initial=0)) + 1
    slots, signs, active = work.slots[:, :width], work.signs[:, :width], work.active_rows[:, :width]
    constant, slope = _solve_active(work, slots < columns, signs, active)
    at_zero, fall = _times(constant, active), _times(slope, active)
    ahead = _next_join(sets, work, at_zero, fall, width)
    leaving, leaves_at = _next_leave(work, constant, slope)
    each = np.arange(len(work.who))
    wrong = (work.just_joined >= 0) & (slope[each, work.just_joined] * signs[each, work.just_joined] < 0)
    failed[work.who] |= wrong | ahead.broken | ~np.isfinite(constant).all(axis=1)
    segment = Segment(work.who.copy(), work.alpha.copy(), slots.copy(), constant, slope, at_zero, fall)
    following = np.maximum(ahead.alpha, leaves_at)
    out = leaves_at > ahead.alpha
    work.just_joined[:], work.just_left[:], work.left_sign[:] = -1, columns, 0.0
    _leave(work, np.flatnonzero(out), leaving[out], columns)
    joins = np.flatnonzero(~out & (following > 0))
    _join(sets, work, joins, ahead.column[joins], ahead.sign[joins])
    return segment, following


def _times(weights: Floats, active: Floats) -> Floats:
    product: Floats = (weights[:, None, :] @ active)[:, 0, :]
    return product


def _solve_active(work: _Work, used: Any, signs: Floats, active: Floats) -> tuple[Floats, Floats]:
    """Return constant and slope (paths, slots) of the active coefficients, 0 in unused slots."""
    learned = active * work.train[:, None, :]
    gram = learned @ learned.transpose(0, 2, 1)
    diagonal = np.einsum("pkk->pk", gram)
    diagonal += ~used + 1e-15 * work.n[:, None]
    right = np.empty((*signs.shape, 2))
    right[:, :, 0] = (learned @ work.centred[:, :, None])[:, :, 0]
    right[:, :, 1] = signs * work.n[:, None]
    both: Floats = np.linalg.solve(gram, right).astype(np.float64, copy=False)
    return both[:, :, 0], both[:, :, 1]


class _Ahead(NamedTuple):
    alpha: Floats
    column: NDArray[np.int64]
    sign: Floats
    broken: NDArray[np.bool_]


def _next_join(sets: TrainingSets, work: _Work, at_zero: Floats, fall: Floats, width: int) -> _Ahead:
    """Return for every path the largest alpha below the present at which a column joins, which, and with which sign.

    The correlation of a column is c + alpha d with its band -n alpha .. n alpha, a cone: it starts inside and leaves
    once, on the side of c, at |c| / (n - sign(c) d). All in units of the column's SD. `broken` (paths,): an active
    column is off its band's edge, or another one outside its band.
    """
    residual = np.concatenate([(work.centred - at_zero) * work.train, fall * work.train])
    both = (residual @ sets.rows).reshape(2, len(work.who), -1)
    slots, signs, each = work.slots[:, :width], work.signs[:, :width], np.arange(len(work.who))
    off_edge = np.take_along_axis(both, slots[None], axis=2) / np.take_along_axis(work.reach, slots, axis=1)
    off_edge[1] = (off_edge[1] - signs) * work.alpha[:, None]
    broken = np.abs(off_edge).max(axis=(0, 2)) > TOLERANCE * work.alpha
    c, d = both
    room = np.sign(c)
    same_side = room[each, work.just_left] == work.left_sign
    room *= d
    np.subtract(work.reach, room, out=room)
    with np.errstate(divide="ignore", invalid="ignore"):
        alphas = np.divide(np.abs(c, out=d), room, out=d)
    np.put_along_axis(alphas, slots, 0.0, axis=1)
    alphas[same_side, work.just_left[same_side]] = 0.0
    column = alphas.argmax(axis=1)
    best = alphas[each, column]
    odd = ~(best <= work.alpha) | ~(room[each, column] > COPY * work.reach[each, column])
    for i in np.flatnonzero(odd):
        usable = np.where(room[i] > COPY * work.reach[i], alphas[i], 0.0)
        column[i] = usable.argmax()
        over = room[i, column[i]] * (usable[column[i]] - work.alpha[i])
        broken[i] |= over > TOLERANCE * work.reach[i, column[i]] * work.alpha[i]
        best[i] = min(usable[column[i]], work.alpha[i])
    return _Ahead(best, column, np.sign(c[each, column]), broken)


def _next_leave(work: _Work, constant: Floats, slope: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return for every path the slot whose coefficient reaches 0 next below the present alpha, and where (0 = never).

    Only a coefficient that shrinks as alpha falls can: one that joined just now starts at 0 and grows.
    """
    width = slope.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = constant / slope
    zero[~((zero > 0) & (slope * work.signs[:, :width] < 0))] = 0.0
    np.minimum(zero, work.alpha[:, None], out=zero)
    slot = zero.argmax(axis=1)
    return slot, zero[np.arange(len(slot)), slot]


def _leave(work: _Work, paths: NDArray[np.int64], slots: NDArray[np.int64], columns: int) -> None:
    work.just_left[paths], work.left_sign[paths] = work.slots[paths, slots], work.signs[paths, slots]
    work.slots[paths, slots], work.signs[paths, slots], work.active_rows[paths, slots] = columns, 0.0, 0.0


def _join(sets: TrainingSets, work: _Work, paths: NDArray[np.int64], columns: NDArray[np.int64], signs: Floats) -> None:
    free = (work.slots[paths] == sets.rows.shape[1] - 1).argmax(axis=1)
    which = work.who[paths]
    values = (sets.rows[:, columns].T - sets._means[which, columns][:, None]) / sets._scales[which, columns][:, None]
    work.slots[paths, free], work.signs[paths, free], work.active_rows[paths, free] = columns, signs, values
    work.just_joined[paths] = free
