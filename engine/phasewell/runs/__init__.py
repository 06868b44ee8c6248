"""Plan, task, commit: the only layer that knows both files and compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, so that importing this package stays cheap
_PUBLIC = {
    "FitChoice": "phasewell.runs.finished.study",
    "InterruptedRunError": "phasewell.runs.interruption",
    "Plan": "phasewell.runs.planning.run_plan",
    "RunResult": "phasewell.runs.folder.run_result",
    "fit_model_grid": "phasewell.runs.finished.gridding",
    "fit_models": "phasewell.runs.finished.fitting",
    "measure_agreement": "phasewell.runs.finished.agreement",
    "plan": "phasewell.runs.planning.run_plan",
    "plate_of": "phasewell.runs.folder.documents",
    "predict_wells": "phasewell.runs.finished.applying",
    "profile": "phasewell.runs.finished.run_profile",
    "quantise_on_plate": "phasewell.runs.learning.quantising",
    "run": "phasewell.runs.driver",
    "simulate": "phasewell.runs.simulated_plates",
    "simulate_lines": "phasewell.runs.simulated_plates",
    "status": "phasewell.runs.watching.monitor",
    "train_model": "phasewell.runs.learning.training",
    "watch": "phasewell.runs.watching.monitor",
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
    from phasewell.runs.driver import run
    from phasewell.runs.finished.run_profile import profile
    from phasewell.runs.finished.study import FitChoice
    from phasewell.runs.folder.run_result import RunResult
    from phasewell.runs.interruption import InterruptedRunError
    from phasewell.runs.learning.quantising import quantise_on_plate
    from phasewell.runs.learning.training import train_model
    from phasewell.runs.planning.run_plan import Plan, plan
    from phasewell.runs.watching.monitor import status, watch

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
