"""Networks and pictures of seeds alone, on which other implementations were run: recorded values refer to them."""

from __future__ import annotations

import torch
from phasewell.networks import make_network
from phasewell.networks.network import Network

PICTURE_PX = (80, 96)


def shaken_network(name: str, seed: int = 3) -> Network:
    """Return a network whose batch norms have seeded weights and statistics, so that none is the identity."""
    network = make_network(name, seed=seed)
    source = torch.Generator().manual_seed(seed)
    for key, value in network.state_dict().items():
        if value.ndim != 1 or key.startswith(("dense.", "classifier.")):
            continue
        if key.endswith(("running_mean", "bias")):
            value.copy_(torch.randn(value.shape, generator=source) / 10)
        else:  # variance and weight of a norm
            value.copy_(torch.rand(value.shape, generator=source) / 2 + 0.5)
    return network


def seeded_pictures(height: int, width: int, seed: int = 7) -> torch.Tensor:
    """Return two pictures (2, 3, height, width) float32, of noise."""
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
