"""Metrics against the published table, hand-made cases and scikit-learn."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from phasewell.errors import InputError
from phasewell.learning.metrics import (
    METRICS,
    Confusion,
    area_under_roc,
    count_confusion,
    frame_metrics,
    roc_curve,
    summarise_folds,
    unpaired_t,
)
from phasewell.learning.published import published_tables
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve


def frames(seed: int, levels: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(count) < 0.4
    scores = np.clip(np.round((rng.normal(size=count) + positive + 2) / 5 * levels) / levels, 0, 1)
    return positive, scores


def test_the_published_test_row_follows_from_its_confusion() -> None:
    published = published_tables()
    printed = dict(zip(published["columns"], published["table_2"]["rows"]["after"], strict=True))
    metrics = Confusion(**published["table_2"]["confusion_after"]).metrics()
    assert Confusion(1384, 146, 1441, 89) == Confusion(**published["table_2"]["confusion_after"])
    for name, value in metrics.items():
        assert round(value, 3) == printed[name], name


def test_the_published_tables_are_whole() -> None:
    published = published_tables()
    assert published["columns"][:7] == list(METRICS)
    assert len(published["table_1"]["rows"]) == 5
    for row in published["table_1"]["rows"].values():
        assert len(row["mean"]) == len(row["sd"]) == 8
        # three folds of balanced lines: accuracy is the mean of sensitivity and specificity, in the mean as well
        assert abs((row["mean"][3] + row["mean"][4]) / 2 - row["mean"][2]) <= 0.001
    assert all(len(row) == 8 for row in published["table_2"]["rows"].values())


@pytest.mark.parametrize("levels", [2, 7, 10**6])
def test_area_counts_ties_half(levels: int) -> None:
    positive, scores = frames(3, levels)
    pairs = list(product(scores[positive], scores[~positive]))
    halves = sum(2 * (p > n) + (p == n) for p, n in pairs)
    assert area_under_roc(positive, scores) == halves / (2 * len(pairs))
    assert area_under_roc(positive, scores) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)


@pytest.mark.parametrize("levels", [2, 7, 10**6])
def test_roc_has_the_corners_of_scikit_learn_and_the_area(levels: int) -> None:
    positive, scores = frames(5, levels)
    roc = roc_curve(positive, scores)
    x, y, _ = sklearn_roc_curve(positive, scores)
    ours = set(zip(roc.false_positive_rate, roc.true_positive_rate, strict=True))
    theirs = set(zip(x.tolist(), y.tolist(), strict=True))
    assert ours <= theirs  # scikit-learn leaves some points on straight lines, we none
    assert np.trapezoid(roc.true_positive_rate, roc.false_positive_rate) == pytest.approx(
        area_under_roc(positive, scores), abs=1e-12
    )
    assert roc.threshold[0] is None
    assert roc.threshold[1:] == tuple(sorted(roc.threshold[1:], reverse=True))
    corner = len(roc.threshold) // 2
    called = scores >= roc.threshold[corner]
    assert np.mean(called[positive]) == pytest.approx(roc.true_positive_rate[corner])
    assert np.mean(called[~positive]) == pytest.approx(roc.false_positive_rate[corner])


def test_one_half_is_called_negative() -> None:
    positive = np.array([True, True, True, False, False])
    assert count_confusion(positive, np.array([0.5, 0.51, 0.2, 0.5, 0.9])) == Confusion(1, 2, 1, 1)


def test_undefined_metrics_are_none() -> None:
    metrics = frame_metrics(np.array([True, True]), np.array([0.1, 0.2]))
    assert metrics["auc"] is None and metrics["specificity"] is None and metrics["ppv"] is None
    assert metrics["sensitivity"] == 0 and metrics["npv"] == 0
    assert roc_curve(np.array([True, True]), np.array([0.1, 0.2])) is None


def test_folds_have_mean_and_sd_with_ddof_1() -> None:
    summary = summarise_folds([{"auc": 0.5, "ppv": 1.0}, {"auc": 0.7, "ppv": None}, {"auc": 0.9, "ppv": None}])
    assert summary.mean == {"auc": pytest.approx(0.7), "ppv": 1.0}
    assert summary.sd == {"auc": pytest.approx(0.2), "ppv": None}
    assert summary.counted == {"auc": 3, "ppv": 1}
    assert summary.to_dict()["sd_ddof"] == 1
    with pytest.raises(InputError, match="none to summarise"):
        summarise_folds([])


def test_t_test_of_a_textbook_pair() -> None:
    # Student 1908's sleep data, taken as unpaired groups: R prints t = -1.8608, p = 0.07919 (Welch 0.07939)
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    student, welch = unpaired_t(first, second), unpaired_t(first, second, equal_variance=False)
    assert (student.t, welch.t) == pytest.approx((-1.8608, -1.8608), abs=5e-5)
    assert student.p == pytest.approx(0.07919, abs=5e-6)
    assert welch.p == pytest.approx(0.07939, abs=5e-6)
    assert student.mean == (pytest.approx(0.75), pytest.approx(2.33)) and student.equal_variance
    assert student.sd[0] == pytest.approx(1.789, abs=5e-4)


def test_t_test_says_why_it_is_undefined() -> None:
    assert unpaired_t([1.0], [1.0, 2.0]).reason == "fewer than two values in a group"
    constant = unpaired_t([1.0, 1.0], [2.0, 2.0])
    assert constant.p is None and constant.reason == "no spread within the groups"
    with pytest.raises(InputError, match="not finite"):
        unpaired_t([float("nan"), 1.0], [1.0, 2.0])
