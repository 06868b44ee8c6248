"""Models of potency on profiles, and their honest validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, because scikit-learn is slow to import
_PUBLIC = {
    "Evaluation": "phasewell.potency.evaluation",
    "FieldSums": "phasewell.potency.field_sums",
    "LassoLeaveGroupOut": "phasewell.potency.lasso",
    "ModelGrid": "phasewell.potency.grid",
    "PotencyModel": "phasewell.potency.model",
    "ProfileStack": "phasewell.potency.field_sums",
    "ShuffleTest": "phasewell.potency.shuffle",
    "fit": "phasewell.potency.model",
    "fit_grid": "phasewell.potency.grid",
    "load_model": "phasewell.potency.storage",
    "permute_targets": "phasewell.potency.shuffle",
}

__all__ = [
    "Evaluation",
    "FieldSums",
    "LassoLeaveGroupOut",
    "ModelGrid",
    "PotencyModel",
    "ProfileStack",
    "ShuffleTest",
    "fit",
    "fit_grid",
    "load_model",
    "permute_targets",
]

if TYPE_CHECKING:
    from phasewell.potency.evaluation import Evaluation
    from phasewell.potency.field_sums import FieldSums, ProfileStack
    from phasewell.potency.grid import ModelGrid, fit_grid
    from phasewell.potency.lasso import LassoLeaveGroupOut
    from phasewell.potency.model import PotencyModel, fit
    from phasewell.potency.shuffle import ShuffleTest, permute_targets
    from phasewell.potency.storage import load_model

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
