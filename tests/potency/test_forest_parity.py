"""Forests that leave groups out equal scikit-learn's RandomForestRegressor, fitted fold by fold, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.errors import InputError
from phasewell.potency.estimators import make_estimator
from phasewell.potency.evaluation import predict_folds
from phasewell.potency.forest import predict_forest_left_out
from potency_samples import POTENCY
from sklearn.base import clone


def by_folds(forest: object, rows: np.ndarray, target: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the left-out predictions of whole forests of scikit-learn."""
    predicted = np.empty(len(codes))
    for group in np.unique(codes):
        held = codes == group
        predicted[held] = clone(forest).fit(rows[~held], target[~held]).predict(rows[held])
    return predicted


@pytest.mark.parametrize(("columns", "seed", "split"), [(1, 0, 6), (24, 1, 6), (120, 2**32 - 1, 2)])
def test_a_clone_a_well(columns: int, seed: int, split: int) -> None:
    rng = np.random.default_rng(columns)
    rows, target = rng.normal(size=(15, columns)), rng.permutation(POTENCY)
    rows[:, 0] = rng.integers(0, 3, 15)  # ties
    forest = make_estimator("forest", seed, {"n_estimators": 30, "min_samples_split": split})
    found = predict_folds(forest, rows, target, np.arange(15))
    np.testing.assert_array_equal(found, by_folds(forest, rows, target, np.arange(15)))
    assert np.ptp(found) > 0


def test_clones_of_different_numbers_of_wells() -> None:
    """Every fold has another number of rows, and so bootstraps of its own."""
    rng = np.random.default_rng(5)
    codes = np.array([0, 1, 1, 2, 2, 2, 3, 4, 4, 5, 5, 5, 5])
    rows, target = 1e6 * rng.normal(size=(13, 30)), rng.normal(size=13)
    forest = make_estimator("forest", 3, {"n_estimators": 20})
    found = predict_forest_left_out(forest, rows, target, codes)
    np.testing.assert_array_equal(found, by_folds(forest, rows, target, codes))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e39])
def test_what_trees_cannot_split_is_refused(wrong: float) -> None:
    rows = np.arange(12.0).reshape(6, 2)
    rows[3, 1] = wrong
    with pytest.raises(InputError, match="float32"):
        predict_forest_left_out(make_estimator("forest", 0), rows, np.arange(6.0), np.arange(6))
