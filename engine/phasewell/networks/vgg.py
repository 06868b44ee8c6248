"""VGG (Simonyan & Zisserman 2015, arXiv 1409.1556): 3 x 3 convolutions with biases, no batch norm.

Its own dense layers (120 million weights for 7 x 7 maps) are left out: paper K puts surrogate layers after the pooling.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from phasewell.networks.network import Network

MAPS = (64, 128, 256, 512, 512)  # of the convolutions before each halving


class VGG(Network):
    """`layers` convolutions per resolution, then the head: (n, 3, h, w) -> logits (n, classes)."""

    def __init__(self, layers: Sequence[int], classes: int, dense: Sequence[int], dropout: float) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        before = 3
        for maps, count in zip(MAPS, layers, strict=True):
            for _ in range(count):
                parts += [nn.Conv2d(before, maps, 3, padding=1), nn.ReLU()]
                before = maps
            parts.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*parts)  # (n, 3, h, w) -> (n, 512, h / 32, w / 32)
        self.add_head(before, classes, dense, dropout)
