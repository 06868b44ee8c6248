"""A whole simulated screen, from frames to potency: 15 clones x 64 fields x 15 times of 1000 x 1000.

Usage: python benchmarks/simulated_screen.py FOLDER [--fields N] [--times N]
FOLDER takes the plate (14.4 GB) and the run; both resume. Rates are wall time of this machine with both steps on every
core, storage included; they are given only for steps that this call did from the beginning.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.report import write_report
from phasewell.runs import fit_models, plan, run, simulate
from rows import write_rows

WINDOW_H, FIELDS = (6.0, 30.0), 40
SHUFFLES = 20


def main() -> None:
    """Simulate, run, fit and write one row per model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fields", type=int, default=64)
    parser.add_argument("--times", type=int, default=15)
    arguments = parser.parse_args()
    store, output = arguments.folder / "plate.zarr", arguments.folder / "run"
    fresh = not store.exists()
    started = time.monotonic()
    plate = simulate(store, fields=arguments.fields, times=arguments.times, seed=0)
    simulate_s = time.monotonic() - started
    config = Config(
        plate=PlateConfig(store=store), run=RunConfig(output=output), compute=ComputeConfig(executor="dask")
    )
    untouched = plan(config).n_remaining == plate.n_frames_expected
    started = time.monotonic()
    result = run(config)
    run_s = time.monotonic() - started
    print(result.last_line)
    screen: dict[str, Any] = {
        "boundary": "store to committed cell table, every step, wall time",
        "frames": plate.n_frames_expected,
        "frame_shape": list(plate.frame_shape),
        "cells": result.n_cells,
        "cells_per_frame": round(result.n_cells / plate.n_frames_expected, 1),
        "preset": config.segmentation.preset,
        "engine": config.segmentation.engine,
        "device": "cpu",
        "simulate_frames_per_s": round(plate.n_frames_expected / simulate_s, 1) if fresh else None,
        "run_frames_per_s": round(plate.n_frames_expected / run_s, 1) if untouched else None,
    }
    rows = [{"measured": "screen", **screen}]
    for kinds, shuffles in ((("lasso",), SHUFFLES), (("forest", "xgboost"), 0)):
        for model in fit_models(output, kinds, window_h=WINDOW_H, fields=FIELDS, shuffles=shuffles):
            print(model["kind"], model["sentence"])
            rows.append({"measured": "potency", "clones": len(plate.wells), "simulated": True, **_without_paths(model)})
    print(write_report(output))
    print(write_rows("simulated_screen", rows, "distributed", "scikit-learn", "xgboost-cpu"))


def _without_paths(model: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in model.items() if key not in ("folder", "sentence")}


if __name__ == "__main__":
    main()
