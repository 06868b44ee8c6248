"""Labelled pictures refuse what would teach a network nonsense."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.errors import InputError
from phasewell.learning import LabelledPictures
from phasewell.plate import FrameKey


def made(lines: list[str], targets: list[int]) -> LabelledPictures:
    pictures = np.arange(len(lines) * 6, dtype=np.uint8).reshape(-1, 2, 3)
    keys = tuple(FrameKey("P", "A01", f"f{i}", 0) for i in range(len(lines)))
    return LabelledPictures(pictures, np.array(lines), np.array(targets, np.int64), ("low", "high"), keys)


def test_a_line_has_one_class() -> None:
    assert made(["b", "a", "b"], [1, 0, 1]).class_of_line == {"a": 0, "b": 1}
    with pytest.raises(InputError, match="line b: frames of the classes low, high"):
        made(["a", "b", "b"], [0, 0, 1])


def test_targets_are_places_in_classes() -> None:
    with pytest.raises(InputError, match=r"outside 0\.\.1"):
        made(["a", "b"], [0, 2])


def test_taken_frames_keep_what_belongs_to_them() -> None:
    part = made(["a", "b", "c"], [0, 1, 0]).take(np.array([2, 1]))
    assert part.lines.tolist() == ["c", "b"]
    assert part.targets.tolist() == [0, 1]
    assert [key.field for key in part.keys] == ["f2", "f1"]
    assert part.pictures[:, 0, 0].tolist() == [12, 6]


def test_lengths_must_agree() -> None:
    with pytest.raises(InputError, match="as many of each"):
        LabelledPictures(np.zeros((2, 1, 1), np.uint8), np.array(["a"]), np.array([0]), ("x", "y"), ())
