"""The door of the background adjustment: what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell_kernels import cpu


def adjust(**changed: Any) -> None:
    good: dict[str, Any] = {
        "pixels": np.zeros((2, 8, 12), np.uint8), "half": 3, "tolerance": 8, "grey": np.zeros((2, 8, 12), np.uint8),
    }  # fmt: skip
    cpu.adjust_background(**{**good, **changed})


def test_what_fits_is_taken_and_inputs_may_be_read_only() -> None:
    pixels = np.zeros((2, 8, 12), np.uint8)
    pixels.flags.writeable = False
    adjust(pixels=pixels)
    for shape in ((0, 8, 12), (2, 0, 12), (2, 8, 0)):
        adjust(pixels=np.zeros(shape, np.uint8), grey=np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "changed",
    [
        {"pixels": np.zeros((2, 8, 12))},
        {"pixels": np.zeros((2, 8, 12), np.uint16)},
        {"pixels": np.zeros((2, 8, 24), np.uint8)[:, :, ::2]},
        {"pixels": np.zeros((8, 12), np.uint8)},
        {"grey": np.zeros((2, 8, 12), np.int16)},
        {"half": 2.5},
        {"tolerance": 8.0},
    ],
)
def test_nothing_is_converted(changed: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        adjust(**changed)


def test_the_result_is_written_to_other_writable_memory() -> None:
    pixels = np.zeros((2, 8, 12), np.uint8)
    with pytest.raises(ValueError, match="grey must not be pixels"):
        adjust(pixels=pixels, grey=pixels)
    locked = np.zeros((2, 8, 12), np.uint8)
    locked.flags.writeable = False
    with pytest.raises(TypeError):
        adjust(grey=locked)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"grey": np.zeros((2, 8, 13), np.uint8)}, "shape of pixels"),
        ({"grey": np.zeros((1, 8, 12), np.uint8)}, "shape of pixels"),
        ({"half": -1}, "half -1"),
        ({"tolerance": -1}, "tolerance -1"),
        ({"tolerance": 256}, "0..255"),
        ({"pixels": np.zeros((0, 4, 16385), np.uint8)}, "16384"),
        ({"instructions": "mmx"}, "mmx"),
    ],
)
def test_sizes_and_ranges_are_checked(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adjust(**changed)
