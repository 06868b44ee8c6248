"""Models on field bootstraps (R23, R24): 15 clones x 50 draws = 750 rows, folds by clone; and what folds by row say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.potency import FieldSums, demonstrate_row_folds, draw_fields, rmse_interval, stack_rows
from phasewell.runs.paper_r.axes import choose_fields, choose_hours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.potency import Evaluation
    from phasewell.profiles import Profile
    from phasewell.runs.paper_r.material import Material
    from phasewell.runs.paper_r.scale import PaperRScale


def bootstrap_conditions(material: Material, scale: PaperRScale) -> list[tuple[int, int]]:
    """Return (hours, fields) of every condition: the paper's three windows and the longest, by its field counts."""
    hours, fields = choose_hours(material, scale.bootstrap_hours), choose_fields(material, scale.bootstrap_fields)
    return [(n_hours, n_fields) for n_hours in hours for n_fields in fields]


class BootstrapRows(NamedTuple):
    """Profiles of resampled fields: draws x wells rows, with the target and the clone of every row."""

    profile: Profile
    targets: NDArray[np.float64]
    groups: list[str]
    hours: int
    fields: int
    draws: int
    seed: int


def draw_rows(material: Material, sums: FieldSums, scale: PaperRScale, hours: int, fields: int) -> BootstrapRows:
    """Return the rows of one condition; fields are drawn with replacement, anew for every clone and draw.

    A draw takes the same fields at all hours.
    """
    wells, draws = material.wells, scale.field_bootstraps
    taken = draw_fields(len(material.fields), len(wells), fields, draws, scale.seed)
    profile, places = stack_rows(sums.resampled(taken), hours)
    groups = [material.clones[place] for place in places]
    return BootstrapRows(profile, material.potency[places], groups, hours, fields, draws, scale.seed)


def model_rows(rows: BootstrapRows) -> dict[str, Any]:
    """Return what the LASSO says of left-out clones, and, as a demonstration of the error, of left-out rows."""
    found = demonstrate_row_folds(rows.profile, rows.targets, rows.groups, "lasso", rows.seed)
    evaluation = found.grouped
    return {
        "hours": rows.hours,
        "last_h": rows.profile.times_h[-1],
        "fields": rows.fields,
        "draws": rows.draws,
        "n_rows": evaluation.n_rows,
        "n_clones": evaluation.n_groups,
        "n_parameters": evaluation.n_parameters,
        "rmse": evaluation.rmse,
        "baseline_rmse": evaluation.baseline_rmse,
        "q2": evaluation.q2,
        "verdict": evaluation.verdict,
        "interval": rmse_interval(evaluation)._asdict(),
        "clones": _by_clone(evaluation),
        "row_wise_rmse": found.row_wise_rmse,
        "row_wise_sentence": found.sentence,
    }


def _by_clone(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return truth, mean and SD (ddof 1, over draws) of the left-out predictions of every clone."""
    rows: dict[str, list[float]] = {}
    truth: dict[str, float] = {}
    for prediction in evaluation.predictions:
        rows.setdefault(prediction.group, []).append(prediction.predicted)
        truth[prediction.group] = prediction.truth
    return [
        {
            "clone": clone,
            "truth": truth[clone],
            "mean": float(np.mean(values)),
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        }
        for clone, values in rows.items()
    ]
