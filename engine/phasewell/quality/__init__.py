"""Is this frame usable: brightness, saturation, focus, illumination, confluence."""

from __future__ import annotations

from phasewell.quality.metrics import FrameQuality, assess, confluence, confluence_of_cells
from phasewell.quality.verdicts import FLAGS, REJECT_REASONS, FrameVerdict, judge

__all__ = [
    "FLAGS",
    "REJECT_REASONS",
    "FrameQuality",
    "FrameVerdict",
    "assess",
    "confluence",
    "confluence_of_cells",
    "judge",
]
