"""The exact integers of every cell from the kernel: the same numbers as `integers.count_cells`, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.descriptors.integers import LEVELS, CellIntegers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.device import Device

    Labels = Any  # numpy.ndarray, or cupy.ndarray on a GPU
    Rows = NDArray[np.int64]

COLUMNS = {name: 1 for name in CellIntegers._fields} | {"bbox": 4, "differences": LEVELS}


def count_cells_fused(grey: Labels, labels: Labels, device: Device, first_frame: int = 0) -> CellIntegers:
    """Return the exact integer statistics of every label present, bit for bit those of `count_cells`.

    `grey` (frames, height, width) uint8, background adjusted; `labels` of the same shape, int32, 0 = background; both
    C-contiguous and on the device. Frames are counted from `first_frame`.
    Raises UsageError for negative labels and for frames above 2^24 px or with a side above 16,384 px.
    """
    kernels, xp = device.kernels, device.xp
    try:
        rows = kernels.measure_cells(grey, labels, first_frame)
    except OverflowError:  # labels that count further than pixels: the kernel numbers cells by a table
        dense, names = zip(*(_number_anew(frame, xp) for frame in labels), strict=True)
        rows = kernels.measure_cells(grey, xp.stack(dense), first_frame)
        rows[:, 1] = np.concatenate([device.get(present[present > 0]) for present in names])
    return split_rows(rows)


def split_rows(rows: Rows) -> CellIntegers:
    """Return the columns of the kernel's rows, (cells, 49) int64 in the order of CellIntegers."""
    bounds = np.cumsum(list(COLUMNS.values()))[:-1]
    columns: dict[str, Any] = dict(zip(COLUMNS, np.split(np.ascontiguousarray(rows.T), bounds), strict=True))
    wide = {
        "bbox": np.ascontiguousarray(columns["bbox"].T, np.int32),
        "differences": columns["differences"].T,  # the formulas go through it column by column
    }
    return CellIntegers(**{name: wide.get(name, column[0]) for name, column in columns.items()})


def _number_anew(labels: Labels, xp: Any) -> tuple[Labels, Labels]:
    """Return one frame's labels as 0 for background and 1.. in their order, and the labels that occur."""
    present, number = xp.unique(labels, return_inverse=True)
    start = 0 if int(present[0]) == 0 else 1
    return (number + start).astype(xp.int32).reshape(labels.shape), present
