"""He-normal weights (He et al. 2015, arXiv 1502.01852), the same for a seed on every machine."""

from __future__ import annotations

import torch
from torch import nn


def initialise(network: nn.Module, seed: int) -> None:
    """Draw weights with deviation sqrt(2 / fan-in) in the order of the modules; biases 0, batch norm the identity."""
    source = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu", generator=source)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()  # and running statistics
