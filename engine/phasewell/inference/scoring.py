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


@dataclass(frozen=True)
class ShownFrames:
    """Pictures of a batch as a network will see them, on the device, and what was done to its frames, in host memory.

    `pictures` (frames * windows, height, width) uint8; the other arrays as in `FrameScores`.
    """

    pictures: Any
    windows: int
    mean_v: NDArray[np.float64]
    too_bright: NDArray[np.bool_]
    adjustments: NDArray[np.float64]
    clipped_share: NDArray[np.float64]

    def take(self, part: slice) -> ShownFrames:
        """Return some frames that lie one after the other."""
        first, last, _ = part.indices(len(self.mean_v))
        pictures = self.pictures[first * self.windows : last * self.windows]
        arrays = (self.mean_v[part], self.too_bright[part], self.adjustments[part], self.clipped_share[part])
        return ShownFrames(pictures, self.windows, *arrays)


def show_frames(pixels: Any, framing: Framing, mode: Mode, device: Device) -> ShownFrames:
    """Return the pictures of frames (frames, height, width) uint8: only the part that the framing takes counts."""
    prepared = prepare_frames(framing.cut(device.put(pixels)), mode, device)
    sums, adjustments, clipped = (device.get(a) for a in (prepared.sums, prepared.adjustments, prepared.clipped))
    area = framing.area_px[0] * framing.area_px[1]
    return ShownFrames(
        pictures=framing.split(prepared.images),
        windows=framing.windows,
        mean_v=sums / area,
        too_bright=np.asarray(device.get(prepared.too_bright)),
        adjustments=adjustments / (GAIN_UNIT if mode == "gain" else 1),
        clipped_share=clipped / area,
    )


def score_shown(shown: ShownFrames, session: Session) -> FrameScores:
    """Return the scores of pictures; frames whose mean grey level lies above 230 are not shown to the network."""
    count = len(shown.mean_v)
    logits = np.full((count, len(session.card.classes)), np.nan, np.float32)
    dark = np.flatnonzero(~shown.too_bright)
    if len(dark):
        pictures = shown.pictures
        if len(dark) < count:
            chosen = (dark[:, None] * shown.windows + np.arange(shown.windows)).ravel()
            pictures = pictures[chosen]
        every = session.scores(pictures).reshape(len(dark), shown.windows, -1)
        logits[dark] = every.mean(1, dtype=np.float32)
    return FrameScores(shown.mean_v, shown.too_bright, shown.adjustments, shown.clipped_share, logits)


def score_frames(pixels: Any, session: Session, framing: Framing, mode: Mode, device: Device) -> FrameScores:
    """Score frames (frames, height, width) uint8: `show_frames`, then `score_shown`."""
    return score_shown(show_frames(pixels, framing, mode, device), session)


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities (frames, classes) float64 of logits; rows sum to 1, NaN rows stay NaN."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    powers = np.exp(shifted)
    probabilities: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return probabilities
