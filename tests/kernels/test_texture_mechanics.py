"""The doors of steps 2 and 3: what they refuse, and frames with nothing in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell_kernels import cpu

NUMBERS = {"half": 2, "ratio": 64, "radius": 11, "percent": 85, "floor": 60, "cap": 200}


def arguments(frames: int = 2, height: int = 5, width: int = 70) -> dict[str, Any]:
    grey = np.zeros((frames, height, width), np.uint8)
    grey.flags.writeable = False
    planes = np.empty((frames, height, -(-width // 64)), np.uint64)
    return {"grey": grey, **NUMBERS, "planes": planes, "thresholds": np.empty(frames, np.int32)}


@pytest.mark.parametrize("name", ["grey", "planes", "thresholds"])
def test_no_array_is_converted(name: str) -> None:
    good = arguments()
    cpu.binarise_frames(**good)
    for bad in (
        good[name].astype(np.float32),
        good[name].astype(np.int16),
        np.repeat(good[name], 2, axis=-1)[..., ::2],
    ):
        with pytest.raises(TypeError):
            cpu.binarise_frames(**{**good, name: bad})


@pytest.mark.parametrize("name", ["planes", "thresholds"])
def test_results_are_one_per_frame(name: str) -> None:
    good = arguments()
    with pytest.raises(ValueError, match=name):
        cpu.binarise_frames(**{**good, name: good[name][:1]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("half", -2), ("half", 16), ("ratio", -1), ("ratio", 520_201), ("radius", -1), ("radius", 16_385),
        ("percent", 0), ("percent", 201), ("floor", -1), ("floor", 201), ("cap", 59), ("cap", 520_201),
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_named(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name if name != "cap" or value > 59 else "floor"):
        cpu.binarise_frames(**{**arguments(), name: value})


def test_frames_that_are_too_large() -> None:
    with pytest.raises(ValueError, match="16384"):
        cpu.binarise_frames(**arguments(0, 1, 16_385))


def test_unknown_instructions() -> None:
    with pytest.raises(ValueError, match="avx2"):
        cpu.binarise_frames(**arguments(), instructions="avx3")


@pytest.mark.parametrize("shape", [(0, 5, 70), (2, 0, 70), (2, 5, 0), (0, 0, 0)])
def test_nothing_to_do(shape: tuple[int, int, int]) -> None:
    some = arguments(*shape)
    some["thresholds"][:] = -1
    cpu.binarise_frames(**some)
    assert (some["thresholds"] == 60).all()
    counts = np.full((shape[0], cpu.LEVELS), 3, np.uint32)
    cpu.measure_energies(some["grey"], 5, np.empty(shape, np.uint32), counts)
    assert not counts.any()


def test_histograms_and_energies_out_of_range() -> None:
    counts = np.zeros(cpu.LEVELS, np.uint32)
    with pytest.raises(TypeError):
        cpu.choose_threshold(counts[:-1].copy(), 85, 60, 200)
    counts[[3, 7]] = 2**24
    with pytest.raises(ValueError, match="counts"):
        cpu.choose_threshold(counts, 85, 60, 200)
    with pytest.raises(ValueError, match="energy"):
        cpu.energy_levels(np.array([520_201], np.uint32), np.empty(1, np.int32))
    with pytest.raises(ValueError, match="levels"):
        cpu.energy_levels(np.zeros(2, np.uint32), np.empty(1, np.int32))


def test_energies_keep_the_shape_of_the_frames() -> None:
    grey = np.zeros((2, 3, 4), np.uint8)
    counts = np.empty((2, cpu.LEVELS), np.uint32)
    with pytest.raises(ValueError, match="energy"):
        cpu.measure_energies(grey, 5, np.empty((2, 4, 3), np.uint32), counts)
    with pytest.raises(ValueError, match="counts"):
        cpu.measure_energies(grey, 5, np.empty((2, 3, 4), np.uint32), counts[:1].copy())
    with pytest.raises(ValueError, match="half"):
        cpu.measure_energies(grey, 16, np.empty((2, 3, 4), np.uint32), counts)
