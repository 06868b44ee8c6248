"""A finished run without a pixel: the cells that the simulator would draw, with descriptors by formula.

Usage: python benchmarks/simulated_tables.py FOLDER [--clones N] [--bulk-lots N] [--bulk-wells N] [--fields N]
[--times N] [--seed N]. Makes FOLDER/plate.zarr (a store without frames, with plate map, passages and truth) and
FOLDER/run (parts and manifest as a run leaves them).
Places, areas, aspects and divisions are those of `phasewell.simulation`; shape descriptors are those of
an ellipse, texture descriptors those of Gaussian grey levels whose neighbours correlate over the size of a grain. Cells
cut by the frame are left out. What segmentation does to cells is not in it: it stands in for a run where only the work
after the run matters. The plate's provenance says so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from phasewell.cells import DEFINITIONS_ID, DESCRIPTORS, Cells
from phasewell.config import Config, PlateConfig, RunConfig
from phasewell.descriptors.moments import field_moments
from phasewell.durable import replace_file
from phasewell.images import create_plate, open_plate
from phasewell.manifest import PartEntry, RunManifest, canonical_json, digest_json
from phasewell.plate import FrameKey
from phasewell.runs.folder.ledger import CELLS, parts_folder
from phasewell.runs.simulated_plates import PASSAGES_FILE, name_fields, passages_text
from phasewell.simulation import SimulationPlan, plan_from_truth, plan_plate, truth_document
from phasewell.simulation.chance import TURN
from phasewell.simulation.population import Population, populate
from phasewell.tables.parts import FieldRow, make_part, write_part

TABLES_ONLY = "descriptors by formula from drawn cells; no pixel, no segmentation"
GREYS_A_LEVEL = 8.0
TILE_SD = 1 / 3  # of the texture tile's full value


def measure_population(cells: Population, pixel_size_um: float) -> np.ndarray:
    """Return the 12 descriptors (cells, 12) of ellipses with Gaussian texture, in the units of DESCRIPTORS."""
    area = np.rint(cells.area_um2 / pixel_size_um**2)
    length = np.sqrt(4.0 * area * cells.aspect / np.pi)
    breadth = length / cells.aspect
    a, b = length / 2, breadth / 2
    perimeter = np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b)))  # Ramanujan 1914
    level_sd = np.maximum(TILE_SD * cells.texture_grey / GREYS_A_LEVEL * cells.contrast, 0.3)
    neighbours = np.exp(-pixel_size_um / cells.grain_um)  # correlation one pixel away
    contrast = 2 * level_sd**2 * (1 - neighbours)
    asm = np.minimum(1 / (4 * np.pi * level_sd**2 * np.sqrt(1 - neighbours**2)), 1.0)  # integral of p^2
    columns = [
        area,
        perimeter,
        length,
        breadth,
        cells.aspect,
        perimeter**2 / (4 * np.pi * area),
        contrast,
        2 * level_sd * np.sqrt((1 - neighbours) / np.pi),
        1 / (1 + contrast),
        asm,
        np.sqrt(asm),
        neighbours,
    ]
    return np.column_stack(columns)


def measure_unit(plan: SimulationPlan, place: int, time: int, names: list[str], plate: str) -> Any:
    """Return the part of one well at one time."""
    culture, size_um = plan.cultures[place], plan.pixel_size_um
    height, width = plan.frame_shape
    frame, label, rows, boxes = [], [], [], []
    for field in range(plan.n_fields):
        cells = populate(plan, culture, plan.chance(place, field), time)
        reach = np.sqrt(cells.area_um2 * cells.aspect / np.pi) / size_um  # half the long axis, px
        angle = 2 * np.pi * cells.angle / TURN
        half_y = np.maximum(np.abs(reach * np.sin(angle)), reach / cells.aspect)
        half_x = np.maximum(np.abs(reach * np.cos(angle)), reach / cells.aspect)
        y, x = cells.y_um / size_um, cells.x_um / size_um
        inside = (y - half_y >= 1) & (x - half_x >= 1) & (y + half_y <= height - 1) & (x + half_x <= width - 1)
        values = measure_population(cells, size_um)[inside]
        box = np.column_stack([y - half_y, x - half_x, y + half_y, x + half_x])[inside]
        frame.append(np.full(len(values), field, np.int32))
        label.append(np.arange(1, len(values) + 1, dtype=np.int32))
        rows.append(values)
        boxes.append(np.rint(box).astype(np.int32))
    box_px = np.concatenate(boxes)
    centre = (box_px[:, :2] + box_px[:, 2:]) / 2.0
    one = Cells(
        frame=np.concatenate(frame),
        label=np.concatenate(label),
        centroid_y_px=centre[:, 0],
        centroid_x_px=centre[:, 1],
        bbox_px=box_px,
        values=np.concatenate(rows),
        n_frames=plan.n_fields,
        pixel_size_um=size_um,
    )
    fields = [
        FieldRow(FrameKey(plate, culture.well, name, time), plan.times_h[time], "processed", index=i)
        for i, name in enumerate(names)
    ]
    key = digest_json([truth_document(plan)["arguments"], culture.well, time])
    table = make_part(fields, one, field_moments(one), key=key, code_version="tables")
    return key, table, len(one.label)


def _write_unit(store: Path, run: Path, place: int, time: int) -> PartEntry:
    plan = plan_from_truth(json.loads((store / "truth.json").read_bytes()), str(store))
    plate = open_plate(store)
    well = plan.cultures[place].well
    key, table, n_cells = measure_unit(plan, place, time, [f.name for f in plate.fields], plate.name)
    part = write_part(run / parts_folder(CELLS), well, time, key, table)
    return PartEntry(
        stage=CELLS,
        well=well,
        time=time,
        path=part.path.relative_to(run).as_posix(),
        key=key,
        sha256=part.sha256,
        n_processed=plan.n_fields,
        n_quarantined=0,
        n_missing=0,
        n_cells=n_cells,
    )


def write_tables(folder: Path, plan: SimulationPlan, workers: int = 0) -> Path:
    """Write plate store and finished run of a plan and return the run's folder."""
    store, run = folder / "plate.zarr", folder / "run"
    truth = truth_document(plan)
    create_plate(
        store,
        name=f"simulated-tables-{plan.seed}",
        wells=plan.wells,
        fields=name_fields(plan.n_fields),
        times_h=plan.times_h,
        frame_shape=plan.frame_shape,
        dtype="uint8",
        pixel_size_um=plan.pixel_size_um,
        platemap={c.well: {**c.labels, "donor": "simulated", "seed": plan.seed} for c in plan.cultures},
        provenance={"simulated": json.dumps(plan.arguments), "tables_only": TABLES_ONLY},
    )
    replace_file(store / "truth.json", json.dumps(truth, indent=1, sort_keys=True).encode())
    replace_file(store / PASSAGES_FILE, passages_text(plan).encode())
    config = Config(plate=PlateConfig(store=store), run=RunConfig(output=run)).model_dump(mode="json")
    replace_file(run / "run.json", json.dumps({"plate": open_plate(store).name, "config": config}).encode())
    units = list(product(range(len(plan.cultures)), range(len(plan.times_h))))
    with ProcessPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        jobs = [pool.submit(_write_unit, store, run, place, time) for place, time in units]
        entries = tuple(job.result() for job in jobs)
    manifest = RunManifest(
        run_id=digest_json([entry.sha256 for entry in entries]),
        plate=open_plate(store).name,
        plate_digest=hashlib.sha256(canonical_json(truth)).hexdigest(),
        config=config,
        code_version="tables",
        definitions=DEFINITIONS_ID,
        parts=entries,
        files={},
        n_expected=len(units) * plan.n_fields,
        n_processed=len(units) * plan.n_fields,
        n_quarantined=0,
        n_missing=0,
    )
    replace_file(run / "manifest.json", canonical_json(manifest.model_dump(mode="json")))
    return run


def main() -> None:
    """Make the tables that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name, default in (
        ("clones", 15),
        ("bulk-lots", 9),
        ("bulk-wells", 3),
        ("fields", 64),
        ("times", 15),
        ("seed", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    bulk = {"bulk_lots": options.bulk_lots, "bulk_wells": options.bulk_wells}
    plan = plan_plate(options.clones, options.fields, options.times, options.seed, **bulk)
    print(write_tables(options.folder, plan, options.workers), len(DESCRIPTORS), "descriptors")


if __name__ == "__main__":
    main()
