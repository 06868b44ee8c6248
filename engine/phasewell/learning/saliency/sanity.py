"""Do maps show what the network learned? Maps of a network with weights drawn anew, and pixels taken out in order.

Randomisation (Adebayo et al. 2018, arXiv 1810.03292): layers are drawn anew from the logits down, more and more of
them; a map that hardly changes shows the picture, not the network. Deletion and insertion (Petsiuk et al. 2018, arXiv
1806.07421): pixels leave a picture, or enter a blurred one, from the most salient on; the probability of the explained
class must fall, or rise, sooner than in random order.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from phasewell.errors import UsageError
from phasewell.learning.saliency.explanation import BATCH, explain
from phasewell.learning.saliency.recipe import Method, SaliencyRecipe
from phasewell.learning.saliency.scores import scale_maps
from phasewell.networks.initialisation import initialise
from phasewell.networks.pictures import PictureNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Randomisation:
    """How like the trained network's maps those are that layers drawn anew give: Spearman's rank correlation.

    Near 1 whatever is drawn anew: the map shows the picture's own contrast, not what the network learned of classes.
    """

    method: str
    layers: tuple[int, ...]  # drawn anew, counted from the logits
    of_layers: int
    correlations: tuple[float | None, ...]  # mean over pictures; None where a map is constant
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return what a report shows, as JSON holds it."""
        return asdict(self)


def randomise_layers(
    network: PictureNetwork,
    pictures: NDArray[np.uint8],
    method: Method,
    targets: NDArray[np.int64],
    recipe: SaliencyRecipe | None = None,
    stages: int = 4,
    seed: int = 0,
) -> Randomisation:
    """Draw weights anew from the logits down, in `stages` of like many layers, and compare maps scaled as in scores.

    The target of each picture stays what it was, so that only the network changes. Layers are convolutions and dense
    layers; the batch norms among them go with them. `pictures` are (n, height, width), `targets` (n,). Raises
    UsageError for less than one stage.
    """
    if stages < 1:
        raise UsageError(f"randomisation: {stages} stages; expected at least 1")
    first = scale_maps(explain(network, pictures, method, list(targets), recipe), recipe)
    changed, device = copy.deepcopy(network), next(network.parameters()).device
    modules = [
        module for module in changed.network.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d)
    ]
    modules.reverse()
    heavy = [place for place, module in enumerate(modules) if not isinstance(module, nn.BatchNorm2d)]
    counts = sorted({max(1, round(len(heavy) * stage / stages)) for stage in range(1, stages + 1)})
    correlations: list[float | None] = []
    done = 0
    for count in counts:
        end = heavy[count - 1] + 1
        for place in range(done, end):
            initialise(modules[place].cpu(), seed + place)  # numbers are drawn there: the same on every device
            modules[place].to(device)
        done = end
        maps = scale_maps(explain(changed, pictures, method, list(targets), recipe), recipe)
        correlations.append(_mean_rank_correlation(first, maps))
    return Randomisation(method, tuple(counts), len(heavy), tuple(correlations), seed)


def _mean_rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    from scipy import stats

    found = []
    for one, other in zip(first, second, strict=True):
        if np.ptp(one) == 0 or np.ptp(other) == 0:
            return None
        found.append(float(stats.spearmanr(one.ravel(), other.ravel()).statistic))
    return float(np.mean(found)) if found else None


@dataclass(frozen=True)
class RemovalCurves:
    """Mean probability of the explained class while pixels leave (deletion) or enter (insertion)."""

    method: str
    shares: tuple[float, ...]  # of the pixels that left or entered
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    random_deletion: tuple[float, ...]  # in random order: the baseline
    random_insertion: tuple[float, ...]
    blur_px: float
    seed: int

    @property
    def areas(self) -> dict[str, float]:
        """Area under each curve: deletion below random, insertion above random, where a map shows what matters."""
        names = ("deletion", "insertion", "random_deletion", "random_insertion")
        return {name: float(np.trapezoid(getattr(self, name), self.shares)) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """Return what a report shows, as JSON holds it."""
        return asdict(self) | {"areas": self.areas}


def remove_pixels(
    network: PictureNetwork,
    pictures: NDArray[np.uint8],
    maps: NDArray[np.float32],
    targets: NDArray[np.int64],
    method: str,
    steps: int = 10,
    blur_px: float = 8.0,
    seed: int = 0,
) -> RemovalCurves:
    """Return the curves of pictures (n, height, width) and their maps; pixels that left are those of a blurred copy.

    The blur's standard deviation `blur_px` takes cells away and leaves the illumination. Equal values leave in an
    order drawn by `seed`, as do all pixels of the baseline.
    """
    from scipy import ndimage

    if steps < 1 or maps.shape != pictures.shape or len(targets) != len(pictures):
        raise UsageError(
            f"deletion: {steps} steps, pictures {pictures.shape}, maps {maps.shape}, {len(targets)} targets; "
            "expected at least one step, and a map and a target for each picture"
        )
    shares = np.linspace(0, 1, steps + 1)
    draw = np.random.default_rng(seed)
    sums = np.zeros((4, steps + 1))
    for picture, saliency, target in zip(pictures, maps, targets, strict=True):
        blurred = ndimage.gaussian_filter(picture.astype(np.float64), blur_px, mode="nearest")
        blank = np.rint(blurred).astype(np.uint8).ravel()
        whole, shuffled = picture.ravel(), draw.permutation(picture.size)
        ranked = shuffled[np.argsort(-saliency.ravel()[shuffled], kind="stable")]
        rows = [
            _replace(start, end, order, shares)
            for order in (ranked, shuffled)
            for start, end in ((whole, blank), (blank, whole))
        ]
        stack = np.concatenate(rows).reshape(-1, *picture.shape)
        sums += _probabilities(network, stack, int(target)).reshape(4, -1)
    curves = [tuple(map(float, row)) for row in sums / max(1, len(pictures))]
    return RemovalCurves(method, tuple(map(float, shares)), curves[0], curves[1], curves[2], curves[3], blur_px, seed)


def _replace(
    start: NDArray[np.uint8], end: NDArray[np.uint8], order: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.uint8]:
    # (steps + 1, pixels): `start` with its first pixels in `order` from `end`
    rows = np.tile(start, (len(shares), 1))
    for row, share in zip(rows, shares, strict=True):
        places = order[: round(share * len(order))]
        row[places] = end[places]
    return rows


def _probabilities(network: PictureNetwork, pictures: NDArray[np.uint8], target: int) -> NDArray[np.float64]:
    device = next(network.network.parameters()).device
    found = []
    with torch.no_grad():
        for first in range(0, len(pictures), BATCH):
            logits = network(torch.from_numpy(pictures[first : first + BATCH]).to(device))
            found.append(logits.double().softmax(1)[:, target].cpu().numpy())
    return np.concatenate(found)
