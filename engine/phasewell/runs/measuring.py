"""From the frames of a batch to its cells: background, segmentation and descriptors joined."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasewell.background import adjust_background, kernel_half_px
from phasewell.cells import Cells
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.descriptors import describe_adjusted, tabulate_cells
from phasewell.descriptors.fused import split_rows
from phasewell.device import Device
from phasewell.frames import FrameBatch
from phasewell.segmentation import make_recipe, segment_adjusted


def measure_cells(
    batch: FrameBatch,
    device: Device,
    background: BackgroundConfig,
    segmentation: SegmentationConfig,
    keep_labels: bool = False,
) -> tuple[Cells, Any]:
    """Return the cells of a batch on the device, and its labels (frames, height, width) int32 there, or None.

    The numbers are those of `segment` and `describe` one after the other. On a CPU the kernels take each frame all
    the way while it is in cache; its labels are only written out if somebody wants them.
    Raises UsageError as those two do.
    """
    if device.kernels and not device.is_gpu:
        return _measure_in_cache(batch, device, background, segmentation, keep_labels)
    grey = adjust_background(batch.pixels, batch.pixel_size_um, device, background)  # once for both
    labels = segment_adjusted(grey, batch.pixel_size_um, device, segmentation)
    cells = describe_adjusted(grey, labels, batch.pixel_size_um, device, batch.keys)
    return cells, labels if keep_labels else None


def _measure_in_cache(
    batch: FrameBatch, device: Device, background: BackgroundConfig, segmentation: SegmentationConfig, keep_labels: bool
) -> tuple[Cells, Any]:
    n, height, width = batch.pixels.shape
    recipe = make_recipe(segmentation, batch.pixel_size_um).as_numbers(height, width)
    half = kernel_half_px(background, batch.pixel_size_um, height, width)
    labels = np.empty((n, height, width) if keep_labels else (0, 0, 0), np.int32)
    rows = device.kernels.measure_frames(batch.pixels, half, background.tolerance, np.array(recipe, np.int32), labels)
    cells = tabulate_cells(split_rows(rows), n, batch.pixel_size_um, batch.keys)
    return cells, labels if keep_labels else None
