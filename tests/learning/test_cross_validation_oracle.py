"""Folds by line with a scorer whose answers are known; the optimism of a search among noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phasewell.errors import InputError
from phasewell.learning import LabelledPictures, LineSplit, TrainingRecipe, fold_lines
from phasewell.learning.cross_validation import cross_validate, evaluate_outside, line_accuracy
from phasewell.learning.search import SearchResult, search_recipe
from phasewell.learning.search_space import SearchSpace
from phasewell.plate import FrameKey


def pictures_of(counts: dict[str, int]) -> LabelledPictures:
    """Lines named h* are high, others low; with the given numbers of frames."""
    lines = np.repeat(list(counts), list(counts.values()))
    targets = np.array([int(line.startswith("h")) for line in lines])
    keys = tuple(FrameKey("P", "A01", f"f{i}", 0) for i in range(len(lines)))
    return LabelledPictures(np.zeros((len(lines), 2, 2), np.uint8), lines, targets, ("low", "high"), keys)


def as_probabilities(scores: np.ndarray) -> np.ndarray:
    return np.stack([1 - scores, scores], axis=1)


def test_each_line_counts_the_same_and_each_fold_as_well() -> None:
    pictures = pictures_of({"h1": 10, "l1": 2, "h2": 4, "l2": 4})
    splits = (LineSplit(("h2", "l2"), ("h1", "l1")), LineSplit(("h1", "l1"), ("h2", "l2")))
    given = {"h1": 0.9, "l1": 0.8, "h2": 0.9, "l2": 0.1}  # l1 is called wrong

    def score(fold: int, training: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        assert set(pictures.lines[training]) == set(splits[fold].training)
        return as_probabilities(np.array([given[line] for line in pictures.lines[held_out]]))

    found = cross_validate(pictures, splits, score)
    assert found.accuracies == (0.5, 1.0) and found.value == 0.75
    assert found.evaluation.metrics["accuracy"] == 18 / 20
    assert found.evaluation.folds.folds[0]["accuracy"] == 10 / 12
    assert sorted(found.frames.tolist()) == list(range(20))
    assert line_accuracy(pictures, np.arange(20), as_probabilities(np.full(20, 0.5))) == 0.5  # ties are negative


def test_frames_of_a_line_on_both_sides_are_refused() -> None:
    pictures = pictures_of({"h1": 2, "l1": 2, "h2": 2, "l2": 2})
    with pytest.raises(InputError, match="line h1 has frames on both sides"):
        cross_validate(pictures, (LineSplit(("h1", "l1"), ("h1", "l2")),), lambda *_: np.zeros((4, 2)))
    twice = (LineSplit(("h2", "l2"), ("h1", "l1")), LineSplit(("h2", "l1"), ("h1", "l2")))
    with pytest.raises(InputError, match="line h1: held out by two folds"):
        cross_validate(pictures, twice, lambda *_: np.zeros((4, 2)))
    with pytest.raises(InputError, match=r"fold 0: probabilities \(3, 2\)"):
        cross_validate(pictures, twice[:1], lambda *_: np.zeros((3, 2)))


def test_a_search_among_noise_is_optimistic_and_the_outer_split_shows_it(tmp_path: Path) -> None:
    # scores are coin flips, whatever the recipe: the best of 8 looks good inside, and is a coin outside
    pictures = pictures_of({f"{name}{k}": 6 for name in "hl" for k in range(4)})
    space = SearchSpace(dense_layers=None, dense_units=None, l2=None, head_rate=None, tune_share=None, batch=None)

    def score(recipe: TrainingRecipe, fold: int, training: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        digits = int(recipe.dropout * 1e12)
        return as_probabilities(np.random.default_rng([digits, fold, *held_out]).random(len(held_out)))

    def search(fold: int, lines: tuple[str, ...]) -> SearchResult:
        inside = fold_lines({line: pictures.class_of_line[line] for line in lines}, 2)
        return search_recipe(
            lambda recipe, _: cross_validate(pictures, inside, lambda *call: score(recipe, *call)).value,
            space,
            TrainingRecipe(),
            tmp_path / f"{fold}.db",
            8,
            "random",
            seed=fold,
        )

    found = evaluate_outside(pictures, fold_lines(pictures.class_of_line, 2), search, score)
    assert min(found.inner_values) > 0.6
    assert 0.3 < np.mean(found.outer_values) < 0.7
    assert found.optimism > 0.05
    assert found.to_dict()["evaluation"]["n_lines"] == 8
