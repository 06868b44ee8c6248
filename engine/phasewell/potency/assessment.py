"""Predictions as a user needs them: with an interval, and with a word on whether the model may speak at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.potency.domain import Domain
from phasewell.potency.resampling import LeftOutModels, leave_out_of_table
from phasewell.potency.training import TrainingTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.potency.model import PotencyModel
    from phasewell.profiles import Profile, ProfileColumn

LEVEL = 0.9
MOST_GROUPS = 200  # one model a clone is fitted for the intervals


class WellPrediction(NamedTuple):
    """One well: the prediction and the ends of its interval in units of the target, and where it stands.

    `predicted` is None where a column that the model uses is undefined; an end is None where the interval is infinite
    or undefined. `inside` is False outside of what the model learned from, with the `reasons`. `learned_from` marks a
    well that is one of the training rows: its honest prediction is the held-out one in the evaluation.
    """

    well: str
    predicted: float | None
    low: float | None
    high: float | None
    inside: bool
    reasons: tuple[str, ...]
    learned_from: bool


@dataclass(frozen=True)
class Assessment:
    """The predictions of a profile's wells, and what their intervals promise."""

    wells: tuple[WellPrediction, ...]
    level: float
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return the predictions as one JSON document."""
        return {"level": self.level, "sentence": self.sentence, "wells": [well._asdict() for well in self.wells]}


def assess(model: PotencyModel, profile: Profile, level: float = LEVEL) -> Assessment:
    """Predict every well with its jackknife+ interval at `level` and say which wells the model knows nothing about.

    One model without each training clone is fitted for the intervals, from the training rows that the model holds;
    above 200 clones there are none, and `sentence` says so. Raises UsageError when the profile does not fit the model
    and for a level outside 0..1.
    """
    predicted = model.predict(profile)
    left_out: LeftOutModels | None = None
    sentence = f"no intervals: they are made for up to {MOST_GROUPS} clones, and this model has {len(model.groups)}"
    if len(model.groups) <= MOST_GROUPS:
        left_out = leave_out_of_table(training_table_of(model), model.kind, model.seed, model.parameters)
        sentence = left_out.interval(model.training.values[0], level).sentence
    places = {column: i for i, column in enumerate(profile.columns)}
    values = profile.values[:, [places[column] for column in model.columns]]
    used = model.used_columns()
    columns = tuple(model.columns[int(i)] for i in used)
    training = model.training
    domain = Domain(columns, training.values[:, used], training.n_cells, training.times_h)
    wells = []
    for i, well in enumerate(profile.wells):
        if np.isnan(predicted[i]):
            reason = _name_undefined(columns, values[i, used])
            wells.append(WellPrediction(well, None, None, None, False, (reason,), False))
            continue
        where = domain.judge(values[i, used], profile.n_cells[i], profile.n_fields[i], profile.n_fields_expected)
        low, high = _ends(left_out, values[i], level)
        known = bool((training.values == values[i]).all(axis=1).any())
        wells.append(WellPrediction(well, float(predicted[i]), low, high, where.inside, where.reasons, known))
    return Assessment(tuple(wells), level, sentence)


def _name_undefined(columns: tuple[ProfileColumn, ...], row: NDArray[np.float64]) -> str:
    titles = [column.title for column, value in zip(columns, row, strict=True) if np.isnan(value)]
    return f"undefined: {', '.join(titles[:3])}" + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")


def _ends(left_out: LeftOutModels | None, row: NDArray[np.float64], level: float) -> tuple[float | None, float | None]:
    """Return the ends of the interval; None where infinite, or where a model without a clone needs a missing value."""
    if left_out is None or any(np.isnan(model.predict(row[None])[0]) for model in left_out.estimators):
        return None, None
    interval = left_out.interval(row, level)
    return (
        interval.low if np.isfinite(interval.low) else None,
        interval.high if np.isfinite(interval.high) else None,
    )


def training_table_of(model: PotencyModel) -> TrainingTable:
    """Return the table that a model was fitted on."""
    rows = model.evaluation.predictions
    return TrainingTable(
        wells=tuple(row.well for row in rows),
        columns=model.columns,
        left_out=(),
        wells_left_out=model.evaluation.wells_left_out,
        values=model.training.values,
        target=np.array([row.truth for row in rows]),
        groups=tuple(row.group for row in rows),
    )
