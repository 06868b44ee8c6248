"""Scores of a run's wells by a network that the run itself did not use; nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.device import Device
from phasewell.runs.finished.well_scores import pool_plate
from phasewell.runs.folder.documents import config_of, plate_of
from phasewell.runs.worker.scoring import Scorer, plan_scoring
from phasewell.tables.well_scores import WELL_SCORES, PlateScores, UnitScores

if TYPE_CHECKING:
    from phasewell.plate import Plate, Unit


def score_wells(run: Path | str, model: Path | str) -> list[dict[str, Any]]:
    """Score every frame of a run's plate with a network's model folder and pool the scores by well.

    Device, backend, precision, brightness rule and window of hours are those of the run's configuration, so that the
    numbers are those of a run with this model. One row per well: well, predicted (the class most frames vote for,
    None at a tie), probabilities (mean per class, None without a scored frame), votes, n_scored, n_expected, coverage.
    Raises InputError for a model folder that cannot be used, UsageError for frames that it cannot take.
    """
    run, config, plate = Path(run), config_of(run), plate_of(run)
    section = config.inference.model_copy(update={"model": Path(model).absolute()})
    config = config.model_copy(update={"inference": section})
    device = Device(config.compute.device, config.compute.engine)
    plan = plan_scoring(plate, config, device)
    assert plan is not None
    scorer = Scorer(plan, device)
    units = tuple(_score_unit(plate, unit, scorer, device, len(plan.classes)) for unit in plate.units())
    scores = PlateScores(plate.name, plan.classes, plan.session_document(), units)
    rows = pool_plate(scores, config.profile.window_h)[WELL_SCORES].to_pylist()
    step = len(plan.classes)
    return [_account(rows[start : start + step]) for start in range(0, len(rows), step)]


def _score_unit(plate: Plate, unit: Unit, scorer: Scorer, device: Device, classes: int) -> UnitScores:
    batch, records = plate.reader.read_unit(unit)
    found = []
    for start in range(0, len(batch.keys), device.batch_frames):
        part = slice(start, start + device.batch_frames)
        found += scorer.score(scorer.show(batch.pixels[part], batch.keys[part], device))
    scored = [frame.facts["probabilities"] for frame in found if frame.reason is None]
    values = np.array(scored, np.float64).reshape(len(scored), classes)
    return UnitScores(unit.well, unit.time, plate.times_h[unit.time], len(records), values)


def _account(rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    account = {key: first[key] for key in ("well", "n_scored", "n_expected", "coverage")}
    account["predicted"] = next((row["class_name"] for row in rows if row["majority"]), None)
    account["probabilities"] = {row["class_name"]: row["mean_probability"] for row in rows}
    account["votes"] = {row["class_name"]: row["votes"] for row in rows}
    return account
