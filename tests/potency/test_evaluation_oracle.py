"""The baseline, Q2 and the sign-flip test have known values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from phasewell.potency.evaluation import baseline_predictions, evaluate, judge_against_baseline, sign_flip_p
from phasewell.potency.training import training_table
from potency_samples import POTENCY, clones, make_profile


def test_leave_one_out_mean_of_the_reference_potencies() -> None:
    case = json.loads((Path(__file__).parent.parent / "reference" / "statistics.json").read_text())["mean_baseline"]
    table = training_table(make_profile(np.random.default_rng(0).normal(size=(15, 24))), case["potency"], clones(15))
    predicted = baseline_predictions(table)
    np.testing.assert_allclose(predicted, case["loo_predictions"], rtol=1e-14)
    evaluation = evaluate("lasso", "nested", table, predicted)
    assert evaluation.baseline_rmse == pytest.approx(case["loo_rmse"], rel=1e-14)
    assert np.corrcoef(predicted, case["potency"])[0, 1] == pytest.approx(case["correlation_pred_obs"], abs=1e-12)
    assert (evaluation.rmse, evaluation.q2) == (evaluation.baseline_rmse, 0.0)
    assert not evaluation.better_than_baseline


def test_every_clone_counts_the_same_however_many_wells_it_has() -> None:
    """Three clones; errors 1, 2 and (0, 0, 0, 0) give RMSE sqrt((1 + 4 + 0) / 3), by hand."""
    table = training_table(
        make_profile(np.random.default_rng(0).normal(size=(6, 24))), [7, 9, 11, 11, 11, 11], list("abcccc")
    )
    evaluation = evaluate("lasso", "nested", table, np.array([8.0, 7.0, 11, 11, 11, 11]))
    assert evaluation.rmse == pytest.approx(np.sqrt(5 / 3))
    errors = [(7 - 53 / 5) ** 2, (9 - 51 / 5) ** 2, (11 - 8) ** 2]
    assert evaluation.baseline_rmse == pytest.approx(np.sqrt(np.mean(errors)))
    assert evaluation.q2 == pytest.approx(1 - (5 / 3) / np.mean(errors))


@pytest.mark.parametrize(
    ("gains", "expected"), [([1.0, 2.0, 3.0], 1 / 8), ([-1.0, -1.0], 1.0), ([1.0, -1.0], 3 / 4), ([0.0, 0.0], 1.0)]
)
def test_sign_flip_by_hand(gains: list[float], expected: float) -> None:
    assert sign_flip_p(np.array(gains)) == pytest.approx(expected)


def test_sign_flip_of_fifteen_clones_is_close_to_the_exact_value() -> None:
    gains = np.random.default_rng(3).normal(0.4, 1, size=15)
    signs = 1.0 - 2.0 * ((np.arange(2**15)[:, None] >> np.arange(15)) & 1)
    exact = np.mean(signs @ gains >= gains.sum() - 1e-12)
    assert sign_flip_p(gains) == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize(("ratio", "p", "better"), [(0.5, 0.001, True), (0.95, 0.001, False), (0.8, 0.05, False)])
def test_better_needs_both_a_margin_and_evidence(ratio: float, p: float, better: bool) -> None:
    found, sentence = judge_against_baseline(ratio, p, 15)
    assert found is better
    assert ("no better than the baseline" in sentence) is not better
    assert len(POTENCY) == 15
