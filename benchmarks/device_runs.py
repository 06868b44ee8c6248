"""Whole runs of one simulated plate by several executors: the same parts, byte for byte, and how long each took.

python benchmarks/device_runs.py FOLDER DEVICE EXECUTOR ...     such as /dev/shm/runs cuda:0 serial dask-cuda

A part's name holds its content's digest, so equal lists of names are equal bytes. The last line is one JSON document;
the exit status is 1 where an executor made other parts than the first, or a CPU's own serial run did.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.runs import run, simulate

CLONES, FIELDS, TIMES = 4, 64, 3


def main() -> int:
    """Simulate the plate once, then run it by every executor, each into a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("device")
    parser.add_argument("executors", nargs="+")
    parser.add_argument("--fields", type=int, default=FIELDS)
    options = parser.parse_args()
    plate = simulate(options.folder / "plate.zarr", clones=CLONES, fields=options.fields, times=TIMES, seed=0)
    runs = [(options.device, executor) for executor in options.executors] + [("cpu", "serial")]
    found = [
        one_run(options.folder / f"run_{at}", plate.n_frames_expected, device, executor)
        for at, (device, executor) in enumerate(runs)
    ]
    for one in found:
        one["same_parts"] = one["parts"] == found[0]["parts"] and bool(one["parts"])
        print(
            f"{one['executor']} on {one['device']}: {one['frames_per_s']:.0f} frames/s, same parts: {one['same_parts']}"
        )
    for one in found:
        one["parts"] = len(one["parts"])
    print(json.dumps(found))
    return 0 if all(one["same_parts"] for one in found) else 1


def one_run(output: Path, frames: int, device: str, executor: str) -> dict[str, Any]:
    """Return names of the parts and the rate of one run; the processes' start is inside."""
    compute: dict[str, Any] = {"device": device, "executor": executor}
    config = Config(
        plate=PlateConfig(store=output.parent / "plate.zarr"),
        run=RunConfig(output=output),
        compute=ComputeConfig(**compute),
    )
    started = time.monotonic()
    result = run(config)
    seconds = time.monotonic() - started
    parts = sorted(path.name for path in (output / "parts" / "cells").iterdir())
    print(result.last_line, file=sys.stderr)
    return {
        "boundary": "store to committed cell table, processes started inside",
        "device": device,
        "executor": executor,
        "frames": frames,
        "seconds": round(seconds, 3),
        "frames_per_s": frames / seconds,
        "parts": parts,
    }


if __name__ == "__main__":
    sys.exit(main())
