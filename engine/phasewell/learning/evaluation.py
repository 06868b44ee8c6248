"""One evaluation of scored frames: metrics, confusion, ROC, lines, folds, calibration, as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError, UsageError
from phasewell.learning.calibration import (
    Calibration,
    TemperatureCalibration,
    calibrate_across_lines,
    reliability,
)
from phasewell.learning.line_statistics import (
    LineBootstrap,
    LineCounts,
    LinePermutation,
    LineScore,
    bootstrap_lines,
    count_lines,
    permute_lines,
)
from phasewell.learning.metrics import (
    THRESHOLD,
    FoldSummary,
    Metrics,
    Roc,
    area_under_roc,
    count_confusion,
    frame_metrics,
    roc_curve,
    summarise_folds,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOFTMAX_BINS = 20


@dataclass(frozen=True)
class FrameEvaluation:
    """How well probabilities tell the positive class apart, over frames and over lines.

    `metrics` are of all frames pooled, called positive above `threshold`; `folds` has mean and SD over folds, a
    different number. `confusion` counts tp, fn, tn, fp; `matrix[truth][call]` counts all classes, called by the largest
    probability. `line_auc` and `line_accuracy` are of the lines' mean probabilities. `softmax` counts, by class, the
    positive class's probability in 20 equal bins. What is undefined is None.
    """

    classes: tuple[str, ...]
    positive: str
    threshold: float
    n_frames: int
    n_lines: int
    metrics: Metrics
    confusion: dict[str, int]
    matrix: tuple[tuple[int, ...], ...]
    roc: Roc | None
    folds: FoldSummary | None
    lines: tuple[LineScore, ...]
    line_auc: float | None
    line_accuracy: float
    permutation: LinePermutation | None
    permutation_within_folds: LinePermutation | None
    bootstrap: LineBootstrap
    softmax: dict[str, tuple[int, ...]]
    calibration: Calibration
    temperature: TemperatureCalibration

    def __str__(self) -> str:
        auc = "undefined" if self.metrics["auc"] is None else f"{self.metrics['auc']:.3f}"
        return f"{self.n_frames} frames of {self.n_lines} lines: AUC {auc}, accuracy {self.metrics['accuracy']:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as one JSON document."""
        return asdict(self)


def evaluate_frames(
    targets: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    lines: NDArray[np.str_],
    classes: Sequence[str],
    folds: NDArray[np.int64] | None = None,
    positive: int = 1,
    seed: int = 0,
) -> FrameEvaluation:
    """Evaluate probabilities that networks gave to frames of lines they had not learned from.

    `targets` (frames,) places in `classes`; `probabilities` (frames, classes), rows adding up to 1; `lines` (frames,)
    the donor line of each; `folds` (frames,) says which network scored a frame, when there were several; `positive` is
    the place of the positive class, the others together are the negative one. `seed` is of the line bootstrap.
    Raises InputError for shapes that disagree, values that are no probabilities, a line of two classes or two folds.
    """
    targets, probabilities, lines = np.asarray(targets), np.asarray(probabilities, np.float64), np.asarray(lines)
    folds = None if folds is None else np.asarray(folds)
    _check(targets, probabilities, lines, tuple(classes), folds, positive)
    truth, scores = targets == positive, probabilities[:, positive]
    counts, place = count_lines(lines, truth, scores)
    line_folds = None if folds is None else _one_each(folds, place, counts, "folds")
    line_targets = _one_each(targets, place, counts, "classes")
    means = np.bincount(place, scores) / counts.frames
    by_line = _line_scores(counts, means, tuple(classes), line_targets, line_folds)
    fold_metrics = None
    if folds is not None:
        fold_metrics = summarise_folds([frame_metrics(truth[folds == f], scores[folds == f]) for f in np.unique(folds)])
    return FrameEvaluation(
        classes=tuple(classes),
        positive=classes[positive],
        threshold=THRESHOLD,
        n_frames=len(targets),
        n_lines=len(counts.names),
        metrics=frame_metrics(truth, scores),
        confusion=count_confusion(truth, scores)._asdict(),
        matrix=_class_matrix(targets, probabilities),
        roc=roc_curve(truth, scores),
        folds=fold_metrics,
        lines=by_line,
        line_auc=area_under_roc(counts.positive, means),
        line_accuracy=sum(line.correct for line in by_line) / len(by_line),
        permutation=permute_lines(counts, None, seed),
        permutation_within_folds=None if line_folds is None else permute_lines(counts, line_folds, seed),
        bootstrap=bootstrap_lines(counts, seed=seed),
        softmax={
            name: tuple(np.histogram(scores[targets == k], SOFTMAX_BINS, (0.0, 1.0))[0].tolist())
            for k, name in enumerate(classes)
        },
        calibration=reliability(truth, scores),
        temperature=calibrate_across_lines(targets, probabilities, lines, positive),
    )


def _line_scores(
    counts: LineCounts,
    means: NDArray[np.float64],
    classes: tuple[str, ...],
    targets: NDArray[np.int64],
    folds: NDArray[np.int64] | None,
) -> tuple[LineScore, ...]:
    return tuple(
        LineScore(
            line=name,
            class_name=classes[targets[k]],
            frames=int(counts.frames[k]),
            mean_probability=float(means[k]),
            share_called_positive=float(counts.called[k] / counts.frames[k]),
            correct=bool((means[k] > THRESHOLD) == counts.positive[k]),
            fold=None if folds is None else int(folds[k]),
        )
        for k, name in enumerate(counts.names)
    )


def _class_matrix(targets: NDArray[np.int64], probabilities: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    matrix = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(matrix, (targets, probabilities.argmax(axis=1)), 1)
    return tuple(tuple(row) for row in matrix.tolist())


def _one_each(values: NDArray[np.int64], place: NDArray[np.int64], counts: LineCounts, what: str) -> NDArray[np.int64]:
    # the one value that all frames of a line have, (lines,)
    first = np.zeros(len(counts.names), np.int64)
    first[place[::-1]] = values[::-1]
    if len(mixed := np.flatnonzero(values != first[place])):
        name = counts.names[place[mixed[0]]]
        raise InputError(f"line {name}: frames of two {what}; a line has one, since its frames are not independent")
    return first


def _check(
    targets: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    lines: NDArray[np.str_],
    classes: tuple[str, ...],
    folds: NDArray[np.int64] | None,
    positive: int,
) -> None:
    if len(classes) < 2 or not 0 <= positive < len(classes):
        raise UsageError(f"evaluation: positive class {positive} of {classes}; expected a place in two or more classes")
    frames = len(targets)
    if not frames or probabilities.shape != (frames, len(classes)) or lines.shape != (frames,):
        raise InputError(
            f"evaluation: {frames} targets, probabilities {probabilities.shape}, lines {lines.shape}; expected one "
            f"frame or more, ({frames}, {len(classes)}) and ({frames},)"
        )
    if folds is not None and folds.shape != (frames,):
        raise InputError(f"evaluation: folds {folds.shape}; expected ({frames},)")
    if not 0 <= targets.min() <= targets.max() < len(classes):
        raise InputError(f"evaluation: targets outside 0..{len(classes) - 1} of {classes}")
    # written so that NaN fails as well
    fine = np.all((probabilities >= 0) & (probabilities <= 1), axis=1) & (np.abs(probabilities.sum(axis=1) - 1) < 1e-6)
    if len(bad := np.flatnonzero(~fine)):
        row = probabilities[bad[0]].tolist()
        raise InputError(
            f"evaluation: line {lines[bad[0]]}, frame {bad[0]}: {row} are no probabilities; expected values in [0, 1] "
            "that add up to 1, the softmax of logits in float64"
        )
