"""Xception (Chollet 2017, arXiv 1610.02357): each convolution is one per map, then one across maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from phasewell.networks.network import Network


class _Plan(NamedTuple):
    # of a block: maps before, between and after its convolutions, and by how much it divides the sides
    before: int
    between: tuple[int, ...]
    after: int
    stride: int


PLANS = (
    _Plan(64, (128,), 128, 2),
    _Plan(128, (256,), 256, 2),
    _Plan(256, (728,), 728, 2),
    *[_Plan(728, (728, 728), 728, 1)] * 8,
    _Plan(728, (728,), 1024, 2),
)


class _Separable(nn.Module):
    def __init__(self, before: int, maps: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
        self.pointwise = nn.Conv2d(before, maps, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, before, h, w) -> (n, maps, h, w)
        found: torch.Tensor = self.pointwise(self.conv1(x))
        return found


class _Block(nn.Module):
    # ReLU, separable convolution, norm, for each; then the pooling; beside it a shortcut
    def __init__(self, plan: _Plan, first: bool) -> None:
        super().__init__()
        self.same = plan.before == plan.after and plan.stride == 1
        if not self.same:
            self.skip = nn.Conv2d(plan.before, plan.after, 1, stride=plan.stride, bias=False)
            self.skipbn = nn.BatchNorm2d(plan.after)
        parts: list[nn.Module] = []
        before = plan.before
        for maps in (*plan.between, plan.after):
            parts += [nn.ReLU(), _Separable(before, maps), nn.BatchNorm2d(maps)]
            before = maps
        if plan.stride > 1:
            parts.append(nn.MaxPool2d(3, plan.stride, padding=1))
        self.rep = nn.Sequential(*parts[first:])  # the first block reads maps that passed a ReLU

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, before, h, w) -> (n, after, h / stride, w / stride)
        shortcut: torch.Tensor = x if self.same else self.skipbn(self.skip(x))
        long: torch.Tensor = self.rep(x)
        return long + shortcut


class Xception(Network):
    """Two convolutions, twelve blocks, two separable convolutions, then the head: (n, 3, h, w) -> (n, classes)."""

    def __init__(self, classes: int, dense: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self._blocks = [f"block{place}" for place in range(1, len(PLANS) + 1)]
        for name, plan in zip(self._blocks, PLANS, strict=True):
            self.add_module(name, _Block(plan, name == "block1"))
        self.conv3 = _Separable(1024, 1536)
        self.bn3 = nn.BatchNorm2d(1536)
        self.conv4 = _Separable(1536, 2048)
        self.bn4 = nn.BatchNorm2d(2048)
        self.add_head(2048, classes, dense, dropout)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last feature maps: (n, 3, h, w) -> (n, 2048, about h / 32, w / 32)."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        for name in self._blocks:
            x = self.get_submodule(name)(x)
        x = torch.relu(self.bn3(self.conv3(x)))
        return torch.relu(self.bn4(self.conv4(x)))
