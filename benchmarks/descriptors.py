"""Twelve descriptors per cell: frames per second and core, against scikit-image cell by cell, on the same frames.

Run: python benchmarks/descriptors.py. Rates are CPU time of one process, so that other work on the machine does not
count; both sides are measured in turns, and each row says how far their numbers agree.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from phasewell.background import adjust_background
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.descriptors import describe, describe_adjusted
from phasewell.device import Device
from phasewell.frames import FrameBatch
from rows import write_rows
from skimage.feature import graycomatrix, graycoprops
from skimage.measure import regionprops_table
from timing import Work, measure

SIDE_PX = 1000
MEAN_AREA_PX = {150: 480, 600: 317}  # cells a frame -> mean pixels a cell
REPEATS = 15
ANGLES = (0, math.pi / 4, math.pi / 2, 3 * math.pi / 4)
LEVELS, OUTSIDE = 32, 32
ONE_CORE = Device("cpu", threads=1)  # as the peer


def draw_frame(cells: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a frame and labels: ellipses of aspect 1..3 on a jittered grid, waves and noise as texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    labels = np.zeros((SIDE_PX, SIDE_PX), np.int32)
    grid = math.ceil(math.sqrt(cells))
    for k in range(cells):
        cy, cx = ((i + 0.5) * SIDE_PX / grid + rng.uniform(-5, 5) for i in divmod(k, grid))
        aspect, angle = rng.uniform(1, 3), rng.uniform(0, math.pi)
        b = math.sqrt(MEAN_AREA_PX[cells] / math.pi / aspect)
        window = np.s_[max(int(cy) - 40, 0) : int(cy) + 40, max(int(cx) - 40, 0) : int(cx) + 40]
        u = (x[window] - cx) * math.cos(angle) + (y[window] - cy) * math.sin(angle)
        v = (y[window] - cy) * math.cos(angle) - (x[window] - cx) * math.sin(angle)
        inside = (u / (aspect * b)) ** 2 + (v / b) ** 2 <= 1
        labels[window][inside & (labels[window] == 0)] = k + 1
    frame = 128 + 20 * np.sin(x / 5) + 10 * np.cos(y / 7) + rng.normal(0, 12, labels.shape)
    return np.clip(frame, 0, 255).astype(np.uint8), labels


def describe_with_scikit_image(frame: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the same (cells, 12) the way a user of scikit-image gets them: a table, and a matrix per cell."""
    names = ("area", "perimeter_crofton", "axis_major_length", "axis_minor_length", "image", "slice")
    table = regionprops_table(labels, properties=names)
    area, perimeter, length, breadth = (table[name].astype(np.float64) for name in names[:4])
    levels, texture = frame // (256 // LEVELS), np.empty((len(area), 6))
    for k, (image, window) in enumerate(zip(table["image"], table["slice"], strict=True)):
        inside = np.where(image, levels[window], OUTSIDE).astype(np.uint8)
        counts = graycomatrix(inside, [1], ANGLES, levels=LEVELS + 1, symmetric=True).sum(axis=3, keepdims=True)
        matrix = counts[:LEVELS, :LEVELS].astype(np.float64)
        for j, name in enumerate(("contrast", "dissimilarity", "homogeneity", "ASM", "energy", "correlation")):
            texture[k, j] = graycoprops(matrix, name)[0, 0]
    shape = [area, perimeter, length, breadth, length / breadth, perimeter**2 / (4 * math.pi * area)]
    return np.column_stack([*shape, texture])


def compare(cells: int) -> list[dict[str, Any]]:
    """Return one row per boundary for frames of this many cells; the peer does the same work inside it."""
    frame, labels = draw_frame(cells, seed=cells)
    frames, stack = frame[None], labels[None]
    batch, target = FrameBatch(frames, 1.0), np.empty_like(stack)
    ours = {
        "labels and adjusted frame to table": lambda: describe_adjusted(frames, stack, 1.0, ONE_CORE).values,
        "labels and frame to table, background adjusted inside": lambda: describe(batch, stack, ONE_CORE).values,
    }
    peers = {
        "labels and adjusted frame to table": lambda: describe_with_scikit_image(frame, labels),
        "labels and frame to table, background adjusted inside": lambda: describe_with_scikit_image(
            adjust_background(frames, 1.0, "cpu")[0], labels
        ),
    }
    work: dict[str, Callable[[], Any]] = {"copy": lambda: np.copyto(target, stack)}
    work |= {f"ours: {name}": call for name, call in ours.items()}
    work |= {f"peer: {name}": call for name, call in peers.items()}
    cost = {
        name: times.cpu for name, times in measure({name: Work(call) for name, call in work.items()}, REPEATS).items()
    }
    ceiling = 2 * stack.nbytes / 1e9 / (cost["copy"].p50_ms / 1e3)
    rows = []
    for boundary, call in ours.items():
        times, peer_ms = cost[f"ours: {boundary}"], cost[f"peer: {boundary}"].p50_ms
        found, wanted = call(), peers[boundary]()
        relative = (np.abs(found - wanted) / np.maximum(np.abs(wanted), 1e-300)).max(axis=0)
        rate = (frames.nbytes + stack.nbytes) / 1e9 / (times.p50_ms / 1e3)
        rows.append(
            {
                "boundary": boundary,
                "device": "cpu, 1 process",
                "frame": f"synthetic, {SIDE_PX} x {SIDE_PX} uint8",
                "cells_per_frame": len(found),
                "covered_share": float((labels > 0).mean()),
                "frames_per_s_per_core": 1e3 / times.p50_ms,
                "cells_per_s_per_core": 1e3 * len(found) / times.p50_ms,
                **asdict(times),
                "repeats": REPEATS,
                "clock": "CPU time of the process, median; sides measured in turns",
                "gb_per_s": rate,
                "ceiling": "copy of the label image, read and write",
                "ceiling_gb_per_s": ceiling,
                "share_of_ceiling": rate / ceiling,
                "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "peer": "scikit-image regionprops_table, then graycomatrix and graycoprops per cell",
                "peer_p50_ms": peer_ms,
                "times_the_peer": peer_ms / times.p50_ms,
                "parity": {
                    "same_bits_when_repeated": found.tobytes() == call().tobytes(),
                    "max_relative_difference": dict(zip(DESCRIPTOR_NAMES, relative.tolist(), strict=True)),
                },
            }
        )
    return rows


def main() -> None:
    """Measure, print and write results/descriptors.jsonl."""
    rows = [row for cells in MEAN_AREA_PX for row in compare(cells)]
    for row in rows:
        worst = max(row["parity"]["max_relative_difference"].values())
        print(
            f"{row['cells_per_frame']} cells, {row['boundary']}: {row['frames_per_s_per_core']:.0f} frames/s per core, "
            f"{row['times_the_peer']:.1f} x scikit-image, agreement {worst:.1e}"
        )
    print(write_rows("descriptors", rows, "scikit-image"))


if __name__ == "__main__":
    main()
