"""DenseNet121 is timm's: keys and shapes as recorded from timm 1.0.31, counts as published, values by hand."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch
from phasewell.networks import count_work, make_network
from phasewell.networks.folding import fold_batch_norm
from torch import nn

# SHA-256 of the JSON of [[key, shape], ...] of the state dict of timm.create_model("densenet121", num_classes=2)
TIMM_KEYS = "4a8ffd440d8b90c43fc8081f88bcfacc237885f5c636a889aef4dc2a686378d8"


def test_keys_and_shapes_are_timms() -> None:
    state = make_network("densenet121").state_dict()
    listed = json.dumps([[name, list(value.shape)] for name, value in state.items()])
    assert hashlib.sha256(listed.encode()).hexdigest() == TIMM_KEYS
    assert len(state) == 727


def test_counts_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = make_network("densenet121")
    work = count_work(network, 226, 306)
    assert round(work.multiply_adds / 1e9, 1) == 3.9
    assert work.parameters == 6_953_856 + 2 * 1024 + 2
    shapes: list[torch.Size] = []
    network.get_submodule("features").register_forward_hook(lambda *found: shapes.append(found[2].shape))
    network(torch.zeros(1, 3, 226, 306, device="meta"))
    assert shapes == [(1, 1024, 7, 9)]


def test_counting_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert count_work(network, 5, 6) == (3 * 9 * 4 * 3 * 4 + 4 * 2, 108 + 10)


def test_a_block_by_hand() -> None:
    """One dense layer of a network, written out in NumPy."""
    network = make_network("densenet13", seed=1)
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    block = network.get_submodule("features.denseblock1")
    x = np.random.default_rng(0).normal(size=(1, 64, 3, 3)).astype(np.float32)
    with torch.no_grad():
        found = block.get_submodule("denselayer1")(torch.from_numpy(x)).numpy()
    prefix = "features.denseblock1.denselayer1."
    middle = np.maximum(x / np.sqrt(np.float32(1 + 1e-5)), 0)
    middle = np.einsum("oi,nihw->nohw", state[f"{prefix}conv1.weight"][:, :, 0, 0], middle)
    middle = np.pad(np.maximum(middle / np.sqrt(np.float32(1 + 1e-5)), 0), ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = state[f"{prefix}conv2.weight"]
    expected = sum(
        np.einsum("oi,nihw->nohw", taps[:, :, i, j], middle[:, :, i : i + 3, j : j + 3])
        for i in range(3)
        for j in range(3)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_head_by_hand() -> None:
    network = make_network("densenet13", 3, (7, 5), dropout=0.5, seed=2)
    x = torch.from_numpy(np.random.default_rng(0).random((2, 3, 64, 64), np.float32))
    with torch.no_grad():
        values = network.get_submodule("features")(x).numpy().mean((2, 3))
        for name in ("dense.0", "dense.1"):
            layer = network.get_submodule(name)
            values = np.maximum(values @ layer.weight.numpy().T + layer.bias.numpy(), 0)  # type: ignore[union-attr]
        last = network.get_submodule("classifier")
        expected = values @ last.weight.numpy().T + last.bias.numpy()  # type: ignore[union-attr]
        np.testing.assert_allclose(network(x).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_weights_are_he_normal() -> None:
    network = make_network("densenet121", seed=11)
    for name in ("features.conv0", "features.denseblock4.denselayer16.conv2", "features.transition2.conv"):
        convolution = network.get_submodule(name)
        assert isinstance(convolution, nn.Conv2d)
        fan_in = convolution.in_channels * convolution.kernel_size[0] * convolution.kernel_size[1]
        weight = convolution.weight.detach().numpy()
        assert weight.std() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
        assert abs(weight.mean()) < 4 * weight.std() / weight.size**0.5
    assert not network.training


def test_folding_changes_nothing_but_rounding() -> None:
    network = make_network("densenet13", seed=4)
    source = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if "norm" in name and value.dtype.is_floating_point:
            value.copy_(torch.rand(value.shape, generator=source) + 0.5)
    folded = fold_batch_norm(network)
    x = torch.from_numpy(np.random.default_rng(0).random((2, 3, 64, 96), np.float32))
    with torch.no_grad():
        np.testing.assert_allclose(folded(x).numpy(), network(x).numpy(), rtol=1e-4, atol=1e-5)
    kept = sum(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert kept == 4 + 3 + 1  # the first norm of every layer, the transitions, the last
