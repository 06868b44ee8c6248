"""Whether a device gives the numbers of the CPU; without that its speed is worth nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasewell.bench.rows import Parity
from phasewell.cells import Cells
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.device import Device
from phasewell.frames import FrameBatch
from phasewell.runs.worker.measuring import measure_cells

CELL_COLUMNS = ("frame", "label", "centroid_y_px", "centroid_x_px", "bbox_px", "values")


def reference_of(device: Device) -> Device:
    """Return whose numbers are taken for right: for a GPU the kernels of the CPU, for those the readable engine."""
    return Device("cpu", "kernels") if device.is_gpu else Device("cpu", "arrays")


def name_reference(device: Device) -> str:
    """Return the reference in words."""
    return f"engine {reference_of(device).engine} on the CPU"


def compare_cells(sample: FrameBatch, device: Device) -> Parity:
    """Compare labels and cells of a sample of frames, bit for bit."""
    found = _measure(sample, device)
    wanted = _measure(sample, reference_of(device))
    equal = compare_measured(found, wanted)
    return Parity(against=name_reference(device), frames=len(sample), cells=len(wanted[0]), equal=equal)


def compare_measured(found: tuple[Cells, Any], wanted: tuple[Cells, Any]) -> dict[str, bool]:
    """Return which of labels and cells have the same shape and bytes."""
    columns = (
        (np.ascontiguousarray(getattr(found[0], name)), np.ascontiguousarray(getattr(wanted[0], name)))
        for name in CELL_COLUMNS
    )
    return {"labels": _same(found[1], wanted[1]), "cells": all(_same(one, two) for one, two in columns)}


def _measure(sample: FrameBatch, device: Device) -> tuple[Cells, Any]:
    batch = FrameBatch(device.put(sample.pixels), sample.pixel_size_um)
    cells, labels = measure_cells(batch, device, BackgroundConfig(), SegmentationConfig(), keep_labels=True)
    return cells, device.get(labels)


def _same(one: Any, two: Any) -> bool:
    return bool(one.shape == two.shape and one.dtype == two.dtype and one.tobytes() == two.tobytes())
