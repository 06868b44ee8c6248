"""What paper K reports of a classifier: seven metrics of one confusion, ROC, and their spread over folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

METRICS = ("auc", "f1", "accuracy", "sensitivity", "specificity", "ppv", "npv")
"""In the order of paper K, tables 1 and 2."""
THRESHOLD = 0.5
SD_DDOF = 1

Metrics = dict[str, float | None]


class Confusion(NamedTuple):
    """Frames counted by class and call: `tp` positive and called so, `fn` positive, called negative, and so on."""

    tp: int
    fn: int
    tn: int
    fp: int

    def metrics(self) -> Metrics:
        """Return the six metrics that follow from the counts (AUC does not); None where a denominator is 0."""
        tp, fn, tn, fp = self
        ratios = {
            "f1": (2 * tp, 2 * tp + fp + fn),
            "accuracy": (tp + tn, sum(self)),
            "sensitivity": (tp, tp + fn),
            "specificity": (tn, tn + fp),
            "ppv": (tp, tp + fp),
            "npv": (tn, tn + fn),
        }
        return {name: above / below if below else None for name, (above, below) in ratios.items()}


@dataclass(frozen=True)
class Roc:
    """The corners of a ROC curve from (0, 0) to (1, 1); straight between them, so that the area is the AUC.

    `threshold` is the least score called positive at that corner; None at (0, 0), where nothing is.
    """

    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    threshold: tuple[float | None, ...]


@dataclass(frozen=True)
class FoldSummary:
    """Metrics of every fold, and their mean and SD: not the same as the metrics of all folds pooled.

    `sd` has ddof `sd_ddof` = 1 (paper K does not say which it used); None with fewer than two folds. A metric that is
    undefined in a fold is left out of its mean; `counted` says over how many folds each stands.
    """

    folds: tuple[Metrics, ...]
    mean: Metrics
    sd: Metrics
    counted: dict[str, int]
    sd_ddof: int = SD_DDOF

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as one JSON document."""
        return asdict(self)


@dataclass(frozen=True)
class TTest:
    """Unpaired two-tailed t test of two groups (paper K, K23), with mean and SD (ddof 1) of each.

    `t` and `p` are None, with the `reason`, where they are undefined. Frames of one line are not independent: a test
    over frames has the frames' n, and its p says nothing about further lines.
    """

    n: tuple[int, int]
    mean: tuple[float | None, float | None]
    sd: tuple[float | None, float | None]
    equal_variance: bool
    t: float | None
    p: float | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the test as one JSON document."""
        return asdict(self)


def count_confusion(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Confusion:
    """Return the confusion of scores (frames,) called positive above 0.5; exactly 0.5 is negative, as in argmax."""
    called = scores > THRESHOLD
    return Confusion(
        tp=int(np.count_nonzero(positive & called)),
        fn=int(np.count_nonzero(positive & ~called)),
        tn=int(np.count_nonzero(~positive & ~called)),
        fp=int(np.count_nonzero(~positive & called)),
    )


def area_under_roc(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Return the share of (positive, negative) pairs in which the positive one scores higher, a tie counted 1/2.

    Exact up to the last division: wins are counted in whole halves. None without frames of both classes.
    """
    negatives = np.sort(scores[~positive])
    positives = scores[positive]
    if not len(negatives) or not len(positives):
        return None
    halves = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
    return float(int(halves.sum()) / (2 * len(negatives) * len(positives)))


def frame_metrics(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Metrics:
    """Return the seven metrics of paper K, `METRICS`, of scores (frames,) in [0, 1]; None where undefined."""
    return {"auc": area_under_roc(positive, scores)} | count_confusion(positive, scores).metrics()


def roc_curve(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Roc | None:
    """Return the corners of the ROC curve of scores (frames,); None without frames of both classes."""
    total_positive = int(np.count_nonzero(positive))
    total_negative = len(positive) - total_positive
    if not total_positive or not total_negative:
        return None
    order = np.argsort(-scores, kind="stable")
    ranked, truth = scores[order], positive[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # the last frame of every run of equal scores
    true = np.concatenate([[0], np.cumsum(truth)[last]])
    false = np.concatenate([[0], np.cumsum(~truth)[last]])
    steps_true, steps_false = np.diff(true), np.diff(false)
    turns = steps_true[:-1] * steps_false[1:] != steps_true[1:] * steps_false[:-1]  # not on a straight line
    kept = np.flatnonzero(np.concatenate([[True], turns, [True]]))
    thresholds = [None, *ranked[last].tolist()]
    return Roc(
        tuple((false[kept] / total_negative).tolist()),
        tuple((true[kept] / total_positive).tolist()),
        tuple(thresholds[place] for place in kept),
    )


def summarise_folds(folds: Sequence[Mapping[str, float | None]]) -> FoldSummary:
    """Return mean and SD (ddof 1) over folds of metrics by name; raises InputError without a fold."""
    if not folds:
        raise InputError("folds: none to summarise; expected the metrics of at least one fold")
    mean, sd, counted = Metrics(), Metrics(), {}
    for name in folds[0]:
        known = [value for fold in folds if (value := fold[name]) is not None]
        mean[name] = math.fsum(known) / len(known) if known else None
        sd[name] = float(np.std(known, ddof=SD_DDOF)) if len(known) > 1 else None
        counted[name] = len(known)
    return FoldSummary(tuple(dict(fold) for fold in folds), mean, sd, counted)


def unpaired_t(
    first: NDArray[np.float64] | Sequence[float],
    second: NDArray[np.float64] | Sequence[float],
    equal_variance: bool = True,
) -> TTest:
    """Compare the means of two groups by the unpaired two-tailed t test (paper K, K23).

    The paper does not say whether it assumed equal variances: Student's test, which does, is the default and is
    recorded; `equal_variance=False` is Welch's. Raises InputError for a value that is no number.
    """
    groups = [np.asarray(group, np.float64) for group in (first, second)]
    if not all(np.isfinite(group).all() for group in groups):
        raise InputError("t test: a value is not finite; expected numbers")
    means = [float(group.mean()) if len(group) else None for group in groups]
    sds = [float(group.std(ddof=SD_DDOF)) if len(group) > 1 else None for group in groups]
    reason = None
    if min(len(group) for group in groups) < 2:
        reason = "fewer than two values in a group"
    elif not any(sds):
        reason = "no spread within the groups"
    t = p = None
    if reason is None:
        from scipy.stats import ttest_ind

        result = ttest_ind(*groups, equal_var=equal_variance)
        t, p = float(result.statistic), float(result.pvalue)
    return TTest((len(groups[0]), len(groups[1])), (means[0], means[1]), (sds[0], sds[1]), equal_variance, t, p, reason)
