"""Calibration against hand-made bins; a temperature that is known is found again."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.errors import InputError
from phasewell.learning.calibration import apply_temperature, calibrate_across_lines, fit_temperature, reliability


def drawn(count: int, sharpened: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets drawn from softmax(logits), and the probabilities softmax(logits * sharpened) of them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 2)) * 1.5
    true = apply_temperature(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1.0)
    targets = (rng.random(count) < true[:, 1]).astype(np.int64)
    return targets, apply_temperature(true, 1 / sharpened)


def test_reliability_of_four_frames_by_hand() -> None:
    found = reliability(np.array([True, False, True, True]), np.array([0.25, 0.21, 0.9, 1.0]))
    assert [bin_.frames for bin_ in found.bins] == [0, 0, 2, 0, 0, 0, 0, 0, 0, 2]
    assert found.bins[2].mean_probability == pytest.approx(0.23) and found.bins[2].share_positive == 0.5
    assert found.bins[0].mean_probability is None
    assert found.expected_error == pytest.approx((2 * 0.27 + 2 * 0.05) / 4)
    assert found.brier == pytest.approx((0.75**2 + 0.21**2 + 0.1**2) / 4)
    assert found.log_loss == pytest.approx(-np.log([0.25, 0.79, 0.9, 1.0]).mean())


@pytest.mark.parametrize("sharpened", [0.5, 1.0, 3.0])
def test_the_true_temperature_is_found(sharpened: float) -> None:
    targets, probabilities = drawn(20_000, sharpened)
    assert fit_temperature(targets, probabilities) == pytest.approx(sharpened, rel=0.03)


def test_fitted_temperature_is_the_least_loss() -> None:
    targets, probabilities = drawn(300, 2.0, seed=3)
    loss = [
        -np.log(apply_temperature(probabilities, t)[np.arange(300), targets]).mean() for t in np.geomspace(0.5, 8, 4001)
    ]
    assert fit_temperature(targets, probabilities) == pytest.approx(np.geomspace(0.5, 8, 4001)[np.argmin(loss)], 1e-3)


def test_each_line_is_scaled_by_the_others_temperature() -> None:
    targets = np.concatenate([np.full(400, k % 2) for k in range(4)])
    lines = np.repeat(["a", "b", "c", "d"], 400)
    rng = np.random.default_rng(4)
    scores = 1 / (1 + np.exp(-4 * (rng.normal(size=1600) + 0.8 * (2 * targets - 1))))  # four times too sure
    probabilities = np.stack([1 - scores, scores], axis=1)
    found = calibrate_across_lines(targets, probabilities, lines)
    assert found.temperatures["c"] == fit_temperature(targets[lines != "c"], probabilities[lines != "c"])
    assert 2 < found.all_lines < 3 and not found.at_bound  # 4 / 1.6, the sharpness of a logistic model of these scores
    assert found.calibration.expected_error < 0.5 * reliability(targets == 1, scores).expected_error
    one_each = calibrate_across_lines(targets[:800], probabilities[:800], lines[:800])
    assert one_each.all_lines is None and "none left to judge" in one_each.reason


def test_scores_that_are_always_right_end_at_the_bound() -> None:
    targets = np.array([0, 1, 0, 1])
    probabilities = np.where(targets[:, None] == np.arange(2), 0.9, 0.1)
    assert fit_temperature(targets, probabilities) == pytest.approx(0.01)
    assert calibrate_across_lines(targets, probabilities, np.array(["a", "b", "c", "d"])).at_bound == (
        "a",
        "b",
        "c",
        "d",
    )
    with pytest.raises(InputError, match="no frames"):
        fit_temperature(targets[:0], probabilities[:0])


def test_a_probability_of_zero_stays_finite() -> None:
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0], [0.3, 0.7]])
    targets = np.array([1, 1, 1])
    assert np.isfinite(fit_temperature(targets, probabilities))
    assert np.isfinite(reliability(targets == 1, probabilities[:, 1]).log_loss)
