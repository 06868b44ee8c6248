"""The logistic baseline against scikit-learn, and the profiles of frames against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from phasewell.cells import DESCRIPTORS
from phasewell.errors import InputError
from phasewell.learning.descriptor_baseline import STRENGTHS, fit_descriptor_model, frame_profiles
from phasewell.profiles import FieldMoments, Moments

LINES = np.repeat([f"line{i}" for i in range(6)], 20)
TARGETS = np.repeat([0, 1, 0, 1, 0, 1], 20).astype(np.int64)


def sample(signal: float, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    donors = np.repeat(rng.normal(size=(6, 3)), 20, axis=0)
    values: NDArray[np.float64] = donors + rng.normal(size=(120, 3)) + signal * TARGETS[:, None]
    return 5.0 + values * [1.0, 100.0, 0.01]  # as far apart as descriptors are


def test_profiles_of_frames_are_numpys_mean_and_sd() -> None:
    rng = np.random.default_rng(1)
    counts = np.array([[[3, 0], [1, 5]], [[2, 4], [6, 2]]])
    n = np.repeat(counts[..., None], len(DESCRIPTORS), -1)
    mean, m2 = np.zeros(n.shape), np.zeros(n.shape)
    cells = {}
    for place in np.ndindex(counts.shape):
        cells[place] = rng.normal(size=(counts[place], len(DESCRIPTORS)))
        if counts[place]:
            mean[place] = cells[place].mean(0)
            m2[place] = ((cells[place] - mean[place]) ** 2).sum(0)
    measured = np.ones(counts.shape, bool)
    measured[1, 0, 0] = False
    found = frame_profiles(
        FieldMoments(("A01", "A02"), (6.0, 12.0), ("f1", "f2"), Moments(n, mean, m2), counts, measured, 0.87)
    )
    assert found.columns[:3] == ("area_mean", "area_SD", "perimeter_mean")
    assert len(found.keys) == 7
    for row, (well, hour, field) in zip(found.values, found.keys, strict=True):
        values = cells[("A01", "A02").index(well), (6.0, 12.0).index(hour), ("f1", "f2").index(field)]
        if len(values) == 0:
            assert np.isnan(row).all()
        elif len(values) == 1:
            np.testing.assert_array_equal(row[0::2], values[0])
            assert np.isnan(row[1::2]).all()
        else:
            np.testing.assert_allclose(row[0::2], values.mean(0))
            np.testing.assert_allclose(row[1::2], values.std(0, ddof=1))


def test_the_model_is_scikit_learns_on_standardised_columns() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values = sample(1.0)
    model = fit_descriptor_model(values, TARGETS, LINES)
    assert model.strength in STRENGTHS
    other = make_pipeline(StandardScaler(), LogisticRegression(C=model.strength, max_iter=5_000)).fit(values, TARGETS)
    np.testing.assert_allclose(model.probabilities(values), other.predict_proba(values), atol=1e-6)


def test_noise_gets_the_strong_penalty_and_a_signal_the_weak_one() -> None:
    assert fit_descriptor_model(sample(0.0, seed=3), TARGETS, LINES).strength <= 1e-2
    assert fit_descriptor_model(sample(8.0), TARGETS, LINES).strength >= 1e-1


def test_an_undefined_value_counts_as_the_mean() -> None:
    values = sample(1.0)
    model = fit_descriptor_model(values, TARGETS, LINES)
    holed, filled = values[:4].copy(), values[:4].copy()
    holed[:, 1], filled[:, 1] = np.nan, model.centre[1]
    np.testing.assert_array_equal(model.probabilities(holed), model.probabilities(filled))


def test_frames_that_teach_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="one class"):
        fit_descriptor_model(sample(1.0), np.zeros(120, np.int64), LINES)
    empty = sample(1.0)
    empty[:, 2] = np.nan
    with pytest.raises(InputError, match="column 2"):
        fit_descriptor_model(empty, TARGETS, LINES)
