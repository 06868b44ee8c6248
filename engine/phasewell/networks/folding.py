"""Batch norm folded into the convolution before it: fewer launches on a GPU, the same function in exact arithmetic."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_PAIRS = (("conv0", "norm0"), ("conv1", "norm2"))  # a convolution and the norm that reads nothing else


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy of a network in eval mode in which every batch norm right after a convolution is part of it.

    Norms that read a concatenation stay: no convolution before them is theirs alone.
    """
    folded = copy.deepcopy(network).eval()
    for owner, convolution, norm in _pairs(folded):
        setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm)))
        setattr(owner, norm, nn.Identity())
    return folded


def _pairs(network: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    for owner in list(network.modules()):
        children = dict(owner.named_children())
        for convolution, norm in _PAIRS:
            if isinstance(children.get(convolution), nn.Conv2d) and isinstance(children.get(norm), nn.BatchNorm2d):
                yield owner, convolution, norm
