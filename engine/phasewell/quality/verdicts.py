"""Rules on quality numbers: which frames are taken out, which are marked, and for what reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phasewell.config import QualityConfig
from phasewell.errors import UsageError
from phasewell.quality.metrics import FrameQuality

if TYPE_CHECKING:
    from numpy.typing import NDArray

REJECT_REASONS = ("all_black", "all_white", "constant", "too_bright")
FLAGS = ("saturated", "dark", "out_of_focus", "blurred", "uneven_illumination", "confluent")


@dataclass(frozen=True)
class FrameVerdict:
    """What the rules say of one frame.

    `reject_reason` is one of REJECT_REASONS or None: such a frame is quarantined and enters no number.
    `flags` are of FLAGS, in that order: such a frame is used, and the mark stays beside its numbers.
    """

    reject_reason: str | None = None
    flags: tuple[str, ...] = ()


def judge(
    quality: FrameQuality, confluence: NDArray[np.float64] | None, config: QualityConfig
) -> tuple[FrameVerdict, ...]:
    """Return one verdict per frame; a limit itself still passes, and an undefined number breaks no rule.

    `confluence` (frames,) is None before segmentation, when its rule cannot speak yet.
    Of several reasons the most specific is given: a white frame is all_white, not too_bright.
    Raises UsageError when the numbers of frames differ.
    """
    if confluence is not None and len(confluence) != len(quality):
        raise UsageError(f"{len(confluence)} confluences for {len(quality)} frames: expected one per frame")
    broken = _find_broken(quality, confluence, config)
    return tuple(
        FrameVerdict(_find_reason(quality, i, config), tuple(flag for flag, frames in broken if frames[i]))
        for i in range(len(quality))
    )


def _find_reason(quality: FrameQuality, i: int, config: QualityConfig) -> str | None:
    if config.reject_blank and quality.constant[i]:
        if quality.black_fraction[i] == 1:
            return "all_black"
        return "all_white" if quality.saturated_fraction[i] == 1 else "constant"
    return "too_bright" if _above(quality.mean_v[i], config.reject_mean_v_above) else None


def _find_broken(
    quality: FrameQuality, confluence: NDArray[np.float64] | None, config: QualityConfig
) -> list[tuple[str, list[bool]]]:
    """Return the flags whose rule some frame breaks, each with what it says of every frame."""
    nothing = np.full(len(quality), np.nan)
    broken = {
        "saturated": _exceed(quality.saturated_fraction, config.flag_saturated_fraction_above),
        "dark": _exceed(quality.black_fraction, config.flag_black_fraction_above),
        "out_of_focus": _fall_below(quality.focus, config.flag_focus_below),
        "blurred": _fall_below(quality.blur_1, config.flag_blur_below),
        "uneven_illumination": _exceed(quality.illumination_gradient, config.flag_illumination_gradient_above),
        "confluent": _exceed(nothing if confluence is None else confluence, config.flag_confluence_above),
    }
    return [(flag, broken[flag].tolist()) for flag in FLAGS if broken[flag].any()]


def _exceed(values: NDArray[np.float64], limit: float | None) -> NDArray[np.bool_]:
    return np.zeros(len(values), np.bool_) if limit is None else values > limit  # False for NaN


def _fall_below(values: NDArray[np.float64], limit: float | None) -> NDArray[np.bool_]:
    return np.zeros(len(values), np.bool_) if limit is None else values < limit


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and bool(value > limit)  # False for NaN
