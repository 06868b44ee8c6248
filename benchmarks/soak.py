"""A night in short: more than 20,000 frames through one run; memory and rate from its first frames to its last.

Usage: python benchmarks/soak.py FOLDER [--wells N] on an idle machine; FOLDER takes 22 GB (64 MB a unit).
960 simulated frames of 15 densities are stored again and again, so that every part of the run has the same mixture of
frames: what changes along the run is then the engine. Writes results/soak.jsonl; status 1 when a bound is broken.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phasewell.runs import simulate
from rows import write_rows
from stored_frames import store_frames

CLONES, FIELDS = 15, 64
WELLS = 22  # x 15 x 64 = 21,120 frames
SAMPLE_S = 0.25
MOST_GROWTH = 0.05  # of resident memory, from the second tenth of the run to the last
MOST_SLOWING = 0.10  # of the rate, between the first tenth and the last

RUN = """
import sys
from pathlib import Path
from phasewell.config import Config, PlateConfig, RunConfig
from phasewell.runs import run
store, output = map(Path, sys.argv[1:])
print(run(Config(plate=PlateConfig(store=store), run=RunConfig(output=output))).last_line)
"""


def main() -> int:
    """Write the plate, run it in a process of its own, watch it, and write the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wells", type=int, default=WELLS, help=f"{CLONES * FIELDS} frames each; {WELLS} by default")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    shutil.rmtree(folder, ignore_errors=True)
    store = make_store(folder, arguments.wells)
    samples = watch_run(store, folder / "run")
    row = judge(folder / "run", samples) | {"frames": arguments.wells * CLONES * FIELDS, "frame_shape": [1000, 1000]}
    print(json.dumps(row, indent=1))
    if arguments.wells == WELLS:
        print(write_rows("soak", [row]))
    shutil.rmtree(folder)
    return 0 if row["memory_is_steady"] and row["rate_is_steady"] else 1


def make_store(folder: Path, wells: int) -> Path:
    """Simulate one hour of 15 clones and store it as 15 times of every well."""
    source = simulate(folder / "source.zarr", clones=CLONES, fields=FIELDS, times=1, seed=0)
    units = {unit.well: source.frames(unit.well, 0).pixels for unit in source.units()}

    def frame_of(_well: int, time: int, field: int) -> NDArray[np.uint8]:
        return units[source.wells[time]][field]

    target = folder / "plate.zarr"
    store_frames(target, frame_of, wells, CLONES, FIELDS, source.frame_shape, source.pixel_size_um)
    os.sync()  # or the disk would still be writing during the first tenths of the run
    return target


def watch_run(store: Path, output: Path) -> list[tuple[float, float]]:
    """Run the plate and return (seconds since 1970, resident MB of the process) every quarter of a second."""
    process = subprocess.Popen([sys.executable, "-c", RUN, str(store), str(output)])
    samples = []
    while process.poll() is None:
        samples.append((time.time(), _resident_mb(process.pid)))
        time.sleep(SAMPLE_S)
    if process.returncode:
        raise SystemExit(f"the run ended with status {process.returncode}")
    return samples


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it ends just now
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def judge(output: Path, samples: list[tuple[float, float]]) -> dict[str, Any]:
    """Return rates and memory by tenths of the frames, and whether they hold the bounds."""
    events = [json.loads(line) for line in (output / "events.jsonl").read_text().splitlines()]
    begun = next(_seconds(event) for event in events if event["event"] == "planned")
    ends = [(_seconds(event), event["frames"]) for event in events if event["event"] == "unit"]
    tenth = len(ends) // 10
    borders = [begun, *(ends[tenth * (i + 1) - 1][0] for i in range(9)), ends[-1][0]]
    rates, memory = [], []
    for i, (first, last) in enumerate(itertools.pairwise(borders)):
        done = ends[tenth * i : tenth * (i + 1)] if i < 9 else ends[tenth * 9 :]
        rates.append(sum(frames for _, frames in done) / (last - first))
        memory.append(statistics.median(mb for at, mb in samples if first <= at <= last))
    growth, slowing = memory[-1] / memory[1] - 1, 1 - rates[-1] / rates[0]
    return {
        "boundary": "plate store (raw chunks) to committed cell table, one process, default configuration",
        "device": "cpu",
        "frames_per_s": sum(frames for _, frames in ends) / (ends[-1][0] - begun),
        "frames_per_s_by_tenths": [round(rate, 1) for rate in rates],
        "resident_mb_by_tenths": [round(mb, 1) for mb in memory],
        "resident_mb_peak": round(max(mb for _, mb in samples), 1),
        "memory_growth": growth,
        "slowing": slowing,
        "memory_is_steady": growth < MOST_GROWTH,
        "rate_is_steady": abs(slowing) < MOST_SLOWING,
    }


def _seconds(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["at"]).timestamp()


if __name__ == "__main__":
    sys.exit(main())
