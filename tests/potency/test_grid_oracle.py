"""The grid of windows and field counts is `fit` in every cell, and its p-value knows how many cells were looked at."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from field_moment_samples import make_field_moments
from phasewell.errors import UsageError
from phasewell.potency import FieldSums, ProfileStack, fit, fit_grid
from potency_samples import POTENCY, clones

CLONES = 9


def make_stack(seed: int = 0, signal: float = 0.0, fields: int = 4, hours: int = 3) -> tuple[ProfileStack, np.ndarray]:
    """Return nested profiles of noise; one column an hour knows the potency, the better the more fields there are."""
    moments = make_field_moments(CLONES, hours, fields, seed)
    stack = FieldSums(moments).nested(seed)
    rng = np.random.default_rng(seed)
    target = rng.permutation(POTENCY)[:CLONES]
    values = rng.normal(size=stack.values.shape)
    values[:, :, 3::24] += (
        signal * (target - target.mean())[:, None] * (np.arange(1, fields + 1)[:, None, None] / fields) ** 3
    )
    return replace(stack, values=values), target


def test_every_cell_is_the_evaluation_of_fit() -> None:
    stack, target = make_stack(1, signal=1.0)
    grid = fit_grid([stack], target, clones(CLONES), fields=(1, 3), hours=(1, 3), parameters={"folds": None})
    assert (grid.last_h, grid.fields) == ((6.0, 18.0), (1, 3))
    for w, hours in enumerate((1, 3)):
        for f, fields in enumerate((1, 3)):
            evaluation = fit(stack.profile(fields - 1, hours), target, clones(CLONES)).evaluation
            assert grid.rmse[w, f] == pytest.approx(evaluation.rmse, rel=1e-9)
            assert grid.baseline_rmse == pytest.approx(evaluation.baseline_rmse)
            assert grid.q2[w, f] == pytest.approx(evaluation.q2, rel=1e-6)


def test_the_best_cell_of_noise_is_called_what_it_is() -> None:
    """Over noise data sets the family-wise p of the best cell is not small; its RMSE alone often looks good."""
    found = [make_stack(seed) for seed in range(6)]
    grids = [
        fit_grid([stack], target, clones(CLONES), deals=11, parameters={"n_alphas": 12}, hours=(1, 3), fields=(1, 2, 4))
        for stack, target in found
    ]
    p = np.array([grid.selected.p_family for grid in grids])
    assert ((p >= 1 / 12) & (p <= 1)).all()
    assert np.mean(p <= 0.25) <= 0.5  # uniform p: 1.5 of 6 expected; more than 3 has probability 0.04
    assert min(grid.selected.rmse / grid.baseline_rmse for grid in grids) < 0.9
    assert all(np.isfinite(grid.rmse).all() for grid in grids)


def test_a_real_link_is_found_where_there_are_most_fields() -> None:
    stack, target = make_stack(2, signal=5.0)
    grid = fit_grid([stack], target, clones(CLONES), deals=19, parameters={"n_alphas": 15}, fields=(1, 4), hours=(1, 3))
    assert grid.selected.fields == 4
    assert grid.selected.p_family == pytest.approx(1 / 20)
    assert grid.selected.rmse == grid.rmse.min()
    assert grid.p_adjusted is not None
    assert grid.p_adjusted.min() == grid.selected.p_family
    assert (grid.rmse[:, 1] < grid.rmse[:, 0]).all()


def test_the_p_value_by_hand() -> None:
    stack, target = make_stack(3)
    grid = fit_grid([stack], target, clones(CLONES), deals=4, parameters={"n_alphas": 8}, fields=(2,), hours=(1, 2))
    by_hand = replace(
        grid, rmse_of_draws=np.array([[[0.8], [1.1]]]), baseline_rmse=1.0, dealt_best=(0.7, 0.9, 0.8, 1.2)
    )
    assert by_hand.p_adjusted == pytest.approx(np.array([[3 / 5], [4 / 5]]))
    assert by_hand.selected[:4] == (6.0, 2, 0.8, 1.0)
    assert by_hand.selected.q2 == pytest.approx(0.36)
    assert by_hand.selected.p_family == pytest.approx(3 / 5)


def test_workers_and_draws_and_the_document() -> None:
    stack, target = make_stack(4, signal=0.3)
    other, _ = make_stack(4, signal=0.1)
    options = {"deals": 2, "seed": 3, "parameters": {"n_alphas": 8}, "fields": (1, 4), "hours": (2,)}
    here = fit_grid([stack, other], target, clones(CLONES), **options)
    with ThreadPoolExecutor(2) as executor:
        there = fit_grid([stack, other], target, clones(CLONES), executor=executor, **options)
    assert here.to_dict() == there.to_dict()
    alone = fit_grid([other], target, clones(CLONES), **options)
    np.testing.assert_array_equal(here.rmse_of_draws[1], alone.rmse_of_draws[0])
    np.testing.assert_allclose(here.rmse, here.rmse_of_draws.mean(axis=0))
    document = json.loads(json.dumps(here.to_dict(), allow_nan=False))
    assert document["selected"]["label"].startswith("selected")
    assert document["parameters"]["folds"] == 5
    assert len(document["dealt_best"]) == 2


def test_undefined_columns_are_counted_and_a_cell_without_any_is_undefined() -> None:
    stack, target = make_stack(5)
    values = stack.values.copy()
    values[0, 2, :24] = np.nan
    values[1, 2, 5] = np.nan
    grid = fit_grid(
        [replace(stack, values=values)], target, clones(CLONES), parameters={"n_alphas": 8}, fields=(1, 2), hours=(1, 2)
    )
    assert grid.columns_left_out.tolist() == [[[24, 1], [24, 1]]]
    assert np.isnan(grid.rmse[0, 0])
    assert np.isfinite(grid.rmse[1:]).all()
    assert json.loads(json.dumps(grid.to_dict(), allow_nan=False))["rmse"][0][0] is None


def test_what_a_grid_cannot_be_made_of() -> None:
    stack, target = make_stack(6)
    groups = clones(CLONES)
    with pytest.raises(UsageError, match="groups is missing"):
        fit_grid([stack], target, None)
    with pytest.raises(UsageError, match="at least one stack"):
        fit_grid([], target, groups)
    with pytest.raises(UsageError, match=r"fields \(5,\)"):
        fit_grid([stack], target, groups, fields=(5,))
    with pytest.raises(UsageError, match="unknown parameter depth"):
        fit_grid([stack], target, groups, parameters={"depth": 3})
    with pytest.raises(UsageError, match="nested stacks"):
        fit_grid([replace(stack, n_fields_expected=np.full(4, 2))], target, groups)
    with pytest.raises(UsageError, match="different targets"):
        fit_grid([stack], target, ["a", "a", *clones(7)], deals=1, fields=(1,))
