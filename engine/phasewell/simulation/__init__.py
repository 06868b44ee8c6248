"""Synthetic plates with known truth: clones with a noisy link to their potency, donor lines of two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, so that importing this package stays cheap
_PUBLIC = {
    "Bulk": "phasewell.simulation.cultures",
    "Clone": "phasewell.simulation.cultures",
    "Line": "phasewell.simulation.cultures",
    "SimulationPlan": "phasewell.simulation.cultures",
    "draw_passages": "phasewell.simulation.passages",
    "drop_frame_touching": "phasewell.simulation.truth",
    "plan_from_truth": "phasewell.simulation.truth",
    "plan_lines": "phasewell.simulation.lines",
    "plan_plate": "phasewell.simulation.clones",
    "render_unit": "phasewell.simulation.rendering",
    "truth_document": "phasewell.simulation.truth",
}

__all__ = [
    "Bulk",
    "Clone",
    "Line",
    "SimulationPlan",
    "draw_passages",
    "drop_frame_touching",
    "plan_from_truth",
    "plan_lines",
    "plan_plate",
    "render_unit",
    "truth_document",
]

if TYPE_CHECKING:
    from phasewell.simulation.clones import plan_plate
    from phasewell.simulation.cultures import Bulk, Clone, Line, SimulationPlan
    from phasewell.simulation.lines import plan_lines
    from phasewell.simulation.passages import draw_passages
    from phasewell.simulation.rendering import render_unit
    from phasewell.simulation.truth import drop_frame_touching, plan_from_truth, truth_document

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
