"""The required boundary: whole runs that measure every cell and score every frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phasewell.bench.boundaries import Bench, add_ceilings, say_rate
from phasewell.bench.ceilings import STORAGE_READ
from phasewell.bench.network import REMEDY, Network
from phasewell.bench.rows import REQUIRED, Parity, Row, missing_row
from phasewell.bench.verdict import REQUIRED_NETWORK
from phasewell.bench.whole_runs import INSIDE, PlateRuns, compare_parts, repeat_runs, run_config, run_speed, sample_unit
from phasewell.config import InferenceConfig
from phasewell.errors import InputError, UnavailableError
from phasewell.manifest import read_manifest
from phasewell.tables.parts import read_part

if TYPE_CHECKING:
    from phasewell.plate import Plate

_INSIDE = f"{INSIDE}; a score of every frame, its own Parquet parts"


def measure_store_to_scores(
    bench: Bench,
    plate: Plate,
    store: Path,
    folder: Path,
    network: Network | UnavailableError,
    name: str = REQUIRED_NETWORK,
) -> Iterator[Row]:
    """Yield the row of runs with a network, or why it is not measured."""
    config = run_config(store, folder / "scored-run", bench.device)
    preset = config.segmentation.preset
    if isinstance(network, UnavailableError):
        yield missing_row(bench.about(REQUIRED, _INSIDE, name, preset), str(network), REMEDY)
        return
    config = config.model_copy(update={"inference": InferenceConfig(model=network.model.folder)})
    about = bench.about(REQUIRED, _INSIDE, f"{bench.device.engine}; {network.engine}", preset)
    with repeat_runs(bench, config, plate.wells[0]) as done:
        parity = _compare(bench, plate, store, done, network)
        speed = run_speed(done, len(plate.fields), "stored frame read")
        frame_bytes = plate.frame_shape[0] * plate.frame_shape[1] * (1 if plate.dtype == "uint8" else 2)
        operations = (network.operations, network.ceiling(bench))
        row = add_ceilings(about, speed, parity, frame_bytes, bench.ceilings.best(STORAGE_READ), operations)
    bench.say(f"{REQUIRED}: {say_rate(row)}")
    yield row


def _compare(bench: Bench, plate: Plate, store: Path, done: PlateRuns, network: Network) -> Parity:
    """Compare the committed cells of one unit bit for bit, and scores of some of its frames with the reference."""
    cells = compare_parts(bench, plate, store, done.folder)
    well, time = sample_unit(plate)
    batch = plate.frames(well, time)
    logits = read_logits(done.folder, well, time)
    found = np.array([logits[key.field] for key in batch.keys], np.float32)
    scores = network.compare(found, batch.pixels, cells.equal)
    return scores.model_copy(update={"against": f"{cells.against}, {scores.against}", "cells": cells.cells})


def read_logits(run: Path, well: str, time: int) -> dict[str, list[float]]:
    """Return the committed logits of a unit by field, for frames that were scored."""
    for part in read_manifest(run).parts:
        if (part.stage, part.well, part.time) == ("scores", well, time):
            table = read_part(run / part.path, ["field", "logits"])
            pairs = zip(table.column("field").to_pylist(), table.column("logits").to_pylist(), strict=True)
            return {str(name): logits for name, logits in pairs if logits is not None}
    raise InputError(f"run {run}: no part of scores for well {well} time {time}")
