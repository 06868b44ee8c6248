"""Noise is called noise, signal is found, and nothing depends on the order of wells or the units of a column."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.potency import fit, permute_targets
from potency_samples import POTENCY, clones, factor_table, make_profile, noise_table


def test_pure_noise_is_no_better_than_the_baseline() -> None:
    """15 clones x 360 columns that know nothing: eight data sets."""
    evaluations = [fit(*noise_table(360, seed)).evaluation for seed in range(8)]
    assert np.median([e.ratio for e in evaluations]) >= 0.95
    sentences = [e.verdict.startswith("no better than the baseline") for e in evaluations]
    assert sum(sentences) >= 6  # about one in ten passes both rules by chance on so wide a table
    assert all(e.better_than_baseline is not said for e, said in zip(evaluations, sentences, strict=True))


@pytest.mark.parametrize(("kind", "parameters"), [("forest", {"n_estimators": 40}), ("xgboost", {})])
def test_trees_on_noise_are_no_better_than_the_baseline(kind: str, parameters: dict[str, int]) -> None:
    evaluations = [fit(*noise_table(48, seed), kind=kind, parameters=parameters).evaluation for seed in range(5)]
    assert np.median([e.ratio for e in evaluations]) >= 0.95
    assert sum(not e.better_than_baseline for e in evaluations) >= 4


@pytest.mark.parametrize("n_columns", [24, 120, 360])
def test_a_real_link_is_found(n_columns: int) -> None:
    """Three factors, noise SD 0.4: the ratio to the baseline is about 0.4."""
    evaluations = [fit(*factor_table(n_columns, seed)).evaluation for seed in range(5)]
    assert sum(e.better_than_baseline for e in evaluations) >= 4
    assert np.median([e.ratio for e in evaluations]) < 0.6
    assert all(e.q2 == pytest.approx(1 - e.ratio**2) for e in evaluations)
    assert all(0 < e.n_selected <= 14 for e in evaluations)


@pytest.mark.parametrize(("kind", "parameters"), [("forest", {"n_estimators": 60}), ("xgboost", {})])
def test_trees_find_a_real_link(kind: str, parameters: dict[str, int]) -> None:
    evaluations = [fit(*factor_table(48, seed), kind=kind, parameters=parameters).evaluation for seed in range(3)]
    assert np.median([e.ratio for e in evaluations]) < 0.8


def test_shuffled_potencies_are_not_predicted() -> None:
    profile, target, groups = factor_table(24, seed=2, n=12)
    test = permute_targets(profile, target, groups, n=20)
    assert test.median >= 0.95
    assert test.ratio < 0.6
    assert test.p_value == pytest.approx(1 / 21)
    assert test == permute_targets(profile, target, groups, n=20)


def test_wells_of_one_clone_never_vouch_for_each_other() -> None:
    """50 noisy copies of every clone in pure noise: row-wise folds would report an RMSE far below the baseline."""
    rng = np.random.default_rng(1)
    own = rng.normal(size=(15, 24))
    values = np.repeat(own, 5, axis=0) + 0.1 * rng.normal(size=(75, 24))
    wells = tuple(f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}" for i in range(75))
    target = np.repeat(rng.permutation(POTENCY), 5)
    evaluation = fit(make_profile(values, wells), target, np.repeat(clones(15), 5)).evaluation
    assert evaluation.n_groups == 15
    assert evaluation.ratio >= 0.95


def test_order_of_wells_and_units_of_columns_do_not_matter() -> None:
    profile, target, groups = factor_table(48, seed=4)
    first = fit(profile, target, groups).evaluation
    order = np.random.default_rng(0).permutation(15)
    scaled = profile.values[order] * np.linspace(0.1, 50, 48) + 3
    second = fit(
        make_profile(scaled, tuple(profile.wells[i] for i in order)), target[order], [groups[i] for i in order]
    ).evaluation
    by_well = {p.well: p.predicted for p in second.predictions}
    assert [by_well[p.well] for p in first.predictions] == pytest.approx([p.predicted for p in first.predictions])
    assert second.rmse == pytest.approx(first.rmse)


@pytest.mark.parametrize("kind", ["lasso", "forest", "xgboost"])
def test_the_same_seed_gives_the_same_bits(kind: str) -> None:
    table = factor_table(24, seed=6)
    parameters = {"n_estimators": 20} if kind != "lasso" else None
    first, second = (fit(*table, kind=kind, seed=3, parameters=parameters) for _ in range(2))
    assert first.evaluation == second.evaluation
    assert (first.predict(table[0]) == second.predict(table[0])).all()
