"""The doors of the CNN input: what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell_kernels import cpu


def prepare(**changed: Any) -> None:
    good: dict[str, Any] = {
        "pixels": np.zeros((2, 8, 12), np.uint8), "mode": "offset", "images": np.zeros((2, 2, 3), np.uint8),
        "integers": np.zeros((2, cpu.INPUT_INTEGERS), np.int64),
    }  # fmt: skip
    cpu.cnn_input(**{**good, **changed})


def scale(**changed: Any) -> None:
    good: dict[str, Any] = {
        "images": np.zeros((2, 2, 3), np.uint8), "mean": np.zeros(3, np.float32), "deviation": np.ones(3, np.float32),
        "scaled": np.zeros((2, 3, 2, 3), np.float32),
    }  # fmt: skip
    cpu.scale_images(**{**good, **changed})


def test_what_fits_is_taken_and_inputs_may_be_read_only() -> None:
    pixels = np.zeros((2, 8, 12), np.uint8)
    pixels.flags.writeable = False
    prepare(pixels=pixels)
    scale()


@pytest.mark.parametrize(
    "changed",
    [
        {"pixels": np.zeros((2, 8, 12))},
        {"pixels": np.zeros((2, 8, 12), np.int8)},
        {"pixels": np.zeros((2, 8, 24), np.uint8)[:, :, ::2]},
        {"images": np.zeros((2, 2, 3), np.int32)},
        {"integers": np.zeros((2, 3), np.int32)},
        {"integers": np.zeros((2, 4), np.int64)},
    ],
)
def test_nothing_is_converted(changed: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        prepare(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mode": "both"}, "expected offset or gain"),
        ({"pixels": np.zeros((2, 9, 12), np.uint8)}, "crop"),
        ({"pixels": np.zeros((2, 8, 0), np.uint8)}, "crop"),
        ({"pixels": np.zeros((0, 4, 16388), np.uint8)}, "16384"),
        ({"images": np.zeros((2, 3, 2), np.uint8)}, "height / 4"),
        ({"images": np.zeros((1, 2, 3), np.uint8)}, "frames"),
        ({"integers": np.zeros((1, 3), np.int64)}, "one row per frame"),
        ({"instructions": "mmx"}, "mmx"),
    ],
)
def test_sizes_and_modes_are_checked(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mean": np.zeros(2, np.float32)}, "one value per channel"),
        ({"mean": np.zeros(0, np.float32), "deviation": np.zeros(0, np.float32)}, "channel"),
        ({"mean": np.full(3, np.nan, np.float32)}, "expected a mean"),
        ({"mean": np.full(3, 1e-30, np.float32)}, "expected a mean"),
        ({"deviation": np.zeros(3, np.float32)}, "a deviation of"),
        ({"scaled": np.zeros((2, 1, 2, 3), np.float32)}, "channels, height, width"),
    ],
)
def test_scales_are_checked(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scale(**changed)
    with pytest.raises(TypeError):
        scale(scaled=np.zeros((2, 3, 2, 3)))
