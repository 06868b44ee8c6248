"""Grad-CAM++ against its formula in loops, VisualBackProp by hand, pixel scores by hand, and a planted spot found."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from phasewell.learning.saliency import METHODS, SaliencyRecipe, compare_scores, explain, pixel_scores, scale_maps
from phasewell.learning.saliency.gradcam import weigh_maps
from phasewell.learning.saliency.recipe import Method
from phasewell.learning.saliency.visualbackprop import map_activity
from phasewell.learning.saliency.walking import trace, walk
from phasewell.networks.pictures import PictureNetwork
from scipy import stats
from torch import nn


def test_grad_cam_weights_follow_the_published_formula() -> None:
    """With the class score exp(S): derivatives of order k of the score are exp(S) g^k; the map carries that factor."""
    draw = np.random.default_rng(0)
    maps, gradients = draw.random((1, 3, 2, 4)), draw.normal(size=(1, 3, 2, 4))
    score = 0.7
    expected = np.zeros((2, 4))
    for channel in range(3):
        a, g = maps[0, channel], gradients[0, channel]
        weight = 0.0
        for place in np.ndindex(2, 4):
            second, third = math.exp(score) * g[place] ** 2, math.exp(score) * g[place] ** 3
            alpha = second / (2 * second + a.sum() * third)
            weight += alpha * max(math.exp(score) * g[place], 0)
        expected += weight * a
    found = weigh_maps(torch.from_numpy(maps), torch.from_numpy(gradients))[0].numpy()
    np.testing.assert_allclose(found * math.exp(score), np.maximum(expected, 0), rtol=1e-12)


def test_visualbackprop_by_hand() -> None:
    """Two resolutions: the mean of the coarse maps is spread by 3 x 3 ones at stride 2, times the mean of the fine."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()
    ).double().eval()  # fmt: skip
    x = torch.rand(1, 1, 6, 7, dtype=torch.float64)
    fine = network[1](network[0](x)).detach()[0].mean(0).numpy()
    coarse = network(x).detach()[0].mean(0).numpy()
    spread, covers = np.zeros((6, 7)), np.zeros((6, 7))
    for i, j in np.ndindex(coarse.shape):
        for a, b in np.ndindex(3, 3):
            row, column = 2 * i - 1 + a, 2 * j - 1 + b
            if 0 <= row < 6 and 0 <= column < 7:
                spread[row, column] += coarse[i, j]
                covers[row, column] += 1
    for upscale, raised in (("ones", spread), ("mean", spread / covers)):
        found = map_activity(walk(trace(network), x), upscale)[0].numpy()
        np.testing.assert_allclose(found, raised * fine, rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_spot_is_found(method: Method, spots: PictureNetwork, spotted: np.ndarray) -> None:
    maps = explain(spots, spotted[:1], method, 1)
    assert maps.shape == (1, 48, 56)
    lit = scale_maps(maps)[0] >= 0.5
    rows, columns = np.nonzero(lit)
    assert (rows.min(), columns.min()) >= (16, 24)
    assert rows.max() <= 24
    assert columns.max() <= 32
    assert abs(rows.mean() - 20) < 1
    assert abs(columns.mean() - 28) < 1


@pytest.mark.parametrize("method", ["grad-cam++", "lrp"])
def test_what_speaks_for_the_other_class_is_none(method: Method, spots: PictureNetwork, spotted: np.ndarray) -> None:
    assert pixel_scores(explain(spots, spotted[:1], method, 0)).reading_1[0] == 0
    np.testing.assert_array_equal(  # it has no class
        explain(spots, spotted[:1], "visualbackprop", 0), explain(spots, spotted[:1], "visualbackprop", 1)
    )


def test_pixel_scores_by_hand() -> None:
    maps = np.array([[[-9, 0, 1, 2], [3, 4, 2, 1]], [[7, 7, 7, 7]] * 2, [[0, 0, 0, 0]] * 2], np.float32)
    found = pixel_scores(maps)  # -9 counts as 0; scaled 0 0 .25 .5 .75 1 .5 .25
    assert found.reading_1.tolist() == [(0.5 + 0.75 + 1 + 0.5) / 8, 0, 0]
    assert found.reading_2.tolist() == [(0.5 + 0.75 + 1 + 0.5) / 4, 0, 0]
    absolute = pixel_scores(maps, SaliencyRecipe(negative="absolute"))
    assert absolute.reading_1[0] == pytest.approx(1 / 8)
    kept = scale_maps(maps, SaliencyRecipe(negative="keep"))
    assert kept[0, 0].tolist() == pytest.approx([0, 9 / 13, 10 / 13, 11 / 13])
    by_set = scale_maps(maps, SaliencyRecipe(scaling="set"))
    assert by_set[0, 1].tolist() == pytest.approx([3 / 7, 4 / 7, 2 / 7, 1 / 7])
    assert by_set[1].tolist() == [[1.0] * 4] * 2
    assert pixel_scores(maps, SaliencyRecipe(scaling="set")).reading_1[0] == pytest.approx(4 / 7 / 8)


def test_two_groups_are_compared_by_the_unpaired_two_tailed_t() -> None:
    first, second = np.array([0.1, 0.2, 0.4]), np.array([0.5, 0.6, 0.65, 0.3])
    found = compare_scores(first, second)
    pooled = (first.var(ddof=1) * 2 + second.var(ddof=1) * 3) / 5
    t = (first.mean() - second.mean()) / math.sqrt(pooled * (1 / 3 + 1 / 4))
    assert found.test.t == pytest.approx(t)
    assert found.test.p == pytest.approx(2 * stats.t.sf(abs(t), 5))
    assert (found.test.n, sum(found.counts[0]), sum(found.counts[1])) == ((3, 4), 3, 4)
    assert found.counts[0][2] == 1
    assert found.counts[0][4] == 1
