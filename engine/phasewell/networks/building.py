"""Which networks there are, how one is made and initialised, and what it costs. Imports torch only to make one."""

from __future__ import annotations

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

    timm_name: str | None  # the model of timm whose state-dict keys and shapes it has
    features: int  # values after global average pooling
    blocks: tuple[int, ...]  # layers of each dense block


NETWORKS = {
    "densenet121": NetworkFacts("densenet121", 1024, (6, 12, 24, 16)),
    "densenet13": NetworkFacts(None, 68, (1, 1, 1, 1)),
}
"""Networks by name: densenet121 is the published one, densenet13 the same in small, for demonstrations and tests."""

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


def make_network(
    name: str, classes: int = 2, dense: Sequence[int] = (), dropout: float = 0.0, seed: int = 0
) -> Network:
    """Return a network in eval mode: (frames, 3, height, width) float32 -> logits (frames, classes).

    Convolutions, global average pooling, `dense` hidden layers with ReLU and `dropout`, and a last layer with one logit
    per class. Weights are He-normal (fan-in), biases 0, batch norm the identity: the same for a seed on every machine.
    State-dict keys of the convolutions and the last layer are timm's; hidden layers are `dense.0`, `dense.1`, ...
    Raises UsageError for an unknown name and values out of range, UnavailableError without torch.
    """
    check_network(name, classes, dense, dropout)
    if importlib.util.find_spec("torch") is None:
        raise UnavailableError(f"network {name}: torch is not installed; install the extra train: `phasewell doctor`")
    import torch

    from phasewell.networks.densenet import DenseNet
    from phasewell.networks.initialisation import initialise

    with torch.random.fork_rng(devices=[]):  # torch draws weights of its own first: not from the caller's numbers
        network = DenseNet(NETWORKS[name].blocks, classes, dense, dropout)
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
