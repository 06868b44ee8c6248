"""Ingest: folders of exported frames in page cache -> the plate store, fsync included; and what each stage costs.

Usage: python benchmarks/ingest.py FOLDER [--quick] on an idle machine. FOLDER takes 5 GB, on the disk to be measured.
Uncompressed TIFF (the goal), LZW TIFF and PNG, in turns: a whole `ingest` each, from listing the folder to the last
committed unit. Every stored frame is read back by zarr-python and compared with its source. --quick writes no rows.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from command import folder_parser
from kernel_frames import PIXEL_SIZE_UM, SIDE_PX, make_frames
from numpy.typing import NDArray
from phasewell.durable import sync_folder
from phasewell.images import ingest, open_plate
from phasewell.images.decode import DecodeJob, inspect_file
from phasewell.images.pixels import box_sums, frame_sha256
from phasewell.images.plain import read_plain
from phasewell.images.shards import ShardFormat, encode_chunk, write_shard
from rows import write_rows
from timing import Times, Work, measure

FIELDS, DIFFERENT_FRAMES, CELLS = 64, 16, 150
KINDS = {"TIFF": 24, "LZW TIFF": 4, "PNG": 4}  # times of one well, 64 frames each
PATTERN = r"(?P<well>[A-Z]\d+)_s(?P<field>\d+)_t(?P<time>\d+)"
GOAL_FRAMES_PER_S = {"TIFF": 500}
BOUNDARY = "folder of frames (page cache) to committed plate store: names, headers, pixels, digests, overview, fsync"
STAGE = "one stage of it, alone on one thread"
BOUND = "frames in memory to shards, one thread, fsync included: the bound of the disk"
TIFFFILE = "tifffile reads the same TIFFs on one thread"


def main() -> int:
    """Measure, print, and write results/ingest.jsonl."""
    arguments = folder_parser(__doc__, "few frames, one round").parse_args()
    kinds = dict.fromkeys(KINDS, 1) if arguments.quick else KINDS
    rows = measure_ingest(arguments.folder, kinds, rounds=1 if arguments.quick else 5)
    for row in rows:
        told = f"{row['frames_per_s']:7.0f} frames/s {row['mb_per_s']:6.0f} MB/s, CPU {row['cpu_ms']:.3f} ms"
        print(f"{row['kind']:9s} {row['what']:58s} {told}, spread {row['spread']:.0%} {row.get('parity', '')}")
    if not arguments.quick:
        print(write_rows("ingest", rows, "zarr", "tifffile", "imagecodecs", "google-crc32c"))
    return 0


def measure_ingest(folder: Path, kinds: dict[str, int], rounds: int) -> list[dict[str, Any]]:
    """Return the rows of whole ingests, of their stages, and of the bounds, all measured in turns."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = make_frames(CELLS, DIFFERENT_FRAMES)
    sources = {
        kind: write_source(folder / kind.replace(" ", "-"), kind, times, frames) for kind, times in kinds.items()
    }
    load = os.getloadavg()[0]
    work = {f"{kind}|{BOUNDARY}|phasewell": whole_ingest(source, kinds[kind]) for kind, source in sources.items()}
    work |= stages(sources["TIFF"], folder / "stage", frames)
    found = measure(work, rounds)
    parity = {kind: check_store(_store_of(source), frames) for kind, source in sources.items()}
    context = {
        "device": "cpu",
        "frame": f"synthetic (benchmarks/kernel_frames.py), {SIDE_PX} x {SIDE_PX} uint8, {PIXEL_SIZE_UM} um/px",
        "cores": len(os.sched_getaffinity(0)),
        "load_average_before": round(load, 2),
        "load_average_after": round(os.getloadavg()[0], 2),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "clock": "wall time per frame, median of calls in turns, first call apart; CPU time with that of children",
        "fsync": "of every file and folder, included",
        "gpu": "not measured",
    }
    rows = [_row(name, times, kinds) for name, times in found.items()]
    for row in rows:
        if row["boundary"] == BOUNDARY:
            row["parity"] = parity[row["kind"]]
            if row["kind"] in GOAL_FRAMES_PER_S:
                row["goal_frames_per_s"] = GOAL_FRAMES_PER_S[row["kind"]]
    shutil.rmtree(folder)
    return [{**row, **context} for row in rows]


def write_source(folder: Path, kind: str, times: int, frames: NDArray[np.uint8]) -> Path:
    """Write one well of 64 fields, an image file per frame, and return the folder."""
    import imagecodecs

    folder.mkdir(exist_ok=True)
    encoded = {}
    for index, frame in enumerate(frames):
        path = folder / f"first{index}.tif"
        if kind == "PNG":
            encoded[index] = bytes(imagecodecs.png_encode(frame))
        else:
            tifffile.imwrite(path, frame, compression="lzw" if kind == "LZW TIFF" else None, metadata=None)
            encoded[index] = path.read_bytes()
            path.unlink()
    for t in range(times):
        for field in range(FIELDS):
            name = f"A01_s{field + 1:02d}_t{t}.{'png' if kind == 'PNG' else 'tif'}"
            (folder / name).write_bytes(encoded[_which(t, field)])
    return folder


def _which(t: int, field: int) -> int:
    return (t * 5 + field) % DIFFERENT_FRAMES


def _store_of(source: Path) -> Path:
    return source.with_name(source.name + ".zarr")


def whole_ingest(source: Path, times: int) -> Work:
    """Return one ingest of a source into a new store as work."""
    store = _store_of(source)
    call = partial(ingest, source, store, pattern=PATTERN, pixel_size_um=PIXEL_SIZE_UM, interval_h=6.0)
    return Work(call, times * FIELDS, partial(_forget, store), cpu_s=_cpu_s)


def _forget(store: Path) -> None:
    """Remove a store and wait until the disk has nothing left to do."""
    shutil.rmtree(store, ignore_errors=True)
    sync_folder(store.parent)
    os.sync()


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def stages(source: Path, folder: Path, frames: NDArray[np.uint8]) -> dict[str, Work]:
    """Return what an ingest of uncompressed TIFF does to every frame, piece by piece, and the bounds beside it."""
    folder.mkdir(exist_ok=True)
    paths = sorted(str(path) for path in source.iterdir())[:FIELDS]
    shape = (SIDE_PX, SIDE_PX)
    form = ShardFormat(FIELDS, shape, "uint8")
    unit = [frames[_which(0, field)] for field in range(FIELDS)]
    memory = np.empty(shape, np.uint8)

    def each(call: Callable[[int], Any]) -> Work:
        return Work(lambda: [call(i) for i in range(FIELDS)], FIELDS)

    pieces = {
        "header": each(lambda i: inspect_file(paths[i])),
        "header again, and pixels": each(lambda i: read_plain(DecodeJob(paths[i], shape, "uint8"), memory)),
        "SHA-256": each(lambda i: frame_sha256(unit[i])),
        "crc32c": each(lambda i: encode_chunk(unit[i], form)),
        "boxes of the 1/8 level": each(lambda i: box_sums(unit[i], (0, 0), 8)),
    }
    work = {f"TIFF|{STAGE}|{name}": piece for name, piece in pieces.items()}
    shard = partial(write_shard, folder / "shard", unit, form)
    work[f"TIFF|{BOUND}|phasewell, crc32c included"] = Work(shard, FIELDS)
    work[f"TIFF|{TIFFFILE}|tifffile"] = each(lambda i: tifffile.imread(paths[i]))
    return work


def check_store(store: Path, frames: NDArray[np.uint8]) -> str:
    """Return "equal" when zarr-python reads every frame of the store as its source; else what differs."""
    plate = open_plate(store)
    array: Any = zarr.open_array(store / "A" / "01" / "0" / "0", mode="r")
    for unit in plate.units():
        mosaic = np.asarray(array[unit.time, 0])
        for place in plate.fields:
            top, left = place.row * SIDE_PX, place.column * SIDE_PX
            expected = frames[_which(unit.time, int(place.name) - 1)]
            if not (mosaic[top : top + SIDE_PX, left : left + SIDE_PX] == expected).all():
                return f"differs: well A01 field {place.name} time {unit.time}"
    return f"equal: {plate.n_frames_expected} frames read back by zarr-python"


def _row(name: str, times: Times, kinds: dict[str, int]) -> dict[str, Any]:
    kind, boundary, who = name.split("|")
    frames_per_s = 1e3 / times.wall.p50_ms
    whole = boundary == BOUNDARY
    return {
        "kind": kind,
        "boundary": boundary,
        "who": who,
        "what": f"ingest of {kinds[kind] * FIELDS} frames" if whole else f"{boundary.split(',')[0][:32]}: {who}",
        "frames": kinds[kind] * FIELDS if whole else FIELDS,
        "frames_per_s": frames_per_s,
        "mb_per_s": frames_per_s * SIDE_PX * SIDE_PX / 1e6,
        "p50_ms": times.wall.p50_ms,
        "p95_ms": times.wall.p95_ms,
        "spread": times.wall.spread,
        "cpu_ms": times.cpu.p50_ms,
        "first_call_ms": times.wall.first_ms,
        "calls": times.calls,
    }


if __name__ == "__main__":
    sys.exit(main())
