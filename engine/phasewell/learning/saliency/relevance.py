"""Layer-wise relevance propagation (Bach et al. 2015, doi 10.1371/journal.pone.0130140), with rules for every step.

Relevance starts as the explained score at the logits and is shared backwards among the inputs of every step:

linear       in proportion to what an input adds to an output; the divisor is the output itself, bias and stabiliser
             included, so these take their share (epsilon rule). Batch norm is a linear step of its own: scale, shift
             and running mean count. Where branches add up (skip connections), each gets its part.
convolution  as linear, or among the inputs that drive an output to the sign it has. Above 0 that is the z+ rule;
             below 0 it is its mirror, which plain z+ lacks: a network with batch norm between convolution and ReLU
             gives relevance to negative outputs, and z+ would hand it to the inputs that worked against them.
choose       maximum, concatenation, padding, flattening: whole, to the input that was taken.
pass         ReLU, and dropout in eval mode: unchanged.

With the epsilon rule everywhere and a stabiliser near 0 the relevance of a pixel is its gradient times its value, so
that folding batch norm into convolutions changes nothing; under the other rules it would, and networks are explained
as they were trained, unfolded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from phasewell.learning.saliency.recipe import SaliencyRecipe
from phasewell.learning.saliency.walking import PICTURE, Step, Walk

Signed = tuple[torch.Tensor, torch.Tensor]
"""Relevance of a convolution's outputs: of those at or above 0, and of those below; 0 elsewhere."""
Bounds = tuple[torch.Tensor, torch.Tensor]
"""Least and greatest scaled value that a pixel can have, each (channels, 1, 1)."""


def propagate(walked: Walk, weights: torch.Tensor, recipe: SaliencyRecipe, bounds: Bounds) -> torch.Tensor:
    """Return the relevance (n, height, width) of pixels, signed, summed over channels.

    `weights` (n, classes) says how the explained score is made of the logits. Values are freed as the walk goes back.
    """
    last = walked.steps[-1].name
    relevance = {last: weights * walked.logits}
    for step in reversed(walked.steps):
        outputs = walked.values.pop(step.name)
        if step.name not in relevance:
            continue  # feeds nothing that is explained
        inputs = tuple(walked.values[name] for name in step.inputs)
        shares = _shares(step, inputs, outputs, relevance.pop(step.name), recipe, bounds)
        for name, share in zip(step.inputs, shares, strict=True):
            relevance[name] = relevance[name] + share if name in relevance else share
    return relevance[PICTURE].sum(1)


def _shares(
    step: Step,
    inputs: tuple[torch.Tensor, ...],
    outputs: torch.Tensor,
    relevance: torch.Tensor,
    recipe: SaliencyRecipe,
    bounds: Bounds,
) -> tuple[torch.Tensor, ...]:
    if step.kind == "pass":
        return (relevance,)
    if step.kind == "choose":
        return _pull_back(step.operation, inputs, lambda _: relevance)
    if isinstance(step.module, nn.Conv2d) and recipe.convolutions == "same-sign":
        signed = (relevance.masked_fill(outputs < 0, 0), relevance.masked_fill(outputs >= 0, 0))
        if step.inputs == (PICTURE,) and recipe.picture == "bounded":
            return (_share_bounded(step.module, inputs[0], signed, bounds),)
        return (_share_same_sign(step.module, inputs[0], signed),)
    ratio = relevance / _stabilise(outputs, recipe.epsilon)
    gradients = _pull_back(step.operation, inputs, lambda _: ratio)
    return tuple(value * gradient for value, gradient in zip(inputs, gradients, strict=True))


def _pull_back(
    operation: Callable[..., torch.Tensor],
    inputs: tuple[torch.Tensor, ...],
    weigh: Callable[[torch.Tensor], torch.Tensor],
) -> tuple[torch.Tensor, ...]:
    # the gradient of (operation(inputs) * weigh(outputs)).sum() for fixed weights
    leaves = [value.detach().requires_grad_() for value in inputs]
    with torch.enable_grad():
        outputs = operation(*leaves)
    return torch.autograd.grad(outputs, leaves, weigh(outputs.detach()))


def _stabilise(outputs: torch.Tensor, epsilon: float) -> torch.Tensor:
    # away from 0 by a share of the picture's root mean square; an output of exactly 0 has nothing to share
    others = tuple(range(1, outputs.ndim))
    shift = epsilon * outputs.square().mean(others, keepdim=True).sqrt()
    moved = outputs + torch.where(outputs < 0, -shift, shift)
    return torch.where(moved == 0, torch.inf, moved)


def _share_same_sign(convolution: nn.Conv2d, x: torch.Tensor, signed: Signed) -> torch.Tensor:
    plus, minus = convolution.weight.clamp(min=0), convolution.weight.clamp(max=0)
    above, below = x.clamp(min=0), x.clamp(max=0)

    def raising(above: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
        return _convolve(convolution, above, plus) + _convolve(convolution, below, minus)

    def lowering(above: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
        return _convolve(convolution, above, minus) + _convolve(convolution, below, plus)

    total = torch.zeros_like(x)
    for part, relevance in zip((raising, lowering), signed, strict=True):
        gradients = _pull_back(part, (above, below), partial(_divide, relevance))
        total += above * gradients[0] + below * gradients[1]
    return total


def _share_bounded(convolution: nn.Conv2d, x: torch.Tensor, signed: Signed, bounds: Bounds) -> torch.Tensor:
    # Montavon et al. 2017 (doi 10.1016/j.patcog.2016.11.008), z-B: a pixel's part is what it adds beyond its worst case
    plus, minus = convolution.weight.clamp(min=0), convolution.weight.clamp(max=0)
    least, most = (bound.expand_as(x) for bound in bounds)

    def beyond(x: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor) -> torch.Tensor:
        worst = _convolve(convolution, lower, plus) + _convolve(convolution, upper, minus)
        return _convolve(convolution, x, convolution.weight) - worst

    total = torch.zeros_like(x)
    for parts, relevance in zip(((x, least, most), (x, most, least)), signed, strict=True):
        gradients = _pull_back(beyond, parts, partial(_divide, relevance))
        for value, gradient in zip(parts, gradients, strict=True):
            total += value * gradient
    return total


def _convolve(convolution: nn.Conv2d, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(
        x, weight, None, convolution.stride, convolution.padding, convolution.dilation, convolution.groups
    )


def _divide(relevance: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    # where nothing drives an output (its bias alone does) there is nobody to share among
    return torch.where(outputs == 0, 0, relevance / torch.where(outputs == 0, 1, outputs))
