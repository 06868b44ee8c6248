"""Simulated frames per second: the kernel alone, a unit in memory, and a plate written to disk.

Usage: python benchmarks/simulation.py [--repeats 5]   (rows go to results/simulation.jsonl)

CPU time is process time over all threads; wall time on a busy machine says little and stands beside it.
Parity: the digest of the rendered pixels and labels, which must be the same on every machine.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from phasewell.runs.simulated_plates import simulate
from phasewell.simulation import plan_plate, render_unit
from phasewell.simulation.drawing import draw_field
from phasewell.simulation.optics import optics, texture_tile
from phasewell.simulation.population import populate
from phasewell_kernels import cpu
from rows import write_rows

FIELDS = 16
WELL = "A02"


def measure(work: Callable[[], Any], frames: int, repeats: int) -> dict[str, Any]:
    """Return frames per second of CPU and of wall time: median over repeats, and the spread, after one warm-up."""
    work()
    cpu_s, wall_s = [], []
    for _ in range(repeats):
        before, start = time.process_time(), time.perf_counter()
        work()
        cpu_s.append(time.process_time() - before)
        wall_s.append(time.perf_counter() - start)
    return {
        "frames": frames,
        "repeats": repeats,
        "frames_per_cpu_second": round(frames / statistics.median(cpu_s), 1),
        "frames_per_second": round(frames / statistics.median(wall_s), 1),
        "cpu_ms_per_frame_min": round(1e3 * min(cpu_s) / frames, 3),
        "cpu_ms_per_frame_max": round(1e3 * max(cpu_s) / frames, 3),
    }


def kernel_row(time_index: int, repeats: int) -> dict[str, Any]:
    """Measure the kernel alone, one thread, parameters and buffers ready."""
    plan = plan_plate(fields=FIELDS)
    clone, index, tables = plan.culture(WELL), plan.wells.index(WELL), optics(plan.pixel_size_um)
    chances = [plan.chance(index, field) for field in range(FIELDS)]
    drawings = [draw_field(plan, clone, c, time_index, populate(plan, clone, c, time_index)) for c in chances]
    offsets = np.cumsum([0, *(len(drawing.cells) for drawing in drawings)])
    frames = np.stack([drawing.frame for drawing in drawings])
    cells = np.concatenate([drawing.cells for drawing in drawings])
    outlines = np.concatenate([drawing.outlines for drawing in drawings])
    pixels = np.zeros((FIELDS, *plan.frame_shape), np.uint8)
    labels = np.zeros(pixels.shape, np.int32)
    tail = (tables.profiles, texture_tile(), tables.mottle, tables.reach, tables.profile_scale, pixels, labels)
    row = measure(lambda: cpu.render_frames(frames, offsets, cells, outlines, *tail), FIELDS, repeats)
    digest = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    place = {"boundary": "kernel only, 1 thread", "objects_per_frame": round(len(cells) / FIELDS)}
    return {"what": "simulate", **place, "time_h": plan.times_h[time_index], **row, "parity": digest}


def unit_row(time_index: int, repeats: int) -> dict[str, Any]:
    """Measure populations, drawing and kernel: a unit in memory, one thread."""
    plan = plan_plate(fields=FIELDS)
    row = measure(lambda: render_unit(plan, WELL, time_index), FIELDS, repeats)
    pixels, labels = render_unit(plan, WELL, time_index)
    digest = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    boundary = "plan to pixels and truth labels in memory, 1 thread"
    return {"what": "simulate", "boundary": boundary, "time_h": plan.times_h[time_index], **row, "parity": digest}


def plate_row(repeats: int) -> dict[str, Any]:
    """Measure a plate written to disk, fsync included, one thread per core, all hours."""
    from phasewell.images import plate_digest

    digests = []

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            digests.append(plate_digest(simulate(Path(folder) / "plate.zarr", clones=2, fields=8)))

    row = measure(work, 2 * 8 * 15, repeats)
    boundary = "arguments to plate store on disk, 1 thread per core, 15 hours"
    return {"what": "simulate", "boundary": boundary, **row, "parity": digests[-1]}


def main() -> None:
    """Measure and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    rows = [row(index, repeats) for row in (kernel_row, unit_row) for index in (0, 7, 14)]
    rows.append(plate_row(max(repeats // 2, 1)))
    for row in rows:
        print({key: value for key, value in row.items() if key != "parity"})
    print(write_rows("simulation", rows))


if __name__ == "__main__":
    main()
