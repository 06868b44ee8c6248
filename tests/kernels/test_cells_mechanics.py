"""The door of the cells' integers: what it takes, refuses and returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell.descriptors.fused import COLUMNS, count_cells_fused
from phasewell.descriptors.integers import CellIntegers
from phasewell.device import Device
from phasewell.errors import UsageError
from phasewell_kernels import cpu

GREY, LABELS = np.zeros((2, 5, 6), np.uint8), np.ones((2, 5, 6), np.int32)


@pytest.mark.parametrize(
    ("grey", "labels"),
    [
        (GREY.astype(np.float64), LABELS),
        (GREY.astype(np.int32), LABELS),
        (GREY, LABELS.astype(np.int64)),
        (GREY, LABELS.astype(np.uint32)),
        (GREY.repeat(2, axis=2)[:, :, ::2], LABELS),
        (GREY, LABELS.repeat(2, axis=2)[:, :, ::2]),
        (GREY[0], LABELS[0]),
    ],
)
def test_nothing_is_converted(grey: Any, labels: Any) -> None:
    with pytest.raises(TypeError):
        cpu.measure_cells(grey, labels)


def test_shapes_must_agree() -> None:
    for grey in (GREY[:1], np.ascontiguousarray(GREY[:, :4]), np.ascontiguousarray(GREY[:, :, :4])):
        with pytest.raises(ValueError, match="differ in shape"):
            cpu.measure_cells(grey, LABELS)


def test_frames_beyond_the_ranges_are_refused() -> None:
    for sides in ((16385, 1), (1, 16385), (4097, 4096)):
        with pytest.raises(UsageError, match="cut them into fields"):
            count_cells_fused(np.zeros((0, *sides), np.uint8), np.zeros((0, *sides), np.int32), Device("cpu"))


@pytest.mark.parametrize("threads", [1, 2])
def test_negative_labels_name_their_frame(threads: int) -> None:
    labels = np.ones((4, 5, 6), np.int32)
    labels[2, 3, 1], labels[3, 0, 0], labels[1, 0, 0] = -7, -1, 900
    with pytest.raises(UsageError, match="frame 12 has negative values"):
        count_cells_fused(np.zeros(labels.shape, np.uint8), labels, Device("cpu", threads=threads), 10)


def test_labels_above_the_pixels_are_numbered_anew() -> None:
    labels = LABELS.copy()
    labels[1, 2:, 2:], labels[1, 0, 0] = 2**31 - 1, 31
    with pytest.raises(OverflowError, match="frame 1 has labels above its number of pixels"):
        cpu.measure_cells(GREY, labels)
    assert count_cells_fused(GREY, labels, Device("cpu")).label.tolist() == [1, 1, 31, 2**31 - 1]


def test_inputs_may_be_read_only_and_stay_as_they_are() -> None:
    grey, labels = GREY.copy(), LABELS.copy()
    grey.flags.writeable = labels.flags.writeable = False
    rows = cpu.measure_cells(grey, labels)
    assert rows.shape == (2, cpu.CELL_COLUMNS)
    assert rows.flags.writeable


def test_rows_have_the_columns_of_the_engine() -> None:
    assert tuple(COLUMNS) == CellIntegers._fields
    assert sum(COLUMNS.values()) == cpu.CELL_COLUMNS


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(ValueError, match="instruction set"):
        cpu.measure_cells(GREY, LABELS, 0, 1, "sse9")
