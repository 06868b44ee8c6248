"""Which networks can be made, what is refused, and that making one leaves the caller's randomness alone."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from phasewell.errors import UsageError
from phasewell.networks import NETWORKS, check_picture, make_network, split_parameters


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet1",), "expected one of densenet121"),
        (("densenet13", 1), "expected 2..1000"),
        (("densenet13", 2, (0,)), "dense layers"),
        (("densenet13", 2, (8,) * 9), "dense layers"),
        (("densenet13", 2, (), 1.0), "dropout"),
    ],
)
def test_refusals(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_network(*arguments)


def test_a_seed_is_a_network() -> None:
    before = torch.random.get_rng_state()
    first, same, other = (make_network("densenet13", seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["features.conv0.weight"], other["features.conv0.weight"])


def test_facts_agree_with_networks() -> None:
    with torch.device("meta"):
        for name, facts in NETWORKS.items():
            classifier = make_network(name).get_submodule("classifier")
            assert classifier.in_features == facts.features


def test_names_cost_no_torch() -> None:
    code = "import sys, phasewell.networks, phasewell.inference.model_file; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_network_shows_its_maps_and_its_head() -> None:
    network = make_network("densenet13", 3, (7, 5), seed=2)
    x = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps, logits = network.features(x), network(x)
        pooled, first, second, last = network.head_activations(x)
    assert maps.shape == (2, 68, 2, 3)
    assert torch.equal(pooled, maps.mean((2, 3)))
    assert (first.shape, second.shape) == ((2, 7), (2, 5))
    assert torch.equal(last, logits)
    assert torch.equal(last, network.classifier(second))
    assert torch.equal(network.classify(maps), logits)
    assert torch.equal(network.pooled(x), pooled)
    assert torch.equal(network.decide(pooled), logits)


def test_parameters_are_split_before_the_head() -> None:
    network = make_network("densenet13", 3, (7, 5))
    backbone, head = split_parameters(network)
    assert [p.shape for p in head] == [(7, 68), (7,), (5, 7), (5,), (3, 5), (3,)]
    assert {id(p) for p in (*backbone, *head)} == {id(p) for p in network.parameters()}
    assert len(backbone) + len(head) == len(list(network.parameters()))
    assert {id(p) for p in backbone} == {id(p) for p in network.features.parameters()}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_picture(name: str) -> None:
    smallest = NETWORKS[name].smallest_px
    with torch.device("meta"):
        network = make_network(name)
        assert network.features(torch.zeros(1, 3, smallest, smallest)).shape == (1, NETWORKS[name].features, 1, 1)
        check_picture(name, (smallest, smallest))
        if smallest > 1:
            with pytest.raises(RuntimeError):
                network.features(torch.zeros(1, 3, 90, smallest - 1))
            with pytest.raises(UsageError, match=f"expected at least {smallest} px"):
                check_picture(name, (90, smallest - 1))
