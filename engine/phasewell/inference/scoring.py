"""Frames through a session: the brightness rule, the pictures, the logits, and what was done to each frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.device import Device
from phasewell.inference.framing import Framing
from phasewell.inference.preparation import GAIN_UNIT, Mode, prepare_frames
from phasewell.inference.session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class FrameScores:
    """Scores of a batch, in host memory; frames that are too bright have NaN instead of logits.

    `mean_v` (frames,) float64 mean grey level before the adjustment, `too_bright` (frames,) bool, `adjustments`
    (frames,) float64 levels added in mode offset or the gain in mode gain, `clipped_share` (frames,) float64,
    `logits` (frames, classes) float32, the mean over a frame's windows.
    """

    mean_v: NDArray[np.float64]
    too_bright: NDArray[np.bool_]
    adjustments: NDArray[np.float64]
    clipped_share: NDArray[np.float64]
    logits: NDArray[np.float32]


def score_frames(pixels: Any, session: Session, framing: Framing, mode: Mode, device: Device) -> FrameScores:
    """Score frames (frames, height, width) uint8 on the device: only the part that the framing takes counts.

    Frames whose mean grey level lies above 230 are not shown to the network.
    """
    prepared = prepare_frames(framing.cut(device.put(pixels)), mode, device)
    sums, adjustments, clipped = (device.get(a) for a in (prepared.sums, prepared.adjustments, prepared.clipped))
    area = framing.area_px[0] * framing.area_px[1]
    too_bright = np.asarray(device.get(prepared.too_bright))
    logits = np.full((len(pixels), len(session.card.classes)), np.nan, np.float32)
    shown = np.flatnonzero(~too_bright)
    if len(shown):
        images = prepared.images if len(shown) == len(pixels) else prepared.images[shown]
        every = session.scores(framing.split(images)).reshape(len(shown), framing.windows, -1)
        logits[shown] = every.mean(1, dtype=np.float32)
    unit = GAIN_UNIT if mode == "gain" else 1
    return FrameScores(sums / area, too_bright, adjustments / unit, clipped / area, logits)


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities (frames, classes) float64 of logits; rows sum to 1, NaN rows stay NaN."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    powers = np.exp(shifted)
    probabilities: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return probabilities
