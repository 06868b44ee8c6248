"""The evaluations of a run's potency models, read from their JSON files and checked before they are shown."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from phasewell.durable import read_object
from phasewell.errors import InputError
from phasewell.potency.evaluation import Evaluation

TITLES = {
    "lasso": "LASSO",
    "forest": "Random forest",
    "xgboost": "XGBoost",
    "elastic_net": "Elastic net",
    "ridge": "Ridge",
}


class Scores(NamedTuple):
    """RMSE, the RMSE of predicting the mean of the other groups, and Q2: never one without the others."""

    rmse: float
    baseline_rmse: float
    q2: float


class Shuffles(NamedTuple):
    """RMSE / baseline over shuffled targets: their median, how many, and the p value of the real one."""

    median: float
    n: int
    p_value: float


class Intervals(NamedTuple):
    """An interval around every well's held-out prediction, and in words where it comes from; None = infinite."""

    sentence: str
    wells: dict[str, tuple[float | None, float | None]]


class ProfileChoice(NamedTuple):
    """What a model was fitted on: first and last hour, and how many random fields per well (None = all)."""

    window_h: tuple[float, float]
    fields: int | None

    def __str__(self) -> str:
        fields = "all fields" if self.fields is None else f"{self.fields} random fields"
        return f"hours {self.window_h[0]:g} to {self.window_h[1]:g}, {fields} per well"


@dataclass(frozen=True)
class ModelReport:
    """One model: its evaluation on measured descriptors and, where known, on a simulated plate's true ones."""

    evaluation: Evaluation
    on_truth: Scores | None = None
    shuffles: Shuffles | None = None
    choice: ProfileChoice | None = None

    @property
    def title(self) -> str:
        """The model's name in words."""
        return TITLES.get(self.evaluation.kind, self.evaluation.kind)

    @property
    def scores(self) -> Scores:
        """The three scores on measured descriptors."""
        return Scores(self.evaluation.rmse, self.evaluation.baseline_rmse, self.evaluation.q2)

    @cached_property
    def intervals(self) -> Intervals:
        """The intervals from the other groups' held-out errors."""
        return held_out_intervals(self.evaluation)


INTERVAL_LEVEL = 0.9


def held_out_intervals(evaluation: Evaluation, level: float = INTERVAL_LEVEL) -> Intervals:
    """Return for every well its prediction +- the error that `level` of the other groups stay below.

    A group's error is the root of the mean squared held-out error of its wells. With m other groups the rank is
    ceil(level (m + 1)), as in conformal prediction; above m the interval is infinite.
    """
    errors: dict[str, list[float]] = {}
    for row in evaluation.predictions:
        errors.setdefault(row.group, []).append((row.truth - row.predicted) ** 2)
    group_errors = {group: math.sqrt(sum(squares) / len(squares)) for group, squares in errors.items()}
    wells: dict[str, tuple[float | None, float | None]] = {}
    for row in evaluation.predictions:
        others = sorted(error for group, error in group_errors.items() if group != row.group)
        rank = math.ceil(round(level * (len(others) + 1), 9))
        if rank > len(others):
            wells[row.well] = (None, None)
        else:
            wells[row.well] = (row.predicted - others[rank - 1], row.predicted + others[rank - 1])
    m = len(group_errors) - 1
    sentence = f"{level:.0%} interval from the held-out errors of the {m} other clones"
    if math.ceil(round(level * (m + 1), 9)) > m:
        sentence += f"; {m} others cannot give {level:.0%}, so it is infinite"
    return Intervals(sentence, wells)


def read_models(folder: Path) -> tuple[ModelReport, ...]:
    """Return the reports of every model under RUN/models, LASSO first; empty when none was fitted.

    Beside `evaluation.json` may stand `evaluation_truth.json` (the same model on the true descriptors of a
    simulated plate) and `shuffle.json` (the same procedure on shuffled targets). Raises InputError for a file that
    is not valid, such as an RMSE without its baseline and Q2.
    """
    found = [_read_model(path) for path in sorted(folder.glob("*/evaluation.json"))]
    order = list(TITLES)
    return tuple(sorted(found, key=lambda m: (_rank(m.evaluation.kind, order), m.evaluation.kind)))


def _rank(kind: str, order: list[str]) -> int:
    return order.index(kind) if kind in order else len(order)


def _read_model(path: Path) -> ModelReport:
    truth, shuffle = path.with_name("evaluation_truth.json"), path.with_name("shuffle.json")
    choice = path.with_name("profile.json")
    return ModelReport(
        evaluation=read_evaluation(path),
        on_truth=_scores(read_object(truth, "make it again"), truth) if truth.exists() else None,
        shuffles=_shuffles(read_object(shuffle, "make it again"), shuffle) if shuffle.exists() else None,
        choice=_choice(read_object(choice, "make it again"), choice) if choice.exists() else None,
    )


def read_evaluation(path: Path) -> Evaluation:
    """Return the evaluation in a JSON file, without keys it does not know.

    Raises InputError naming the file when a key is missing.
    """
    document = read_object(path, "make it again")
    _scores(document, path)
    names = {field.name for field in dataclasses.fields(Evaluation)}
    try:
        return Evaluation.from_dict({key: value for key, value in document.items() if key in names})
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _scores(document: dict[str, Any], path: Path) -> Scores:
    values = {key: document.get(key) for key in Scores._fields}
    if wrong := [key for key, value in values.items() if not isinstance(value, int | float)]:
        raise InputError(
            f"{path}: no number for {', '.join(wrong)}; an RMSE is shown only with its baseline and Q2: "
            "fit the model again"
        )
    return Scores(*(float(document[key]) for key in Scores._fields))


def _choice(document: dict[str, Any], path: Path) -> ProfileChoice:
    try:
        first, last = document["window_h"]
        fields = document["fields"]
        return ProfileChoice((float(first), float(last)), None if fields is None else int(fields))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a choice of profile ({error!r}); fit the model again") from error


def _shuffles(document: dict[str, Any], path: Path) -> Shuffles:
    try:
        return Shuffles(float(document["median"]), len(document["shuffled_ratios"]), float(document["p_value"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a shuffle test ({error!r}); make it again") from error
