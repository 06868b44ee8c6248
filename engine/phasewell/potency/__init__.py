"""Models of potency on profiles, and their honest validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, because scikit-learn is slow to import
_PUBLIC = {
    "Evaluation": "phasewell.potency.evaluation",
    "LassoLeaveGroupOut": "phasewell.potency.lasso",
    "PotencyModel": "phasewell.potency.model",
    "ShuffleTest": "phasewell.potency.shuffle",
    "fit": "phasewell.potency.model",
    "load_model": "phasewell.potency.storage",
    "permute_targets": "phasewell.potency.shuffle",
}

__all__ = [
    "Evaluation",
    "LassoLeaveGroupOut",
    "PotencyModel",
    "ShuffleTest",
    "fit",
    "load_model",
    "permute_targets",
]

if TYPE_CHECKING:
    from phasewell.potency.evaluation import Evaluation
    from phasewell.potency.lasso import LassoLeaveGroupOut
    from phasewell.potency.model import PotencyModel, fit
    from phasewell.potency.shuffle import ShuffleTest, permute_targets
    from phasewell.potency.storage import load_model

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
