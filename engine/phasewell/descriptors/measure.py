"""Label image in, cell table out: one row of twelve descriptors per cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.background import adjust_background
from phasewell.cells import Cells
from phasewell.config import BackgroundConfig
from phasewell.descriptors.formulas import compute_values
from phasewell.descriptors.fused import count_cells_fused
from phasewell.descriptors.integers import LEVELS, CellIntegers, count_cells
from phasewell.device import Device, as_device
from phasewell.errors import UsageError
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey

if TYPE_CHECKING:
    Array = Any  # numpy.ndarray, or cupy.ndarray on a GPU

GREY_PER_LEVEL = 256 // LEVELS
DEFAULT_BACKGROUND = BackgroundConfig()


def describe(
    batch: FrameBatch,
    labels: Array,
    device: Device | str = "auto",
    background: BackgroundConfig = DEFAULT_BACKGROUND,
) -> Cells:
    """Measure the twelve descriptors of every cell of a batch.

    `labels` (frames, height, width) int32, 0 = background. Numbering may have gaps; all pixels of one label are one
    cell, also in several pieces; a strided view is copied. Texture is taken from the background-adjusted frame, which
    is computed here. Returns one row per label present, in the order frame, then label, in host memory. Lengths are
    in px; the table carries the pixel size. Undefined values are NaN. The bits depend on nothing but pixels, labels
    and `background`.
    Raises UsageError for labels of another dtype or shape, for negative labels, and for frames with a side above
    16,384 px or a cell above 2^24 px, where integers would stop being exact.
    """
    where = as_device(device)
    _check_labels(batch.pixels.shape, labels)
    adjusted = adjust_background(batch.pixels, batch.pixel_size_um, where, background)
    return describe_adjusted(adjusted, labels, batch.pixel_size_um, where, batch.keys)


def describe_adjusted(
    adjusted: Array, labels: Array, pixel_size_um: float, device: Device | str = "auto", keys: tuple[Any, ...] = ()
) -> Cells:
    """Measure the twelve descriptors on frames whose background is adjusted already, (frames, height, width) uint8.

    Otherwise as `describe`. Raises UsageError for frames or labels of another type or shape.
    """
    where = as_device(device)
    if adjusted.dtype != np.uint8:
        raise UsageError(f"adjusted frames are {adjusted.dtype}: expected uint8")
    _check_labels(adjusted.shape, labels)
    integers = _count_fused(adjusted, labels, where) if where.kernels else _count_arrays(adjusted, labels, where)
    return tabulate_cells(integers, len(labels), pixel_size_um, keys)


def tabulate_cells(
    integers: CellIntegers, n_frames: int, pixel_size_um: float, keys: tuple[FrameKey, ...] = ()
) -> Cells:
    """Return the cell table of exact integers, in host memory, of `n_frames` frames."""
    return Cells(
        frame=integers.frame.astype(np.int32),
        label=integers.label.astype(np.int32),
        centroid_y_px=integers.sum_row / integers.area,
        centroid_x_px=integers.sum_col / integers.area,
        bbox_px=integers.bbox.astype(np.int32),
        values=compute_values(integers),
        n_frames=n_frames,
        pixel_size_um=pixel_size_um,
        keys=keys,
    )


def _count_fused(adjusted: Array, labels: Array, device: Device) -> CellIntegers:
    frames, labels = (device.xp.ascontiguousarray(device.put(array)) for array in (adjusted, labels))
    return count_cells_fused(frames, labels, device)


def _count_arrays(adjusted: Array, labels: Array, device: Device) -> CellIntegers:
    step = device.batch_frames if device.is_gpu else 1  # one frame fits in a CPU's cache, two run slower
    parts = [
        _count_on_device(adjusted[i : i + step], labels[i : i + step], i, device) for i in range(0, len(labels), step)
    ]
    if not parts:
        parts = [_count_on_device(adjusted, labels, 0, device)]
    return CellIntegers(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _count_on_device(adjusted: Array, labels: Array, first_frame: int, device: Device) -> CellIntegers:
    """Return the integer statistics of some frames in host memory; frames count from `first_frame`."""
    xp = device.xp
    levels = device.put(adjusted) // GREY_PER_LEVEL
    found = count_cells(levels, xp.ascontiguousarray(device.put(labels)), xp, first_frame)
    return CellIntegers(*(device.get(column) for column in found))


def _check_labels(shape: tuple[int, ...], labels: Array) -> None:
    if labels.dtype != np.int32 or labels.shape != shape:
        raise UsageError(
            f"labels {labels.dtype} {labels.shape}: expected int32 {shape}, one label image per frame; "
            "convert with labels.astype('int32')"
        )
