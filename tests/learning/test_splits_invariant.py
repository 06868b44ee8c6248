"""Splits by line: every line is held out once, every class is on both sides, no line is on two sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.errors import InputError, UsageError
from phasewell.learning import LabelledPictures, check_split, choose_test_lines, fold_lines, frames_of
from phasewell.plate import FrameKey

PAPER = {"H1": 1, "H2": 1, "H3": 1, "H4": 1, "L1": 0, "L2": 0, "L3": 0, "L4": 0}


@given(
    counts=st.lists(st.integers(2, 7), min_size=2, max_size=4),
    folds=st.integers(2, 4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_every_line_is_held_out_once_and_every_class_in_every_fold(counts: list[int], folds: int, seed: int) -> None:
    lines = {f"{place}-{i}": place for place, count in enumerate(counts) for i in range(count)}
    if min(counts) < folds:
        with pytest.raises(InputError, match=f"for {folds} folds"):
            fold_lines(lines, folds, seed=seed)
        return
    splits = fold_lines(lines, folds, seed=seed)
    assert sorted(line for split in splits for line in split.held_out) == sorted(lines)
    for split in splits:
        assert {*split.training, *split.held_out} == set(lines)
        assert not {*split.training} & {*split.held_out}
        for side in split:
            assert {lines[line] for line in side} == set(range(len(counts)))


def test_the_papers_eight_lines() -> None:
    apart = choose_test_lines(PAPER, seed=5)
    assert sorted(PAPER[line] for line in apart) == [0, 1]
    splits = fold_lines(PAPER, 3, apart, seed=5)
    for split in splits:
        assert sorted(PAPER[line] for line in split.held_out) == [0, 1]
        assert len(split.training) == 4
        assert not {*apart} & {*split.training, *split.held_out}


def test_pairs_follow_the_seed_and_not_the_order_of_lines() -> None:
    backwards = dict(reversed(PAPER.items()))
    assert fold_lines(PAPER, 4, seed=1) == fold_lines(backwards, 4, seed=1)
    assert len({fold_lines(PAPER, 4, seed=seed) for seed in range(20)}) > 10
    assert len({choose_test_lines(PAPER, seed=seed) for seed in range(40)}) > 8


def test_pairs_of_a_seed_never_change() -> None:  # kept from the first version
    held = [split.held_out for split in fold_lines(PAPER, 4, seed=0)]
    assert held == [("H3", "L2"), ("H4", "L3"), ("H2", "L4"), ("H1", "L1")]


def test_too_few_lines_and_classes_are_named() -> None:
    with pytest.raises(InputError, match="lines a: 1 classes"):
        fold_lines({"a": 0}, 2)
    with pytest.raises(InputError, match="lines a, b: 1 classes"):
        choose_test_lines({"a": 1, "b": 1})
    with pytest.raises(InputError, match=r"class 1: 1 lines \(H4\) for 2 folds"):
        fold_lines(PAPER, 2, ("H1", "H2", "H3"))
    with pytest.raises(InputError, match="give more lines, or fewer test lines"):
        choose_test_lines(PAPER, 3)
    with pytest.raises(UsageError, match="test line X: not among"):
        fold_lines(PAPER, 2, ("X",))
    with pytest.raises(UsageError, match="folds 1: expected 2"):
        fold_lines(PAPER, 1)


@pytest.fixture
def pictures() -> LabelledPictures:
    lines = np.array(["a", "b", "a", "c", "b", "d"])
    targets = np.array([0, 1, 0, 0, 1, 1])
    keys = tuple(FrameKey("P", "A01", f"f{i}", 0) for i in range(6))
    return LabelledPictures(np.zeros((6, 4, 4), np.uint8), lines, targets, ("low", "high"), keys)


def test_frames_of_lines(pictures: LabelledPictures) -> None:
    assert frames_of(pictures, ("b", "a")).tolist() == [0, 1, 2, 4]
    with pytest.raises(UsageError, match="line x: no frame; there are a, b, c, d"):
        frames_of(pictures, ("a", "x"))


def test_a_split_by_frames_is_refused(pictures: LabelledPictures) -> None:
    check_split(pictures, frames_of(pictures, ("a", "b")), frames_of(pictures, ("c", "d")))
    with pytest.raises(InputError, match="line a has frames on both sides; a split is by line"):
        check_split(pictures, np.array([0, 1]), np.array([2, 3]))
    with pytest.raises(InputError, match="no training frame of class high, lines a, c"):
        check_split(pictures, frames_of(pictures, ("a", "c")))
    with pytest.raises(InputError, match="one of them twice"):
        check_split(pictures, np.array([0, 1, 1]))
    with pytest.raises(InputError, match="no frames for validation"):
        check_split(pictures, np.array([0, 1]), np.array([], np.int64))
