"""A fitted model applied to a finished run: what it says of every well, kept in the run folder."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell.durable import find_temporaries, make_folder, read_object, remove_file, replace_file, write_failure
from phasewell.errors import InputError, OutputError, StorageError
from phasewell.inference.model_file import CARD_NAME
from phasewell.runs.finished.run_profile import profile
from phasewell.runs.folder.documents import config_of, read_manifest
from phasewell.runs.folder.lock import RunLock
from phasewell.tables.applied import AppliedModel, AppliedWell, applied_path, name_of

if TYPE_CHECKING:
    from phasewell.config import Config
    from phasewell.runs.finished.study import Edges


def predict_wells(run: Path | str, model: Path | str, level: float = 0.9, keep: bool = True) -> list[dict[str, Any]]:
    """Predict the target of every well of a run with a saved model; None where the profile lacks a used value.

    The profile is made over the model's own hours and with its edges. Each row also has the ends `low` and `high` of
    the jackknife+ interval at `level` (None = infinite), `inside` with `reasons` (see `WellPrediction`), and the
    sentence on what the interval promises. With `keep` all of it stays in the run folder (`keep_predictions`), for
    report, exports and databases. A network's model folder scores the frames of the run's plate instead (see
    `score_wells`), and nothing is kept. Raises UsageError when definitions, pixel size or hours differ.
    """
    if is_network(model):
        from phasewell.runs.finished.network_prediction import score_wells

        return score_wells(run, model)
    applied = apply_model(run, model, level)
    if keep:
        keep_predictions(run, applied)
    return [
        {**well.model_dump(), "reasons": list(well.reasons), "level": applied.level, "interval": applied.sentence}
        for well in applied.wells
    ]


def is_network(model: Path | str) -> bool:
    """Whether a model folder holds a network, whose scores belong to a run of their own."""
    return (Path(model) / CARD_NAME).exists()


def kept_path(run: Path | str, model: Path | str) -> Path | None:
    """Return where `predict_wells` keeps what a model says; None for a network."""
    if is_network(model):
        return None
    kind = read_object(Path(model) / "manifest.json", "fit the model again")["kind"]
    return applied_path(Path(run), name_of(kind, _digest_of(Path(model))))


def apply_model(run: Path | str, model: Path | str, level: float = 0.9) -> AppliedModel:
    """Return what a saved model says of every well of a run; errors as `predict_wells`."""
    from phasewell.descriptors.edge_weights import EDGE_DEFINITIONS_ID
    from phasewell.potency import assess, load_model

    loaded, digest = load_model(model), _digest_of(Path(model))
    run_id, config = read_manifest(Path(run)).run_id, config_of(run)
    hours = [column.time_h for column in loaded.profile_columns]
    window_h = (min(hours), max(hours))
    edges: Edges = "weighted" if loaded.definitions == EDGE_DEFINITIONS_ID else "as-measured"
    found = assess(loaded, profile(Path(run), window_h=window_h, edges=edges), level)
    learned = [row.truth for row in loaded.evaluation.predictions]
    return AppliedModel(
        run_id=run_id,
        kind=loaded.kind,
        digest=digest,
        training_digest=loaded.training_digest,
        definitions=loaded.definitions,
        **_origin(Path(model), config),
        window_h=window_h,
        n_wells=len(learned),
        n_groups=len(loaded.groups),
        rmse=loaded.evaluation.rmse,
        baseline_rmse=loaded.evaluation.baseline_rmse,
        q2=loaded.evaluation.q2,
        baseline=sum(learned) / len(learned),
        level=found.level,
        sentence=found.sentence,
        wells=tuple(AppliedWell.model_validate(well._asdict()) for well in found.wells),
    )


def keep_predictions(run: Path | str, applied: AppliedModel) -> Path:
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


def _origin(model: Path, config: Config) -> dict[str, Any]:
    """Return plates, target and group as profile.json beside a model has them, else as the run's configuration."""
    path = model / "profile.json"
    said = read_object(path, "fit the model again") if path.is_file() else {}
    named = {key: said.get(key, getattr(config.model, key)) for key in ("target", "group")}
    plates = said.get("plates", [])
    if not all(isinstance(text, str) for text in (*named.values(), *plates)):
        raise InputError(f"{path}: target, group and plates are not names; fit the model again")
    return {**named, "plates": tuple(plates)}


def _digest_of(model: Path) -> str:
    return hashlib.sha256((model / "manifest.json").read_bytes()).hexdigest()
