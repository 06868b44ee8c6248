"""What the door of the split refuses, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell_kernels import cpu

ARRAYS = ("planes", "grey", "labels", "counts")


def arguments() -> dict[str, Any]:
    arrays = (np.ones((2, 5, 2), np.uint64), np.full((2, 5, 70), 128, np.uint8), np.empty((2, 5, 70), np.int32))
    counts = np.empty(2, np.int32)
    good: dict[str, Any] = dict(zip(ARRAYS, (*arrays, counts), strict=True))
    return {**good, "depth": 400, "seam_level": 20, "remove_touching": True}


@pytest.mark.parametrize("name", ARRAYS)
def test_no_array_is_converted(name: str) -> None:
    good = arguments()
    cpu.split(**good)
    with pytest.raises(TypeError):
        cpu.split(**{**good, name: good[name].astype(np.float64)})
    with pytest.raises(TypeError):
        cpu.split(**{**good, name: np.repeat(good[name], 2, axis=-1)[..., ::2]})


@pytest.mark.parametrize("name", ["labels", "counts"])
def test_what_is_written_must_be_writable(name: str) -> None:
    good = arguments()
    good[name].setflags(write=False)
    with pytest.raises(TypeError):
        cpu.split(**good)


def test_inputs_may_be_read_only_and_stay_as_they_are() -> None:
    good, before = arguments(), arguments()
    for name in ("planes", "grey"):
        good[name].setflags(write=False)
    cpu.split(**good)
    for name in ("planes", "grey"):
        np.testing.assert_array_equal(good[name], before[name])


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_hold_the_same_frames(name: str) -> None:
    good = arguments()
    with pytest.raises(ValueError, match=r"same frames|differ in shape"):
        cpu.split(**{**good, name: good[name][:1]})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("depth", 0, "depth 0: expected at least 1"),
        ("depth", -5, "expected at least 1"),
        ("seam_level", -1, "expected 0..255"),
        ("seam_level", 256, "expected 0..255"),
        ("instructions", "sse9", "instruction set"),
        ("planes", np.ones((2, 5, 3), np.uint64), "words a row: expected 2 for a width of 70 px"),
        ("planes", np.full((2, 5, 2), 1 << 6, np.uint64), "beyond the width of 70 px"),
        ("grey", np.empty((2, 5, 71), np.uint8), "grey and labels differ in shape"),
    ],
)
def test_values_out_of_range_are_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cpu.split(**{**arguments(), name: value})


def test_frames_are_as_large_as_integers_allow() -> None:
    large = {"planes": np.zeros((1, 16385, 1), np.uint64), "grey": np.zeros((1, 16385, 3), np.uint8)}
    outputs = {"labels": np.zeros((1, 16385, 3), np.int32), "counts": np.zeros(1, np.int32)}
    with pytest.raises(ValueError, match="cut them into fields"):
        cpu.split(**{**arguments(), **large, **outputs})
