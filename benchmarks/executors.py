"""What Dask costs over serial: one worker with all cores beside one process with all cores, in turns on one store.

Usage: python benchmarks/executors.py FOLDER [--units N] [--rounds N] [--quick] on an idle machine. FOLDER takes 64 MB a
unit, which the page cache should cover. Start and end of the cluster are counted apart and stated; processor time is
that of all processes. --quick writes no rows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from command import folder_parser
from kernel_frames import PIXEL_SIZE_UM, SIDE_PX, make_frames
from phasewell.bench.timing import Times
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.runs import plan, run
from phasewell.runs.executors import dask_cluster
from rows import write_rows
from stored_frames import store_frames

CELLS = 150  # a frame
DIFFERENT_FRAMES = 16  # the store repeats them
FIELDS = 64
BOUNDARY = (
    "plate store (raw chunks, page cache) to committed cell table: a whole `run`, without start and end of a cluster"
)


@dataclass
class Spell:
    """Seconds of one run: its work on the wall and of the processors, and what its cluster took to start and end."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    start_s: float = 0.0
    end_s: float = 0.0


def main() -> int:
    """Measure, print, and write results/executors.jsonl."""
    parser = folder_parser(__doc__, "few units, one round")
    parser.add_argument("--units", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    units, rounds = (12, 1) if arguments.quick else (arguments.units, arguments.rounds)
    shutil.rmtree(arguments.folder, ignore_errors=True)
    frames = make_frames(CELLS, DIFFERENT_FRAMES)
    store_frames(
        arguments.folder / "plate.zarr",
        lambda _well, time, field: frames[(time * 5 + field) % len(frames)],
        1,
        units,
        FIELDS,
        (SIDE_PX, SIDE_PX),
        PIXEL_SIZE_UM,
    )
    load = os.getloadavg()[0]
    rows = measure(arguments.folder, units * FIELDS, rounds)
    for row in rows:
        print(
            f"{row['who']:16s} {row['frames_per_s']:7.1f} frames/s, spread {row['spread']:.1%}, "
            f"{row['cpu_ms']:.3f} ms of processors a frame; {row.get('cost_over_serial', '')} {row['parity']}"
        )
    if not arguments.quick:
        print(write_rows("executors", [{**row, "load_average_before": round(load, 2)} for row in rows], "distributed"))
    return 0


def measure(folder: Path, n_frames: int, rounds: int) -> list[dict[str, Any]]:
    """Return the rows of both executors: a round to warm up, then `rounds` rounds in turns."""
    configs = {
        "serial": make_config(folder, "serial"),
        "dask, 1 worker": make_config(folder, "dask", executor="dask", workers=1),
    }
    spells: dict[str, list[Spell]] = {name: [] for name in configs}
    digests: dict[str, str] = {}
    for turn in range(rounds + 1):
        for name, config in configs.items():
            spell = run_once(config)
            digests[name] = digest_of(config.run.output)
            if turn:
                spells[name].append(spell)
    planned = plan(make_config(folder, "planned", executor="dask", workers=1))
    same = "same bytes" if len(set(digests.values())) == 1 else "BYTES DIFFER"
    serial, dask = spells.values()
    pairs = list(zip(serial, dask, strict=True))
    cost = {
        "wall": round(float(np.median([their.wall_s / our.wall_s - 1 for our, their in pairs])), 4),
        "cpu": round(float(np.median([their.cpu_s / our.cpu_s - 1 for our, their in pairs])), 4),
    }
    context = {
        "boundary": BOUNDARY,
        "device": planned.facts.to_dict(),
        "frame": f"synthetic (benchmarks/kernel_frames.py), {SIDE_PX} x {SIDE_PX} uint8, {PIXEL_SIZE_UM} um/px",
        "cells_per_frame": CELLS,
        "frames": n_frames,
        "leases": len(planned.leases),
        "lease_s": configs["serial"].compute.lease_s,
        "rounds": rounds,
        "parity": same,
    }
    first, second = ({"who": name, **_row(found, n_frames), **context} for name, found in spells.items())
    return [first, {**second, "cost_over_serial": cost}]


def make_config(folder: Path, output: str, **compute: Any) -> Config:
    """Return the configuration of one run on the store in `folder`."""
    return Config(
        plate=PlateConfig(store=folder / "plate.zarr"),
        run=RunConfig(output=folder / output, labels="none"),
        compute=ComputeConfig(device="cpu", **compute),
    )


def run_once(config: Config) -> Spell:
    """Run anew and return what it took; the cluster's start and end are taken out of wall and processor time."""
    shutil.rmtree(config.run.output, ignore_errors=True)
    marks: list[tuple[float, float, float]] = []
    real = dask_cluster.open_client

    @contextmanager
    def timed(*arguments: Any) -> Iterator[Any]:
        marks.append(_now())
        with real(*arguments) as client:
            client.wait_for_workers(1)
            marks.append(_now())
            yield client
            marks.append(_now())
        marks.append(_now())

    dask_cluster.open_client = timed
    begin = _now()
    try:
        run(config)
    finally:
        dask_cluster.open_client = real
    end = _now()
    if not marks:
        return Spell(end[0] - begin[0], end[1] - begin[1])
    asked, ready, closing, closed = marks
    start_s, end_s = ready[0] - asked[0], closed[0] - closing[0]
    beside = asked[1] - begin[1] + end[1] - closed[1]  # plan and manifest, in this process
    return Spell(end[0] - begin[0] - start_s - end_s, beside + closing[2] - ready[2], start_s, end_s)


def digest_of(folder: Path) -> str:
    """Return one digest of manifest and parts."""
    digest = hashlib.sha256((folder / "manifest.json").read_bytes())
    for path in sorted((folder / "parts").rglob("*.parquet")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _now() -> tuple[float, float, float]:
    """Return the clock, this process's processor time, and that of it and its children, in seconds."""
    own = time.process_time()
    children = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return time.perf_counter(), own, own + sum(child.user + child.system for child in children)


def _row(spells: list[Spell], n_frames: int) -> dict[str, Any]:
    walls = Times(0.0, tuple(spell.wall_s for spell in spells))
    return {
        "frames_per_s": round(n_frames / walls.p50_s, 1),
        "p50_ms": round(walls.p50_s / n_frames * 1e3, 4),
        "p95_ms": round(walls.p95_s / n_frames * 1e3, 4),
        "spread": round(walls.spread, 4),
        "cpu_ms": round(float(np.median([spell.cpu_s for spell in spells])) / n_frames * 1e3, 4),
        "cpu_least_ms": round(min(spell.cpu_s for spell in spells) / n_frames * 1e3, 4),
        "cluster_start_s": round(float(np.median([spell.start_s for spell in spells])), 2),
        "cluster_end_s": round(float(np.median([spell.end_s for spell in spells])), 2),
        "repeats": [asdict(spell) for spell in spells],
    }


if __name__ == "__main__":
    raise SystemExit(main())
