"""A network as a list of steps with the value of each: what relevance and VisualBackProp walk back along."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import fx, nn
from torch.nn import functional

from phasewell.errors import UsageError

Kind = Literal["convolution", "linear", "choose", "pass"]
"""How relevance goes back through a step: by rules of its own; in proportion to shares; along a choice of inputs."""

_MODULES: dict[type[nn.Module], Kind] = {
    nn.Conv2d: "convolution",
    nn.Linear: "linear",
    nn.BatchNorm2d: "linear",
    nn.AvgPool2d: "linear",
    nn.AdaptiveAvgPool2d: "linear",
    nn.MaxPool2d: "choose",
    nn.Flatten: "choose",
    nn.ReLU: "pass",
    nn.Dropout: "pass",
    nn.Identity: "pass",
}
_FUNCTIONS: dict[Any, Kind] = {
    operator.add: "linear",
    torch.add: "linear",
    torch.mean: "linear",
    functional.linear: "linear",
    functional.batch_norm: "linear",
    functional.avg_pool2d: "linear",
    functional.adaptive_avg_pool2d: "linear",
    torch.cat: "choose",
    torch.concat: "choose",
    torch.flatten: "choose",
    functional.max_pool2d: "choose",
    functional.pad: "choose",
    torch.relu: "pass",
    functional.relu: "pass",
    functional.dropout: "pass",
}
_METHODS: dict[str, Kind] = {"add": "linear", "mean": "linear", "flatten": "choose", "relu": "pass"}


Pair = tuple[int, int]


class Window(NamedTuple):
    """Which inputs a place of the output reads, per side."""

    kernel: Pair
    stride: Pair
    padding: Pair


class Step(NamedTuple):
    """One operation of a network on values that depend on the picture."""

    name: str
    kind: Kind
    inputs: tuple[str, ...]  # names of the steps it reads, or PICTURE
    operation: Callable[..., torch.Tensor]  # of those values, in that order
    module: nn.Module | None
    relu: bool  # its values are what a ReLU leaves
    window: Window | None  # of a convolution or of pooling


PICTURE = "picture"


@dataclass(frozen=True)
class Walk:
    """The steps of a network in their order, with the value of each for one batch; the last step gives the logits."""

    steps: tuple[Step, ...]
    values: dict[str, torch.Tensor]

    @property
    def logits(self) -> torch.Tensor:
        """Logits (n, classes)."""
        return self.values[self.steps[-1].name]


def trace(network: nn.Module) -> tuple[Step, ...]:
    """Return the steps of a network in eval mode, by torch.fx: whatever style its forward is written in.

    Raises UsageError for a network in training mode, and for an operation that has no rule for relevance.
    """
    if any(module.training for module in network.modules()):
        raise UsageError("saliency: the network is in training mode; call .eval() first")
    graph = fx.symbolic_trace(network).graph
    names: dict[fx.Node, str] = {}
    steps: list[Step] = []
    for node in graph.nodes:
        if node.op == "placeholder":
            names[node] = PICTURE
        elif node.op not in ("get_attr", "output"):
            steps.append(_step(network, node, names))
            names[node] = node.name
    return tuple(steps)


def walk(steps: tuple[Step, ...], x: torch.Tensor) -> Walk:
    """Run a network on scaled pictures (n, channels, height, width) and keep every value, without gradients."""
    values = {PICTURE: x}
    with torch.no_grad():
        for step in steps:
            values[step.name] = step.operation(*(values[name] for name in step.inputs))
    return Walk(steps, values)


def _step(network: nn.Module, node: fx.Node, names: Mapping[fx.Node, str]) -> Step:
    module = network.get_submodule(str(node.target)) if node.op == "call_module" else None
    if module is not None:
        kind = next((kind for known, kind in _MODULES.items() if type(module) is known), None)
    else:
        kind = _METHODS.get(str(node.target)) if node.op == "call_method" else _FUNCTIONS.get(node.target)
    if isinstance(module, nn.Conv2d) and (module.padding_mode != "zeros" or isinstance(module.padding, str)):
        kind = None
    if kind is None or node.kwargs.get("inplace") or getattr(module, "inplace", False):
        what = type(module).__name__ if module is not None else node.target
        raise UsageError(
            f"saliency: the network's step {node.name} ({what}) has no rule; expected one of "
            f"{', '.join(known.__name__ for known in _MODULES)}, or the functions like them, none in place"
        )
    read = [other for other in node.all_input_nodes if other in names]
    relu = isinstance(module, nn.ReLU) or node.target in (torch.relu, functional.relu, "relu")
    inputs = tuple(names[other] for other in read)
    return Step(node.name, kind, inputs, _operation(network, node, read), module, relu, _window(node, module))


def _window(node: fx.Node, module: nn.Module | None) -> Window | None:
    if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return Window(_pair(module.kernel_size), _pair(module.stride), _pair(module.padding))
    if node.target not in (functional.max_pool2d, functional.avg_pool2d):
        return None
    given: dict[str, Any] = dict(zip(("input", "kernel", "stride", "padding"), node.args, strict=False))
    given |= {name.removesuffix("_size"): value for name, value in node.kwargs.items()}
    kernel = _pair(given["kernel"])
    return Window(kernel, _pair(given.get("stride") or kernel), _pair(given.get("padding", 0)))


def _pair(sides: Any) -> Pair:
    return (sides, sides) if isinstance(sides, int) else (int(sides[0]), int(sides[1]))


def _operation(network: nn.Module, node: fx.Node, read: list[fx.Node]) -> Callable[..., torch.Tensor]:
    # the node as a function of the values that it reads; its constants and weights are bound
    constants = {
        other: operator.attrgetter(str(other.target))(network)
        for other in node.all_input_nodes
        if other.op == "get_attr"
    }

    def run(*values: torch.Tensor) -> torch.Tensor:
        found = constants | dict(zip(read, values, strict=True))
        arguments = fx.node.map_arg(node.args, found.__getitem__)
        named = fx.node.map_arg(node.kwargs, found.__getitem__)
        result: torch.Tensor
        if node.op == "call_module":
            result = network.get_submodule(str(node.target))(*arguments, **named)
        elif node.op == "call_method":
            result = getattr(arguments[0], str(node.target))(*arguments[1:], **named)
        else:
            result = node.target(*arguments, **named)  # type: ignore[operator]
        return result

    return run
