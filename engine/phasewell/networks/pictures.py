"""A network together with the scaling of its pictures: what is exported, and what every backend must equal."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class PictureNetwork(nn.Module):
    """Pictures (frames, height, width) uint8 -> logits (frames, classes): (picture / 255 - mean) / std, replicated.

    `mean` and `std` have one value per channel. The three operations are those of `inference.scale_images`.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32)[:, None, None])
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32)[:, None, None])

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the logits of pictures, in the dtype of the weights."""
        weights = next(self.network.parameters())
        logits: torch.Tensor = self.network(self.scale(pictures).to(weights.dtype))
        return logits

    def scale(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return what the network reads of pictures: (frames, channels, height, width) float32."""
        return (pictures[:, None].float() / 255 - self.mean) / self.std
