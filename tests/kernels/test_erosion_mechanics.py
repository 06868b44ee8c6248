"""The door of the erosion: what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell_kernels import cpu


def erode(**changed: Any) -> None:
    good: dict[str, Any] = {
        "planes": np.zeros((2, 8, 3), np.uint64), "width": 150, "radius": 2, "out": np.zeros((2, 8, 3), np.uint64),
    }  # fmt: skip
    cpu.erode(**{**good, **changed})


def test_what_fits_is_taken_and_inputs_may_be_read_only() -> None:
    planes = np.zeros((2, 8, 3), np.uint64)
    planes.flags.writeable = False
    erode(planes=planes)
    erode(planes=np.zeros((0, 8, 3), np.uint64), out=np.zeros((0, 8, 3), np.uint64))
    erode(planes=np.zeros((2, 0, 3), np.uint64), out=np.zeros((2, 0, 3), np.uint64))
    erode(planes=np.zeros((2, 8, 0), np.uint64), out=np.zeros((2, 8, 0), np.uint64), width=0)


@pytest.mark.parametrize(
    "changed",
    [
        {"planes": np.zeros((2, 8, 3))},
        {"planes": np.zeros((2, 8, 3), np.int64)},
        {"planes": np.zeros((2, 8, 6), np.uint64)[:, :, ::2]},
        {"out": np.zeros((2, 8, 3), np.uint32)},
        {"radius": 2.5},
    ],
)
def test_nothing_is_converted(changed: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        erode(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"width": 128}, "3 words"),
        ({"width": 193}, "3 words"),
        ({"width": -1}, "width -1"),
        ({"radius": -1}, "radius -1"),
        ({"out": np.zeros((2, 9, 3), np.uint64)}, "shape of planes"),
        ({"planes": np.zeros((0, 16385, 3), np.uint64)}, "16384"),
        ({"instructions": "mmx"}, "mmx"),
    ],
)
def test_sizes_and_ranges_are_checked(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        erode(**changed)


def test_planes_are_not_eroded_in_place() -> None:
    planes = np.zeros((2, 8, 3), np.uint64)
    with pytest.raises(ValueError, match="out must not be planes"):
        erode(planes=planes, out=planes)
