"""Baselines, intervals and field bootstraps against values worked out by hand, and the leak they must not have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from field_moment_samples import make_field_moments
from phasewell.errors import UsageError
from phasewell.potency import (
    FieldSums,
    Prediction,
    best_baseline,
    demonstrate_row_folds,
    draw_fields,
    evaluate_baselines,
    fit,
    leave_out_models,
    noise_floor,
    rmse_difference,
    rmse_interval,
    stack_rows,
)
from phasewell.potency.lasso import RidgeLeaveGroupOut
from phasewell.potency.resampling import LeftOutModels
from potency_samples import POTENCY, clones, factor_table, make_profile
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FAST = {"n_alphas": 10, "folds": 5}


def test_baselines_are_lines_through_one_number() -> None:
    profile = FieldSums(make_field_moments(15, 3, 4, seed=1, missing=0.1)).nested().profile(3)
    found = evaluate_baselines(profile, POTENCY, clones(15))
    density = profile.n_cells / profile.n_fields
    area = np.column_stack([profile.values[:, 24 * hour] for hour in range(3)]).mean(axis=1)
    numbers = {"growth": density[:, 2] / density[:, 0], "count": density[:, 2], "area": area}
    for name, numbers_of_wells in numbers.items():
        evaluation = found[name]
        assert evaluation is not None
        theirs = cross_val_predict(LinearRegression(), numbers_of_wells[:, None], POTENCY, cv=LeaveOneOut())
        assert evaluation.rmse == pytest.approx(np.sqrt(np.mean((theirs - POTENCY) ** 2)))
        assert (evaluation.n_parameters, evaluation.kind) == (1, name)
    best = best_baseline(found)
    assert best.rmse == min(e.rmse for e in found.values() if e)


def test_a_baseline_undefined_in_a_well_is_none() -> None:
    profile = make_profile(np.random.default_rng(0).normal(size=(15, 24)))
    assert evaluate_baselines(profile, POTENCY, clones(15))["growth"] is None  # one hour has no growth
    counts = np.full((15, 2), 100)
    counts[3, 0] = 0
    two = replace(make_profile(np.random.default_rng(0).normal(size=(15, 48))), n_cells=counts)
    found = evaluate_baselines(two, POTENCY, clones(15))
    assert found["growth"] is None
    assert found["count"] is not None
    with pytest.raises(UsageError, match="none is defined"):
        best_baseline({"growth": None})


def test_ridge_equals_scikit_learn() -> None:
    profile, target, groups = factor_table(48, seed=3)
    ours = RidgeLeaveGroupOut(n_alphas=20).fit(profile.values, target, groups)
    theirs = make_pipeline(StandardScaler(), Ridge(alpha=15 * ours.alpha_)).fit(profile.values, target)
    np.testing.assert_allclose(ours.predict(profile.values), theirs.predict(profile.values), atol=1e-8)
    for kind in ("ridge", "elastic_net"):
        evaluation = fit(profile, target, groups, kind=kind, parameters={"n_alphas": 15}).evaluation  # type: ignore[arg-type]
        assert evaluation.better_than_baseline


def test_draws_become_rows_that_carry_their_clone() -> None:
    moments = make_field_moments(5, 2, 6)
    stack = FieldSums(moments).resampled(draw_fields(6, 5, 4, 3, seed=0))
    rows, place = stack_rows(stack, 1)
    assert rows.values.shape == (15, 24)
    assert rows.wells[:6] == (*(f"A0{i} draw 1" for i in range(1, 6)), "A01 draw 2")
    assert place.tolist() == [0, 1, 2, 3, 4] * 3
    np.testing.assert_array_equal(rows.values[7], stack.profile(1, 1).values[2])
    np.testing.assert_array_equal(rows.n_cells[7], stack.profile(1, 1).n_cells[2])


def test_rows_of_one_clone_leak_only_where_rows_are_left_out() -> None:
    """Pure noise, 15 clones x 6 resamplings: folds over rows claim skill, whole clones left out show none."""
    rng = np.random.default_rng(5)
    own = rng.normal(size=(15, 24))
    values = np.tile(own, (6, 1)) + 0.2 * rng.normal(size=(90, 24))
    wells = tuple(f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}" for i in range(90))
    target = np.tile(rng.permutation(POTENCY), 6)
    leak = demonstrate_row_folds(make_profile(values, wells), target, list(np.tile(clones(15), 6)), parameters=FAST)
    assert leak.row_wise_rmse < 0.6 * leak.grouped.baseline_rmse
    assert leak.grouped.ratio >= 0.95
    assert leak.sentence.startswith("wrong:")
    with pytest.raises(UsageError, match="one row"):
        demonstrate_row_folds(*factor_table(24, 0))


def test_interval_of_an_rmse() -> None:
    """Errors of two clones, 1 and 3: a resample holds (1,1), (1,3) or (3,3), so the RMSE lies between 1 and 3."""
    evaluation = fit(*factor_table(24, 0), parameters=FAST).evaluation
    two = tuple(Prediction(f"w{i}", f"c{i}", 10.0, 10.0 + error, 10.0) for i, error in enumerate((1.0, -3.0)))
    interval = rmse_interval(replace(evaluation, predictions=two), draws=4000)
    assert (interval.low, interval.high) == pytest.approx((1.0, 3.0))
    whole = rmse_interval(evaluation)
    assert whole.low < evaluation.rmse < whole.high
    assert whole == rmse_interval(evaluation)
    same = rmse_difference(evaluation, evaluation)
    assert (same.low, same.high) == (0.0, 0.0)
    worse = replace(evaluation, predictions=tuple(replace(p, predicted=p.baseline) for p in evaluation.predictions))
    assert rmse_difference(evaluation, worse).high < 0
    with pytest.raises(UsageError, match="different clones"):
        rmse_difference(evaluation, replace(evaluation, predictions=two))
    with pytest.raises(UsageError, match="level 1"):
        rmse_interval(evaluation, level=1.0)


class Shifted:
    """A model that predicts the same for every row."""

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), self.value)


def test_jackknife_plus_by_hand() -> None:
    """Four clones, level 0.75: the 4th of 5 places (n + 1), so the largest of the four ends on each side."""
    models = LeftOutModels(tuple(Shifted(v) for v in (10.0, 11.0, 9.0, 10.0)), np.array([1.0, 0.5, 2.0, 0.0]))
    row = np.zeros(3)
    interval = models.interval(row, level=0.75)
    assert (interval.low, interval.high) == (7.0, 11.5)  # least of 9, 10.5, 7, 10; most of 11, 11.5, 11, 10
    assert interval.guarantee == pytest.approx(0.5)
    assert models.interval(row, level=0.6)[:2] == (9.0, 11.0)  # the third on each side
    endless = models.interval(row, level=0.95)
    assert (endless.low, endless.high) == (-np.inf, np.inf)
    assert "4 clones cannot give 95%" in endless.sentence


def test_the_interval_of_fifteen_clones() -> None:
    profile, target, groups = factor_table(24, seed=1)
    models = leave_out_models(profile, target, groups, parameters=FAST)
    assert len(models.estimators) == 15
    inside = [models.interval(row, 0.8) for row in profile.values]
    assert np.mean([i.low <= t <= i.high for i, t in zip(inside, target, strict=True)]) >= 0.8
    assert np.isinf(models.interval(profile.values[0], 0.95).high)
    assert np.isfinite(models.interval(profile.values[0], 0.9).high)


def test_noise_floor_falls_with_the_number_of_fields() -> None:
    sums = FieldSums(make_field_moments(9, 1, 30, seed=6, most_cells=20))
    area = sums.nested().profile(29).values[:, 0]  # the target is a column, so that the model knows where to look
    target, groups = 10 + (area - area.mean()) / area.std(), clones(9)
    few, many = (
        noise_floor(sums.resampled(draw_fields(30, 9, size, 5, seed=1)), target, groups, parameters=FAST)
        for size in (2, 200)
    )
    assert set(few) == set(sums.field_moments.wells)
    assert np.median(list(many.values())) < 0.5 * np.median(list(few.values()))
    with pytest.raises(UsageError, match="at least 2"):
        noise_floor(sums.resampled(draw_fields(30, 9, 4, 1, seed=1)), target, groups)
