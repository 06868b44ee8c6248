"""Relevance by every rule against gradients of the whole network, against plain loops, and by hand."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from phasewell.learning.saliency import SaliencyRecipe, explain
from phasewell.learning.saliency.relevance import propagate
from phasewell.learning.saliency.walking import trace, walk
from phasewell.networks import NETWORKS, make_network
from phasewell.networks.pictures import PictureNetwork
from torch import nn

EXACT = SaliencyRecipe(convolutions="epsilon", epsilon=1e-13, score="logit")
SHARED = SaliencyRecipe(epsilon=0, score="logit", picture="like others")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NO_BOUNDS = (torch.zeros(1, 1, 1), torch.ones(1, 1, 1))


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def relevance(network: nn.Module, x: torch.Tensor, recipe: SaliencyRecipe, target: int = 0) -> torch.Tensor:
    walked = walk(trace(network.eval()), x)
    weights = torch.zeros_like(walked.logits)
    weights[:, target] = 1
    return propagate(walked, weights, recipe, NO_BOUNDS)


def gradient_times_input(network: nn.Module, x: torch.Tensor, target: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = x.clone().requires_grad_()
    logits = network(leaf)[:, target]
    (gradient,) = torch.autograd.grad(logits.sum(), leaf)
    return (gradient * x).sum(1), logits.detach()


def test_a_bias_free_relu_network_gives_gradient_times_input_and_sums_to_the_logit() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, bias=False, groups=2),
        nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5, bias=False), nn.ReLU(),
        nn.Linear(5, 2, bias=False),
    ).double()  # fmt: skip
    x = torch.randn(4, 3, 20, 23, dtype=torch.float64)
    found = relevance(network, x, EXACT, target=1)
    expected, logits = gradient_times_input(network, x, target=1)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-12)
    torch.testing.assert_close(found.sum((1, 2)), logits, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_epsilon_rule_gives_gradient_times_input_in_every_network(name: str) -> None:
    """Batch norms that scale and shift, concatenations, skip connections and biases: none may be passed over."""
    network = make_network(name, dense=(6,), dropout=0.2, seed=1)
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                for values in (module.weight, module.running_var):
                    values.uniform_(0.5, 1.5, generator=draw)  # type: ignore[union-attr]
                for values in (module.bias, module.running_mean):
                    values.normal_(0, 0.3, generator=draw)  # type: ignore[union-attr]
            elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                module.bias.normal_(0, 0.3, generator=draw)
    served = PictureNetwork(network.double(), MEAN, STD).eval()
    pictures = picture(1, 76, 84)
    found = explain(served, pictures, "lrp", 1, EXACT)
    expected, _ = gradient_times_input(network, served.scale(torch.from_numpy(pictures)).double(), 1)
    assert np.abs(expected.numpy()).max() > 0
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


def test_batch_norm_by_hand() -> None:
    """It computes 3 (x - 1) / 2 + 1 = 1.5 x - 0.5: of the 2.5 at x = 2, the input's part is 3, the shift's -0.5."""
    norm = nn.BatchNorm2d(1, eps=0).double()
    norm.load_state_dict({"weight": torch.tensor([3.0]), "bias": torch.tensor([1.0]),
                          "running_mean": torch.tensor([1.0]), "running_var": torch.tensor([4.0]),
                          "num_batches_tracked": torch.tensor(0)})  # fmt: skip
    network = nn.Sequential(norm, nn.Flatten())
    found = relevance(network, torch.full((1, 1, 1, 1), 2.0, dtype=torch.float64), SaliencyRecipe(epsilon=0))
    assert found.item() == pytest.approx(3.0)


class _Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.constant_(self.branch.weight, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((x + self.branch(x), x), 1).flatten(1)


def test_branches_get_the_part_that_each_adds_and_concatenation_splits() -> None:
    x = torch.tensor([[[[2.0]]]])
    first = relevance(_Skip(), x, SHARED, target=0)
    second = relevance(_Skip(), x, SHARED, target=1)
    assert first.item() == pytest.approx(8.0)  # 2 through the skip, 6 through the branch
    assert second.item() == pytest.approx(2.0)


def _loops(module: nn.Conv2d, x: np.ndarray, given: np.ndarray, bounds: tuple[float, float] | None) -> np.ndarray:
    # every product of pixel and weight by itself; shared among those of the sign that the output has
    weight, group = module.weight.detach().numpy(), module.out_channels // module.groups
    (stride, _), (pad, _) = module.stride, module.padding  # type: ignore[misc]
    outputs = module(torch.from_numpy(x)).detach().numpy()
    total = np.zeros_like(x)
    for n, o, i, j in np.ndindex(outputs.shape):
        parts: dict[tuple[int, ...], float] = {}
        sign = 1 if outputs[n, o, i, j] >= 0 else -1
        for c, a, b in product(range(weight.shape[1]), range(weight.shape[2]), range(weight.shape[3])):
            place = (n, o // group * weight.shape[1] + c, i * stride - pad + a, j * stride - pad + b)
            if not (0 <= place[2] < x.shape[2] and 0 <= place[3] < x.shape[3]):
                continue
            w = weight[o, c, a, b]
            if bounds is None:
                parts[place] = max(sign * x[place] * w, 0)
            else:
                parts[place] = sign * x[place] * w - min(sign * w * bounds[0], sign * w * bounds[1])
        if (whole := sum(parts.values())) > 0:
            for place, part in parts.items():
                total[place] += given[n, o, i, j] * part / whole
    return total


@pytest.mark.parametrize("bounds", [None, (-2.5, 2.0)])
@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 0, 1), (2, 1, 1), (2, 1, 2)])
def test_convolutions_share_as_plain_loops_do(
    bounds: tuple[float, float] | None, stride: int, padding: int, groups: int
) -> None:
    from phasewell.learning.saliency.relevance import _share_bounded, _share_same_sign

    torch.manual_seed(1)
    module = nn.Conv2d(2, 4, 3, stride, padding, groups=groups).double()
    x = torch.rand(2, 2, 6, 7, dtype=torch.float64) * 4 - 2
    outputs = module(x).detach()
    given = torch.randn_like(outputs)
    signed = (given.masked_fill(outputs < 0, 0), given.masked_fill(outputs >= 0, 0))
    if bounds is None:
        found = _share_same_sign(module, x, signed)
    else:
        low, high = (torch.full((2, 1, 1), bound, dtype=torch.float64) for bound in bounds)
        found = _share_bounded(module, x, signed, (low, high))
    expected = _loops(module, x.numpy(), given.numpy(), bounds)
    assert 0 < (outputs < 0).sum() < outputs.numel()
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("rule", "recipe"),
    [
        ("epsilon", SaliencyRecipe(convolutions="epsilon", epsilon=1e-13)),
        ("z+", SaliencyRecipe(picture="like others", epsilon=1e-13)),
        ("z-B", SaliencyRecipe(epsilon=1e-13)),
    ],
)
def test_a_plain_network_gets_the_relevance_that_zennit_gives(rule: str, recipe: SaliencyRecipe) -> None:
    """Recorded from zennit 0.5.1 (stabiliser 1e-12, biases left out of z+ and z-B), where no batch norm hinders it."""
    draw = np.random.default_rng(8)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    ).double().eval()  # fmt: skip
    with torch.no_grad():
        for values in network.parameters():
            values.copy_(torch.from_numpy(draw.normal(0, 0.5, tuple(values.shape))))
    walked = walk(trace(network), torch.from_numpy(draw.uniform(-2, 2, (1, 3, 8, 9))))
    bounds = torch.full((3, 1, 1), -2.0).double(), torch.full((3, 1, 1), 2.0).double()
    found = propagate(walked, torch.tensor([[0.0, 1.0]]).double(), recipe, bounds)[0].detach().numpy()
    expected = np.array(json.loads((Path(__file__).parent / "zennit_relevance.json").read_text())[rule])
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


def test_the_sharing_rule_loses_nothing_without_biases() -> None:
    torch.manual_seed(4)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3, bias=False), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6 * 9, 2, bias=False),
    ).double()  # fmt: skip
    x = torch.rand(3, 3, 18, 18, dtype=torch.float64)
    found = relevance(network, x, SHARED)
    logits = network(x)[:, 0].detach()
    torch.testing.assert_close(found.sum((1, 2)), logits)
    expected, _ = gradient_times_input(network, x)
    assert not torch.allclose(found, expected, rtol=0.1), "z+ is another map than gradient times input"
