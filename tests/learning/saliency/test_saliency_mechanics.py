"""Saliency as a report uses it: checks that can fail, one document, pictures, and clear errors."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from phasewell.errors import InputError, UsageError
from phasewell.learning import LabelledPictures
from phasewell.learning.saliency import (
    METHODS,
    SaliencyRecipe,
    draw_overlay,
    explain,
    pixel_scores,
    randomise_layers,
    remove_pixels,
    study_saliency,
)
from phasewell.learning.saliency.recipe import Method
from phasewell.learning.saliency.walking import trace
from phasewell.networks import make_network
from phasewell.networks.pictures import PictureNetwork
from phasewell.plate import FrameKey
from PIL import Image
from torch import nn


@pytest.fixture(scope="module")
def small() -> PictureNetwork:
    return PictureNetwork(make_network("densenet13", dense=(5,)), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval()


@pytest.mark.parametrize("method", METHODS)
def test_a_map_does_not_depend_on_its_company(method: Method, small: PictureNetwork, spotted: np.ndarray) -> None:
    targets = [0, 1, 1, 0, 1]  # a whole batch, and one more
    together = explain(small, spotted[:5], method, targets)
    alone = np.concatenate([explain(small, spotted[i : i + 1], method, t) for i, t in enumerate(targets)])
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-5 * float(np.abs(alone).max()))
    assert together.dtype == np.float32


def test_predicted_is_each_pictures_own_class(spots: PictureNetwork, spotted: np.ndarray) -> None:
    found = explain(spots, spotted, "lrp")
    np.testing.assert_array_equal(found, explain(spots, spotted, "lrp", [1, 0, 1, 0, 1, 0]))
    assert not np.array_equal(found, explain(spots, spotted, "lrp", 0))


def test_what_both_logits_share_is_no_evidence(small: PictureNetwork, spotted: np.ndarray) -> None:
    """Adding the same to both logits changes no probability: "margin" does not see it, "logit" does."""
    network = make_network("densenet13", dense=(5,))
    with torch.no_grad():
        network.classifier.weight += 2.0  # type: ignore[operator, union-attr]
    shifted = PictureNetwork(network, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval()
    recipes = SaliencyRecipe(epsilon=0), SaliencyRecipe(epsilon=0, score="logit")
    margin, logit = ([explain(one, spotted[:1], "lrp", 1, recipe) for one in (small, shifted)] for recipe in recipes)
    np.testing.assert_allclose(margin[0], margin[1], rtol=1e-2, atol=1e-4 * float(np.abs(margin[0]).max()))
    assert not np.allclose(logit[0], logit[1], rtol=0.1)


def test_a_map_that_shows_the_network_changes_with_it(small: PictureNetwork, spotted: np.ndarray) -> None:
    before = {name: value.clone() for name, value in small.state_dict().items()}
    targets = np.array([1, 0])
    found = randomise_layers(small, spotted[:2], "lrp", targets, stages=2, seed=7)
    assert found.layers[-1] == found.of_layers == 14
    assert len(found.correlations) == 2
    assert all(value is None or value < 0.999 for value in found.correlations)
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_pixels_that_matter_go_first(spots: PictureNetwork, spotted: np.ndarray) -> None:
    part, targets = spotted[::2], np.ones(3, np.int64)
    found = remove_pixels(spots, part, explain(spots, part, "lrp", 1), targets, "lrp", steps=20)
    areas = found.areas
    assert areas["deletion"] < 0.3 < areas["random_deletion"]
    assert areas["insertion"] > areas["random_insertion"]
    assert found.deletion[0] == found.insertion[-1] == found.random_deletion[0]
    upside_down = remove_pixels(spots, part, -explain(spots, part, "lrp", 1), targets, "lrp", steps=20)
    assert upside_down.areas["deletion"] > areas["random_deletion"]


def labelled(pictures: np.ndarray) -> LabelledPictures:
    count = len(pictures)
    keys = tuple(FrameKey("P", "A01", f"f{i}", 0) for i in range(count))
    lines = np.array(["spotted", "plain"] * (count // 2))
    return LabelledPictures(pictures, lines, np.array([1, 0] * (count // 2), np.int64), ("low", "high"), keys)


def test_a_study_is_one_document_with_pictures(spots: PictureNetwork, spotted: np.ndarray) -> None:
    probabilities = np.array([0.9, 0.1, 0.95, 0.2, 0.3, 0.8])  # the last two are called wrongly
    found = study_saliency(spots, labelled(spotted), probabilities, target="positive", examples=1, checked=1)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["frames"] == {"true positive": 2, "true negative": 2}
    assert document["recipe"]["threshold"] == 0.5
    lrp = document["methods"]["lrp"]
    assert lrp["reading_1"]["test"]["mean"][0] > lrp["reading_1"]["test"]["mean"][1] == 0
    assert set(lrp) == {"reading_1", "reading_2", "randomisation", "removal"}
    shown = {(one.group, one.method): one for one in found.overlays}
    assert len(shown) == len(found.overlays) == 2 * (1 + len(METHODS))
    surest = shown["true positive", "lrp"]
    assert (surest.key.field, surest.line) == ("f2", "spotted")
    lit = np.asarray(Image.open(io.BytesIO(surest.png)).convert("RGB")).astype(int)
    assert (lit[..., 0] - lit[..., 2]).max() > 60  # yellow
    plain = np.asarray(Image.open(io.BytesIO(shown["true positive", ""].png)).convert("L"))
    np.testing.assert_array_equal(plain, spotted[2])


def test_a_study_draws_the_same_frames_for_a_seed(spots: PictureNetwork, spotted: np.ndarray) -> None:
    many = labelled(np.tile(spotted, (3, 1, 1)))
    probabilities = np.tile([0.9, 0.1], 9)
    found = [
        study_saliency(spots, many, probabilities, most=4, examples=1, checked=0, methods=("lrp",), seed=1).to_dict()
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert found[0]["found"]["true positive"] == 9
    assert found[0]["frames"]["true positive"] == 4
    with pytest.raises(InputError, match="nothing to explain"):
        study_saliency(spots, many, 1 - probabilities)


def test_one_group_alone_is_explained_without_a_test(spots: PictureNetwork, spotted: np.ndarray) -> None:
    found = study_saliency(
        spots, labelled(spotted), np.full(6, 0.5), examples=1, checked=0, methods=("grad-cam++",)
    ).to_dict()  # exactly 0.5 is called negative, as everywhere
    json.dumps(found, allow_nan=False)
    assert found["frames"] == {"true positive": 0, "true negative": 3}
    test = found["methods"]["grad-cam++"]["reading_1"]["test"]
    assert (test["n"], test["mean"][0], test["p"], test["reason"]) == (
        (0, 3),
        None,
        None,
        "fewer than two values in a group",
    )


def test_an_overlay_leaves_dark_places_alone() -> None:
    grey = np.full((3, 4), 100, np.uint8)
    scaled = np.zeros((3, 4))
    scaled[1, 2] = 1
    colours = np.asarray(Image.open(io.BytesIO(draw_overlay(grey, scaled))))
    assert colours[0, 0].tolist() == [100, 100, 100]
    assert colours[1, 2].tolist() == [214, 216, 148]  # a quarter of 100 and three quarters of (252, 255, 164)
    with pytest.raises(UsageError, match="expected one size"):
        draw_overlay(grey, scaled[1:])


def test_errors_say_what_was_expected(spots: PictureNetwork, small: PictureNetwork, spotted: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"expected one of grad-cam\+\+, lrp, visualbackprop"):
        explain(spots, spotted, "lime")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"expected places of classes, 0\.\.1"):
        explain(spots, spotted, "lrp", 2)
    with pytest.raises(UsageError, match="expected one per picture"):
        explain(spots, spotted, "lrp", [1])
    with pytest.raises(UsageError, match="expected the place of a class"):
        explain(spots, spotted, "lrp", "high")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="training mode"):
        trace(make_network("densenet13").train())
    with pytest.raises(UsageError, match=r"Sigmoid.*has no rule"):
        trace(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Sigmoid()).eval())
    with pytest.raises(UsageError, match="none in place"):
        trace(nn.Sequential(nn.ReLU(inplace=True)).eval())
    with pytest.raises(UsageError, match="expected a PictureNetwork"):
        explain(small.network, spotted, "lrp")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not finite"):
        pixel_scores(np.full((1, 2, 2), np.nan, np.float32))
    assert explain(small, spotted[:0], "lrp").shape == (0, 48, 56)
    assert pixel_scores(np.zeros((0, 48, 56), np.float32)).reading_1.shape == (0,)
