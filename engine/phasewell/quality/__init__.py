"""Is this frame usable: brightness, saturation, focus, illumination, confluence."""

from __future__ import annotations

from phasewell.quality.metrics import (
    FrameQuality,
    FrameSums,
    assess,
    confluence,
    confluence_of_cells,
    finish_quality,
    make_sums,
)
from phasewell.quality.verdicts import FLAGS, REJECT_REASONS, FrameVerdict, judge

__all__ = [
    "FLAGS",
    "REJECT_REASONS",
    "FrameQuality",
    "FrameSums",
    "FrameVerdict",
    "assess",
    "confluence",
    "confluence_of_cells",
    "finish_quality",
    "judge",
    "make_sums",
]
