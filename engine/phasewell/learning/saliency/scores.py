"""Maps scaled to 0..1, one number per map from them, and two groups of such numbers beside each other (items K22, K23).

Paper K: "thresholding each pixel value below 0.5 to 0, then averaging the remaining values". Reading 1 averages over
all pixels, so the score grows with the area that is lit, as the paper's text describes its figures; reading 2 averages
over the pixels that remain, which is 0.5..1 whatever their area. Both are reported, reading 1 first.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.errors import InputError, UsageError
from phasewell.learning.metrics import TTest, unpaired_t
from phasewell.learning.saliency.recipe import SaliencyRecipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 20  # of the distributions, over 0..1


class PixelScores(NamedTuple):
    """One score per map, (n,) float64 in 0..1."""

    reading_1: NDArray[np.float64]  # mean over all pixels
    reading_2: NDArray[np.float64]  # mean over the pixels at or above the threshold; 0 where there is none


def scale_maps(maps: NDArray[np.float32], recipe: SaliencyRecipe | None = None) -> NDArray[np.float64]:
    """Return maps (n, height, width) between 0 and 1: negative values by the recipe's policy, then least..greatest.

    A constant map, and by "set" a constant set, becomes 0. Raises InputError for values that are not finite.
    """
    recipe = recipe or SaliencyRecipe()
    if maps.ndim != 3:
        raise UsageError(f"saliency maps of shape {maps.shape}; expected (maps, height, width)")
    if not np.isfinite(maps).all():
        raise InputError("saliency maps: values that are not finite; explain the pictures again")
    values = maps.astype(np.float64)
    if recipe.negative != "keep":
        values = np.abs(values) if recipe.negative == "absolute" else np.maximum(values, 0)
    if not values.size:
        return values
    axes = (1, 2) if recipe.scaling == "picture" else None
    least, most = values.min(axes, keepdims=True), values.max(axes, keepdims=True)
    scaled: NDArray[np.float64] = (values - least) / np.where(most > least, most - least, 1)
    return scaled


def pixel_scores(maps: NDArray[np.float32], recipe: SaliencyRecipe | None = None) -> PixelScores:
    """Return both readings of the normalised pixel score of maps (n, height, width) as `explain` made them."""
    recipe = recipe or SaliencyRecipe()
    scaled = scale_maps(maps, recipe)
    kept = (scaled >= recipe.threshold) & (scaled > 0)
    total = np.where(kept, scaled, 0).sum((1, 2))
    count = kept.sum((1, 2))
    return PixelScores(total / max(1, scaled[0].size if len(scaled) else 1), total / np.maximum(count, 1))


@dataclass(frozen=True)
class ScoreComparison:
    """Pixel scores of two groups of frames: figure 5's distributions, and an unpaired two-tailed t test (item K23)."""

    names: tuple[str, str]
    test: TTest  # counts, means and SDs as well
    edges: tuple[float, ...]  # of bins, over 0..1
    counts: tuple[tuple[int, ...], tuple[int, ...]]  # frames per bin

    def to_dict(self) -> dict[str, Any]:
        """Return what a report shows, as JSON holds it."""
        return asdict(self) | {
            "unit": "frames; frames of one line are not independent: p says nothing of further lines"
        }


def compare_scores(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    names: tuple[str, str] = ("true positive", "true negative"),
    equal_variance: bool = True,
) -> ScoreComparison:
    """Compare scores (n,) and (m,) in 0..1 by Student's t (paper K does not say that variances differ), or Welch's."""
    edges = np.linspace(0, 1, BINS + 1)
    counts = [tuple(map(int, np.histogram(group, edges)[0])) for group in (first, second)]
    test = unpaired_t(first, second, equal_variance)
    return ScoreComparison(names, test, tuple(map(float, edges)), (counts[0], counts[1]))
