"""Coefficients of windows are those of the models, and stable columns are the ones that drive the target."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from phasewell.errors import UsageError
from phasewell.potency import ModelStructure, compare_windows, fit, select_stable
from phasewell.profiles import Profile, profile_columns
from potency_samples import POTENCY, clones, factor_table, make_profile, noise_table

DRIVER = 24 + 3  # Perimeter_SD (12 h)


def driven_table(seed: int = 0, n: int = 15) -> tuple[Profile, np.ndarray, list[str]]:
    """Return noise columns of three hours with one that is the target, but for a little noise."""
    rng = np.random.default_rng(seed)
    values, target = rng.normal(size=(n, 72)), rng.permutation(np.resize(POTENCY, n))
    values[:, DRIVER] = target + 0.3 * rng.normal(size=n)
    return make_profile(values), target, clones(n)


def test_coefficients_are_those_of_the_models_of_each_window() -> None:
    profile, target, groups = driven_table()
    structure = compare_windows(profile, target, groups, hours=(1, 3))
    assert structure.last_h == (6.0, 18.0)
    whole = fit(profile, target, groups)
    np.testing.assert_array_equal(structure.coefficients[1], whole.estimator.coef_)
    assert structure.top_terms(1) == whole.evaluation.coefficients[:10]
    assert (structure.coefficients[0, 24:] == 0).all()
    assert structure.top_terms(1)[0].title == "Perimeter_SD (12 h)"
    assert structure.same_sign[1, DRIVER] == 1.0
    assert np.isnan(structure.same_sign[1][structure.coefficients[1] == 0]).all()


def test_correlation_by_hand() -> None:
    columns = profile_columns((6.0, 12.0))
    coefficients = np.zeros((3, 48))
    coefficients[0, :2] = 1.0, 2.0
    coefficients[1, [0, 1, 24]] = 1.0, 2.0, -4.0
    structure = ModelStructure("lasso", columns, (6.0, 12.0, 12.0), coefficients, np.full((3, 48), np.nan))
    common, filled = structure.correlation("common"), structure.correlation("zero-fill")
    assert common[0, 1] == pytest.approx(1.0)  # the 24 columns of 6 h agree
    assert filled[0, 1] == pytest.approx(np.corrcoef(coefficients[0], coefficients[1])[0, 1])
    assert filled[0, 1] < 0.6
    assert np.isnan(common[2]).all()  # nothing but zeros correlates with nothing
    assert filled[0, 0] == pytest.approx(1.0)
    with pytest.raises(UsageError, match="'zero-fill' or 'common'"):
        structure.correlation("overlap")  # type: ignore[arg-type]
    assert json.loads(json.dumps(structure.to_dict(), allow_nan=False))["correlation"]["common"][2] == [None] * 3


def test_undefined_columns_count_as_zero_and_kinds_without_coefficients_are_refused() -> None:
    profile, target, groups = driven_table()
    values = profile.values.copy()
    values[2, :24] = np.nan
    structure = compare_windows(replace(profile, values=values), target, groups, hours=(1, 2), kind="ridge")
    assert not structure.coefficients[0].any()
    assert (structure.coefficients[1, :24] == 0).all()
    assert structure.coefficients[1, 24:48].all()  # ridge keeps every column
    with pytest.raises(UsageError, match="forest' has no coefficients"):
        compare_windows(profile, target, groups, hours=(1,), kind="forest")
    with pytest.raises(UsageError, match=r"1\.\.3"):
        compare_windows(profile, target, groups, hours=(4,))


def test_the_driving_column_is_stable_and_noise_is_not() -> None:
    profile, target, groups = driven_table()
    selection = select_stable(profile, target, groups)
    assert [column.title for column in selection.stable] == ["Perimeter_SD (12 h)"]
    assert selection.false_columns == pytest.approx(9 / (0.5 * 72))
    assert selection.frequency.sum() <= 3
    assert selection.to_dict() == select_stable(profile, target, groups).to_dict()
    false = [len(select_stable(*noise_table(72, seed)).stable) for seed in range(10)]
    assert np.mean(false) <= 3 * selection.false_columns


def test_all_wells_of_a_clone_are_in_the_same_half() -> None:
    """A column that names the clone of every well is no driver, however many wells repeat it."""
    rng = np.random.default_rng(4)
    values = np.repeat(rng.normal(size=(12, 24)), 4, axis=0) + 0.01 * rng.normal(size=(48, 24))
    wells = tuple(f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}" for i in range(48))
    target = np.repeat(rng.permutation(POTENCY)[:12], 4)
    selection = select_stable(make_profile(values, wells), target, list(np.repeat(clones(12), 4)), pairs=20)
    assert len(selection.stable) <= 1


def test_selection_needs_a_threshold_and_clones() -> None:
    profile, target, groups = factor_table(24, 0)
    for options in ({"threshold": 0.5}, {"pairs": 0}, {"most_columns": 6}):
        with pytest.raises(UsageError, match="expected a threshold"):
            select_stable(profile, target, groups, **options)  # type: ignore[arg-type]
