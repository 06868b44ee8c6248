"""Scores of a run's wells by a network that the run itself did not use."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.device import Device
from phasewell.errors import InputError
from phasewell.images import plate_digest
from phasewell.inference import read_model
from phasewell.manifest import read_manifest
from phasewell.runs.finished.well_scores import pool_plate
from phasewell.runs.folder.documents import config_of, plate_of
from phasewell.runs.worker.scoring import Scorer, plan_scoring
from phasewell.tables.applied import AppliedNetwork, AppliedScore
from phasewell.tables.well_scores import WELL_SCORES, PlateScores, UnitScores

if TYPE_CHECKING:
    from phasewell.plate import Plate, Unit


def score_wells(run: Path | str, model: Path | str) -> AppliedNetwork:
    """Score every frame of a run's plate with a network's model folder and pool the scores by well.

    Device, backend, precision, brightness rule and window of hours are those of the run's configuration, so that the
    numbers are those of a run with this model. Raises InputError for a model folder that cannot be used or a plate that
    is no longer the one the run was made from, UsageError for frames that the model cannot take.
    """
    run, config, plate = Path(run), config_of(run), plate_of(run)
    manifest = read_manifest(run)
    if plate_digest(plate) != manifest.plate_digest:
        raise InputError(
            f"{run}: plate {plate.name} has changed since the run: other frames or another plate map; run `phasewell "
            "run` again, which makes only what is missing, then predict"
        )
    section = config.inference.model_copy(update={"model": Path(model).absolute()})
    config = config.model_copy(update={"inference": section})
    device = Device(config.compute.device, config.compute.engine)
    plan = plan_scoring(plate, config, device)
    assert plan is not None
    scorer = Scorer(plan, device)
    units = tuple(_score_unit(plate, unit, scorer, device, len(plan.classes)) for unit in plate.units())
    scores = PlateScores(plate.name, plan.classes, plan.session_document(), units)
    rows = pool_plate(scores, config.profile.window_h)[WELL_SCORES].drop_columns(["plate"]).to_pylist()
    card, session = read_model(model).card, plan.session_document()
    learned = card.training
    return AppliedNetwork(
        run_id=manifest.run_id,
        kind=plan.network,
        digest=session["model_sha256"],
        training_digest=learned.data_sha256 if learned else None,
        plates=(learned.plate,) if learned else (),
        n_groups=len(learned.training_lines) if learned else None,
        pixel_size_um=card.pixel_size_um,
        classes=plan.classes,
        pretrained=plan.pretrained,
        origin=plan.origin,
        recipe=learned.recipe if learned else None,
        evaluated_on=learned.evaluated_on if learned else None,
        code_version=learned.code_version if learned else None,
        backend=session["backend"],
        precision=session["precision"],
        hardware=session["hardware"],
        mode=session["mode"],
        scores=tuple(AppliedScore.model_validate(row) for row in rows),
    )


def _score_unit(plate: Plate, unit: Unit, scorer: Scorer, device: Device, classes: int) -> UnitScores:
    batch, records = plate.reader.read_unit(unit)
    found = []
    for start in range(0, len(batch.keys), device.batch_frames):
        part = slice(start, start + device.batch_frames)
        found += scorer.score(scorer.show(batch.pixels[part], batch.keys[part], device))
    scored = [frame.facts["probabilities"] for frame in found if frame.reason is None]
    values = np.array(scored, np.float64).reshape(len(scored), classes)
    return UnitScores(unit.well, unit.time, plate.times_h[unit.time], len(records), values)


def account_scores(network: AppliedNetwork) -> list[dict[str, Any]]:
    """Return one row per well that JSON takes.

    well, predicted (the class most frames vote for, None at a tie), probabilities (mean per class, None without a
    scored frame), votes, n_scored, n_expected, coverage.
    """
    rows = []
    for _, group in itertools.groupby(network.scores, key=lambda score: score.well):
        scores = list(group)
        found = {name: getattr(scores[0], name) for name in ("well", "n_scored", "n_expected", "coverage")}
        found["predicted"] = next((score.class_name for score in scores if score.majority), None)
        found["probabilities"] = {score.class_name: score.mean_probability for score in scores}
        found["votes"] = {score.class_name: score.votes for score in scores}
        rows.append(found)
    return rows
