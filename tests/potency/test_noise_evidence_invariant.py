"""Thirty data sets of pure noise: no honest procedure shows skill, and its permutation p is uniform.

The long form, with all models at their presets and 99 shuffles, is `benchmarks/potency_noise.py`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from field_moment_samples import make_field_moments
from phasewell.potency import evaluate_baselines, fit, fit_grid, permute_targets
from phasewell.potency.field_sums import FieldSums
from potency_samples import POTENCY, clones, noise_table
from scipy.stats import kstest

SEEDS = range(30)
FAST = {
    "lasso": {"n_alphas": 12, "folds": 4},
    "elastic_net": {"n_alphas": 6, "folds": 3, "alpha_ratio": 0.2},
    "ridge": {"n_alphas": 12, "folds": 4},
    "forest": {"n_estimators": 5},
    "xgboost": {"n_estimators": 8},
}


@pytest.mark.parametrize("kind", list(FAST))
def test_no_honest_model_shows_skill_on_noise(kind: str) -> None:
    """Mean RMSE within 10 % of the baseline or above it, and few of 30 data sets called better (a tenth by chance)."""
    found = [fit(*noise_table(24, seed), kind=kind, parameters=FAST[kind]).evaluation for seed in SEEDS]  # type: ignore[arg-type]
    assert np.mean([e.ratio for e in found]) > 0.9
    assert sum(e.better_than_baseline for e in found) <= 6


def test_no_line_through_one_number_shows_skill_on_noise() -> None:
    ratios: dict[str, list[float]] = {}
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 7])
        profile, target, groups = noise_table(48, seed)
        profile = replace(profile, n_cells=rng.integers(300, 3000, (15, 2)))
        for name, evaluation in evaluate_baselines(profile, target, groups).items():
            assert evaluation is not None
            ratios.setdefault(name, []).append(evaluation.ratio)
    assert set(ratios) == {"growth", "count", "area"}
    assert all(np.mean(values) > 0.9 for values in ratios.values())


def test_the_permutation_p_is_uniform_on_noise() -> None:
    """P over 9 shuffles takes 0.1, 0.2 ... 1 with equal chance; Kolmogorov-Smirnov on p - U(0, 0.1) at 1 %."""
    jitter = np.random.default_rng(0)
    p_values = []
    for seed in SEEDS:
        test = permute_targets(*noise_table(24, seed), n=9, seed=seed, parameters=FAST["lasso"])
        p_values.append(broken_ties(test.ratio, test.shuffled_ratios, jitter))
        assert p_values[-1] <= test.p_value
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_the_best_cell_of_a_grid_has_a_uniform_p_on_noise() -> None:
    """The best of 3 cells looks better than the baseline; its p over the whole grid does not."""
    p_values, ratios, jitter = [], [], np.random.default_rng(1)
    base = FieldSums(make_field_moments(15, 1, 3, seed=1)).nested()
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 3])
        stack = replace(base, values=rng.normal(size=base.values.shape))
        options = {"deals": 9, "seed": seed, "parameters": {"n_alphas": 8, "folds": 3}}
        grid = fit_grid([stack], rng.permutation(POTENCY), clones(15), "lasso", **options)  # type: ignore[arg-type]
        ratio = grid.selected.rmse / grid.baseline_rmse
        p_values.append(broken_ties(ratio, grid.dealt_best, jitter))
        assert p_values[-1] <= grid.selected.p_family + 1e-12
        ratios.append(ratio)
    assert np.mean(ratios) < 1.0  # what the eye would fall for
    assert kstest(p_values, "uniform").pvalue > 0.01


def broken_ties(ratio: float, dealt: tuple[float, ...], jitter: np.random.Generator) -> float:
    """Return the p with ties broken at random (a model that is the mean alone, real and dealt): uniform on noise."""
    below = sum(other < ratio * (1 - 1e-9) for other in dealt)
    equal = sum(abs(other / ratio - 1) <= 1e-9 for other in dealt)
    return float((below + jitter.random() * (1 + equal)) / (1 + len(dealt)))
