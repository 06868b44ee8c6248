"""phasewell: from a plate of raw phase-contrast frames to a potency prediction, with the same numbers everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

__version__ = "0.1.0"

# public name -> module that defines it; loaded on first use, so that importing phasewell stays cheap
_PUBLIC = {
    "Device": "phasewell.device",
    "FrameBatch": "phasewell.frames",
    "Plate": "phasewell.plate",
    "describe": "phasewell.descriptors",
    "fit": "phasewell.potency",
    "open_plate": "phasewell.images",
    "profile": "phasewell.runs",
    "run": "phasewell.runs",
    "segment": "phasewell.segmentation",
    "simulate": "phasewell.runs",
}

__all__ = [
    "Device",
    "FrameBatch",
    "Plate",
    "describe",
    "fit",
    "open_plate",
    "profile",
    "run",
    "segment",
    "simulate",
]

if TYPE_CHECKING:
    from phasewell.device import Device
    from phasewell.frames import FrameBatch
    from phasewell.plate import Plate

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
