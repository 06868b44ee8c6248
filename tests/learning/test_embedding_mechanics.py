"""Maps of activations: what is read is what the head computes; groups that are apart stay apart."""

from __future__ import annotations

import json

import numpy as np
import pytest
from phasewell.errors import InputError, UsageError
from phasewell.learning import embed_layers, predict_pictures, read_activations
from phasewell.networks import make_network
from phasewell.networks.pictures import PictureNetwork


@pytest.fixture(scope="module")
def groups() -> tuple[np.ndarray, np.ndarray]:
    """Two classes of 30 frames in 60 dimensions, far apart in one of them."""
    values = np.random.default_rng(0).normal(size=(60, 60))
    targets = np.repeat([0, 1], 30)
    values[:, 7] += 20 * targets
    return values.astype(np.float32), targets


def test_activations_are_those_of_the_head() -> None:
    network = make_network("densenet13", 2, dense=(6, 4), dropout=0.5)
    served = PictureNetwork(network, (0.5,) * 3, (0.25,) * 3)
    pictures = np.random.default_rng(1).integers(0, 256, (5, 40, 48), np.uint8)
    found = read_activations(served, pictures, np.array([4, 0, 2]), "cpu")
    assert {name: values.shape for name, values in found.items()} == {
        "gap": (3, 68),
        "dense 1": (3, 6),
        "dense 2": (3, 4),
        "logits": (3, 2),
    }
    np.testing.assert_array_equal(found["logits"], predict_pictures(served, pictures, np.array([4, 0, 2]), "cpu"))
    layer = network.dense[0]
    expected = np.maximum(found["gap"] @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), 0)
    np.testing.assert_allclose(found["dense 1"], expected, atol=1e-5)


def test_groups_apart_stay_apart_and_the_seed_decides(groups: tuple[np.ndarray, np.ndarray]) -> None:
    values, targets = groups
    layers = {"gap": values, "logits": values[:, 6:8]}
    first, second = embed_layers(layers, targets, seed=3), embed_layers(layers, targets, seed=3)
    assert first == second
    gap, logits = first.layers
    assert (gap.method, gap.components, gap.values) == ("t-SNE", 50, 60) and gap.perplexity == pytest.approx(59 / 3)
    xy = np.array(gap.xy)
    distances = np.linalg.norm(xy[:, None] - xy[None], axis=2) + 1e9 * np.eye(60)
    assert (targets[distances.argmin(axis=1)] == targets).all()
    assert (logits.method, logits.components, logits.divergence) == ("values", None, None)
    np.testing.assert_allclose(np.array(logits.xy), values[:, 6:8], atol=1e-4)
    assert logits.separation > gap.separation > 0.2
    document = json.loads(json.dumps(first.to_dict(), allow_nan=False))
    assert "distances between groups" in document["caution"] and document["frames"] == 60


def test_layers_that_say_nothing(groups: tuple[np.ndarray, np.ndarray]) -> None:
    values, targets = groups
    dead = np.zeros((60, 4), np.float32)
    one_unit_alive = dead.copy()
    one_unit_alive[:, 2] = values[:, 7]
    found = embed_layers({"dead": dead, "nearly": one_unit_alive, "narrow": values[:, 7:8]}, targets)
    assert found.layers[0].method == "constant" and set(found.layers[0].xy) == {(0.0, 0.0)}
    assert found.layers[1].method == "t-SNE" and np.isfinite(found.layers[1].xy).all()
    assert [y for _, y in found.layers[2].xy] == [0.0] * 60
    assert embed_layers({"dead": dead}, np.zeros(60, np.int64)).layers[0].separation is None


def test_refusals_name_the_layer(groups: tuple[np.ndarray, np.ndarray]) -> None:
    values, targets = groups
    with pytest.raises(InputError, match=r"layer gap is \(59, 60\)"):
        embed_layers({"gap": values[1:]}, targets)
    spoilt = values.copy()
    spoilt[3, 3] = np.nan
    with pytest.raises(InputError, match="layer dense 1 has values that are not finite"):
        embed_layers({"dense 1": spoilt}, targets)
    with pytest.raises(UsageError, match=r"perplexity 20; expected 1 up to, but not, 20, a third"):
        embed_layers({"gap": values}, targets, perplexity=20)
    with pytest.raises(InputError, match="7 frames; expected at least 8"):
        embed_layers({"gap": values[:7]}, targets[:7])
