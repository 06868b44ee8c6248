"""The whole figure set of paper R from a finished run: how long, and where the time goes.

Usage: python benchmarks/paper_r.py FOLDER [--workers N] [--deals N] on an idle machine. The run is made first where
FOLDER has none (15 clones and 27 wells of bulk lots, 64 fields, 15 times; a quarter of an hour on two cores): it is
simulated without pixels, see simulated_tables.py. Rows go to results/paper_r.jsonl.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from phasewell.simulation import plan_plate
from rows import write_rows
from simulated_tables import TABLES_ONLY, write_tables

MUST_S = 300.0


def measure(run: Path, output: Path, workers: int, deals: int | None) -> dict[str, Any]:
    """Return the times of one reproduction from nothing, and what it found.

    `deals` are the repeats of the LASSO grid on potencies dealt out at random, for the p of its best cell, which the
    paper lacks; None is the scale's own number.
    """
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "phasewell", "reproduce", "paper-r", str(run), "--output", str(output)]
    command += ["--scale", "paper", "--workers", str(workers), "--quiet", "--json"]
    command += [] if deals is None else ["--set", f"scale.deals={deals}"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    begun = time.time()
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    result = json.loads((output / "result.json").read_bytes())
    return {
        "work": "phasewell reproduce paper-r --scale paper: every figure, table and test of paper R",
        "wall_s": wall,
        "must_s": MUST_S,
        "reached": wall < MUST_S,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "workers": workers,
        "scale": result["scale"],
        "step_ends_s": step_ends(output, begun),
        "page_bytes": Path(answer["page"]).stat().st_size,
        "clones": len(result["material"]["clones"]),
        "bulk_wells": len(result["material"]["lots"]),
        "cells_of_clones": sum(sum(row["n_cells"]) for row in result["material"]["clones"]),
        "lasso": answer["lasso"],
        "selected": answer["selected"],
        "tables": TABLES_ONLY,
        "boundary": "finished run (Parquet, page cache) to the page, start of processes included",
    }


def step_ends(output: Path, begun: float) -> dict[str, float]:
    """Return when each kind of step was done, in seconds from the start; pieces of a grid count as one."""
    ends: dict[str, float] = {}
    for path in (output / "steps").glob("*.json"):
        name = path.stem.split("-draw")[0].split("-bootstrap-")[0]
        ends[name] = max(ends.get(name, 0.0), round(path.stat().st_mtime - begun, 1))
    return dict(sorted(ends.items(), key=lambda item: item[1]))


def main() -> None:
    """Make the run where there is none, measure, and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--deals", type=int)
    options = parser.parse_args()
    run = options.folder / "run"
    if not (run / "manifest.json").exists():
        write_tables(options.folder, plan_plate(15, 64, 15, 0, bulk_lots=9))
    row = measure(run, options.folder / "paper-r", options.workers, options.deals)
    print({name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()})
    write_rows("paper_r", [row], "numpy", "scikit-learn", "altair", "distributed")


if __name__ == "__main__":
    main()
