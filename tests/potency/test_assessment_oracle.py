"""Intervals, the limits of what a model knows, fewer clones, the paper's procedure: values that follow from theory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phasewell.errors import UsageError
from phasewell.potency import assess, evaluate_as_paper, fit, learning_curve, leave_out_models, load_model
from phasewell.potency.domain import Domain
from phasewell.profiles import profile_columns
from potency_samples import clones, factor_table, noise_table

FAST = {"n_alphas": 12, "folds": 4}


def test_intervals_are_those_of_the_models_without_a_clone_and_survive_a_file(tmp_path: Path) -> None:
    profile, target, groups = factor_table(24, 3)
    model = fit(profile, target, groups, parameters=FAST)
    left_out = leave_out_models(profile, target, groups, parameters=FAST)
    new = replace(profile, values=profile.values + 1e-3)
    found = assess(load_model(model.save(tmp_path / "m")), new)
    for i, well in enumerate(found.wells):
        expected = left_out.interval(new.values[i])
        assert (well.low, well.high) == pytest.approx((expected.low, expected.high))
        assert well.low < well.predicted < well.high
        assert not well.learned_from
    assert all(well.learned_from for well in assess(model, profile).wells)
    beyond = assess(model, new, level=0.95)
    assert "15 clones cannot give 95%: the interval is infinite" in beyond.sentence
    assert {(well.low, well.high) for well in beyond.wells} == {(None, None)}


def test_a_new_clone_lies_in_its_interval_about_as_often_as_said() -> None:
    """40 data sets, one clone kept out of each: 90 % is aimed at, 80 % guaranteed; 32 or fewer of 40 has p < 0.03."""
    covered = 0
    for seed in range(40):
        profile, target, groups = factor_table(24, seed, n=16)
        keep = np.arange(16) != seed % 16
        targets = {well: float(value) for well, value, k in zip(profile.wells, target, keep, strict=True) if k}
        model = fit(profile, targets, dict(zip(profile.wells, groups, strict=True)), kind="ridge", parameters=FAST)
        new = assess(model, profile).wells[seed % 16]
        covered += new.low <= target[seed % 16] <= new.high
    assert 33 <= covered <= 40


def test_a_well_of_another_kind_is_outside() -> None:
    profile, target, groups = factor_table(48, 5)
    model = fit(profile, target, groups, parameters=FAST)
    used = int(model.used_columns()[0])
    values, cells = profile.values.copy(), profile.n_cells.copy()
    values[0, used] = values[:, used].max() + np.ptp(values[:, used])
    cells[1] = 100  # of 1000
    values[2, used] = np.nan
    fields = profile.n_fields.copy()
    fields[3] = 19  # of 40
    found = assess(model, replace(profile, values=values, n_cells=cells, n_fields=fields)).wells
    title = profile.columns[used].title
    assert title in found[0].reasons[0]
    assert "trained on" in found[0].reasons[0]
    assert "100 cells at" in found[1].reasons[0]
    assert found[2].predicted is None
    assert found[2].reasons == (f"undefined: {title}",)
    assert "19 of 40 fields" in found[3].reasons[0]
    assert [well.inside for well in found[:4]] == [False] * 4


def test_leverage_sees_what_no_single_column_shows() -> None:
    """Two columns that agree in all training wells; a new well where they disagree is in range of both."""
    along = np.linspace(-1, 1, 15)
    values = np.column_stack([along, along + 0.01 * np.sin(40 * along)])
    domain = Domain(profile_columns((6.0,))[:2], values, np.full((15, 1), 100), (6.0,))
    inside = domain.judge(np.array([0.3, 0.3]), np.array([100]), np.array([4]), 4)
    assert inside.inside
    outside = domain.judge(np.array([0.6, -0.6]), np.array([100]), np.array([4]), 4)
    assert not outside.inside
    assert outside.reasons[0].startswith("leverage")


@pytest.mark.parametrize("kind", ["lasso", "xgboost"])
def test_new_wells_of_the_same_kind_are_mostly_inside(kind: str) -> None:
    inside = []
    for seed in range(4):
        profile, target, groups = factor_table(24, seed, n=30)
        targets = {well: float(value) for well, value in list(zip(profile.wells, target, strict=True))[:20]}
        parameters = FAST if kind == "lasso" else {"n_estimators": 10}
        model = fit(profile, targets, dict(zip(profile.wells, groups, strict=True)), kind=kind, parameters=parameters)  # type: ignore[arg-type]
        inside += [well.inside for well in assess(model, profile).wells[20:]]
    assert np.mean(inside) > 0.75


def test_the_papers_procedure_looks_better_than_it_is_on_noise() -> None:
    honest, paper = [], []
    for seed in range(12):
        table = noise_table(120, seed)
        honest.append(fit(*table, parameters=FAST).evaluation.ratio)
        as_paper = evaluate_as_paper(*table, parameters=FAST)
        assert as_paper.validation == "paper, optimistic"
        paper.append(as_paper.ratio)
    assert max(paper) <= 1 + 1e-12  # the mean alone is one of its candidates
    assert np.mean(paper) < np.mean(honest)
    trees = evaluate_as_paper(*factor_table(24, 0), kind="forest", parameters={"n_estimators": 10})
    assert trees.validation == "paper, optimistic"


def test_more_clones_help_and_the_last_point_is_the_study() -> None:
    profile, target, groups = factor_table(24, 1)
    curve = learning_curve(profile, target, groups, sizes=(5, 10, 15), draws=8, parameters=FAST)
    assert [point.clones for point in curve.points] == [5, 10, 15]
    evaluation = fit(profile, target, groups, parameters=FAST).evaluation
    last = curve.points[-1]
    assert (last.rmse, last.baseline_rmse) == pytest.approx((evaluation.rmse, evaluation.baseline_rmse))
    assert last.q2 == pytest.approx(evaluation.q2)
    assert curve.points[0].rmse / curve.points[0].baseline_rmse > last.rmse / last.baseline_rmse
    assert curve == learning_curve(profile, target, groups, sizes=(5, 10, 15), draws=8, parameters=FAST)
    noise = learning_curve(*noise_table(24, 1), draws=4, parameters=FAST)
    assert "no number of clones here shows skill" in noise.sentence
    with pytest.raises(UsageError, match=r"expected 3\.\.15 clones"):
        learning_curve(profile, target, clones(15), sizes=(2, 15))
