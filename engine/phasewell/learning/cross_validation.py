"""Cross-validation by line, and the outer split that a search's score is judged on (paper K, K8 and K13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError
from phasewell.learning.evaluation import FrameEvaluation, evaluate_frames
from phasewell.learning.metrics import THRESHOLD
from phasewell.learning.splits import LineSplit, check_split, frames_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.learning.pictures import LabelledPictures
    from phasewell.learning.recipe import TrainingRecipe
    from phasewell.learning.search import SearchResult

Scorer = Callable[[int, "NDArray[np.int64]", "NDArray[np.int64]"], "NDArray[np.float64]"]
"""(fold, training frames, held-out frames) -> probabilities (held-out frames, classes) of a network newly taught."""


@dataclass(frozen=True)
class CrossValidation:
    """Held-out frames and the probabilities that the networks of other folds' lines gave them.

    `frames` (n,) places in the pictures, fold after fold; `probabilities` (n, classes); `folds` (n,). `accuracies` has,
    for each fold, the mean over its held-out lines of the share of frames called right, and `value` is their mean: what
    a search makes large. With as many frames of each line it is the mean accuracy of the folds, as in paper K.
    """

    frames: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    folds: NDArray[np.int64]
    accuracies: tuple[float, ...]
    evaluation: FrameEvaluation

    @property
    def value(self) -> float:
        """The mean of `accuracies`."""
        return float(np.mean(self.accuracies))


@dataclass(frozen=True)
class OutsideEvaluation:
    """A whole search judged by lines that it never saw: one search for each outer fold.

    `evaluation` is of all outer folds' held-out frames; `inner_values` are the best values that the searches reported,
    `outer_values` the same quantity on the lines left out. `optimism` = mean of inner minus mean of outer values: what
    choosing the best recipe adds to its own score.
    """

    evaluation: FrameEvaluation
    recipes: tuple[TrainingRecipe, ...]
    inner_values: tuple[float, ...]
    outer_values: tuple[float, ...]

    @property
    def optimism(self) -> float:
        """Mean of `inner_values` minus mean of `outer_values`."""
        return float(np.mean(self.inner_values) - np.mean(self.outer_values))

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as one JSON document."""
        return {
            "evaluation": self.evaluation.to_dict(),
            "recipes": [recipe.model_dump(mode="json") for recipe in self.recipes],
            "inner_values": list(self.inner_values),
            "outer_values": list(self.outer_values),
            "optimism": self.optimism,
        }


def cross_validate(pictures: LabelledPictures, splits: Sequence[LineSplit], score: Scorer) -> CrossValidation:
    """Teach and score one network for each split; every held-out line is scored by a network that never saw it.

    `score(fold, training, held_out)` returns probabilities (held-out frames, classes). Where it also stops early by the
    held-out lines, as paper K's three folds do, the value is optimistic: test lines or `evaluate_outside` are not.
    Raises InputError when a line is held out twice or stands on both sides of a split.
    """
    held_lines = [line for split in splits for line in split.held_out]
    if twice := sorted({line for line in held_lines if held_lines.count(line) > 1}):
        raise InputError(f"line {twice[0]}: held out by two folds; expected each line in one")
    frames, probabilities, accuracies = [], [], []
    for fold, split in enumerate(splits):
        training, held_out = frames_of(pictures, split.training), frames_of(pictures, split.held_out)
        check_split(pictures, training, held_out)
        scored = np.asarray(score(fold, training, held_out), np.float64)
        if scored.shape != (expected := (len(held_out), len(pictures.classes))):
            raise InputError(f"fold {fold}: probabilities {scored.shape}; expected {expected}")
        frames.append(held_out)
        probabilities.append(scored)
        accuracies.append(line_accuracy(pictures, held_out, scored))
    places, given = np.concatenate(frames), np.concatenate(probabilities)
    folds = np.repeat(np.arange(len(splits)), [len(part) for part in frames])
    evaluation = evaluate_frames(pictures.targets[places], given, pictures.lines[places], pictures.classes, folds)
    return CrossValidation(places, given, folds, tuple(accuracies), evaluation)


def line_accuracy(pictures: LabelledPictures, frames: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Return the mean over lines of the share of a line's frames called right; each line counts the same.

    `probabilities` (frames, classes) are of the pictures at `frames`. With two classes a frame is called the second
    above 0.5, else it goes to the largest probability.
    """
    called = probabilities[:, 1] > THRESHOLD if probabilities.shape[1] == 2 else probabilities.argmax(axis=1)
    right = called == pictures.targets[frames]
    lines = pictures.lines[frames]
    return float(np.mean([right[lines == line].mean() for line in np.unique(lines)]))


def evaluate_outside(
    pictures: LabelledPictures,
    splits: Sequence[LineSplit],
    search: Callable[[int, tuple[str, ...]], SearchResult],
    score: Callable[[TrainingRecipe, int, NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]],
) -> OutsideEvaluation:
    """Judge searching itself: for each outer split, search among its training lines alone, score the lines left out.

    `search(fold, lines)` searches with folds made of `lines` only; `score(recipe, fold, training, held_out)` teaches a
    network with the recipe found and returns probabilities of the held-out frames. It costs as many searches as splits.
    """
    found: list[SearchResult] = []

    def search_and_score(fold: int, training: NDArray[np.int64], held_out: NDArray[np.int64]) -> NDArray[np.float64]:
        found.append(search(fold, splits[fold].training))
        return score(found[-1].best, fold, training, held_out)

    outer = cross_validate(pictures, splits, search_and_score)
    return OutsideEvaluation(
        evaluation=outer.evaluation,
        recipes=tuple(result.best for result in found),
        inner_values=tuple(result.best_value for result in found),
        outer_values=outer.accuracies,
    )
