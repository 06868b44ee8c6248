"""Which networks can be made, what is refused, and that making one leaves the caller's randomness alone."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from phasewell.errors import UsageError
from phasewell.networks import NETWORKS, make_network


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
