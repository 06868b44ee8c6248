"""Addresses of wells and frames, and the checks of a frame batch."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.errors import InputError, UsageError
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey, parse_well, row_name, well_position


@pytest.mark.parametrize(
    ("text", "well"), [("A1", "A01"), ("a01", "A01"), (" B 3 ", "B03"), ("AF48", "AF48"), ("h012", "H12")]
)
def test_wells_have_one_name(text: str, well: str) -> None:
    assert parse_well(text) == well


@pytest.mark.parametrize("text", ["", "A", "7", "A0", "A49", "AG1", "Z99", "A1B", "A-1", "\u03911"])
def test_what_is_no_well_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a row letter"):
        parse_well(text)


def test_position_inverts_the_name() -> None:
    for row in range(32):
        for column in (0, 11, 47):
            assert well_position(f"{row_name(row)}{column + 1:02d}") == (row, column)


@pytest.mark.parametrize(
    ("pixels", "pixel_size_um"),
    [
        (np.zeros((2, 3, 4), np.float64), 1.0),
        (np.zeros((2, 3, 4), np.uint16), 1.0),
        (np.zeros((3, 4), np.uint8), 1.0),
        (np.zeros((2, 3, 4), np.uint8), 0.0),
        (np.zeros((2, 3, 4), np.uint8), float("nan")),
    ],
)
def test_frame_batch_converts_nothing(pixels: np.ndarray, pixel_size_um: float) -> None:
    with pytest.raises(UsageError):
        FrameBatch(pixels, pixel_size_um)


def test_frame_batch_needs_one_key_per_frame() -> None:
    with pytest.raises(UsageError, match="1 keys for 2 frames"):
        FrameBatch(np.zeros((2, 3, 4), np.uint8), 1.0, (FrameKey("p", "A01", "1", 0),))
