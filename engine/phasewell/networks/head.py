"""What follows the convolutions of every network: hidden dense layers, as a search chose them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Head(nn.ModuleList):
    """Hidden layers after global average pooling: dense, ReLU, dropout, for each; none leaves the features alone."""

    def __init__(self, features: int, dense: Sequence[int], dropout: float) -> None:
        widths = (features, *dense)
        super().__init__(nn.Linear(before, after) for before, after in zip(widths, dense, strict=False))
        self.out_features, self.dropout = widths[-1], dropout

    def activations(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the features (n, features) and what every hidden layer makes of them, (n, units)."""
        values = [x]
        for layer in self:
            values.append(nn.functional.dropout(torch.relu(layer(values[-1])), self.dropout, self.training))
        return values

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, features) -> (n, width of the last hidden layer)."""
        return self.activations(x)[-1]
