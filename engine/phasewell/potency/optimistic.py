"""What paper R's own procedure reports, for comparison only: lambda chosen on the clones that then judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.potency.estimators import LINEAR_KINDS, make_estimator
from phasewell.potency.evaluation import Evaluation, evaluate, fold_predictions
from phasewell.potency.lasso_paths import TrainingSets
from phasewell.potency.training import training_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from phasewell.potency.training import Groups, Targets, TrainingTable
    from phasewell.profiles import Profile

PAPER = "paper, optimistic"


def evaluate_as_paper(
    profile: Profile,
    targets: Targets,
    groups: Groups | None,
    kind: str = "lasso",
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Leave one clone out for every lambda of the path, and report the lambda of least RMSE (paper R, item R16).

    The left-out clones choose lambda and judge it, so that skill is claimed too easily, on noise as well.
    `validation` says so; `fit` never validates like this and the number is kept only beside the honest one. Forest
    and boosting choose nothing, so their number is the honest one. Raises UsageError as `fit` does.
    """
    table = training_table(profile, targets, groups)
    estimator = make_estimator(kind, seed, parameters)
    if kind not in LINEAR_KINDS:
        return evaluate(kind, PAPER, table, fold_predictions(estimator, table))
    return evaluate(kind, PAPER, table, _least_of_path(estimator, table))


def _least_of_path(estimator: Any, table: TrainingTable) -> NDArray[np.float64]:
    """Return the left-out predictions (rows,) at the one place of the path whose RMSE over clones is least."""
    codes = table.group_codes
    n_groups = int(codes.max()) + 1
    outer = np.array([codes != group for group in range(n_groups)])
    sets = TrainingSets(table.values, outer, table.target)
    # the same share of each fold's own largest lambda, so that place 0 is the mean alone in every fold
    alphas = estimator.alphas_for(sets.largest_alpha)
    fitted = sets.solve(alphas, estimator.penalty_ratio()).fitted  # (folds, alphas, rows)
    predicted = fitted[codes, :, np.arange(len(codes))]  # (rows, alphas)
    squared = (predicted - table.target[:, None]) ** 2
    by_group = np.array([squared[codes == group].mean(axis=0) for group in range(n_groups)])
    best: NDArray[np.float64] = predicted[:, int(by_group.mean(axis=0).argmin())]
    return best
