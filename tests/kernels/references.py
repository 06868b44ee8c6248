"""What every operation of kernels/harness must give, from the arrays or from the doors of the CPU product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Case
from numpy.typing import NDArray
from phasewell_kernels import cpu

NEGATIVE_LABEL, LARGE_LABEL = -1, -2  # what list_cells returns for labels that are refused


def number(case: Case, name: str) -> int:
    return int(case[name])


def scan(case: Case) -> Case:
    sums = np.cumsum(case["values"], dtype=np.int32)
    return {"before": sums - case["values"], "total": np.asarray(sums[-1] if len(sums) else 0, np.int32)}


def gather(case: Case) -> Case:
    values = case["values"]
    bits = np.bitwise_or.reduce(values, axis=None)
    out = np.array([values.sum(dtype=np.int64), values.min(), values.max(), bits], np.int64)
    return {"out": out, "counts": np.bincount(values.ravel() % 64, minlength=64).astype(np.uint32)}


def render(case: Case) -> Case:
    shape = (1, number(case, "height"), number(case, "width"))
    pixels, labels = np.empty(shape, np.uint8), np.empty(shape, np.int32)
    offsets = np.array([0, len(case["cells"])])
    tables = case["profiles"], case["texture"], case["mottle"], number(case, "reach"), number(case, "profile_scale")
    cpu.render_frames(case["frame"][None], offsets, case["cells"], case["outlines"], *tables, pixels, labels)
    return {"pixels": pixels[0], "labels": labels[0]}


def cnn_input(case: Case) -> Case:
    height, width = case["grey"].shape
    images, integers = np.empty((1, height // 4, width // 4), np.uint8), np.empty((1, cpu.INPUT_INTEGERS), np.int64)
    cpu.cnn_input(case["grey"][None], "gain" if number(case, "by_gain") else "offset", images, integers)
    return {"picture": images[0], "integers": integers[0]}


def scale(case: Case) -> Case:
    scaled = np.empty((1, len(case["means"]), *case["grey"].shape), np.float32)
    cpu.scale_images(case["grey"][None], case["means"], case["deviations"], scaled)
    return {"scaled": scaled[0]}


def background(case: Case) -> Case:
    adjusted = np.empty_like(case["grey"][None])
    cpu.adjust_background(case["grey"][None], number(case, "half"), number(case, "tolerance"), adjusted)
    return {"adjusted": adjusted[0]}


def quality(case: Case) -> Case:
    height, width = case["grey"].shape
    integers = np.empty((1, cpu.QUALITY_INTEGERS), np.int64)
    rows, columns = np.empty((1, height), np.uint32), np.empty((1, width), np.uint32)
    cpu.sum_frames(case["grey"][None], integers, rows, columns)
    return {"integers": integers[0], "rows": rows[0], "columns": columns[0]}


def energies(case: Case) -> Case:
    energy, counts = np.empty((1, *case["grey"].shape), np.uint32), np.empty((1, cpu.LEVELS), np.uint32)
    cpu.measure_energies(case["grey"][None], number(case, "half"), energy, counts)
    return {"energy": energy[0], "counts": counts[0]}


def levels(case: Case) -> Case:
    found = np.empty(len(case["energies"]), np.int32)
    cpu.energy_levels(case["energies"], found)
    return {"levels": found}


def binarise(case: Case) -> Case:
    height, width = case["grey"].shape
    planes, thresholds = np.empty((1, height, -(-width // 64)), np.uint64), np.empty(1, np.int32)
    names = ("half", "ratio", "radius", "percent", "floor", "cap")
    cpu.binarise_frames(case["grey"][None], *(number(case, name) for name in names), planes, thresholds)
    return {"plane": planes[0], "threshold": thresholds[0]}


def erode(case: Case) -> Case:
    out = np.empty_like(case["plane"][None])
    cpu.erode(case["plane"][None], number(case, "width"), number(case, "radius"), out)
    return {"plane": out[0]}


def in_place(step: Callable[[Any, int, int], None]) -> Callable[[Case], Case]:
    def work(case: Case) -> Case:
        plane = case["plane"][None].copy()
        step(plane, number(case, "width"), number(case, "limit"))
        return {"plane": plane[0]}

    return work


def label_runs(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return (runs, 4) row, start, end, label of the runs of equal label in rows, in raster order."""
    padded = np.pad(labels, ((0, 0), (1, 1)))
    differs = padded[:, 1:] != padded[:, :-1]
    rows, starts = np.nonzero(differs & (padded[:, 1:] != 0))
    ends = np.nonzero(differs & (padded[:, :-1] != 0))[1]
    return np.stack([rows, starts, ends, labels[rows, starts]], axis=1).astype(np.int32)


def labelled(labels: NDArray[np.int32], count: np.int32) -> Case:
    return {"labels": labels, "count": np.asarray(count), "runs": label_runs(labels)}


def label_pieces(case: Case) -> Case:
    labels = np.empty((1, len(case["plane"]), number(case, "width")), np.int32)
    counts = np.empty(1, np.int32)
    cpu.label_pieces(case["plane"][None], bool(number(case, "remove_touching")), labels, counts)
    return labelled(labels[0], counts[0])


def cells(case: Case) -> Case:
    grey, labels = case["grey"][None], case["labels"][None]
    try:
        rows = cpu.measure_cells(grey, labels, 3)
    except ValueError:
        return {"count": np.asarray(NEGATIVE_LABEL, np.int32), "rows": np.empty((0, cpu.CELL_COLUMNS), np.int64)}
    except OverflowError:
        return {"count": np.asarray(LARGE_LABEL, np.int32), "rows": np.empty((0, cpu.CELL_COLUMNS), np.int64)}
    return {"count": np.asarray(len(rows), np.int32), "rows": rows}


def split(case: Case) -> Case:
    grey = case["grey"][None]
    labels, counts = np.empty(grey.shape, np.int32), np.empty(1, np.int32)
    numbers = number(case, "depth"), number(case, "seam_level"), bool(number(case, "remove_touching"))
    cpu.split(case["plane"][None], grey, *numbers, labels, counts)
    return labelled(labels[0], counts[0])


def segment(case: Case) -> Case:
    grey = case["grey"][None]
    labels, counts = np.empty(grey.shape, np.int32), np.empty(1, np.int32)
    cpu.segment(grey, case["recipe"], labels, counts)
    return labelled(labels[0], counts[0])


REFERENCES: dict[str, Callable[[Case], Case]] = {
    "scan": scan,
    "gather": gather,
    "render": render,
    "cnn_input": cnn_input,
    "scale": scale,
    "background": background,
    "quality": quality,
    "energies": energies,
    "levels": levels,
    "binarise": binarise,
    "erode": erode,
    "remove_small": in_place(cpu.remove_small),
    "fill_holes": in_place(cpu.fill_holes),
    "clean_objects": in_place(lambda plane, width, limit: cpu.clean_objects(plane, width, limit // 3, limit)),
    "remove_walls": in_place(cpu.remove_walls),
    "cells": cells,
    "split": split,
    "segment": segment,
    "label_pieces": label_pieces,
}
