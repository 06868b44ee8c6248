"""Fit a potency model on a profile, with its evaluation, and predict with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.estimators import LINEAR_KINDS, SPARSE_KINDS, make_estimator
from phasewell.potency.evaluation import Coefficient, Evaluation, evaluate, fit_estimator, fold_predictions
from phasewell.potency.training import training_table
from phasewell.profiles import Profile, ProfileColumn

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from phasewell.potency.training import Groups, Targets, TrainingTable

PIXEL_SIZE_TOLERANCE = 1e-6  # relative: the same number through a text file, not another microscope


class TrainingRows(NamedTuple):
    """What a model was fitted on: `values` (rows, columns), `n_cells` (rows, hours) behind them, hours `times_h`."""

    values: NDArray[np.float64]
    n_cells: NDArray[np.int64]
    times_h: tuple[float, ...]


@dataclass(frozen=True)
class PotencyModel:
    """A model fitted on all rows, and what leave-one-clone-out says of its kind on these data.

    `profile_columns` are all columns of the profile it was fitted on, `columns` those it uses (the rest was
    undefined in a training row). `estimator` is a fitted scikit-learn estimator on `columns`. `training` are the rows
    themselves: intervals and the limits of what the model knows are made from them.
    """

    kind: str
    seed: int
    parameters: Mapping[str, Any]
    profile_columns: tuple[ProfileColumn, ...]
    columns: tuple[ProfileColumn, ...]
    definitions: str
    pixel_size_um: float
    training_digest: str
    groups: tuple[str, ...]
    evaluation: Evaluation
    estimator: Any = field(repr=False, compare=False)
    training: TrainingRows = field(repr=False, compare=False)

    def predict(self, profile: Profile) -> NDArray[np.float64]:
        """Return the predicted target of every well (wells,), NaN where a column the model uses is undefined.

        Raises UsageError when the profile has another definition, pixel size or set of columns, saying which.
        """
        self.check(profile)
        places = {column: i for i, column in enumerate(profile.columns)}
        values = profile.values[:, [places[column] for column in self.columns]]
        usable = np.isfinite(values[:, self.used_columns()]).all(axis=1)
        predicted = np.full(len(values), np.nan)
        if usable.any():
            predicted[usable] = self.estimator.predict(values[usable])
        return predicted

    def save(self, folder: Path | str) -> Path:
        """Write the model as a folder of JSON and data files, never pickle; see `phasewell.potency.storage`."""
        from phasewell.potency.storage import save_model

        return save_model(self, folder)

    def used_columns(self) -> NDArray[np.int64]:
        """Return the places among `columns` that can move a prediction, ascending."""
        if self.kind in SPARSE_KINDS:
            return np.flatnonzero(self.estimator.coef_)
        return np.arange(len(self.columns))

    def check(self, profile: Profile) -> None:
        """Raise UsageError when the profile has other definitions, another pixel size or other columns, saying how."""
        if self.definitions != profile.definitions:
            raise UsageError(
                f"predict: the model was fitted on descriptors {self.definitions}, the profile holds "
                f"{profile.definitions}; make the profile with those, or fit the model again"
            )
        if abs(profile.pixel_size_um / self.pixel_size_um - 1) > PIXEL_SIZE_TOLERANCE:
            raise UsageError(
                f"predict: profile at {profile.pixel_size_um:g} um/px, model at {self.pixel_size_um:g} um/px; "
                "descriptors in pixels do not compare"
            )
        have, want = set(profile.columns), set(self.profile_columns)
        missing, extra = sorted(want - have, key=_column_order), sorted(have - want, key=_column_order)
        if missing or extra:
            raise UsageError(
                f"predict: the profile lacks {_name_some(missing)} and has {_name_some(extra)} beyond the model's "
                f"{len(want)} columns; make it with the model's window, {_hours(self.profile_columns)}"
            )


def _column_order(column: ProfileColumn) -> tuple[float, str, str]:
    return column.time_h, column.descriptor, column.statistic


def _name_some(columns: list[ProfileColumn]) -> str:
    if not columns:
        return "no column"
    some = ", ".join(column.title for column in columns[:3])
    return some if len(columns) <= 3 else f"{some} and {len(columns) - 3} more"


def _hours(columns: tuple[ProfileColumn, ...]) -> str:
    return f"{min(c.time_h for c in columns):g}-{max(c.time_h for c in columns):g} h"


def fit(
    profile: Profile,
    targets: Targets,
    groups: Groups | None,
    kind: Literal["lasso", "forest", "xgboost", "elastic_net", "ridge"] = "lasso",
    seed: int = 0,
    validation: str = "nested",
    parameters: Mapping[str, Any] | None = None,
) -> PotencyModel:
    """Fit a model of `targets` on a profile and validate it by leaving out one clone at a time.

    `targets` and `groups` (clone ids) are mappings from well names or arrays by row of the profile; a well missing
    from a mapping of targets is not used. `validation` is "nested" only: scaling, lambda and everything else is
    learned inside each fold. `parameters` override the preset of the kind (`phasewell.potency.estimators.PRESETS`).
    Units are those of the target. Raises UsageError without groups, with fewer than 3, with NaN or constant targets.
    """
    if validation != "nested":
        raise UsageError(f"validation {validation!r}: expected 'nested'; folds over rows let a clone vouch for itself")
    table = training_table(profile, targets, groups)
    estimator = make_estimator(kind, seed, parameters)
    predicted = fold_predictions(estimator, table)
    fitted = fit_estimator(make_estimator(kind, seed, parameters), table.values, table.target, table.group_codes)
    coefficients = _coefficients(fitted, table) if kind in LINEAR_KINDS else ()
    return PotencyModel(
        kind=kind,
        seed=seed,
        parameters=dict(parameters or {}),
        profile_columns=profile.columns,
        columns=table.columns,
        definitions=profile.definitions,
        pixel_size_um=profile.pixel_size_um,
        training_digest=table.digest,
        groups=tuple(dict.fromkeys(table.groups)),
        evaluation=evaluate(kind, validation, table, predicted, coefficients),
        estimator=fitted,
        training=_training_rows(profile, table),
    )


def _training_rows(profile: Profile, table: TrainingTable) -> TrainingRows:
    rows = [profile.wells.index(well) for well in table.wells]
    return TrainingRows(table.values, profile.n_cells[rows], profile.times_h)


def _coefficients(fitted: Any, table: TrainingTable) -> tuple[Coefficient, ...]:
    """Return the non-zero coefficients on the standardised scale, largest first, ties in column order."""
    order = np.argsort(-np.abs(fitted.coef_), kind="stable")
    return tuple(
        Coefficient(column.title, column.descriptor, column.statistic, float(column.time_h), float(fitted.coef_[i]))
        for i, column in ((int(i), table.columns[i]) for i in order if fitted.coef_[i] != 0)
    )
