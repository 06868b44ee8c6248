"""What can be said about lines: n is the number of donor lines, not of their frames (paper K has 8 lines)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phasewell.learning.metrics import METRICS, THRESHOLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_LABELINGS = 20_000
RESAMPLES = 10_000
LEVEL = 0.95
CAUTION_BELOW_LINES = 10


@dataclass(frozen=True)
class LineScore:
    """One line: the mean probability of the positive class over its frames, and the share of frames called positive.

    `correct` says whether the mean probability, called above 0.5, names the line's class.
    """

    line: str
    class_name: str
    frames: int
    mean_probability: float
    share_called_positive: float
    correct: bool
    fold: int | None


@dataclass(frozen=True)
class LinePermutation:
    """One-sided test of the frames' AUC when whole lines trade classes; `statement` is the sentence to print.

    `p` = labelings with an AUC at least the observed one / labelings; `least_p` is what the number of lines can show at
    best. With `exact` every labeling was tried, else 20,000 drawn ones and the observed one. `within_folds`: lines
    trade classes within their fold only, because scores of two folds come from two networks.
    """

    statistic: str
    observed: float
    p: float
    least_p: float
    labelings: int
    exact: bool
    within_folds: bool
    statement: str


@dataclass(frozen=True)
class LineBootstrap:
    """Percentile interval of each metric when lines are drawn again, with all their frames, within their class.

    None for every metric, with the `reason`, when a class has one line only: nothing can be said about further lines.
    `caution` is the sentence to print beside an interval from few lines.
    """

    level: float
    resamples: int
    seed: int
    interval: dict[str, tuple[float, float] | None]
    reason: str | None
    caution: str | None


class LineCounts(NamedTuple):
    """Frames of lines, reduced to what every line-level statistic needs; lines in the order of their names."""

    names: tuple[str, ...]
    positive: NDArray[np.bool_]  # (lines,) is the line of the positive class
    frames: NDArray[np.int64]  # (lines,)
    called: NDArray[np.int64]  # (lines,) frames called positive
    halves: NDArray[np.int64]  # (lines, lines) half wins of the first line's frames over the second's; a tie is 1 half


def count_lines(
    lines: NDArray[np.str_], positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[LineCounts, NDArray[np.int64]]:
    """Return the counts of all lines and the place (frames,) of each frame's line in them."""
    names, first, place = np.unique(lines, return_index=True, return_inverse=True)
    halves = np.empty((len(names), len(names)), np.int64)
    for other in range(len(names)):
        own = np.sort(scores[place == other])
        wins = np.searchsorted(own, scores, "left") + np.searchsorted(own, scores, "right")
        halves[:, other] = np.bincount(place, weights=wins)  # whole numbers below 2^53: exact in float64
    counts = LineCounts(
        tuple(names.tolist()),
        positive[first],
        np.bincount(place),
        np.bincount(place[scores > THRESHOLD], minlength=len(names)),
        halves,
    )
    return counts, place.astype(np.int64)


def permute_lines(
    counts: LineCounts, folds: NDArray[np.int64] | None = None, seed: int = 0, most: int = MOST_LABELINGS
) -> LinePermutation | None:
    """Test the frames' AUC by letting lines trade classes; None without lines of both classes.

    `folds` (lines,) keeps the trade within folds. The p is valid for lines that no network learned from. Out-of-fold
    scores are not quite that, since each line's true class taught the other folds' networks: customary, not exact.
    """
    if counts.positive.all() or not counts.positive.any():
        return None
    groups = [np.arange(len(counts.names))] if folds is None else [np.flatnonzero(folds == f) for f in np.unique(folds)]
    total = math.prod(math.comb(len(group), int(counts.positive[group].sum())) for group in groups)
    exact = total <= most
    every = _every_labeling(counts.positive, groups) if exact else _drawn_labelings(counts.positive, groups, seed, most)
    labelings = np.array(list(every))  # (labelings, lines) bool
    chosen, others = labelings.astype(np.float64), (~labelings).astype(np.float64)
    wins = np.einsum("li,ij,lj->l", chosen, counts.halves.astype(np.float64), others, optimize=True)
    pairs = 2 * (chosen @ counts.frames) * (others @ counts.frames)
    areas = wins / pairs
    own = counts.positive
    observed = counts.halves[np.ix_(own, ~own)].sum() / (2 * counts.frames[own].sum() * counts.frames[~own].sum())
    above = int(np.count_nonzero(areas >= observed - 1e-12))
    p, least = above / len(labelings), 1 / (total if exact else len(labelings))
    inside = " within folds" if folds is not None else ""
    how = f"all {total} labelings" if exact else f"{len(labelings)} of {total} labelings"
    return LinePermutation(
        statistic="AUC of frames",
        observed=float(observed),
        p=p,
        least_p=least,
        labelings=len(labelings),
        exact=exact,
        within_folds=folds is not None,
        statement=(
            f"{len(own)} lines, {int(own.sum())} positive: p = {p:.4g} over {how}{inside}; "
            f"the least p that so many lines can give is 1/{round(1 / least)} = {least:.4g}"
        ),
    )


def _every_labeling(positive: NDArray[np.bool_], groups: list[NDArray[np.int64]]) -> Iterator[NDArray[np.bool_]]:
    # every way to give each group as many positive lines as it has
    if not groups:
        yield np.zeros(len(positive), np.bool_)
        return
    for rest in _every_labeling(positive, groups[1:]):
        for chosen in combinations(groups[0].tolist(), int(positive[groups[0]].sum())):
            labeling = rest.copy()
            labeling[list(chosen)] = True
            yield labeling


def _drawn_labelings(
    positive: NDArray[np.bool_], groups: list[NDArray[np.int64]], seed: int, draws: int
) -> Iterator[NDArray[np.bool_]]:
    yield positive  # the observed one counts, so that p is never 0
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        labeling = positive.copy()
        for group in groups:
            labeling[group] = rng.permutation(positive[group])
        yield labeling


def bootstrap_lines(
    counts: LineCounts, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL
) -> LineBootstrap:
    """Return percentile intervals of the seven metrics over lines drawn with replacement within their class.

    With few lines a percentile interval is too narrow: of 400 simulated data sets with lines that differ (by 0.7 of the
    frames' SD, AUC 0.72), the one of 95 % held the true AUC in 84 % with 4 lines of a class, 93 % with 10, 94 % with 20
    (benchmarks/learning_statistics.py).
    """
    classes = (counts.positive, ~counts.positive)
    if min(int(own.sum()) for own in classes) < 2:
        few = "positive" if int(counts.positive.sum()) < 2 else "negative"
        reason = f"fewer than two lines of the {few} class: the spread between lines is unknown"
        return LineBootstrap(level, 0, seed, dict.fromkeys(METRICS), reason, None)
    rng = np.random.default_rng(seed)
    weights = [rng.multinomial(n := int(own.sum()), np.full(n, 1 / n), resamples).astype(np.float64) for own in classes]
    frames = [drawn @ counts.frames[own] for drawn, own in zip(weights, classes, strict=True)]
    called = [drawn @ counts.called[own] for drawn, own in zip(weights, classes, strict=True)]
    halves = counts.halves[np.ix_(*classes)].astype(np.float64)
    wins = np.einsum("di,ij,dj->d", weights[0], halves, weights[1], optimize=True)
    tp, fp = called
    fn, tn = frames[0] - tp, frames[1] - fp
    with np.errstate(invalid="ignore"):  # 0 / 0 where nothing is called positive, or nothing negative: left out below
        drawn_metrics = {
            "auc": wins / (2 * frames[0] * frames[1]),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "accuracy": (tp + tn) / (frames[0] + frames[1]),
            "sensitivity": tp / frames[0],
            "specificity": tn / frames[1],
            "ppv": tp / (tp + fp),
            "npv": tn / (tn + fn),
        }
    tails = [50 * (1 - level), 50 * (1 + level)]
    interval: dict[str, tuple[float, float] | None] = {}
    for name in METRICS:
        defined = drawn_metrics[name][~np.isnan(drawn_metrics[name])]
        ends = np.percentile(defined, tails).tolist() if len(defined) else None
        interval[name] = None if ends is None else (ends[0], ends[1])
    fewest = min(int(own.sum()) for own in classes)
    caution = f"{fewest} lines of a class: the interval is too narrow" if fewest < CAUTION_BELOW_LINES else None
    return LineBootstrap(level, resamples, seed, interval, None, caution)
