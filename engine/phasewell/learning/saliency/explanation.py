"""One call for the three saliency methods of paper K (items K21, K22): pictures in, one map per picture out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from phasewell.errors import InputError, UsageError
from phasewell.learning.saliency.gradcam import map_class
from phasewell.learning.saliency.recipe import METHODS, Method, SaliencyRecipe
from phasewell.learning.saliency.relevance import propagate
from phasewell.learning.saliency.visualbackprop import map_activity
from phasewell.learning.saliency.walking import Step, trace, walk
from phasewell.networks.network import Network
from phasewell.networks.pictures import PictureNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

Target = int | Sequence[int] | Literal["predicted"]
BATCH = 4  # pictures at once: relevance keeps every layer's maps, 270 MB a picture for DenseNet121


def explain(
    network: PictureNetwork,
    pictures: NDArray[np.uint8],
    method: Method,
    target: Target = "predicted",
    recipe: SaliencyRecipe | None = None,
) -> NDArray[np.float32]:
    """Return maps (n, height, width) float32 of pictures (n, height, width) uint8, as large as they are and unscaled.

    `target` is the class to explain, one for all or one per picture; "predicted" is each picture's own. Relevance is
    signed, the other methods are >= 0, and VisualBackProp has no class. Raises UsageError for an unknown method or
    class, a network in training mode or one with a step that has no rule; InputError for maps that are not finite.
    """
    recipe = recipe or SaliencyRecipe()
    if method not in METHODS:
        raise UsageError(f"saliency method {method!r}: expected one of {', '.join(METHODS)}")
    if not isinstance(network, PictureNetwork):
        raise UsageError("saliency: expected a PictureNetwork, which says how pictures are scaled for its network")
    steps = trace(network.network)
    maps = np.empty(pictures.shape, np.float32)
    for place, x in _batches(network, pictures):
        weights = _weights(network, x, _targets(target, place, len(pictures)), recipe.score)
        maps[place] = _explain_batch(network, steps, method, x, weights, recipe).cpu().numpy()
    if not np.isfinite(maps).all():
        raise InputError(f"saliency {method}: a map is not finite; check the network's weights")
    return maps


def _batches(network: PictureNetwork, pictures: NDArray[np.uint8]) -> Iterator[tuple[slice, torch.Tensor]]:
    weights = next(network.network.parameters())
    for first in range(0, len(pictures), BATCH):
        place = slice(first, min(first + BATCH, len(pictures)))
        part = torch.from_numpy(np.ascontiguousarray(pictures[place])).to(weights.device)
        yield place, network.scale(part).to(weights.dtype)


def _explain_batch(
    network: PictureNetwork, steps: tuple[Step, ...], method: str, x: torch.Tensor, weights: Any, recipe: SaliencyRecipe
) -> torch.Tensor:
    if method == "grad-cam++":
        if not isinstance(network.network, Network):
            raise UsageError("Grad-CAM++: expected a network of make_network, which says what its last maps are")
        return map_class(network.network, x, weights)
    if method == "visualbackprop":
        return map_activity(walk(steps, x), recipe.upscale)
    bounds = (-network.mean / network.std).to(x), ((1 - network.mean) / network.std).to(x)
    return propagate(walk(steps, x), weights, recipe, bounds)


def _targets(target: Target, place: slice, count: int) -> Sequence[int] | None:
    if isinstance(target, str):
        if target != "predicted":
            raise UsageError(
                f'saliency target {target!r}: expected the place of a class, one per picture, or "predicted"'
            )
        return None
    if isinstance(target, int | np.integer):
        return [int(target)] * (place.stop - place.start)
    if len(target) != count:
        raise UsageError(f"saliency: {len(target)} targets for {count} pictures; expected one per picture")
    return [int(value) for value in target[place]]


def _weights(network: PictureNetwork, x: torch.Tensor, targets: Sequence[int] | None, score: str) -> torch.Tensor:
    # (n, classes): the explained score is the sum of weights * logits
    with torch.no_grad():
        logits = network.network(x)
    classes = logits.shape[1]
    places = logits.argmax(1) if targets is None else torch.tensor(targets, device=x.device)
    if not bool(((places >= 0) & (places < classes)).all()):
        raise UsageError(
            f"saliency target {sorted(set(places.tolist()))}: expected places of classes, 0..{classes - 1}"
        )
    chosen = torch.nn.functional.one_hot(places, classes).to(logits)
    return chosen if score == "logit" else chosen - (1 - chosen) / (classes - 1)
