"""LASSO equals its closed form, scikit-learn's coordinate descent and its optimality conditions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.potency.lasso import LassoLeaveGroupOut, choose_candidate, largest_alpha, solve_path, standardise
from potency_samples import factor_table
from sklearn.linear_model import LassoCV, lasso_path
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def test_closed_form_of_orthogonal_columns() -> None:
    case = json.loads((Path(__file__).parent.parent / "reference" / "statistics.json").read_text())["lasso_orthogonal"]
    rows, target = np.array(case["X"]), np.array(case["y"])
    path = solve_path(rows, target, np.array([case["alpha"]]))
    np.testing.assert_allclose(path.coefficients[:, 0], case["lasso"], atol=1e-12)
    assert path.intercept == pytest.approx(case["intercept"], abs=1e-12)


def test_standardise_equals_scikit_learn_and_nulls_constant_columns() -> None:
    rows = np.random.default_rng(0).normal(3, 2, size=(14, 30))
    rows[:, 4] = 0.1
    rows[:, 5] = 1e9
    ours, mean, scale = standardise(rows)
    scaler = StandardScaler().fit(rows)
    np.testing.assert_allclose(ours, scaler.transform(rows), atol=1e-12)
    np.testing.assert_allclose(scale, scaler.scale_)
    np.testing.assert_allclose(mean, scaler.mean_)
    assert not ours[:, [4, 5]].any()


@pytest.mark.parametrize("n_columns", [24, 120])
def test_every_left_out_prediction_equals_coordinate_descent(n_columns: int) -> None:
    """The inner cross-validation by hand: StandardScaler, lasso_path to 1e-10, leave one group out."""
    profile, target, _ = factor_table(n_columns, seed=5, noise=0.8)
    groups = np.arange(15) // 2  # pairs of wells, one alone
    rows = profile.values
    ours = LassoLeaveGroupOut(n_alphas=20, alpha_ratio=0.05).fit(rows, target, groups)
    errors = np.empty((8, 21))
    for train, held in LeaveOneGroupOut().split(rows, target, groups):
        scaler = StandardScaler().fit(rows[train])
        mean = target[train].mean()
        _, coefficients, _ = lasso_path(
            scaler.transform(rows[train]), target[train] - mean, alphas=ours.alphas_, tol=1e-10, max_iter=500_000
        )
        predicted = mean + np.column_stack([np.zeros(len(held)), scaler.transform(rows[held]) @ coefficients])
        errors[groups[held[0]]] = ((target[held, None] - predicted) ** 2).mean(axis=0)
    np.testing.assert_allclose(ours.cv_error_, errors.mean(axis=0), rtol=1e-4)
    chosen = choose_candidate(errors, 0.5)
    assert ours.alpha_ == ours.alphas_[max(chosen - 1, 0)]


def test_without_a_margin_the_choice_is_that_of_lasso_cv() -> None:
    """With se_factor 0 and one row a group this is LassoCV with leave-one-out, were scaling not redone per fold."""
    profile, target, _ = factor_table(24, seed=1)
    rows = (profile.values - profile.values.mean(axis=0)) / profile.values.std(axis=0)
    ours = LassoLeaveGroupOut(n_alphas=30, alpha_ratio=0.02, se_factor=0.0).fit(rows, target, np.arange(15))
    theirs = LassoCV(alphas=ours.alphas_, cv=15, tol=1e-8, max_iter=200_000).fit(rows, target)
    step = np.log(ours.alphas_[0] / ours.alphas_[1])
    assert abs(np.log(ours.alpha_ / theirs.alpha_)) < 4 * step
    assert np.corrcoef(ours.predict(rows), theirs.predict(rows))[0, 1] > 0.98


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 20),
    n_columns=st.integers(1, 40),
    share=st.floats(0.02, 1.2),
    duplicates=st.booleans(),
)
def test_optimality_conditions(seed: int, n: int, n_columns: int, share: float, duplicates: bool) -> None:
    """|Z'r| / n is alpha with the coefficient's sign where it is not 0, and at most alpha elsewhere."""
    rng = np.random.default_rng(seed)
    rows, target = rng.normal(size=(n, n_columns)) * 7 + 100, rng.normal(size=n)
    if duplicates and n_columns > 2:
        rows[:, 1] = rows[:, 0]
        rows[:, 2] = 5.0
    alpha = largest_alpha(rows, target) * share
    path = solve_path(rows, target, np.array([alpha]))
    standardised, _, _ = standardise(rows)
    residual = target - path.predict(rows)[:, 0]
    slope = standardised.T @ residual / n
    coefficients = path.coefficients[:, 0]
    active = coefficients != 0
    tolerance = 1e-4 * largest_alpha(rows, target)
    np.testing.assert_allclose(slope[active], alpha * np.sign(coefficients[active]), atol=tolerance)
    assert (np.abs(slope) <= alpha + tolerance).all()


def test_is_a_scikit_learn_estimator() -> None:
    profile, target, _ = factor_table(24, seed=0)
    estimator = LassoLeaveGroupOut(n_alphas=10)
    assert estimator.get_params() == {"n_alphas": 10, "alpha_ratio": 0.02, "se_factor": 0.5, "folds": None}
    pipeline = make_pipeline(StandardScaler(), estimator)
    pipeline.fit(profile.values, target, lassoleavegroupout__groups=np.arange(15))
    assert pipeline.score(profile.values, target) > 0.5
