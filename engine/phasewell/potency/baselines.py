"""What a model of 360 columns has to beat: a line through one number of every well."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.errors import UsageError
from phasewell.potency.evaluation import Evaluation, evaluate, predict_folds
from phasewell.potency.field_sums import PER_HOUR
from phasewell.potency.training import training_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.potency.training import Groups, Targets
    from phasewell.profiles import Profile

BASELINES = ("growth", "count", "area")


def baseline_values(profile: Profile) -> dict[str, NDArray[np.float64]]:
    """Return the one number of every well (wells,) for each baseline, NaN where undefined.

    growth: cells per measured field at the last hour / at the first (paper R: N(90 h) / N(6 h); undefined for a
    window of one hour). count: cells per measured field at the last hour. area: mean area (px2) averaged over hours.
    The mean of the other clones stands beside every RMSE anyway.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        density = profile.n_cells / profile.n_fields  # per field: a lost frame is no lost cell
        growth = density[:, -1] / density[:, 0]
    growth = np.where(np.isfinite(growth), growth, np.nan)
    if len(profile.times_h) == 1:
        growth = np.full(len(profile.wells), np.nan)
    place = 2 * DESCRIPTOR_NAMES.index("area")
    return {"growth": growth, "count": density[:, -1], "area": profile.values[:, place::PER_HOUR].mean(axis=1)}


def evaluate_baselines(profile: Profile, targets: Targets, groups: Groups | None) -> dict[str, Evaluation | None]:
    """Validate a straight line through each baseline's number, leaving out one clone at a time as `fit` does.

    None where the number is undefined in some well with a target. Raises UsageError as `fit` does.
    """
    from sklearn.linear_model import LinearRegression

    table = training_table(profile, targets, groups)
    rows = [profile.wells.index(well) for well in table.wells]
    found: dict[str, Evaluation | None] = {}
    for name, values in baseline_values(profile).items():
        own = replace(table, values=values[rows][:, None], columns=(), left_out=())
        if not np.isfinite(own.values).all():
            found[name] = None
            continue
        predicted = predict_folds(LinearRegression(), own.values, own.target, own.group_codes)
        found[name] = replace(evaluate(name, "nested", own, predicted), n_parameters=1)
    return found


def best_baseline(evaluations: dict[str, Evaluation | None]) -> Evaluation:
    """Return the baseline of least RMSE, which a model should beat as well; raises UsageError when none is defined."""
    defined = [evaluation for evaluation in evaluations.values() if evaluation is not None]
    if not defined:
        raise UsageError("baselines: none is defined in every well; a longer window may hold cells in all of them")
    return min(defined, key=lambda evaluation: evaluation.rmse)
