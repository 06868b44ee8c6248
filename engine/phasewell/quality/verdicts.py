"""Rules on quality numbers: which frames are taken out, which are marked, and for what reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from phasewell.config import QualityConfig
from phasewell.errors import UsageError
from phasewell.quality.metrics import FrameQuality

if TYPE_CHECKING:
    import numpy as np
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
    verdicts = []
    for i in range(len(quality)):
        covered = None if confluence is None else float(confluence[i])
        verdicts.append(FrameVerdict(_find_reason(quality, i, config), _find_flags(quality, i, covered, config)))
    return tuple(verdicts)


def _find_reason(quality: FrameQuality, i: int, config: QualityConfig) -> str | None:
    if config.reject_blank and quality.constant[i]:
        if quality.black_fraction[i] == 1:
            return "all_black"
        return "all_white" if quality.saturated_fraction[i] == 1 else "constant"
    return "too_bright" if _above(quality.mean_v[i], config.reject_mean_v_above) else None


def _find_flags(quality: FrameQuality, i: int, confluence: float | None, config: QualityConfig) -> tuple[str, ...]:
    broken = {
        "saturated": _above(quality.saturated_fraction[i], config.flag_saturated_fraction_above),
        "dark": _above(quality.black_fraction[i], config.flag_black_fraction_above),
        "out_of_focus": _below(quality.focus[i], config.flag_focus_below),
        "blurred": _below(quality.blur_1[i], config.flag_blur_below),
        "uneven_illumination": _above(quality.illumination_gradient[i], config.flag_illumination_gradient_above),
        "confluent": confluence is not None and _above(confluence, config.flag_confluence_above),
    }
    return tuple(flag for flag in FLAGS if broken[flag])


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and bool(value > limit)  # False for NaN


def _below(value: float, limit: float | None) -> bool:
    return limit is not None and bool(value < limit)
