"""The truth of a simulated plate as a document, and its label images made fit for the descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError
from phasewell.simulation import difficulty
from phasewell.simulation.clones import plan_plate
from phasewell.simulation.cultures import SimulationPlan
from phasewell.simulation.lines import plan_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIMULATION_VERSION = 1  # rises when the same seed gives other frames or another truth


def truth_document(plan: SimulationPlan) -> dict[str, Any]:
    """Return what the plate was made from and what is true of each clone; JSON-able, `plan_from_truth` reads it."""
    head = {"simulation_version": SIMULATION_VERSION, "arguments": plan.arguments}
    if plan.lines:
        link = {
            "rapid_share": difficulty.RAPID_SHARE,
            "rapid_share_sd_ln": difficulty.RAPID_SHARE_SD,
            "field_rapid_share_sd_ln": difficulty.FIELD_RAPID_SHARE_SD,
            "rapid_ln": difficulty.RAPID._asdict(),
        }
        return head | {"link": link, "lines": [line.to_dict() for line in plan.lines]}
    link = {
        "potency_weights": list(difficulty.POTENCY_WEIGHTS),
        "noise_sd_passages": difficulty.LINK_NOISE_SD,
        "r2_before_rounding": round(1 - (difficulty.LINK_NOISE_SD / difficulty.POTENCY_SD) ** 2, 3),
    }
    found = head | {"link": link, "clones": [clone.to_dict() for clone in plan.clones]}
    return found | ({"bulk": [bulk.to_dict() for bulk in plan.bulk]} if plan.bulk else {})


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
        make = plan_lines if "lines" in arguments else plan_plate
        plan = make(frame_shape=(height, width), **arguments)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{source}: not the truth of a simulated plate ({error}); {remedy}") from error
    if truth_document(plan) != document:
        raise InputError(f"{source}: its cultures are not those of seed {plan.seed}; {remedy}")
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
