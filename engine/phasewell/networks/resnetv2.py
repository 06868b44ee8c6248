"""ResNet V2 (He et al. 2016, arXiv 1603.05027): norm and ReLU before each convolution, so that shortcuts stay clean."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from phasewell.networks.network import Network

FIRST_MAPS = 64
NARROW = 4  # a block's inner convolutions have a quarter of its maps


class _Shortcut(nn.Module):
    def __init__(self, before: int, maps: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, maps, 1, stride=stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, before, h, w) -> (n, maps, h / stride, w / stride)
        found: torch.Tensor = self.conv(x)
        return found


class _Bottleneck(nn.Module):
    # 1 x 1, 3 x 3 with the stride, 1 x 1; the first block of a stage also brings its shortcut to the new shape
    def __init__(self, before: int, maps: int, stride: int, first: bool) -> None:
        super().__init__()
        inner = maps // NARROW
        if first:
            self.downsample = _Shortcut(before, maps, stride)
        self.first = first
        self.norm1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, maps, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, before, h, w) -> (n, maps, h / stride, w / stride)
        ready = torch.relu(self.norm1(x))
        shortcut: torch.Tensor = self.downsample(ready) if self.first else x
        y = self.conv2(torch.relu(self.norm2(self.conv1(ready))))
        long: torch.Tensor = self.conv3(torch.relu(self.norm3(y)))
        return long + shortcut


class _Stage(nn.Module):
    def __init__(self, before: int, maps: int, stride: int, count: int) -> None:
        super().__init__()
        blocks = [_Bottleneck(before, maps, stride, True)]
        blocks += [_Bottleneck(maps, maps, 1, False) for _ in range(count - 1)]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, before, h, w) -> (n, maps, h / stride, w / stride)
        found: torch.Tensor = self.blocks(x)
        return found


class ResNetV2(Network):
    """Four stages of `layers` blocks, a last norm, then the head: (n, 3, h, w) -> logits (n, classes)."""

    def __init__(self, layers: Sequence[int], classes: int, dense: Sequence[int], dropout: float) -> None:
        super().__init__()
        convolution = nn.Conv2d(3, FIRST_MAPS, 7, stride=2, padding=3, bias=False)
        pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stem = nn.Sequential(OrderedDict(conv=convolution, pool=pool))
        stages: list[nn.Module] = []
        before = FIRST_MAPS
        for place, count in enumerate(layers):
            maps = FIRST_MAPS * NARROW << place
            stages.append(_Stage(before, maps, 1 if place == 0 else 2, count))
            before = maps
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(before)
        self.add_head(before, classes, dense, dropout)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last feature maps: (n, 3, h, w) -> (n, 2048, h / 32, w / 32), sides rounded up."""
        return torch.relu(self.norm(self.stages(self.stem(x))))
