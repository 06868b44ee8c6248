"""Tables that cannot be fitted are refused by name, and those that can follow a documented rule; nothing is dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from phasewell.errors import UsageError
from phasewell.potency import FieldSums, fit
from phasewell.potency.plates import check_shared_groups, join_annotations, join_profiles
from phasewell.potency.training import MOST_ROWS
from potency_samples import POTENCY, clones, factor_table, make_profile

FAST = {"n_alphas": 10, "folds": 4}


def test_a_clone_without_cells_at_an_hour_costs_that_hours_columns_and_is_said() -> None:
    from field_moment_samples import make_field_moments

    moments = make_field_moments(15, 3, 4, seed=2)
    n_cells, n = moments.n_cells.copy(), moments.moments.n.copy()
    n_cells[4, 1], n[4, 1] = 0, 0
    moments = replace(moments, n_cells=n_cells, moments=moments.moments._replace(n=n))
    profile = FieldSums(moments).nested().profile(3)
    evaluation = fit(profile, POTENCY, clones(15), parameters=FAST).evaluation
    assert evaluation.n_rows == 15
    assert evaluation.n_parameters == 48
    assert set(evaluation.columns_left_out) == {c.title for c in profile.columns if c.time_h == 12.0}


def test_plates_of_different_pixel_size_or_hours_are_not_one_table() -> None:
    profile, _, _ = factor_table(48, 0)
    with pytest.raises(UsageError, match=r"plate two has 0\.5 um/px, plate one 0\.87"):
        join_profiles({"one": profile, "two": replace(profile, pixel_size_um=0.5)})
    with pytest.raises(UsageError, match="plate two has the hours 6, plate one 6, 12"):
        join_profiles({"one": profile, "two": make_profile(profile.values[:, :24])})
    with pytest.raises(UsageError, match="plate two was measured with other"):
        join_profiles({"one": profile, "two": replace(profile, definitions="other")})
    with pytest.raises(UsageError, match="no plate"):
        join_profiles({})


def test_a_group_on_two_plates_is_one_clone_and_left_out_as_a_whole() -> None:
    """Two plates of the same 15 noise clones: as separate clones the copies would give each other's target away."""
    rng = np.random.default_rng(3)
    own, target = rng.normal(size=(15, 24)), rng.permutation(POTENCY)
    plates = {name: make_profile(own + 0.05 * rng.normal(size=own.shape)) for name in ("one", "two")}
    joined = join_profiles(plates)
    assert joined.wells[0] == "one/A01"
    assert joined.wells[15] == "two/A01"
    wells = plates["one"].wells
    targets = {name: dict(zip(wells, target.tolist(), strict=True)) for name in plates}
    groups = {name: dict(zip(wells, clones(15), strict=True)) for name in plates}
    assert check_shared_groups(targets, groups) == tuple(clones(15))
    evaluation = fit(joined, join_annotations(targets), join_annotations(groups), parameters=FAST).evaluation
    assert (evaluation.n_groups, evaluation.n_rows) == (15, 30)
    assert evaluation.ratio > 0.95
    apart = {well: well for well in joined.wells}
    assert fit(joined, join_annotations(targets), apart, parameters=FAST).evaluation.ratio < 0.7  # the leak


def test_one_name_for_two_clones_is_refused() -> None:
    targets = {"one": {"A01": 9.0}, "two": {"A01": 11.0}}
    groups = {"one": {"A01": "c1"}, "two": {"A01": "c1"}}
    with pytest.raises(UsageError, match="group c1 has the target 9 on plate one, 11 on plate two"):
        check_shared_groups(targets, groups)
    targets["one"]["A02"], groups["one"]["A02"] = 5.0, "c1"  # a donor with several targets is no clone
    assert check_shared_groups(targets, groups) == ("c1",)


def test_a_table_too_large_says_what_to_do() -> None:
    """100,000 rows x 360 columns, given as wells: one message before any work, not hours and then no memory."""
    rows = 100_000
    profile = make_profile(np.zeros((1, 360)), ("A01",))
    wells = tuple(f"w{i}" for i in range(rows))
    values = np.broadcast_to(np.arange(rows, dtype=float)[:, None], (rows, 360))
    counts = np.broadcast_to(np.int64(1000), (rows, 15))
    large = replace(profile, wells=wells, values=values, n_cells=counts, n_fields=counts)
    with pytest.raises(UsageError, match=rf"100000 rows x 360 columns.*at most {MOST_ROWS}.*mean of the rows"):
        fit(large, np.arange(rows) % 7, [f"clone {i % 15}" for i in range(rows)])


@pytest.mark.parametrize("kind", ["lasso", "ridge"])
def test_thousands_of_rows_are_fitted(kind: str) -> None:
    rng = np.random.default_rng(0)
    clone = np.arange(1500) % 15
    factors = rng.normal(size=(15, 24))
    values = factors[clone] + 0.3 * rng.normal(size=(1500, 24))
    wells = tuple(f"w{i}" for i in range(1500))
    target = 9 + factors[:, 0]
    evaluation = fit(
        make_profile(values, wells), target[clone], clone, kind=kind, parameters=FAST | {"n_alphas": 5, "folds": 3}
    ).evaluation  # type: ignore[arg-type]
    assert evaluation.n_groups == 15
    assert evaluation.n_rows == 1500
