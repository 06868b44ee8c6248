"""Splits by line: frames of one line never stand on both sides, since they share donor, dish and day (paper K, K8)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phasewell.errors import InputError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.learning.pictures import LabelledPictures


class LineSplit(NamedTuple):
    """Lines to learn from and lines to judge by, each in the order of the lines' names."""

    training: tuple[str, ...]
    held_out: tuple[str, ...]


def choose_test_lines(
    class_of_line: Mapping[str, int], per_class: int = 1, seed: int = 0, left: int = 2
) -> tuple[str, ...]:
    """Return lines that no fold sees, `per_class` of each class: paper K keeps one high and one low line apart (K7).

    Which ones is decided by the digest of seed and name, the same on every machine. Raises InputError when fewer than
    `left` lines of a class would remain: without two no fold can be made.
    """
    by_class = _lines_by_class(class_of_line)
    for place, lines in by_class.items():
        if len(lines) < per_class + left:
            raise InputError(
                f"class {place}: {len(lines)} lines ({', '.join(lines)}); with {per_class} for the test fewer than "
                f"{left} are left to learn from and judge by: give more lines, or fewer test lines"
            )
    return tuple(sorted(line for lines in by_class.values() for line in _shuffled(lines, seed, "test")[:per_class]))


def fold_lines(
    class_of_line: Mapping[str, int], folds: int = 3, test_lines: Iterable[str] = (), seed: int = 0
) -> tuple[LineSplit, ...]:
    """Return `folds` splits; each line but the test lines is held out once, and each fold holds out every class.

    With as many lines of each class as folds, a fold holds out one line of each (paper K, K8). Which lines meet in a
    fold (paper K does not say) is decided by the digest of seed and name, the same on every machine.
    Raises UsageError for fewer than two folds and unknown test lines; InputError for one line, one class, or fewer
    lines of a class than folds.
    """
    if folds < 2:
        raise UsageError(f"folds {folds}: expected 2 or more")
    apart = set(test_lines)
    if unknown := sorted(apart - class_of_line.keys()):
        raise UsageError(f"test line {unknown[0]}: not among the lines {', '.join(sorted(class_of_line))}")
    by_class = _lines_by_class({line: place for line, place in class_of_line.items() if line not in apart})
    for place, lines in by_class.items():
        if len(lines) < folds:
            raise InputError(
                f"class {place}: {len(lines)} lines ({', '.join(lines)}) for {folds} folds, test lines apart; expected "
                "at least one line of each class per fold: give more lines, or ask for fewer folds"
            )
    shuffled = [_shuffled(lines, seed, str(place)) for place, lines in by_class.items()]
    held = [sorted(line for lines in shuffled for line in lines[fold::folds]) for fold in range(folds)]
    return tuple(
        LineSplit(tuple(sorted(line for other in held if other is not out for line in other)), tuple(out))
        for out in held
    )


def frames_of(pictures: LabelledPictures, lines: Iterable[str]) -> NDArray[np.int64]:
    """Return the places (n,) of the frames of some lines, ascending; raises UsageError for a line that has none."""
    wanted = sorted(set(lines))
    if absent := [line for line in wanted if line not in pictures.lines]:
        raise UsageError(f"line {absent[0]}: no frame; there are {', '.join(np.unique(pictures.lines))}")
    return np.flatnonzero(np.isin(pictures.lines, wanted)).astype(np.int64)


def check_split(
    pictures: LabelledPictures, training: NDArray[np.int64], validation: NDArray[np.int64] | None = None
) -> None:
    """Raise InputError unless the training frames have every class and share no line with the validation frames."""
    lines = {"training": training} | ({} if validation is None else {"validation": validation})
    for name, places in lines.items():
        if not len(places):
            raise InputError(f"split: no frames for {name}; name lines that have frames")
        if len(np.unique(places)) < len(places) or not 0 <= places.min() <= places.max() < len(pictures.lines):
            raise InputError(f"split: {name} frames outside 0..{len(pictures.lines) - 1}, or one of them twice")
    found = np.unique(pictures.targets[training])
    if len(found) < len(pictures.classes):
        absent = [name for place, name in enumerate(pictures.classes) if place not in found]
        raise InputError(
            f"split: no training frame of class {absent[0]}, lines {', '.join(np.unique(pictures.lines[training]))}; "
            "expected lines of every class"
        )
    if validation is not None:
        shared = np.intersect1d(pictures.lines[training], pictures.lines[validation])
        if len(shared):
            raise InputError(
                f"split: line {shared[0]} has frames on both sides; a split is by line, or a network is judged by the "
                "lines it learned: use learning.fold_lines"
            )


def _lines_by_class(class_of_line: Mapping[str, int]) -> dict[int, list[str]]:
    by_class: dict[int, list[str]] = {}
    for line in sorted(class_of_line):
        by_class.setdefault(class_of_line[line], []).append(line)
    if len(by_class) < 2:
        raise InputError(
            f"lines {', '.join(sorted(class_of_line)) or '(none)'}: {len(by_class)} classes; expected lines of two "
            "classes or more: mend the plate map, or name fewer test lines"
        )
    return dict(sorted(by_class.items()))


def _shuffled(lines: list[str], seed: int, purpose: str) -> list[str]:
    # NumPy does not promise the same permutation of a seed in every version; a digest does
    return sorted(lines, key=lambda line: hashlib.sha256(f"{purpose}/{seed}/{line}".encode()).digest())
