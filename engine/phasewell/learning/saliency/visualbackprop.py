"""VisualBackProp (Bojarski et al. 2018, doi 10.1109/ICRA.2018.8461053): where activity reaches through all layers.

It looks at activations only, so it explains no class: two classes get the same map.
"""

from __future__ import annotations

import math

import torch
from torch.nn.grad import conv2d_input

from phasewell.errors import UsageError
from phasewell.learning.saliency.walking import PICTURE, Step, Walk


def map_activity(walked: Walk, upscale: str) -> torch.Tensor:
    """Return maps (n, height, width) at the size of the pictures, none negative.

    From the last ReLU back to the picture: the channel mean of the last ReLU of each resolution, multiplied by what
    came up from the coarser one through a transposed convolution with ones that has the window of the step between.
    Where several steps lead from one resolution to the next (branches), the one with the largest window counts.
    """
    values = walked.values
    last = {_side(values[step.name]): values[step.name] for step in walked.steps if step.relu and _is_map(values, step)}
    if not last:
        raise UsageError("VisualBackProp: the network has no ReLU on maps; expected a convolutional network")
    found = next(step for step in reversed(walked.steps) if step.relu and _is_map(values, step))
    side = _side(values[found.name])
    mask = last[side].mean(1, keepdim=True)
    while side != _side(values[PICTURE]):
        step = _step_down_to(walked, side)
        finer = values[step.inputs[0]]
        mask, side = _bring_up(mask, finer.shape, step, upscale), _side(finer)
        if side in last:
            mask = mask * last[side].mean(1, keepdim=True)
    return mask[:, 0]


def _side(value: torch.Tensor) -> tuple[int, int]:
    return value.shape[2], value.shape[3]


def _is_map(values: dict[str, torch.Tensor], step: Step) -> bool:
    return values[step.name].ndim == 4


def _step_down_to(walked: Walk, side: tuple[int, int]) -> Step:
    steps = [
        step
        for step in walked.steps
        if step.window is not None
        and _side(walked.values[step.name]) == side
        and _side(walked.values[step.inputs[0]]) != side
    ]
    if not steps:
        raise UsageError(f"VisualBackProp: no convolution or pooling leads to maps of {side[0]} x {side[1]}")
    return max(steps, key=lambda step: math.prod(step.window.kernel) if step.window else 0)


def _bring_up(mask: torch.Tensor, finer: torch.Size, step: Step, upscale: str) -> torch.Tensor:
    assert step.window is not None  # _step_down_to chose it by its window
    kernel, stride, padding = step.window
    ones = torch.ones(1, 1, *kernel, dtype=mask.dtype, device=mask.device)
    size = (len(mask), 1, *finer[2:])

    def spread(values: torch.Tensor) -> torch.Tensor:
        raised: torch.Tensor = conv2d_input(size, ones, values, stride, padding)  # type: ignore[no-untyped-call]
        return raised

    return spread(mask) / spread(torch.ones_like(mask)).clamp(min=1) if upscale == "mean" else spread(mask)
