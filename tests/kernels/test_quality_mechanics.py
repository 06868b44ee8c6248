"""The door of the quality sums: what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell_kernels import cpu


def sum_frames(**changed: Any) -> None:
    good: dict[str, Any] = {
        "pixels": np.zeros((2, 8, 12), np.uint8), "integers": np.zeros((2, cpu.QUALITY_INTEGERS), np.int64),
        "rows": np.zeros((2, 8), np.uint32), "columns": np.zeros((2, 12), np.uint32),
    }  # fmt: skip
    cpu.sum_frames(**{**good, **changed})


def test_what_fits_is_taken_and_inputs_may_be_read_only() -> None:
    pixels = np.zeros((2, 8, 12), np.uint8)
    pixels.flags.writeable = False
    sum_frames(pixels=pixels)


@pytest.mark.parametrize(
    "changed",
    [
        {"pixels": np.zeros((2, 8, 12))},
        {"pixels": np.zeros((2, 8, 12), np.int8)},
        {"pixels": np.zeros((2, 8, 24), np.uint8)[:, :, ::2]},
        {"integers": np.zeros((2, cpu.QUALITY_INTEGERS), np.int32)},
        {"integers": np.zeros((2, cpu.QUALITY_INTEGERS + 1), np.int64)},
        {"rows": np.zeros((2, 8), np.int64)},
        {"columns": np.zeros((2, 12), np.int32)},
    ],
)
def test_nothing_is_converted(changed: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        sum_frames(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"integers": np.zeros((1, cpu.QUALITY_INTEGERS), np.int64)}, "one row per frame"),
        ({"rows": np.zeros((2, 9), np.uint32)}, "frames, height"),
        ({"columns": np.zeros((1, 12), np.uint32)}, "frames, width"),
        ({"pixels": np.zeros((0, 16385, 4), np.uint8)}, "16384"),
        ({"instructions": "mmx"}, "mmx"),
    ],
)
def test_sizes_are_checked(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sum_frames(**changed)
