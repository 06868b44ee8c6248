"""Inception V3 (Szegedy et al. 2016, arXiv 1512.00567), without the auxiliary classifier: a table of its blocks.

A block is branches side by side whose maps are concatenated. A branch is layers one after the other, each
(name, maps, kernel); a name of two letters at the end ("a", "b") is two layers that read the same maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn

from phasewell.networks.network import Network

EPSILON = 1e-3  # of every batch norm, as its weights were trained
_Kernel = int | tuple[int, int]
_Layer = tuple[str, int, _Kernel]
_Branch = Sequence[_Layer | tuple[_Layer, _Layer]]

_ROW, _COLUMN = (1, 7), (7, 1)


class _Unit(nn.Module):
    # convolution, norm, ReLU; sides stay where it is padded
    def __init__(self, before: int, maps: int, kernel: _Kernel, stride: int = 1, padded: bool = True) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if padded else 0
        self.conv = nn.Conv2d(before, maps, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(maps, eps=EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, before, h, w) -> (n, maps, h', w')
        return torch.relu(self.bn(self.conv(x)))


class _Mixed(nn.Module):
    """Branches of layers and one of pooling, concatenated; with pooling "max" the last layers halve the sides."""

    def __init__(self, before: int, branches: Sequence[_Branch], pooling: Literal["mean", "max"]) -> None:
        super().__init__()
        self.maps = 0  # of all branches together
        self.pool = nn.AvgPool2d(3, 1, 1) if pooling == "mean" else nn.MaxPool2d(3, 2)  # zeros beyond the edge count
        self._branches: list[list[tuple[str, ...]]] = []  # names of the layers of each step
        for branch in branches:
            maps, steps = before, []
            for place, step in enumerate(branch):
                reduces = pooling == "max" and place == len(branch) - 1
                layers: Sequence[Any] = step if isinstance(step[0], tuple) else (step,)
                for name, wide, kernel in layers:
                    self.add_module(name, _Unit(maps, wide, kernel, 2 if reduces else 1, not reduces))
                steps.append(tuple(name for name, _, _ in layers))
                maps = sum(wide for _, wide, _ in layers)
            self._branches.append(steps)
            self.maps += maps
        if pooling == "max":  # its branch has no layer of its own
            self._branches.append([])
            self.maps += before

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (n, before, h, w) -> (n, maps, h', w')
        found = []
        for place, steps in enumerate(self._branches):
            y = self.pool(x) if place == len(self._branches) - 1 else x
            for names in steps:
                side_by_side = [self.get_submodule(name)(y) for name in names]
                y = torch.cat(side_by_side, 1) if len(names) > 1 else side_by_side[0]
            found.append(y)
        return torch.cat(found, 1)


def _block_5(before: int, pooled: int) -> _Mixed:
    five: _Branch = [("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)]
    threes: _Branch = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]
    return _Mixed(before, [[("branch1x1", 64, 1)], five, threes, [("branch_pool", pooled, 1)]], "mean")


def _block_6a(before: int) -> _Mixed:
    threes: _Branch = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]
    return _Mixed(before, [[("branch3x3", 384, 3)], threes], "max")


def _block_6(before: int, inner: int) -> _Mixed:
    seven: _Branch = [("branch7x7_1", inner, 1), ("branch7x7_2", inner, _ROW), ("branch7x7_3", 192, _COLUMN)]
    sevens: _Branch = [
        ("branch7x7dbl_1", inner, 1),
        ("branch7x7dbl_2", inner, _COLUMN),
        ("branch7x7dbl_3", inner, _ROW),
        ("branch7x7dbl_4", inner, _COLUMN),
        ("branch7x7dbl_5", 192, _ROW),
    ]
    return _Mixed(before, [[("branch1x1", 192, 1)], seven, sevens, [("branch_pool", 192, 1)]], "mean")


def _block_7a(before: int) -> _Mixed:
    seven: _Branch = [
        ("branch7x7x3_1", 192, 1),
        ("branch7x7x3_2", 192, _ROW),
        ("branch7x7x3_3", 192, _COLUMN),
        ("branch7x7x3_4", 192, 3),
    ]
    return _Mixed(before, [[("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3)], seven], "max")


def _block_7(before: int) -> _Mixed:
    three: _Branch = [("branch3x3_1", 384, 1), (("branch3x3_2a", 384, (1, 3)), ("branch3x3_2b", 384, (3, 1)))]
    threes: _Branch = [
        ("branch3x3dbl_1", 448, 1),
        ("branch3x3dbl_2", 384, 3),
        (("branch3x3dbl_3a", 384, (1, 3)), ("branch3x3dbl_3b", 384, (3, 1))),
    ]
    return _Mixed(before, [[("branch1x1", 320, 1)], three, threes, [("branch_pool", 192, 1)]], "mean")


class InceptionV3(Network):
    """Stem, eleven blocks, then the head: (n, 3, h, w) of at least 75 px a side -> logits (n, classes)."""

    def __init__(self, classes: int, dense: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Unit(3, 32, 3, stride=2, padded=False)
        self.Conv2d_2a_3x3 = _Unit(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = _Unit(32, 64, 3)
        self.Pool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = _Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = _Unit(80, 192, 3, padded=False)
        self.Pool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = _block_5(192, 32)
        self.Mixed_5c = _block_5(256, 64)
        self.Mixed_5d = _block_5(288, 64)
        self.Mixed_6a = _block_6a(288)
        self.Mixed_6b = _block_6(768, 128)
        self.Mixed_6c = _block_6(768, 160)
        self.Mixed_6d = _block_6(768, 160)
        self.Mixed_6e = _block_6(768, 192)
        self.Mixed_7a = _block_7a(768)
        self.Mixed_7b = _block_7(1280)
        self.Mixed_7c = _block_7(2048)
        self._trunk = [name for name, _ in self.named_children()]
        self.add_head(self.Mixed_7c.maps, classes, dense, dropout)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last feature maps: (n, 3, h, w) -> (n, 2048, about h / 32, w / 32)."""
        for name in self._trunk:
            x = self.get_submodule(name)(x)
        return x
