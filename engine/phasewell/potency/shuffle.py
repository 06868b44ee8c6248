"""What the same procedure reports when the potencies are dealt out to the clones at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.estimators import make_estimator
from phasewell.potency.evaluation import evaluate, predict_folds
from phasewell.potency.training import training_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.potency.training import Groups, Targets, TrainingTable
    from phasewell.profiles import Profile

TIE = 1e-9  # relative: two models that are the mean alone differ by rounding only, and are no better one than the other


@dataclass(frozen=True)
class ShuffleTest:
    """RMSE / baseline RMSE of the real targets and of `n` shuffles of the targets over clones.

    `p_value` = (1 + shuffles whose ratio is at most the real one) / (1 + n). A sound procedure has a `median`
    near 1 or above: below 0.95 it finds signal where there is none.
    """

    kind: str
    seed: int
    ratio: float
    shuffled_ratios: tuple[float, ...]
    median: float
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """Return the test as one JSON document."""
        return asdict(self)


def permute_targets(
    profile: Profile,
    targets: Targets,
    groups: Groups | None,
    kind: str = "lasso",
    n: int = 20,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> ShuffleTest:
    """Repeat the whole leave-one-clone-out evaluation on `n` shuffles of the targets over clones.

    Arguments as in `fit`; the shuffles are drawn with `seed`, the model keeps the same seed. Raises UsageError when
    a clone has several targets, which cannot be dealt out to another clone.
    """
    if n < 1:
        raise UsageError(f"permute_targets: n = {n}; expected at least 1 shuffle")
    table = training_table(profile, targets, groups)
    estimator = make_estimator(kind, seed, parameters)
    targets_dealt = np.array([table.target, *deal_targets(table, n, seed)])
    predicted = predict_folds(estimator, table.values, targets_dealt, table.group_codes)
    ratios = [
        evaluate(kind, "nested", replace(table, target=target), own).ratio
        for target, own in zip(targets_dealt, predicted, strict=True)
    ]
    below = sum(ratio <= ratios[0] * (1.0 + TIE) for ratio in ratios[1:])
    return ShuffleTest(
        kind=kind,
        seed=seed,
        ratio=ratios[0],
        shuffled_ratios=tuple(ratios[1:]),
        median=float(np.median(ratios[1:])),
        p_value=(1 + below) / (1 + n),
    )


def deal_targets(table: TrainingTable, n: int, seed: int) -> list[NDArray[np.float64]]:
    """Return `n` times the targets (rows,), dealt out to the clones at random by NumPy's PCG64 from `seed`.

    Raises UsageError when a clone has several targets, which cannot be dealt out to another clone.
    """
    if not n:
        return []
    by_group = _target_by_group(table)
    rng = np.random.default_rng(seed)
    return [rng.permutation(by_group)[table.group_codes] for _ in range(n)]


def _target_by_group(table: TrainingTable) -> Any:
    codes = table.group_codes
    values = np.empty(int(codes.max()) + 1)
    for code, name in enumerate(dict.fromkeys(table.groups)):
        own = np.unique(table.target[codes == code])
        if len(own) != 1:
            raise UsageError(f"permute_targets: clone {name} has {len(own)} different targets; expected one per clone")
        values[code] = own[0]
    return values
