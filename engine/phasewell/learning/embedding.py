"""Maps of what a network's last layers tell apart: t-SNE of activations, layer by layer (paper K, figure 4, K20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phasewell.errors import InputError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.device import Device
    from phasewell.networks.pictures import PictureNetwork

PRINCIPAL_COMPONENTS = 50
PERPLEXITY = 30.0
ITERATIONS = 1000
LEAST_FRAMES = 8
CAUTION = "t-SNE keeps neighbours: distances between groups, their sizes and densities mean nothing"


@dataclass(frozen=True)
class LayerMap:
    """One layer's frames on a plane.

    `xy` (frames, 2), in the order of the activations. `method` says how: t-SNE; `values`, a layer of one or two values
    as they are; `constant`, a layer that says the same of every frame, all at 0. `components` is how many principal
    components t-SNE read, None when it read the values. `separation` is the mean silhouette of the classes in what was
    read, -1 to 1, not in the map; None with frames of one class or a constant layer.
    """

    name: str
    values: int
    method: Literal["t-SNE", "values", "constant"]
    components: int | None
    perplexity: float | None
    divergence: float | None
    separation: float | None
    xy: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class LayerMaps:
    """Maps of several layers of the same frames; the `caution` belongs beside every drawing of them."""

    frames: int
    seed: int
    iterations: int
    layers: tuple[LayerMap, ...]
    caution: str = CAUTION

    def to_dict(self) -> dict[str, Any]:
        """Return the maps as one JSON document."""
        return asdict(self)


def read_activations(
    network: PictureNetwork,
    pictures: NDArray[np.uint8],
    frames: NDArray[np.int64] | None = None,
    device: Device | str = "auto",
    precision: Literal["auto", "f32", "bf16"] = "auto",
) -> dict[str, NDArray[np.float32]]:
    """Return what the head makes of pictures (n, height, width) uint8, or of those at some places: name -> (n, values).

    Names are `gap`, `dense 1`, `dense 2`, ... and `logits`. Errors as `learning.predict_pictures`.
    """
    import torch

    from phasewell.learning.passes import open_workplace, read_values

    workplace = open_workplace(device, precision)
    network.to(workplace.device)
    convolutions: Any = network.network
    widths: list[int] = []

    def side_by_side(batch: torch.Tensor) -> torch.Tensor:
        layers = convolutions.head_activations(network.scale(batch))
        widths[:] = [layer.shape[1] for layer in layers]
        return torch.cat([layer.float() for layer in layers], 1)

    with workplace.settings():
        places = np.arange(len(pictures)) if frames is None else frames
        found = read_values(network, side_by_side, pictures, places, workplace).numpy()
    names = ["gap", *(f"dense {place}" for place in range(1, len(widths) - 1)), "logits"]
    return dict(zip(names, np.split(found, np.cumsum(widths)[:-1], axis=1), strict=True))


def embed_layers(
    activations: Mapping[str, NDArray[np.float32]],
    targets: NDArray[np.int64],
    perplexity: float | None = None,
    seed: int = 0,
) -> LayerMaps:
    """Return a map of each layer's activations (frames, values), with `targets` (frames,) only for `separation`.

    Layers of more than 50 values are read through their first 50 principal components. `perplexity`, about the number
    of neighbours that count, is 30 and always below a third of the frames; paper K does not say which it used. The same
    activations and seed make the same map. One thread works: beside other work, threads that wait for each other cost
    several times the CPU time. A layer of 1,024 values and 3,060 frames took 18 CPU s.
    Raises InputError for fewer than 8 frames, activations that are not finite or disagree with `targets` in length;
    UsageError for a perplexity of a third of the frames or more.
    """
    frames = len(targets)
    if frames < LEAST_FRAMES:
        raise InputError(f"t-SNE: {frames} frames; expected at least {LEAST_FRAMES}")
    if perplexity is not None and not 1 <= perplexity < frames / 3:
        raise UsageError(
            f"t-SNE: perplexity {perplexity:g}; expected 1 up to, but not, {frames / 3:g}, a third of frames"
        )
    chosen = min(PERPLEXITY, (frames - 1) / 3) if perplexity is None else perplexity
    layers = []
    for name, values in activations.items():
        if values.ndim != 2 or len(values) != frames:
            raise InputError(f"t-SNE: layer {name} is {values.shape}; expected ({frames}, values)")
        if not np.isfinite(values).all():
            raise InputError(f"t-SNE: layer {name} has values that are not finite; the network is damaged or diverged")
        layers.append(_embed(name, np.asarray(values, np.float64), np.asarray(targets), chosen, seed))
    return LayerMaps(frames, seed, ITERATIONS, tuple(layers))


def _embed(
    name: str, values: NDArray[np.float64], targets: NDArray[np.int64], perplexity: float, seed: int
) -> LayerMap:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    frames, width = values.shape
    centred = values - values.mean(axis=0)
    if not np.any(values != values[0]):
        return LayerMap(name, width, "constant", None, None, None, None, ((0.0, 0.0),) * frames)
    components = min(PRINCIPAL_COMPONENTS, frames) if width > PRINCIPAL_COMPONENTS else None
    with threadpool_limits(1):
        read = centred if components is None else PCA(components, svd_solver="full").fit_transform(centred)
        separation = float(silhouette_score(read, targets)) if len(np.unique(targets)) > 1 else None
        if width <= 2:
            xy, divergence = np.pad(values, ((0, 0), (0, 2 - width))), None
        else:
            tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=ITERATIONS)
            xy, divergence = tsne.fit_transform(read), float(tsne.kl_divergence_)
    method: Literal["t-SNE", "values"] = "values" if width <= 2 else "t-SNE"
    points = tuple((x, y) for x, y in np.round(xy.astype(np.float64), 4).tolist())
    return LayerMap(name, width, method, components, None if width <= 2 else perplexity, divergence, separation, points)
