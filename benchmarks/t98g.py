"""Real phase contrast end to end: the 16 hand-labelled fields and the time-lapse of 15 frames.

Usage: python benchmarks/t98g.py DATA FOLDER
DATA is the folder that holds t98g_phase; FOLDER takes two plates, two runs and their reports.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.images import ingest
from phasewell.report import write_report
from phasewell.runs import measure_agreement, run
from rows import write_rows

WINDOW = (8000, 62000)  # of the 16-bit pixels, one for all frames
WELLS = {"A": "A01", "B": "B01", "C": "C01"}


def main() -> None:
    """Ingest, run and report both plates; write one row per chamber."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    source = arguments.data / "t98g_phase"
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, kind in (("hand", "manual"), ("timelapse", "model")):
        listed = _list_frames(source, kind, arguments.folder)
        store, output = arguments.folder / f"{name}.zarr", arguments.folder / f"{name}-run"
        ingest(source, store, layout="table", table=listed["frames"], window=WINDOW, name=f"t98g-{name}")
        config = Config(
            plate=PlateConfig(store=store),
            run=RunConfig(output=output, labels="all"),
            compute=ComputeConfig(executor="dask"),
        )
        result = run(config)
        print(result.last_line)
        found = measure_agreement(output, listed["masks"])
        counts = {"frames": result.n_processed, "quarantined": result.n_quarantined, "cells": result.n_cells}
        masks = {"manual": "drawn by hand", "model": "made by a network, one of its frames hand-drawn too"}[kind]
        for chamber, numbers in found["chambers"].items():
            rows.append({"plate": name, "masks": masks, "chamber": chamber, **numbers, **counts, "preset": "phase"})
            print(rows[-1])
        print(write_report(output))
    print(write_rows("t98g", rows))


def _list_frames(source: Path, kind: str, folder: Path) -> dict[str, Path]:
    """Write the tables of frames and of masks that ingest and agreement read."""
    with (source / "positions.csv").open(newline="") as file:
        chosen = [row for row in csv.DictReader(file) if row["mask_kind"] == kind]
    paths = {"frames": folder / f"{kind}-frames.csv", "masks": folder / f"{kind}-masks.csv"}
    fields: dict[str, list[str]] = {}
    with paths["frames"].open("w", newline="") as frames, paths["masks"].open("w", newline="") as masks:
        frame_rows, mask_rows = csv.writer(frames), csv.writer(masks)
        frame_rows.writerow(("file", "well", "field", "time", "time_h", "pixel_size_um"))
        mask_rows.writerow(("file", "well", "field", "time", "chamber"))
        for row in chosen:
            known = fields.setdefault(row["chamber"], [])
            if row["fov"] not in known:
                known.append(row["fov"])
            field, time = str(known.index(row["fov"]) + 1), int(row["time_index"]) - 1
            hour = f"{time / 6:.4f}"  # nominal: a frame every ten minutes
            frame_rows.writerow((source / row["image"], WELLS[row["chamber"]], field, time, hour, row["pixel_um"]))
            mask_rows.writerow((source / row["mask"], WELLS[row["chamber"]], field, time, row["chamber"]))
    return paths


if __name__ == "__main__":
    main()
