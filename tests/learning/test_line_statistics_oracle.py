"""Statistics over lines against brute force; what eight lines can show at best."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from phasewell.learning.line_statistics import bootstrap_lines, count_lines, permute_lines
from phasewell.learning.metrics import METRICS, area_under_roc, frame_metrics
from scipy.stats import norm


def lines_of(
    per_class: int, frames: int, shift: float, spread: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    names = np.repeat([f"line{k:02d}" for k in range(2 * per_class)], frames)
    positive = np.repeat(np.arange(2 * per_class) >= per_class, frames)
    scores = rng.normal(size=len(names)) + np.repeat(rng.normal(size=2 * per_class) * spread, frames) + shift * positive
    return names, positive, norm.cdf(scores)


def test_eight_lines_cannot_beat_one_in_seventy() -> None:
    names, positive, scores = lines_of(4, 20, 5.0, 0.2, 0)
    counts, _ = count_lines(names, positive, scores)
    test = permute_lines(counts)
    assert test.p == test.least_p == 1 / 70 and test.labelings == 70 and test.exact
    assert "1/70" in test.statement and "8 lines" in test.statement


def test_permutation_equals_brute_force_over_frames() -> None:
    names, positive, scores = lines_of(3, 15, 0.6, 0.8, 1)
    scores = np.round(scores, 1)  # with ties
    counts, place = count_lines(names, positive, scores)
    test = permute_lines(counts)
    areas = [area_under_roc(np.isin(place, chosen), scores) for chosen in combinations(range(6), 3)]
    assert test.observed == pytest.approx(area_under_roc(positive, scores), abs=1e-12)
    assert test.p == np.mean(np.array(areas) >= test.observed - 1e-12)
    assert 1 / 20 < test.p < 1


def test_within_folds_lines_trade_only_there() -> None:
    names, positive, scores = lines_of(3, 10, 5.0, 0.1, 2)
    counts, _ = count_lines(names, positive, scores)
    test = permute_lines(counts, folds=np.array([0, 1, 2, 0, 1, 2]))
    assert test.labelings == 8 and test.p == 1 / 8 and test.within_folds


def test_many_lines_are_drawn_and_the_observed_labeling_counts() -> None:
    names, positive, scores = lines_of(12, 4, 4.0, 0.2, 3)
    counts, _ = count_lines(names, positive, scores)
    test = permute_lines(counts, most=500)
    assert not test.exact and test.labelings == 501 and test.p == test.least_p == 1 / 501
    assert permute_lines(counts, most=500) == test


def test_bootstrap_equals_metrics_of_repeated_frames() -> None:
    # two lines of a class: nine equally likely pairs of draws; the widest interval holds their extremes
    names, positive, scores = lines_of(2, 30, 0.7, 0.8, 4)
    counts, place = count_lines(names, positive, scores)
    draws = {name: [] for name in METRICS}
    for negative in ((0, 0), (0, 1), (1, 1)):
        for own in ((2, 2), (2, 3), (3, 3)):
            frames = np.concatenate([np.flatnonzero(place == line) for line in negative + own])
            for name, value in frame_metrics(positive[frames], scores[frames]).items():
                draws[name].append(value)
    found = bootstrap_lines(counts, resamples=400, level=1.0)
    for name in METRICS:
        assert found.interval[name] == pytest.approx((min(draws[name]), max(draws[name])), abs=1e-12)
    assert found.caution is not None and found.reason is None


@pytest.mark.parametrize(("per_class", "low", "high"), [(4, 0.76, 0.91), (20, 0.90, 0.99)])
def test_interval_covers_as_often_as_its_caution_says(per_class: int, low: float, high: float) -> None:
    true_area, covered = norm.cdf(1 / np.sqrt(2 * (1 + 0.7**2))), 0
    for seed in range(120):
        names, positive, scores = lines_of(per_class, 40, 1.0, 0.7, seed)
        counts, _ = count_lines(names, positive, scores)
        found = bootstrap_lines(counts, 300, seed)
        covered += found.interval["auc"][0] <= true_area <= found.interval["auc"][1]
    assert low < covered / 120 < high
    assert (found.caution is not None) == (per_class < 10)


def test_one_line_of_a_class_has_no_interval() -> None:
    names, positive, scores = lines_of(1, 30, 1.0, 0.5, 5)
    counts, _ = count_lines(names, positive, scores)
    found = bootstrap_lines(counts)
    assert set(found.interval.values()) == {None} and "fewer than two lines of the positive class" in found.reason
    assert permute_lines(counts).least_p == 1 / 2
    one_class, _ = count_lines(names, np.ones(len(names), np.bool_), scores)
    assert permute_lines(one_class) is None
