"""Grad-CAM++ (Chattopadhyay et al. 2018, doi 10.1109/WACV.2018.00097): which places of the last maps speak for a class.

The last maps are what global average pooling reads (DenseNet: after the last norm and ReLU).
"""

from __future__ import annotations

import torch
from torch.nn import functional

from phasewell.networks.network import Network


def map_class(network: Network, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return maps (n, height, width) at the size of the scaled pictures `x`, none negative.

    `weights` (n, classes) says how the explained score is made of the logits.
    """
    with torch.no_grad():
        activations = network.features(x)
    activations = activations.detach().requires_grad_()
    with torch.enable_grad():
        score = (network.classify(activations) * weights).sum()
        (gradients,) = torch.autograd.grad(score, activations)
    small = weigh_maps(activations.detach(), gradients)
    return functional.interpolate(small[:, None], size=x.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def weigh_maps(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Return the maps (n, h, w) of activations and the score's gradients (n, channels, h, w).

    Equation 19 for the class score exp(S), whose higher derivatives are powers of the gradient of S; the factor exp(S)
    itself is common to a picture's pixels and left out, since it overflows.
    """
    squares = gradients.square()
    divisor = 2 * squares + activations.sum((2, 3), keepdim=True) * squares * gradients
    alpha = squares / torch.where(divisor == 0, 1, divisor)
    channels = (alpha * gradients.clamp(min=0)).sum((2, 3), keepdim=True)
    return (channels * activations).sum(1).clamp(min=0)
