"""The truth of a simulated plate as a document, and its label images made fit for the descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError
from phasewell.simulation import difficulty
from phasewell.simulation.clones import SimulationPlan, plan_plate

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIMULATION_VERSION = 1  # rises when the same seed gives other frames or another truth


def truth_document(plan: SimulationPlan) -> dict[str, Any]:
    """Return what the plate was made from and what is true of each clone; JSON-able, `plan_from_truth` reads it."""
    return {
        "simulation_version": SIMULATION_VERSION,
        "arguments": {
            "clones": len(plan.clones),
            "fields": plan.n_fields,
            "times": len(plan.times_h),
            "seed": plan.seed,
            "frame_shape": list(plan.frame_shape),
            "pixel_size_um": plan.pixel_size_um,
        },
        "link": {
            "potency_weights": list(difficulty.POTENCY_WEIGHTS),
            "noise_sd_passages": difficulty.LINK_NOISE_SD,
            "r2_before_rounding": round(1 - (difficulty.LINK_NOISE_SD / difficulty.POTENCY_SD) ** 2, 3),
        },
        "clones": [clone.to_dict() for clone in plan.clones],
    }


def plan_from_truth(document: dict[str, Any], source: str) -> SimulationPlan:
    """Return the plan that made a plate; `source` names the file in errors.

    Raises InputError when the document is damaged or was written by a version that drew other plates.
    """
    remedy = "simulate the plate again into a new folder"
    if document.get("simulation_version") != SIMULATION_VERSION:
        found = document.get("simulation_version")
        raise InputError(f"{source}: simulation version {found}, expected {SIMULATION_VERSION}; {remedy}")
    try:
        arguments = dict(document["arguments"])
        height, width = arguments.pop("frame_shape")
        plan = plan_plate(frame_shape=(height, width), **arguments)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{source}: not the truth of a simulated plate ({error}); {remedy}") from error
    if truth_document(plan) != document:
        raise InputError(f"{source}: its clones are not those of seed {plan.seed}; {remedy}")
    return plan


def drop_frame_touching(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return labels (frames, height, width) without the cells cut by the frame, as segmentation's last step does."""
    kept = np.zeros_like(labels)
    for frame, out in zip(labels, kept, strict=True):
        keep = np.ones(int(frame.max(initial=0)) + 1, bool)
        for edge in (frame[0], frame[-1], frame[:, 0], frame[:, -1]):
            keep[edge] = False
        np.multiply(frame, keep[frame], out=out)
    return kept
