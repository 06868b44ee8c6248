"""A whole simulated screen, from frames to potency: 15 clones x 64 fields x 15 times of 1000 x 1000.

Usage: python benchmarks/simulated_screen.py FOLDER           the screen (14.4 GB) and its potency models; resumes
       python benchmarks/simulated_screen.py FOLDER --rates   frames per second of simulation and run, on its first hour
Rates are wall time with every core, storage included, of a fresh plate on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any

from phasewell.config import Config, PlateConfig, RunConfig
from phasewell.report import write_report
from phasewell.runs import fit_models, run, simulate
from phasewell.tables import open_results
from rows import write_rows

WINDOW_H, FIELDS = (6.0, 30.0), 40
SHUFFLES = 20
OTHER_SEEDS = (1, 2, 3)  # other random fields of the same wells: how far the numbers depend on the draw


def main() -> None:
    """Measure one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rates", action="store_true")
    arguments = parser.parse_args()
    print(measure_rates(arguments.folder / "rates") if arguments.rates else measure_screen(arguments.folder))


def measure_rates(folder: Path) -> Path:
    """Simulate and run one hour of the screen (960 frames) from nothing and write its rates."""
    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    plate = simulate(folder / "plate.zarr", fields=64, times=1, seed=0)
    simulated = time.monotonic()
    config = _config(folder)
    result = run(config)
    finished = time.monotonic()
    row = {
        "boundary": "simulate: parameters to committed shard; run: store to committed cell table, every step",
        "frames": plate.n_frames_expected,
        "frame_shape": list(plate.frame_shape),
        "cells_per_frame": round(result.n_cells / plate.n_frames_expected, 1),
        "preset": "phase",
        "engine": config.compute.engine,
        "executor": config.compute.executor,
        "device": "cpu",
        "simulate_frames_per_s": round(plate.n_frames_expected / (simulated - started), 1),
        "run_frames_per_s": round(plate.n_frames_expected / (finished - simulated), 1),
    }
    print(row)
    return write_rows("simulated_rates", [row], "distributed")


def measure_screen(folder: Path) -> Path:
    """Simulate and run the screen (unless it is finished), fit the models and write one row per model and draw."""
    plate = simulate(folder / "plate.zarr", fields=64, times=15, seed=0)
    if not (folder / "run" / "manifest.json").exists():
        print(run(_config(folder)).last_line)
    manifest = open_results(folder / "run").manifest  # says which code made the numbers
    cells = sum(part.n_cells for part in manifest.parts)
    screen = {
        "measured": "screen",
        "code_version": manifest.code_version,
        "frames": manifest.n_expected,
        "frame_shape": list(plate.frame_shape),
        "cells": cells,
        "cells_per_frame": round(cells / manifest.n_expected, 1),
        "quarantined": manifest.n_quarantined,
        "missing": manifest.n_missing,
    }
    rows: list[dict[str, Any]] = [screen]
    calls = [(("lasso",), seed, 0) for seed in OTHER_SEEDS]
    calls += [(("lasso",), 0, SHUFFLES), (("forest", "xgboost"), 0, 0)]  # the last models are those of the report
    for kinds, seed, shuffles in calls:
        for model in fit_models(folder / "run", kinds, window_h=WINDOW_H, fields=FIELDS, shuffles=shuffles, seed=seed):
            print(model["kind"], seed, model["sentence"])
            rows.append({"measured": "potency", "clones": len(plate.wells), "simulated": True, **_without_paths(model)})
    print(write_report(folder / "run"))
    return write_rows("simulated_screen", rows, "distributed", "scikit-learn", "xgboost-cpu")


def _config(folder: Path) -> Config:
    return Config(
        plate=PlateConfig(store=folder / "plate.zarr"),
        run=RunConfig(output=folder / "run"),
    )


def _without_paths(model: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in model.items() if key not in ("folder", "sentence")}


if __name__ == "__main__":
    main()
