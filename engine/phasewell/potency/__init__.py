"""Models of potency on profiles, and their honest validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, because scikit-learn is slow to import
_PUBLIC = {
    "Assessment": "phasewell.potency.assessment",
    "Economy": "phasewell.potency.economy",
    "Evaluation": "phasewell.potency.evaluation",
    "FieldSums": "phasewell.potency.field_sums",
    "LassoLeaveGroupOut": "phasewell.potency.lasso",
    "LearningCurve": "phasewell.potency.learning_curve",
    "ModelGrid": "phasewell.potency.grid",
    "ModelStructure": "phasewell.potency.structure",
    "PotencyModel": "phasewell.potency.model",
    "Prediction": "phasewell.potency.evaluation",
    "ProfileStack": "phasewell.potency.field_sums",
    "ShuffleTest": "phasewell.potency.shuffle",
    "StabilitySelection": "phasewell.potency.structure",
    "assess": "phasewell.potency.assessment",
    "best_baseline": "phasewell.potency.baselines",
    "compare_windows": "phasewell.potency.structure",
    "demonstrate_row_folds": "phasewell.potency.resampling",
    "draw_fields": "phasewell.potency.field_sums",
    "evaluate_as_paper": "phasewell.potency.optimistic",
    "evaluate_baselines": "phasewell.potency.baselines",
    "find_economy": "phasewell.potency.economy",
    "fit": "phasewell.potency.model",
    "fit_grid": "phasewell.potency.grid",
    "learning_curve": "phasewell.potency.learning_curve",
    "leave_out_models": "phasewell.potency.resampling",
    "load_model": "phasewell.potency.storage",
    "noise_floor": "phasewell.potency.resampling",
    "permute_targets": "phasewell.potency.shuffle",
    "rmse_difference": "phasewell.potency.resampling",
    "rmse_interval": "phasewell.potency.resampling",
    "select_stable": "phasewell.potency.structure",
    "stack_rows": "phasewell.potency.resampling",
}

__all__ = [
    "Assessment",
    "Economy",
    "Evaluation",
    "FieldSums",
    "LassoLeaveGroupOut",
    "LearningCurve",
    "ModelGrid",
    "ModelStructure",
    "PotencyModel",
    "Prediction",
    "ProfileStack",
    "ShuffleTest",
    "StabilitySelection",
    "assess",
    "best_baseline",
    "compare_windows",
    "demonstrate_row_folds",
    "draw_fields",
    "evaluate_as_paper",
    "evaluate_baselines",
    "find_economy",
    "fit",
    "fit_grid",
    "learning_curve",
    "leave_out_models",
    "load_model",
    "noise_floor",
    "permute_targets",
    "rmse_difference",
    "rmse_interval",
    "select_stable",
    "stack_rows",
]

if TYPE_CHECKING:
    from phasewell.potency.assessment import Assessment, assess
    from phasewell.potency.baselines import best_baseline, evaluate_baselines
    from phasewell.potency.economy import Economy, find_economy
    from phasewell.potency.evaluation import Evaluation, Prediction
    from phasewell.potency.field_sums import FieldSums, ProfileStack, draw_fields
    from phasewell.potency.grid import ModelGrid, fit_grid
    from phasewell.potency.lasso import LassoLeaveGroupOut
    from phasewell.potency.learning_curve import LearningCurve, learning_curve
    from phasewell.potency.model import PotencyModel, fit
    from phasewell.potency.optimistic import evaluate_as_paper
    from phasewell.potency.resampling import (
        demonstrate_row_folds,
        leave_out_models,
        noise_floor,
        rmse_difference,
        rmse_interval,
        stack_rows,
    )
    from phasewell.potency.shuffle import ShuffleTest, permute_targets
    from phasewell.potency.storage import load_model
    from phasewell.potency.structure import ModelStructure, StabilitySelection, compare_windows, select_stable

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
