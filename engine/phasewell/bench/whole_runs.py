"""Boundaries with storage: whole runs from a plate store to committed tables, as `phasewell run` makes them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phasewell import runs
from phasewell.bench.boundaries import Bench, add_ceilings, say_rate
from phasewell.bench.ceilings import STORAGE_READ
from phasewell.bench.parity import name_reference, reference_of
from phasewell.bench.rows import STORE_TO_TABLE, Parity, Row
from phasewell.bench.timing import Times
from phasewell.bench.watching import Watched, Watcher
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.device import Device
from phasewell.manifest import read_manifest
from phasewell.plate import Plate

INSIDE = (
    "a run of the whole plate, from its finished plan to the commit of its last unit: shards in the page cache read "
    "and checked, quality, segmentation, descriptors, Parquet parts written with fsync and rename; labels not kept"
)
_UNITS = "a unit of {} frames, from its plan to its receipt"


@dataclass
class _Clock:
    # told by the run: (frames done, frames in all), first when its plan is made, then after every unit
    marks: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, done: int, _total: int) -> None:
        self.marks.append((time.perf_counter(), done))

    @property
    def seconds(self) -> float:
        return self.marks[-1][0] - self.marks[0][0]

    @property
    def frames(self) -> int:
        return self.marks[-1][1] - self.marks[0][1]


@dataclass(frozen=True)
class PlateRuns:
    """Times of repeated runs of one plate, and the folder that holds the last of them."""

    folder: Path
    frames: int
    cells: int
    warm_up_s: float
    seconds: tuple[float, ...]
    unit_seconds: tuple[float, ...]
    watched: Watched


def run_config(
    store: Path, output: Path, device: Device, wells: Sequence[str] = (), times: Sequence[int] = ()
) -> Config:
    """Return the configuration of a run that is measured: all defaults, labels not kept, one process."""
    return Config(
        plate=PlateConfig(store=store, wells=tuple(wells), times=tuple(times)),
        run=RunConfig(output=output, labels="none"),
        compute=ComputeConfig(device=device.name, engine=device.engine, executor="serial"),
    )


def measure_store_to_table(bench: Bench, plate: Plate, store: Path, folder: Path) -> Iterator[Row]:
    """Yield the row of runs without a network."""
    config = run_config(store, folder / "run", bench.device)
    about = bench.about(STORE_TO_TABLE, INSIDE, bench.device.engine, config.segmentation.preset)
    with repeat_runs(bench, config, plate.wells[0]) as done:
        parity = compare_parts(bench, plate, store, done.folder)
        frame_bytes = plate.frame_shape[0] * plate.frame_shape[1] * (1 if plate.dtype == "uint8" else 2)
        speed = run_speed(done, len(plate.fields), "stored frame read")
        row = add_ceilings(about, speed, parity, frame_bytes, bench.ceilings.best(STORAGE_READ))
    bench.say(f"{STORE_TO_TABLE}: {say_rate(row)}")
    yield row


@contextmanager
def repeat_runs(bench: Bench, config: Config, first_well: str) -> Iterator[PlateRuns]:
    """Run one well to warm up, then the whole plate as often as the effort says, each into an empty folder."""
    output = config.run.output
    warm = config.model_copy(update={"plate": config.plate.model_copy(update={"wells": (first_well,)})})
    try:
        warm_clock, _ = _run_fresh(warm)
        seconds, units = [], []
        with Watcher(bench.device) as watcher:
            for _ in range(bench.effort.runs):
                clock, result = _run_fresh(config)
                seconds.append(clock.seconds)
                units += _unit_seconds(output)
        yield PlateRuns(
            output, clock.frames, result.n_cells, warm_clock.seconds, tuple(seconds), tuple(units), watcher.watched
        )
    finally:
        shutil.rmtree(output, ignore_errors=True)


def _run_fresh(config: Config) -> tuple[_Clock, runs.RunResult]:
    shutil.rmtree(config.run.output, ignore_errors=True)
    clock = _Clock()
    return clock, runs.run(config, progress=clock)


def _unit_seconds(folder: Path) -> list[float]:
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    return [float(event["seconds"]) for event in events if event["event"] == "unit"]


def run_speed(done: PlateRuns, fields: int, bytes_counted: str) -> dict[str, Any]:
    """Return the fields of a row that follow from the times of whole runs; latency is that of one unit."""
    runs, units = Times(done.warm_up_s, tuple(done.seconds)), Times(0.0, tuple(done.unit_seconds))
    return {
        "batch_frames": fields,
        "frames_per_s": done.frames / runs.p50_s,
        "p50_ms": units.p50_s * 1e3,
        "p95_ms": units.p95_s * 1e3,
        "latency_of": _UNITS.format(fields),
        "spread": runs.spread,
        "warm_up_s": done.warm_up_s,
        "repeats": len(done.seconds),
        "frames": done.frames,
        "cells_per_frame": done.cells / done.frames,
        "bytes_counted": bytes_counted,
        **done.watched.as_values(done.frames * len(done.seconds)),
    }


def compare_parts(bench: Bench, plate: Plate, store: Path, folder: Path) -> Parity:
    """Compare committed parts of one unit, byte for byte, with those of a run of the reference on the CPU."""
    unit = sample_unit(plate)
    device = bench.device
    output = folder.with_name("reference-run")
    try:
        config = run_config(store, output, reference_of(device), [unit[0]], [unit[1]])
        reference = runs.run(config)
        wanted = _digests(output)
        found = {address: digest for address, digest in _digests(folder).items() if address in wanted}
    finally:
        shutil.rmtree(output, ignore_errors=True)
    return Parity(
        against=name_reference(device),
        frames=reference.n_processed,
        cells=reference.n_cells,
        equal={"committed parts of cells": bool(wanted) and found == wanted},
    )


def sample_unit(plate: Plate) -> tuple[str, int]:
    """Return well and time of the unit that is compared: the last one, where cells are many."""
    return plate.wells[-1], len(plate.times_h) - 1


def _digests(folder: Path) -> dict[tuple[str, int], tuple[str, str]]:
    parts = read_manifest(folder).parts
    return {(part.well, part.time): (part.key, part.sha256) for part in parts if part.stage == "cells"}
