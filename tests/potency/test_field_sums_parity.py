"""Profiles by sums over fields equal those pooled by Chan's rule, field by field.

Not checked: the last bits, since sums round elsewhere.
"""

from __future__ import annotations

import numpy as np
import pytest
from field_moment_samples import make_field_moments
from phasewell.descriptors import build_profile
from phasewell.errors import UsageError
from phasewell.potency.field_sums import PER_HOUR, FieldSums, draw_fields
from phasewell.profiles import FieldMoments, Moments, Profile


def assert_same(found: Profile, wanted: Profile) -> None:
    """Compare everything a profile says."""
    assert (found.wells, found.times_h, found.columns) == (wanted.wells, wanted.times_h, wanted.columns)
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-11)
    np.testing.assert_array_equal(found.n_cells, wanted.n_cells)
    np.testing.assert_array_equal(found.n_fields, wanted.n_fields)
    assert (found.n_fields_expected, found.pixel_size_um) == (wanted.n_fields_expected, wanted.pixel_size_um)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("seed", [0, 5])
def test_nested_subsets_are_those_of_build_profile(missing: float, seed: int) -> None:
    moments = make_field_moments(missing=missing, seed=seed, most_cells=4)  # few enough that some have none
    stack = FieldSums(moments).nested(seed)
    assert np.isnan(stack.values).any()
    for k in range(1, 7):
        assert_same(stack.profile(k - 1), build_profile(moments, fields=k, seed=seed))


def test_windows_are_the_first_columns() -> None:
    moments = make_field_moments(hours=4)
    stack = FieldSums(moments).nested(1)
    for hours in range(1, 5):
        wanted = build_profile(moments, window_h=(6.0, 6.0 * hours), fields=3, seed=1)
        assert_same(stack.profile(2, hours), wanted)
        assert len(wanted.columns) == hours * PER_HOUR
    with pytest.raises(UsageError, match="have 4 hours"):
        stack.profile(0, 5)


def test_a_field_drawn_twice_counts_twice() -> None:
    """The same as a plate whose fields are the drawn ones, repeats included."""
    moments = make_field_moments(missing=0.2, seed=3)
    taken = draw_fields(fields=6, wells=5, size=4, draws=3, seed=8)
    assert (taken.sum(axis=2) == 4).all()
    assert (taken > 1).any()
    stack = FieldSums(moments).resampled(taken)
    for draw, counts in enumerate(taken):
        at = np.array([np.repeat(np.arange(6), row) for row in counts])[:, None, :]
        n, mean, m2 = (np.take_along_axis(v, at[..., None], axis=2) for v in moments.moments)
        cells, measured = (np.take_along_axis(v, at, axis=2) for v in (moments.n_cells, moments.measured))
        repeated = FieldMoments(
            moments.wells, moments.times_h, tuple("abcd"), Moments(n, mean, m2), cells, measured, moments.pixel_size_um
        )
        assert_same(stack.profile(draw), build_profile(repeated))


def test_every_field_once_is_the_whole_plate() -> None:
    moments = make_field_moments(seed=2)
    sums = FieldSums(moments)
    before = [values.copy() for values in moments.moments]
    everything = build_profile(moments)
    assert_same(sums.resampled(np.ones((1, 5, 6), np.int64)).profile(0), everything)
    assert_same(sums.nested(4).profile(5), everything)
    assert all((old == new).all() for old, new in zip(before, moments.moments, strict=True))


def test_draws_are_seeded_and_differ_between_wells() -> None:
    first, again, other = (draw_fields(64, 15, 40, 50, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert len({row.tobytes() for row in first[0]}) == 15
    assert first.mean() == pytest.approx(40 / 64)


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        (np.ones((1, 5, 4), np.int64), "5 wells"),
        (np.full((1, 5, 6), -1), "0 up"),
        (np.zeros((1, 5, 6), np.int64), "at least 1"),
        (np.arange(30).reshape(1, 5, 6), "same number"),
        (np.ones((0, 5, 6), np.int64), "at least 1"),
    ],
)
def test_impossible_draws_are_refused(taken: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FieldSums(make_field_moments()).resampled(taken)
    with pytest.raises(UsageError, match="at least 1 of each"):
        draw_fields(4, 2, 0, 1, 0)
