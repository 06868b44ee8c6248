"""phasewell: from a plate of raw phase-contrast frames to a potency prediction, with the same numbers everywhere."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'phasewell' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
