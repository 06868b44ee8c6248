"""What the same study would have found with fewer clones: whether a model is short of clones, or of signal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.estimators import make_estimator
from phasewell.potency.evaluation import baseline_predictions, fold_predictions, group_squared_error
from phasewell.potency.training import training_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phasewell.potency.training import Groups, Targets
    from phasewell.profiles import Profile

LEAST_CLONES = 5
FEWER = 0.8  # of the clones: what a study of about a fifth fewer would have found is compared with the whole


class CurvePoint(NamedTuple):
    """Studies of `clones` clones: medians over the draws, and the middle half of RMSE / baseline RMSE."""

    clones: int
    draws: int
    rmse: float
    baseline_rmse: float
    q2: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True)
class LearningCurve:
    """RMSE by number of clones in the study; the last point is the study itself."""

    kind: str
    seed: int
    points: tuple[CurvePoint, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as one JSON document."""
        return asdict(self) | {"points": [point._asdict() for point in self.points]}


def learning_curve(
    profile: Profile,
    targets: Targets,
    groups: Groups | None,
    kind: str = "lasso",
    sizes: Sequence[int] | None = None,
    draws: int = 20,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> LearningCurve:
    """Repeat the whole leave-one-clone-out validation on random choices of `sizes` clones, without replacement.

    `sizes` None is five numbers from 5 clones to all of them. Drawn by NumPy's PCG64 from `seed`; a choice of clones
    that all have the same target is drawn again. Raises UsageError as `fit` does and for sizes out of range.
    """
    table = training_table(profile, targets, groups)
    codes = table.group_codes
    n_groups = int(codes.max()) + 1
    chosen = _sizes(n_groups) if sizes is None else tuple(sorted(sizes))
    if draws < 1 or not chosen or chosen[0] < 3 or chosen[-1] > n_groups:
        raise UsageError(
            f"learning_curve: sizes {chosen}, {draws} draws; expected 3..{n_groups} clones, 1 draw or more"
        )
    rng = np.random.default_rng(seed)
    points = []
    for size in chosen:
        scores = []
        for _ in range(draws if size < n_groups else 1):
            keep = _draw(rng, table.target, codes, size)
            names = tuple(name for name, used in zip(table.groups, keep, strict=True) if used)
            part = replace(table, values=table.values[keep], target=table.target[keep], groups=names)
            predicted = fold_predictions(make_estimator(kind, seed, parameters), part)
            errors = (group_squared_error(part, found).mean() for found in (predicted, baseline_predictions(part)))
            scores.append([float(np.sqrt(error)) for error in errors])
        points.append(_point(size, np.array(scores)))
    return LearningCurve(kind, seed, tuple(points), _say(points))


def _sizes(n_groups: int) -> tuple[int, ...]:
    return tuple(sorted({round(size) for size in np.linspace(min(LEAST_CLONES, n_groups), n_groups, 5)}))


def _draw(rng: np.random.Generator, target: Any, codes: Any, size: int) -> Any:
    while True:
        keep = np.isin(codes, rng.permutation(int(codes.max()) + 1)[:size])
        if np.ptp(target[keep]) > 0 or size == int(codes.max()) + 1:
            return keep


def _point(size: int, scores: Any) -> CurvePoint:
    ratios = scores[:, 0] / scores[:, 1]
    low, high = np.quantile(ratios, [0.25, 0.75])
    rmse, baseline = (float(value) for value in np.median(scores, axis=0))
    return CurvePoint(size, len(scores), rmse, baseline, 1.0 - (rmse / baseline) ** 2, float(low), float(high))


def _say(points: Sequence[CurvePoint]) -> str:
    last = points[-1]
    before = [point for point in points if point.clones <= FEWER * last.clones or point is points[0]][-1]
    ratios = [point.rmse / point.baseline_rmse for point in (before, last)]
    text = (
        f"with {before.clones} clones RMSE {before.rmse:.2f} (baseline {before.baseline_rmse:.2f}), with all "
        f"{last.clones} {last.rmse:.2f} ({last.baseline_rmse:.2f})"
    )
    if ratios[1] >= 0.95:
        return f"{text}: no number of clones here shows skill"
    return f"{text}: {'more clones would still help' if ratios[1] < 0.95 * ratios[0] else 'it has levelled off'}"
