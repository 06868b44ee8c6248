"""A finished model applied to a finished run: what it says of every well, kept in the run folder."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell.durable import find_temporaries, make_folder, read_object, remove_file, replace_file, write_failure
from phasewell.errors import InputError, OutputError, StorageError
from phasewell.inference.model_file import CARD_NAME, read_model
from phasewell.manifest import read_manifest
from phasewell.runs.finished.run_profile import profile
from phasewell.runs.folder.documents import config_of
from phasewell.runs.folder.lock import RunLock
from phasewell.tables.applied import AnyApplied, AppliedModel, AppliedWell, applied_path, name_of
from phasewell.tables.models import model_origin

if TYPE_CHECKING:
    from phasewell.runs.finished.study import Edges


def predict_wells(run: Path | str, model: Path | str, level: float = 0.9, keep: bool = True) -> list[dict[str, Any]]:
    """Predict the target of every well of a run with a saved model; None where the profile lacks a used value.

    The profile is made over the model's own hours and with its edges. Each row also has the ends `low` and `high` of
    the jackknife+ interval at `level` (None = infinite), `inside` with `reasons` (see `WellPrediction`), and the
    sentence on what the interval promises. A network's model folder scores the frames of the run's plate instead (see
    `score_wells`). With `keep` all of it stays in the run folder (`keep_predictions`), for report, exports and
    databases. Raises UsageError when definitions, pixel size or hours differ.
    """
    applied = apply_model(run, model, level)
    if keep:
        keep_predictions(run, applied)
    return account(applied)


def account(applied: AnyApplied) -> list[dict[str, Any]]:
    """Return what was predicted as rows that JSON takes, one per well."""
    if not isinstance(applied, AppliedModel):
        from phasewell.runs.finished.network_prediction import account_scores

        return account_scores(applied)
    return [
        {**well.model_dump(), "reasons": list(well.reasons), "level": applied.level, "interval": applied.sentence}
        for well in applied.wells
    ]


def kept_path(run: Path | str, model: Path | str) -> Path:
    """Return where `predict_wells` keeps what a model says."""
    if (Path(model) / CARD_NAME).exists():
        network = read_model(model)
        name = name_of(network.card.network, network.sha256)
    else:
        kind = read_object(Path(model) / "manifest.json", "fit the model again")["kind"]
        name = name_of(kind, model_origin(Path(model))["digest"])
    return applied_path(Path(run), name)


def apply_model(run: Path | str, model: Path | str, level: float = 0.9) -> AnyApplied:
    """Return what a saved model, of potency or a network, says of every well of a run; errors as `predict_wells`."""
    if (Path(model) / CARD_NAME).exists():
        from phasewell.runs.finished.network_prediction import score_wells

        return score_wells(run, model)
    return _apply_potency(Path(run), Path(model), level)


def _apply_potency(run: Path, model: Path, level: float) -> AppliedModel:
    from phasewell.descriptors.edge_weights import EDGE_DEFINITIONS_ID
    from phasewell.potency import assess, load_model
    from phasewell.potency.estimators import SPARSE_KINDS

    loaded = load_model(model)
    run_id, config = read_manifest(run).run_id, config_of(run)
    hours = [column.time_h for column in loaded.profile_columns]
    window_h = (min(hours), max(hours))
    edges: Edges = "weighted" if loaded.definitions == EDGE_DEFINITIONS_ID else "as-measured"
    found = assess(loaded, profile(run, window_h=window_h, edges=edges), level)
    evaluation = loaded.evaluation
    learned = [row.truth for row in evaluation.predictions]
    scores = ("validation", "rmse", "baseline_rmse", "q2", "p_sign_flip", "better_than_baseline", "verdict")
    plain = ("kind", "seed", "training_digest", "definitions", "pixel_size_um")
    origin = model_origin(model)
    return AppliedModel(
        **{name: getattr(loaded, name) for name in plain},
        **{name: getattr(evaluation, name) for name in scores},
        run_id=run_id,
        digest=origin["digest"],
        plates=origin["plates"],
        target=origin["target"] or config.model.target,
        group=origin["group"] or config.model.group,
        parameters=dict(loaded.parameters),
        versions=read_object(model / "manifest.json", "fit the model again")["versions"],
        window_h=window_h,
        n_wells=len(learned),
        n_groups=len(loaded.groups),
        n_columns=len(loaded.columns),
        n_selected=evaluation.n_selected if loaded.kind in SPARSE_KINDS else None,
        baseline=sum(learned) / len(learned),
        level=found.level,
        sentence=found.sentence,
        wells=tuple(AppliedWell.model_validate(well._asdict()) for well in found.wells),
    )


def keep_predictions(run: Path | str, applied: AnyApplied) -> Path:
    """Write the predictions to RUN/predictions/<model>.json and return the file; the same ones give the same bytes.

    The run's lock is held meanwhile, so that they belong to the run that is there. Raises InputError when another run
    has taken its place, LockedError while a run is at work, OutputError or StorageError when it cannot be written.
    """
    folder = Path(run)
    path = applied_path(folder, applied.name)
    try:
        with RunLock(folder):
            if read_manifest(folder).run_id != applied.run_id:
                raise InputError(f"{folder}: the run was made anew while its wells were predicted; predict again")
            _make(path.parent)
            for leftover in find_temporaries(path.parent):  # of writers that were killed
                remove_file(leftover)
            replace_file(path, applied.to_bytes())
    except (OutputError, StorageError) as error:
        raise type(error)(f"{error}. predict --no-keep prints the predictions and keeps nothing") from error
    return path


def _make(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise write_failure(folder, error) from error
        raise OutputError(f"{folder}: cannot be created ({error.strerror}); make way or fix access") from error
