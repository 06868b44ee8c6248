"""Random forests that leave out one group after the other: scikit-learn's trees and numbers, without its cost a tree.

On a dozen rows nearly all of the time of `RandomForestRegressor.fit` goes into cloning, validating and dispatching
every tree, four times what growing it takes. Here the same trees are grown by the public `DecisionTreeRegressor`, on
the same bootstraps and seeds, with what is checked once for all of them left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def predict_forest_left_out(forest: Any, rows: Floats, target: Floats, codes: NDArray[np.int64]) -> Floats:
    """Return the prediction of every row (rows,) by a forest that was grown without the row's group.

    `forest` is an unfitted RandomForestRegressor with an integer seed and bootstraps of all rows; what it fits and
    predicts is equalled bit for bit. `rows` (rows, columns) are finite, also as the float32 that trees split.
    """
    import sklearn
    from sklearn.tree import DecisionTreeRegressor

    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(rows, dtype=np.float32)
    if not np.isfinite(values).all():
        raise InputError("forest: a value is NaN, infinite or beyond float32 (3.4e38); expected finite numbers")
    parameters = {name: getattr(forest, name) for name in forest.estimator_params}
    chance = np.random.RandomState()
    tree = DecisionTreeRegressor(**(parameters | {"random_state": chance}))
    seeds = _tree_seeds(forest)
    bootstraps: dict[int, list[Floats]] = {}
    predicted = np.zeros(len(codes))
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for group in range(int(codes.max()) + 1):
            held = codes == group
            learned, known, asked = values[~held], target[~held].reshape(-1, 1), values[held]
            size = len(learned)
            if size not in bootstraps:
                bootstraps[size] = [_count_rows(chance, seed, size) for seed in seeds]
            total = np.zeros(len(asked))
            for seed, counts in zip(seeds, bootstraps[size], strict=True):
                chance.seed(seed)
                tree.fit(learned, known, sample_weight=counts, check_input=False)
                total += tree.tree_.predict(asked)[:, 0]
            predicted[held] = total / len(seeds)
    return predicted


def _tree_seeds(forest: Any) -> list[int]:
    """Return the seed of every tree, drawn as scikit-learn's ensembles draw them."""
    chance = np.random.RandomState(forest.random_state)
    return [int(chance.randint(np.iinfo(np.int32).max)) for _ in range(forest.n_estimators)]


def _count_rows(chance: np.random.RandomState, seed: int, size: int) -> Floats:
    """Return how often a tree's bootstrap holds every row (size,)."""
    chance.seed(seed)
    counts: Floats = np.bincount(chance.randint(0, size, size), minlength=size).astype(np.float64)
    return counts
