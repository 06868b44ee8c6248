"""Figure 5 whole: maps of true positives and true negatives by every method, their scores, overlays and checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from phasewell.errors import InputError
from phasewell.learning.metrics import THRESHOLD
from phasewell.learning.saliency.explanation import explain
from phasewell.learning.saliency.overlay import draw_overlay
from phasewell.learning.saliency.recipe import METHODS, Method, SaliencyRecipe
from phasewell.learning.saliency.sanity import randomise_layers, remove_pixels
from phasewell.learning.saliency.scores import compare_scores, pixel_scores, scale_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.learning.pictures import LabelledPictures
    from phasewell.networks.pictures import PictureNetwork
    from phasewell.plate import FrameKey

GROUPS = ("true positive", "true negative")


class Overlay(NamedTuple):
    """One picture under one map."""

    group: str
    key: FrameKey
    line: str
    method: str  # "" for the picture alone
    png: bytes


@dataclass(frozen=True)
class SaliencyStudy:
    """What the report shows of saliency: `to_dict()` as JSON, and the overlays beside it."""

    recipe: SaliencyRecipe
    target: str
    frames: dict[str, int]  # of each group, that were explained
    found: dict[str, int]  # of each group, before the limit
    methods: dict[str, dict[str, Any]]
    overlays: tuple[Overlay, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return recipe, counts and, per method, the comparisons by both readings and the checks."""
        return {
            "recipe": self.recipe.model_dump(),
            "target": self.target,
            "frames": self.frames,
            "found": self.found,
            "methods": self.methods,
            "overlays": [
                {"group": one.group, "line": one.line, "method": one.method, "frame": list(one.key)}
                for one in self.overlays
            ],
        }


def study_saliency(
    network: PictureNetwork,
    labelled: LabelledPictures,
    probabilities: NDArray[np.float64],
    recipe: SaliencyRecipe | None = None,
    target: Literal["predicted", "positive"] = "predicted",
    most: int = 100,
    examples: int = 2,
    checked: int = 2,
    methods: Sequence[Method] = METHODS,
    seed: int = 0,
) -> SaliencyStudy:
    """Explain true positives and true negatives among labelled pictures (two classes, the second is positive).

    `probabilities` (frames,) float64 of the positive class; a frame is called positive above 0.5. `target` "predicted"
    explains each frame's own class, "positive" asks of both groups what speaks for the positive class. Of a group with
    more than `most` frames, that many are drawn by `seed`; `examples` of each, the surest, become overlays, and
    `checked` of each go through randomisation and deletion. Raises InputError when there is neither group.
    """
    recipe = recipe or SaliencyRecipe()
    groups = _groups(labelled, probabilities)
    found = {name: len(places) for name, places in groups.items()}
    if not any(found.values()):
        raise InputError("saliency: no frame is a true positive or a true negative; nothing to explain at 0.5")
    chosen = {name: _draw(places, probabilities, most, seed) for name, places in groups.items()}
    places = np.concatenate(list(chosen.values()))
    pictures = np.ascontiguousarray(labelled.pictures[places])
    targets = np.ones(len(places), np.int64) if target == "positive" else labelled.targets[places]
    first = len(chosen[GROUPS[0]])
    shown = np.array([*range(min(examples, first)), *range(first, min(first + examples, len(places)))], np.int64)
    tested = np.array([*range(min(checked, first)), *range(first, min(first + checked, len(places)))], np.int64)
    documents: dict[str, dict[str, Any]] = {}
    overlays = [_overlay(labelled, places, place, first, "", np.zeros(pictures.shape[1:])) for place in shown]
    for method in methods:
        maps = explain(network, pictures, method, list(targets), recipe)
        scaled = scale_maps(maps, recipe)
        overlays += [_overlay(labelled, places, place, first, method, scaled[place]) for place in shown]
        scores = pixel_scores(maps, recipe)
        documents[method] = {
            "reading_1": compare_scores(scores.reading_1[:first], scores.reading_1[first:]).to_dict(),
            "reading_2": compare_scores(scores.reading_2[:first], scores.reading_2[first:]).to_dict(),
        }
        if len(tested):
            part, asked = pictures[tested], targets[tested]
            documents[method] |= {
                "randomisation": randomise_layers(network, part, method, asked, recipe, seed=seed).to_dict(),
                "removal": remove_pixels(network, part, maps[tested], asked, method, seed=seed).to_dict(),
            }
    counts = {name: len(part) for name, part in chosen.items()}
    return SaliencyStudy(recipe, target, counts, found, documents, tuple(overlays))


def _groups(labelled: LabelledPictures, probabilities: NDArray[np.float64]) -> dict[str, NDArray[np.int64]]:
    if len(labelled.classes) != 2 or probabilities.shape != labelled.targets.shape:
        raise InputError(
            f"saliency: {len(labelled.classes)} classes, probabilities {probabilities.shape} for {len(labelled.lines)} "
            "frames; expected two classes and one probability of the second per frame"
        )
    positive, called = labelled.targets == 1, probabilities > THRESHOLD
    return {
        name: np.flatnonzero(rows) for name, rows in zip(GROUPS, (positive & called, ~positive & ~called), strict=True)
    }


def _draw(places: NDArray[np.int64], probabilities: NDArray[np.float64], most: int, seed: int) -> NDArray[np.int64]:
    # the surest first
    if len(places) > most:
        places = np.sort(np.random.default_rng(seed).choice(places, most, replace=False))
    return places[np.argsort(-np.abs(probabilities[places] - 0.5), kind="stable")]


def _overlay(
    labelled: LabelledPictures,
    places: NDArray[np.int64],
    place: int,
    first: int,
    method: str,
    scaled: NDArray[np.float64],
) -> Overlay:
    frame = int(places[place])
    group = GROUPS[0] if place < first else GROUPS[1]
    picture = np.asarray(labelled.pictures[frame])
    return Overlay(group, labelled.keys[frame], str(labelled.lines[frame]), method, draw_overlay(picture, scaled))
