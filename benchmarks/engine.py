"""From the plate store to the committed cell table, beside the kernels alone and other people's programs, in one run.

Usage: python benchmarks/engine.py FOLDER [--quick] on an idle machine with two cores; the extra `peers` is needed.
FOLDER takes 4 GB, which the page cache should cover. Everything reads the same frames and is measured in turns: our
runs (both presets), the fused kernels on frames in memory, zarr-python that only reads, and OpenCV + nyxus and
scikit-image that read by zarr-python and write Parquet, a process a core. --quick writes no rows.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import peers
from chains import CHAIN_PEERS, PRESETS, run_fused
from command import folder_parser
from kernel_frames import PIXEL_SIZE_UM, SIDE_PX, make_frames
from numpy.typing import NDArray
from phasewell.background import half_window_px
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.config import BackgroundConfig, Config, PlateConfig, RunConfig, SegmentationConfig
from phasewell.device import CPU_KERNEL_FRAMES, Device
from phasewell.images import open_plate
from phasewell.plate import Plate
from phasewell.runs import run
from phasewell.segmentation import make_recipe
from phasewell.tables import open_results
from rows import write_rows
from stored_frames import store_frames
from timing import Times, Work, measure
from workers import Workers

CELLS = (150, 600)  # a frame
DIFFERENT_FRAMES = 16  # the store repeats them
FIELDS = 64
DISTRIBUTIONS = ("zarr", "pyarrow", "scikit-image", "opencv-python-headless", "nyxus")

STORE_TO_TABLE = (
    "plate store (raw chunks, page cache) to committed cell table: a whole `run`, plan and manifest included"
)
FUSED = "frames in memory to cells: the fused kernels alone"
READ = "plate store (raw chunks, page cache) to frames in memory"
PEER = "the same store, read by zarr-python, to a Parquet file of each frame's descriptors"


def main() -> int:
    """Measure, print, and write results/engine.jsonl."""
    arguments = folder_parser(__doc__, "few frames, one round").parse_args()
    rows: list[dict[str, Any]] = []
    for cells in CELLS[:1] if arguments.quick else CELLS:
        rows += measure_density(arguments.folder, cells, times=2 if arguments.quick else 60, quick=arguments.quick)
    for row in rows:
        told = f"{row['frames_per_s']:8.1f} frames/s, p95 {row['p95_ms']:.2f} ms, spread {row['spread']:.0%}"
        print(f"{row['cells_per_frame']:4d} cells, {row['who']:20s} {row['preset']:8s} {told} {row.get('share', '')}")
    if not arguments.quick:
        print(write_rows("engine", rows, *DISTRIBUTIONS))
    return 0


def measure_density(folder: Path, cells: int, times: int, quick: bool) -> list[dict[str, Any]]:
    """Return the rows for frames with this many cells, from a store of `times` units."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    frames = make_frames(cells, DIFFERENT_FRAMES)
    store = folder / "plate.zarr"
    plate = store_frames(
        store, partial(_frame_of, frames), 1, times, FIELDS, (SIDE_PX, SIDE_PX), PIXEL_SIZE_UM
    )  # fmt: skip
    load = os.getloadavg()[0]
    with Workers(read_and_measure, store, folder) as workers:
        work = _ours(folder, plate, frames) | _theirs(workers)
        found = measure(work, rounds=1 if quick else 5)
        parity = {preset: _check_run(folder / preset, frames, preset) for preset in PRESETS}
    context = {
        "device": "cpu",
        "frame": f"synthetic (benchmarks/kernel_frames.py), 1000 x 1000 uint8, {PIXEL_SIZE_UM} um/px",
        "cells_per_frame": cells,
        "frames": plate.n_frames_expected,
        "cores": len(os.sched_getaffinity(0)),
        "load_average_before": round(load, 2),
        "clock": "wall time per frame, median of calls in turns, first call apart",
        "gpu": "not measured",
    }
    return [{**row, **context} for row in _rows(found, parity)]


def _frame_of(frames: NDArray[np.uint8], _well: int, time: int, field: int) -> NDArray[np.uint8]:
    return frames[(time * 5 + field) % len(frames)]


def _ours(folder: Path, plate: Plate, frames: NDArray[np.uint8]) -> dict[str, Work]:
    device = Device("cpu")
    work = {}
    for preset in PRESETS:
        config = Config(
            plate=PlateConfig(store=folder / "plate.zarr"),
            run=RunConfig(output=folder / preset, labels="none"),
            segmentation=SegmentationConfig(preset=preset),
        )
        anew = partial(shutil.rmtree, folder / preset, ignore_errors=True)
        work[f"{STORE_TO_TABLE}|phasewell|{preset}"] = Work(partial(run, config), plate.n_frames_expected, anew)
        batch = frames[:CPU_KERNEL_FRAMES]
        fused = partial(_repeat, partial(run_fused, batch, device, preset), FIELDS // len(batch) * 4)
        work[f"{FUSED}|phasewell kernels|{preset}"] = Work(fused, FIELDS * 4)
    reader = partial(_read_all, plate)
    work[f"{READ}|phasewell|"] = Work(reader, FIELDS)
    return work


def _repeat(call: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        call()


def _read_all(plate: Plate) -> None:
    plate.reader.read_unit(plate.unit(plate.wells[0], 0))


def _theirs(workers: Workers) -> dict[str, Work]:
    work = {}
    for who, boundary in [("zarr-python", READ), *((f"{who}, zarr-python", PEER) for who in CHAIN_PEERS)]:
        count = len(workers) * (FIELDS if boundary == READ else 1)
        work[f"{boundary}|{who}|"] = Work(partial(workers.run, who, len(workers)), count)
    return work


def read_and_measure(store: Path, folder: Path) -> Mapping[str, Callable[[], Any]]:
    """Return what a process of other people's programs does, by name."""
    import zarr

    peers.quieten()
    plate = open_plate(store)
    array = zarr.open_array(store / "A" / "01" / "0" / "0", mode="r")
    recipe = make_recipe(SegmentationConfig(preset="paper-r"), plate.pixel_size_um)
    half = half_window_px(BackgroundConfig().window_um, plate.pixel_size_um)
    work: dict[str, Callable[[], Any]] = {"zarr-python": lambda: array[0, 0]}
    for who, (segment, describe) in CHAIN_PEERS.items():
        into = folder / f"{who.replace(' ', '')}-{os.getpid()}.parquet"
        work[f"{who}, zarr-python"] = partial(_peer_frame, array, segment, describe, recipe, half, into)
    return work


def _peer_frame(array: Any, segment: Any, describe: Any, recipe: Any, half: int, into: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = np.asarray(array[0, 0, :SIDE_PX, :SIDE_PX])
    values = describe(peers.flatten_with_opencv(frame, half), segment(frame, recipe, half))
    pq.write_table(pa.table(dict(zip(DESCRIPTOR_NAMES, values.T, strict=True))), into)


def _check_run(folder: Path, frames: NDArray[np.uint8], preset: Any) -> str:
    """Return "equal" when the cell table of the first unit is the array engine's, else what differs."""
    cells = open_results(folder).cells(["time", "field", *DESCRIPTOR_NAMES]).to_pandas()
    found = cells[cells["time"] == 0]
    arrays = Device("cpu", "arrays")
    for index in range(4):
        _, values = run_fused(frames[index : index + 1], arrays, preset)
        ours = found[found["field"] == f"f{index + 1:02d}"][list(DESCRIPTOR_NAMES)].to_numpy()
        if ours.tobytes() != np.ascontiguousarray(values).tobytes():
            return f"differs in field f{index + 1:02d}"
    return "equal to the arrays on 4 frames, bit for bit"


def _rows(found: Mapping[str, Times], parity: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = []
    for name, times in found.items():
        boundary, who, preset = name.split("|")
        row = {
            "boundary": boundary,
            "who": who,
            "preset": preset,
            "frames_per_s": 1e3 / times.wall.p50_ms,
            "p50_ms": times.wall.p50_ms,
            "p95_ms": times.wall.p95_ms,
            "spread": times.wall.spread,
            "first_call_ms": times.wall.first_ms,
            "calls": times.calls,
        }
        if boundary == STORE_TO_TABLE:
            kernels = found[f"{FUSED}|phasewell kernels|{preset}"].wall.p50_ms
            best = min((n for n in found if n.startswith(PEER)), key=lambda n: found[n].wall.p50_ms)
            row["share_of_kernels"] = kernels / times.wall.p50_ms
            row["best_peer"] = best.split("|")[1]
            row["times_the_best_peer"] = found[best].wall.p50_ms / times.wall.p50_ms
            row["parity"] = parity[preset]
            share, ratio = row["share_of_kernels"], row["times_the_best_peer"]
            row["share"] = f"{share:.0%} of the kernels' rate, {ratio:.0f} x {row['best_peer']}"
        rows.append(row)
    return rows


if __name__ == "__main__":
    sys.exit(main())
