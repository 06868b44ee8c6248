"""What every network is: convolutions to feature maps, average pooling, hidden dense layers, one logit a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from phasewell.networks.head import Head

HEAD = ("dense.", "classifier.")  # beginnings of the state-dict keys that belong to the head


class Network(nn.Module):
    """Pictures (n, 3, h, w) -> logits (n, classes); a subclass has `features`, a module or a method, and a head.

    `torch.fx` can trace every network: folding and saliency read its graph.
    """

    features: Callable[[torch.Tensor], torch.Tensor]
    """The convolutions: pictures (n, 3, h, w) -> the last feature maps (n, maps, h', w')."""

    def add_head(self, maps: int, classes: int, dense: Sequence[int], dropout: float) -> None:
        """Make what follows the convolutions; called last, so that their keys and weights come first."""
        self.dense = Head(maps, dense, dropout)
        self.classifier = nn.Linear(self.dense.out_features, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of pictures."""
        return self.classify(self.features(x))

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mean of each feature map of pictures: (n, 3, h, w) -> (n, maps)."""
        return pool(self.features(x))

    def decide(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes) of pooled features (n, maps): the head alone."""
        logits: torch.Tensor = self.classifier(self.dense(pooled))
        return logits

    def classify(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes) of feature maps (n, maps, h', w')."""
        return self.decide(pool(maps))

    def head_activations(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return pooled features (n, maps), what each dense layer makes of them (n, units), and the logits."""
        values = self.dense.activations(self.pooled(x))
        return [*values, self.classifier(values[-1])]


def pool(maps: torch.Tensor) -> torch.Tensor:
    """Return the mean over the area: (n, maps, h', w') -> (n, maps)."""
    return maps.mean((2, 3))


def split_parameters(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters of the convolutions and those of the head (dense layers and last layer), in their order."""
    backbone: list[nn.Parameter] = []
    head: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (head if name.startswith(HEAD) else backbone).append(parameter)
    return backbone, head
