"""Plates whose potency is driven by known columns: the models name them, and fields help more than hours."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.potency import FieldSums, compare_windows, find_economy, fit, fit_grid, select_stable
from phasewell.profiles import FieldMoments, Moments
from potency_samples import clones

DRIVERS = (("correlation", 1.0), ("length", -0.8), ("energy", 0.6))  # their means, in SD of clones
CLONES, HOURS, FIELDS = 30, 5, 32
FAST = {"n_alphas": 20, "folds": 5}


@pytest.fixture(scope="module")
def plate() -> tuple[FieldMoments, np.ndarray]:
    """Return moments of fields and potencies of a plate that was never pictured.

    A clone has its own level of every descriptor, the same at all hours. A field differs from its well, the same at all
    hours (where cells sit does not change much), by four times the SD between clones; an hour adds little of its own.
    """
    rng = np.random.default_rng(20)
    levels = rng.normal(size=(CLONES, 12))
    potency = 10 + sum(weight * levels[:, DESCRIPTOR_NAMES.index(name)] for name, weight in DRIVERS)
    shape = (CLONES, HOURS, FIELDS, 12)
    own_field = 4.0 * rng.normal(size=(CLONES, 1, FIELDS, 12))
    mean = 100 + levels[:, None, None] + own_field + 0.3 * rng.normal(size=shape)
    n = np.repeat(rng.integers(20, 60, shape[:3])[..., None], 12, axis=3)
    m2 = (n - 1) * (25 + rng.normal(size=shape))
    names = tuple(f"{'ABC'[i // 12]}{i % 12 + 1:02d}" for i in range(CLONES))
    times_h = tuple(6.0 * (i + 1) for i in range(HOURS))
    fields = tuple(f"f{k}" for k in range(FIELDS))
    measured = np.ones(shape[:3], bool)
    return FieldMoments(names, times_h, fields, Moments(n, mean, m2), n[..., 0], measured, 0.87), potency


def test_the_driving_descriptors_are_the_top_terms_with_their_signs() -> None:
    rng = np.random.default_rng(3)
    levels = rng.normal(size=(40, 12))
    potency = 10 + sum(weight * levels[:, DESCRIPTOR_NAMES.index(name)] for name, weight in DRIVERS)
    shape = (40, 2, 4, 12)
    mean = 100 + levels[:, None, None] + 0.1 * rng.normal(size=shape)
    n = np.full(shape, 50)
    moments = FieldMoments(
        tuple(f"{'ABCD'[i // 12]}{i % 12 + 1:02d}" for i in range(40)), (6.0, 12.0), tuple("abcd"),
        Moments(n, mean, (n - 1) * 25.0), n[..., 0], np.ones(shape[:3], bool), 0.87,
    )  # fmt: skip
    profile = FieldSums(moments).nested().profile(3)
    structure = compare_windows(profile, potency, clones(40), hours=(1, 2), parameters=FAST)
    terms = structure.top_terms(0, 3)
    assert {(term.descriptor, np.sign(term.coefficient)) for term in terms} == {(n, np.sign(w)) for n, w in DRIVERS}
    assert all(term.statistic == "mean" for term in terms)
    assert terms[0].title == "Correlation_mean (6 h)"
    stable = select_stable(profile, potency, clones(40), pairs=20)
    assert {column.descriptor for column in stable.stable} <= {name for name, _ in DRIVERS}
    model = fit(profile, potency, clones(40), parameters=FAST)
    assert model.evaluation.better_than_baseline


def test_more_fields_help_more_than_more_hours(plate: tuple[FieldMoments, np.ndarray]) -> None:
    """Paper R: the number of fields matters more than hours, and a part of them is enough."""
    moments, potency = plate
    sums = FieldSums(moments)
    stacks = [sums.nested(seed) for seed in range(10)]
    grid = fit_grid(stacks, potency, clones(CLONES), "lasso", hours=(1, 5), fields=(2, 8, 24, 32), parameters=FAST)
    rmse = grid.rmse
    gain_by_fields, gain_by_hours = rmse[:, 0] - rmse[:, -1], rmse[0] - rmse[-1]
    assert gain_by_fields.min() > 2 * np.abs(gain_by_hours).max()
    assert (np.diff(rmse, axis=1) < 0.05).all()
    economy = find_economy(grid, margin=0.25)
    assert economy.cheapest is not None
    assert economy.cheapest.last_h == 6.0
    assert 8 <= economy.cheapest.fields < 32
