"""DenseNet (Huang et al. 2017, arXiv 1608.06993): every layer reads the maps of all layers before it in its block."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from phasewell.networks.network import Network

BOTTLENECK = 4  # maps between the two convolutions of a layer, in units of what it adds


class _DenseLayer(nn.Module):
    # norm, ReLU, 1 x 1; norm, ReLU, 3 x 3
    def __init__(self, maps: int, growth: int) -> None:
        super().__init__()
        between = BOTTLENECK * growth
        self.norm1 = nn.BatchNorm2d(maps)
        self.conv1 = nn.Conv2d(maps, between, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(between)
        self.conv2 = nn.Conv2d(between, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, maps, h, w) -> (n, growth, h, w)
        x = self.conv1(torch.relu(self.norm1(x)))
        added: torch.Tensor = self.conv2(torch.relu(self.norm2(x)))
        return added


class _DenseBlock(nn.ModuleDict):
    def __init__(self, maps: int, layers: int, growth: int) -> None:
        numbered = ((f"denselayer{i + 1}", _DenseLayer(maps + i * growth, growth)) for i in range(layers))
        super().__init__(OrderedDict(numbered))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, maps, h, w) -> (n, maps + layers * growth, h, w)
        for layer in self.values():
            x = torch.cat((x, layer(x)), 1)
        return x


class _Transition(nn.Module):
    # half the maps, half the sides (rounded down)
    def __init__(self, maps: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(maps)
        self.conv = nn.Conv2d(maps, maps // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, maps, h, w) -> (n, maps / 2, h / 2, w / 2)
        found: torch.Tensor = self.pool(self.conv(torch.relu(self.norm(x))))
        return found


class DenseNet(Network):
    """Blocks of `layers` dense layers, then the head: (n, 3, h, w) -> logits (n, classes).

    `widths` are the maps that a layer adds, and those of the first convolution.
    """

    def __init__(
        self, layers: Sequence[int], widths: tuple[int, int], classes: int, dense: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        growth, maps = widths
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["conv0"] = nn.Conv2d(3, maps, 7, stride=2, padding=3, bias=False)
        parts["norm0"] = nn.BatchNorm2d(maps)
        parts["relu0"] = nn.ReLU()
        parts["pool0"] = nn.MaxPool2d(3, stride=2, padding=1)
        for block, count in enumerate(layers, start=1):
            parts[f"denseblock{block}"] = _DenseBlock(maps, count, growth)
            maps += count * growth
            if block < len(layers):
                parts[f"transition{block}"] = _Transition(maps)
                maps //= 2
        parts["norm5"] = nn.BatchNorm2d(maps)
        parts["relu5"] = nn.ReLU()
        self.features = nn.Sequential(parts)  # (n, 3, h, w) -> (n, 1024, h / 32, w / 32)
        self.add_head(maps, classes, dense, dropout)
