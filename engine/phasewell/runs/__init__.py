"""Plan, task, commit: the only layer that knows both files and compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, so that importing this package stays cheap
_PUBLIC = {
    "FitChoice": "phasewell.runs.study",
    "InterruptedRunError": "phasewell.runs.interruption",
    "Plan": "phasewell.runs.planning",
    "RunResult": "phasewell.runs.driver",
    "fit_model_grid": "phasewell.runs.gridding",
    "fit_models": "phasewell.runs.fitting",
    "measure_agreement": "phasewell.runs.agreement",
    "plan": "phasewell.runs.planning",
    "plate_of": "phasewell.runs.origin",
    "predict_wells": "phasewell.runs.applying",
    "profile": "phasewell.runs.run_profile",
    "quantise_on_plate": "phasewell.runs.quantising",
    "run": "phasewell.runs.driver",
    "simulate": "phasewell.runs.simulated_plates",
    "simulate_lines": "phasewell.runs.simulated_plates",
    "status": "phasewell.runs.monitor",
    "train_model": "phasewell.runs.training",
    "watch": "phasewell.runs.monitor",
}

__all__ = [
    "FitChoice",
    "InterruptedRunError",
    "Plan",
    "RunResult",
    "fit_model_grid",
    "fit_models",
    "measure_agreement",
    "plan",
    "plate_of",
    "predict_wells",
    "profile",
    "quantise_on_plate",
    "run",
    "simulate",
    "simulate_lines",
    "status",
    "train_model",
    "watch",
]

if TYPE_CHECKING:
    from phasewell.runs.driver import RunResult, run
    from phasewell.runs.interruption import InterruptedRunError
    from phasewell.runs.monitor import status, watch
    from phasewell.runs.planning import Plan, plan
    from phasewell.runs.quantising import quantise_on_plate
    from phasewell.runs.run_profile import profile
    from phasewell.runs.study import FitChoice
    from phasewell.runs.training import train_model

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
