"""Which networks there are, how one is made and initialised, and what it costs. Imports torch only to make one."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from phasewell.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from torch import nn

    from phasewell.networks.network import Network


class NetworkFacts(NamedTuple):
    """What is known of a network before it is made."""

    timm_name: str | None  # the model of timm whose state-dict keys and shapes its convolutions have
    timm_head: tuple[str, ...]  # beginnings of the keys of what timm has after, or beside, the convolutions
    features: int  # values after global average pooling
    made_by: str  # module and class
    layers: tuple[tuple[int, ...], ...]  # arguments of the class
    mean: tuple[float, float, float]  # of pictures in 0..1, per channel, as timm's weights were trained
    std: tuple[float, float, float]
    smallest_px: int  # side of a picture; of a smaller one no feature map is left


_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_DENSE, _VGG, _RESNET = "densenet.DenseNet", "vgg.VGG", "resnetv2.ResNetV2"

NETWORKS = {
    "densenet121": NetworkFacts(
        "densenet121", ("classifier.",), 1024, _DENSE, ((6, 12, 24, 16), (32, 64)), *_IMAGENET, 29
    ),
    "vgg19": NetworkFacts("vgg19", ("pre_logits.", "head."), 512, _VGG, ((2, 2, 4, 4, 4),), *_IMAGENET, 32),
    "resnet50v2": NetworkFacts("resnetv2_50", ("head.",), 2048, _RESNET, ((3, 4, 6, 3),), *_HALF, 1),
    "inceptionv3": NetworkFacts("inception_v3", ("fc.", "AuxLogits."), 2048, "inception.InceptionV3", (), *_HALF, 75),
    "xception": NetworkFacts("legacy_xception", ("fc.",), 2048, "xception.Xception", (), *_HALF, 7),
    "densenet13": NetworkFacts(None, ("classifier.",), 68, _DENSE, ((1, 1, 1, 1), (32, 64)), *_IMAGENET, 29),
    "densenet19": NetworkFacts(None, ("classifier.",), 45, _DENSE, ((1, 2, 2, 2), (12, 16)), *_IMAGENET, 29),
}
"""Networks by name: the five of paper K (item K4), densenet13, a small one for tests, and densenet19, with fewer maps,
which a CPU teaches in minutes: the demonstration's."""

MOST_CLASSES, MOST_DENSE_LAYERS, MOST_DENSE_UNITS = 1000, 8, 8192


class Work(NamedTuple):
    """What one picture costs: multiply-accumulate operations of convolutions and dense layers, and parameters."""

    multiply_adds: int
    parameters: int


def check_network(name: str, classes: int, dense: Sequence[int] = (), dropout: float = 0.0) -> None:
    """Raise UsageError unless `make_network` can make it."""
    if name not in NETWORKS:
        raise UsageError(f"network {name!r}: expected one of {', '.join(NETWORKS)}")
    if not 2 <= classes <= MOST_CLASSES:
        raise UsageError(f"network {name}: {classes} classes; expected 2..{MOST_CLASSES}")
    if len(dense) > MOST_DENSE_LAYERS or not all(1 <= units <= MOST_DENSE_UNITS for units in dense):
        raise UsageError(
            f"network {name}: dense layers {tuple(dense)}; expected at most {MOST_DENSE_LAYERS} of "
            f"1..{MOST_DENSE_UNITS} units"
        )
    if not 0 <= dropout < 1:
        raise UsageError(f"network {name}: dropout {dropout}; expected 0 up to, but not, 1")


def check_picture(name: str, picture_px: tuple[int, int]) -> None:
    """Raise UsageError when pictures (height, width) are so small that no feature map is left of them."""
    smallest = NETWORKS[name].smallest_px
    if min(picture_px) < smallest:
        raise UsageError(
            f"network {name}: pictures of {picture_px[0]} x {picture_px[1]} px; expected at least {smallest} px a "
            "side: use larger frames or another network"
        )


def make_network(
    name: str, classes: int = 2, dense: Sequence[int] = (), dropout: float = 0.0, seed: int = 0
) -> Network:
    """Return a network in eval mode: (frames, 3, height, width) float32 -> logits (frames, classes).

    Convolutions, global average pooling, `dense` hidden layers with ReLU and `dropout`, and a last layer with one logit
    per class. Weights are He-normal (fan-in), biases 0, batch norm the identity: the same for a seed on every machine.
    State-dict keys and shapes of the convolutions are timm's; hidden layers are `dense.0`, `dense.1`, ..., the last
    one is `classifier` in every network.
    Raises UsageError for an unknown name and values out of range, UnavailableError without torch.
    """
    check_network(name, classes, dense, dropout)
    if importlib.util.find_spec("torch") is None:
        raise UnavailableError(f"network {name}: torch is not installed; install the extra train: `phasewell doctor`")
    import torch

    from phasewell.networks.initialisation import initialise

    facts = NETWORKS[name]
    module, _, kind = facts.made_by.partition(".")
    make = getattr(importlib.import_module(f"phasewell.networks.{module}"), kind)
    with torch.random.fork_rng(devices=[]):  # torch draws weights of its own first: not from the caller's numbers
        network: Network = make(*facts.layers, classes, dense, dropout)
    initialise(network, seed)
    return network.eval()


def count_work(network: nn.Module, height: int, width: int) -> Work:
    """Return what one picture of (3, height, width) costs; the network runs once, on the device of its weights."""
    import torch
    from torch import nn

    multiply_adds = 0

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal multiply_adds
        if isinstance(module, nn.Conv2d):
            taps = module.in_channels // module.groups * math.prod(module.kernel_size)
        elif isinstance(module, nn.Linear):
            taps = module.in_features
        else:
            return
        multiply_adds += taps * output.numel()

    handles = [module.register_forward_hook(count) for module in network.modules()]
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, height, width, device=next(network.parameters()).device))
    finally:
        for handle in handles:
            handle.remove()
    return Work(multiply_adds, sum(parameter.numel() for parameter in network.parameters()))
