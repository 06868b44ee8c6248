"""The kinds of model and their presets for a dozen clones and hundreds of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasewell.errors import UsageError

KINDS = ("lasso", "forest", "xgboost", "elastic_net", "ridge")
LINEAR_KINDS = ("lasso", "elastic_net", "ridge")  # coefficients on the standardised scale
SPARSE_KINDS = ("lasso", "elastic_net")  # most of them 0

PRESETS: dict[str, dict[str, Any]] = {
    "lasso": {"n_alphas": 60, "alpha_ratio": 0.02, "se_factor": 0.5, "folds": None},
    # R's randomForest for regression: ntree 500, mtry p/3, nodesize 5 (a node of 5 rows is not split)
    "forest": {"n_estimators": 500, "max_features": 1 / 3, "min_samples_split": 6},
    # small n: shallow trees, at least two rows a leaf, rows and columns sampled, exact splits
    "xgboost": {
        "n_estimators": 150,
        "max_depth": 2,
        "learning_rate": 0.05,
        "min_child_weight": 2,
        "subsample": 0.8,
        "colsample_bytree": 1 / 3,
        "reg_lambda": 1.0,
        "tree_method": "exact",
    },
    "elastic_net": {"n_alphas": 60, "alpha_ratio": 0.02, "se_factor": 0.5, "folds": None, "l1_ratio": 0.5},
    "ridge": {"n_alphas": 60, "alpha_ratio": 1e-5, "se_factor": 0.5, "folds": None},
}


def make_estimator(kind: str, seed: int, parameters: Mapping[str, Any] | None = None) -> Any:
    """Return the unfitted scikit-learn estimator of a kind: preset, then `parameters`; one thread, fixed seed.

    Raises UsageError for an unknown kind or parameter.
    """
    if kind not in KINDS:
        raise UsageError(f"kind {kind!r}: expected one of {', '.join(KINDS)}")
    values = PRESETS[kind] | dict(parameters or {})
    unknown = set(values) - set(PRESETS[kind])
    if unknown:
        raise UsageError(f"{kind}: unknown parameter {', '.join(sorted(unknown))}; it has {', '.join(PRESETS[kind])}")
    if kind in LINEAR_KINDS:
        return _linear_class(kind)(**values)
    if kind == "forest":
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(**values, random_state=seed, n_jobs=1)
    from xgboost import XGBRegressor

    return XGBRegressor(**values, random_state=seed, n_jobs=1, device="cpu", verbosity=0)


def _linear_class(kind: str) -> Any:
    from phasewell.potency.lasso import ElasticNetLeaveGroupOut, LassoLeaveGroupOut, RidgeLeaveGroupOut

    return {"lasso": LassoLeaveGroupOut, "elastic_net": ElasticNetLeaveGroupOut, "ridge": RidgeLeaveGroupOut}[kind]
