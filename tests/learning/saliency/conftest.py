"""A network made by hand, whose right maps are known: it counts bright spots."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from phasewell.networks.network import Network
from phasewell.networks.pictures import PictureNetwork
from torch import nn


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """These pictures are too small to share out among threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class _Spots(Network):
    # 3 x 3 means, minus a threshold that only spots pass; nothing passes = class 0
    def __init__(self) -> None:
        super().__init__()
        convolution = nn.Conv2d(3, 2, 3, stride=2, padding=1)
        self.features = nn.Sequential(convolution, nn.ReLU())
        self.add_head(2, 2, (), 0)
        with torch.no_grad():
            convolution.weight.fill_(1 / 27)
            convolution.bias.fill_(-0.5)  # type: ignore[union-attr]
            self.classifier.weight.copy_(torch.tensor([[-500.0, 0.0], [500.0, 0.0]]))
            self.classifier.bias.copy_(torch.tensor([1.0, -1.0]))


@pytest.fixture
def spots() -> PictureNetwork:
    return PictureNetwork(_Spots(), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).eval()


@pytest.fixture
def spotted() -> np.ndarray:
    """Six pictures of grey 40..60; 0, 2 and 4 have a spot of grey 250 in rows 17..23, columns 25..31."""
    pictures = np.random.default_rng(5).integers(40, 60, (6, 48, 56), np.uint8)
    pictures[::2, 17:24, 25:32] = 250
    return pictures
