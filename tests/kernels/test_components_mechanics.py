"""What the doors of the kernels for connected pieces refuse, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from phasewell_kernels import cpu

CHANGES: dict[str, Callable[..., None]] = {
    "remove_small": cpu.remove_small,
    "fill_holes": cpu.fill_holes,
    "clean_objects": lambda planes, width, limit, *rest: cpu.clean_objects(planes, width, limit, limit, *rest),
    "remove_walls": cpu.remove_walls,
}


def planes() -> Any:
    return np.ones((2, 5, 2), np.uint64)


def arguments() -> dict[str, Any]:
    labels, counts = np.empty((2, 5, 70), np.int32), np.empty(2, np.int32)
    return {"planes": planes(), "remove_touching": True, "labels": labels, "counts": counts}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(
    "wrong", [lambda p: p.astype(np.float64), lambda p: p.astype(np.int64), lambda p: p[:, :, ::2]]
)
def test_planes_are_never_converted(name: str, wrong: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        CHANGES[name](wrong(planes()), 70, 3)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_changed_in_place_must_be_writable(name: str) -> None:
    fixed = planes()
    fixed.setflags(write=False)
    with pytest.raises(TypeError):
        CHANGES[name](fixed, 70, 3)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("width", [-1, 0, 64, 129])
def test_the_width_must_fit_the_words(name: str, width: int) -> None:
    with pytest.raises(ValueError, match="words a row: expected"):
        CHANGES[name](planes(), width, 3)


@pytest.mark.parametrize("name", CHANGES)
def test_bits_beyond_the_width_are_refused(name: str) -> None:
    dirty = planes()
    dirty[1, 4, 1] = 1 << 6
    with pytest.raises(ValueError, match="beyond the width of 70 px"):
        CHANGES[name](dirty, 70, 3)


@pytest.mark.parametrize("name", CHANGES)
def test_frames_are_as_large_as_integers_allow(name: str) -> None:
    with pytest.raises(ValueError, match="cut them into fields"):
        CHANGES[name](np.zeros((1, 16385, 1), np.uint64), 3, 3)
    with pytest.raises(ValueError, match="instruction set"):
        CHANGES[name](planes(), 70, 3, 1, "sse9")
    with pytest.raises(TypeError):
        CHANGES[name](planes(), 70, 3.0)


@pytest.mark.parametrize("name", ["planes", "labels", "counts"])
def test_no_array_of_label_pieces_is_converted(name: str) -> None:
    good = arguments()
    cpu.label_pieces(**good)
    with pytest.raises(TypeError):
        cpu.label_pieces(**{**good, name: good[name].astype(np.float64)})
    with pytest.raises(TypeError):
        cpu.label_pieces(**{**good, name: np.repeat(good[name], 2, axis=-1)[..., ::2]})


@pytest.mark.parametrize("name", ["planes", "labels", "counts"])
def test_arrays_of_label_pieces_hold_the_same_frames(name: str) -> None:
    good = arguments()
    with pytest.raises(ValueError, match="same frames"):
        cpu.label_pieces(**{**good, name: good[name][:1]})


def test_labels_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="words a row: expected 3 for a width of 130 px"):
        cpu.label_pieces(**{**arguments(), "labels": np.empty((2, 5, 130), np.int32)})


def test_label_pieces_reads_read_only_planes() -> None:
    good = arguments()
    good["planes"].setflags(write=False)
    cpu.label_pieces(**good)
    np.testing.assert_array_equal(good["planes"], planes())
