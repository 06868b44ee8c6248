"""The five networks are timm's: keys, shapes and feature maps as recorded from timm, counts as measured there.

`compare_timm.py` made the records. Values are compared as floats, for another processor sums in another order.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from phasewell.networks import NETWORKS, count_work, make_network, split_parameters
from phasewell.networks.folding import fold_batch_norm
from phasewell.networks.network import HEAD, Network
from seeded_networks import PICTURE_PX, seeded_pictures, shaken_network
from torch import fx, nn

HERE = Path(__file__).parent
FIVE = [name for name, facts in NETWORKS.items() if facts.timm_name]
# of a picture of 226 x 306: feature maps, millions of weights before the head, 1e9 multiply-accumulates
MEASURED = {
    "vgg19": ((512, 7, 9), 20.0, 26.6),
    "resnet50v2": ((2048, 8, 10), 23.5, 6.1),
    "densenet121": ((1024, 7, 9), 6.95, 3.9),
    "inceptionv3": ((2048, 5, 8), 21.8, 4.0),
    "xception": ((2048, 7, 10), 20.8, 6.2),
}
NORMS = {"vgg19": (0, 0), "resnet50v2": (49, 17), "densenet121": (121, 62), "inceptionv3": (94, 0), "xception": (40, 0)}
BLOCKS = {"Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "AvgPool2d", "Linear", "relu", "cat", "add", "mean"}


@pytest.fixture(scope="module", params=FIVE)
def shaken(request: pytest.FixtureRequest) -> tuple[str, Network]:
    return request.param, shaken_network(request.param)


def test_keys_and_shapes_are_timms(shaken: tuple[str, Network]) -> None:
    name, network = shaken
    listed = [line.split() for line in (HERE / "timm_keys.txt").read_text().splitlines()]
    wanted = {key: tuple(map(int, shape)) for owner, key, *shape in listed if owner == name}
    state = network.state_dict()
    assert {key: tuple(value.shape) for key, value in state.items() if not key.startswith(HEAD)} == wanted
    assert state["classifier.weight"].shape == (2, NETWORKS[name].features)


def test_features_are_timms(shaken: tuple[str, Network]) -> None:
    name, network = shaken
    with torch.no_grad():
        found = network.pooled(seeded_pictures(*PICTURE_PX)).numpy()
    wanted = np.array(json.loads((HERE / "timm_values.json").read_text())["pooled"][name])
    np.testing.assert_allclose(found[:, : wanted.shape[1]], wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("name", FIVE)
def test_counts_are_as_measured(name: str) -> None:
    maps, millions, giga = MEASURED[name]
    with torch.device("meta"):
        network = make_network(name)
        assert network.features(torch.zeros(1, 3, 226, 306)).shape == (1, *maps)
    work = count_work(network, 226, 306)
    backbone, head = split_parameters(network)
    before_head = sum(parameter.numel() for parameter in backbone)
    assert round(before_head / 1e6, 2 if name == "densenet121" else 1) == millions
    assert work.parameters == before_head + 2 * maps[0] + 2 == before_head + sum(p.numel() for p in head)
    assert round(work.multiply_adds / 1e9, 1) == giga


def test_folding_changes_nothing_but_rounding(shaken: tuple[str, Network]) -> None:
    name, network = shaken
    folded = fold_batch_norm(network)
    x = seeded_pictures(*PICTURE_PX)
    with torch.no_grad():
        wanted = network(x).numpy()
        np.testing.assert_allclose(folded(x).numpy(), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    counts = [sum(isinstance(part, nn.BatchNorm2d) for part in one.modules()) for one in (network, folded)]
    assert tuple(counts) == NORMS[name]


def test_graphs_have_few_kinds_of_steps(shaken: tuple[str, Network]) -> None:
    """Relevance has a rule for each of these: a new kind of step needs one."""
    _, network = shaken
    kinds = set()
    for node in fx.Tracer().trace(network).nodes:
        if node.op == "call_module":
            kinds.add(type(network.get_submodule(str(node.target))).__name__)
        elif node.op.startswith("call"):
            kinds.add(node.target if isinstance(node.target, str) else node.target.__name__)
    assert kinds <= BLOCKS
