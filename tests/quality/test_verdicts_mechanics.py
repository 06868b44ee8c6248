"""Rules: what rejects, what only flags, limits, precedence, and numbers that do not exist."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.config import QualityConfig
from phasewell.errors import UsageError
from phasewell.frames import FrameBatch
from phasewell.quality import FLAGS, REJECT_REASONS, FrameQuality, FrameVerdict, assess, judge

OFF = QualityConfig(
    reject_mean_v_above=None,
    reject_blank=False,
    flag_saturated_fraction_above=None,
    flag_illumination_gradient_above=None,
    flag_confluence_above=None,
)


def one(value: float = 128, **numbers: float) -> FrameQuality:
    """Return the numbers of one ordinary frame, some of them changed."""
    usual: dict[str, float] = {
        "mean_v": value,
        "saturated_fraction": 0,
        "black_fraction": 0,
        "constant": False,
        "focus": 900,
        "blur_1": 1,
        "blur_2": 1,
        "blur_3": 1,
        "illumination_gradient": 5,
    }
    return FrameQuality(**{name: np.array([number]) for name, number in (usual | numbers).items()})


def verdict(
    quality: FrameQuality, confluence: float | None = None, config: QualityConfig | None = None
) -> FrameVerdict:
    covered = None if confluence is None else np.array([confluence])
    return judge(quality, covered, config or QualityConfig())[0]


@pytest.mark.parametrize(
    ("value", "reason"), [(0, "all_black"), (255, "all_white"), (77, "constant"), (240, "constant")]
)
def test_blank_frames(value: int, reason: str) -> None:
    quality = assess(FrameBatch(np.full((1, 20, 20), value, np.uint8), 1.0), "cpu")
    assert verdict(quality).reject_reason == reason
    wanted = "too_bright" if value > 230 else None
    assert verdict(quality, config=QualityConfig(reject_blank=False)).reject_reason == wanted


def test_mean_v_limit_is_strict() -> None:
    frame = np.full((100, 100), 230, np.uint8)
    frame[0, :2] = 229, 231  # not blank, mean exactly 230
    assert verdict(assess(FrameBatch(frame[None], 1.0), "cpu")).reject_reason is None
    frame[0, 0] = 230
    assert verdict(assess(FrameBatch(frame[None], 1.0), "cpu")).reject_reason == "too_bright"


@pytest.mark.parametrize(
    ("flag", "quality", "confluence", "rule"),
    [
        ("saturated", one(saturated_fraction=0.06), None, {"flag_saturated_fraction_above": 0.05}),
        ("dark", one(black_fraction=0.2), None, {"flag_black_fraction_above": 0.1}),
        ("out_of_focus", one(focus=3), None, {"flag_focus_below": 10}),
        ("blurred", one(blur_1=0.1), None, {"flag_blur_below": 0.2}),
        ("uneven_illumination", one(illumination_gradient=61), None, {"flag_illumination_gradient_above": 60}),
        ("confluent", one(), 0.95, {"flag_confluence_above": 0.9}),
    ],
)
def test_each_flag(flag: str, quality: FrameQuality, confluence: float | None, rule: dict[str, float]) -> None:
    assert verdict(quality, confluence, OFF.model_copy(update=rule)) == FrameVerdict(None, (flag,))
    assert verdict(quality, confluence, OFF) == FrameVerdict()
    assert verdict(one(), 0.5, OFF.model_copy(update=rule)) == FrameVerdict()


def test_flags_come_together_in_fixed_order() -> None:
    quality = one(saturated_fraction=0.5, focus=1, illumination_gradient=99)
    config = QualityConfig(flag_focus_below=10)
    assert verdict(quality, 0.99, config).flags == ("saturated", "out_of_focus", "uneven_illumination", "confluent")
    assert verdict(quality, None, config).flags == ("saturated", "out_of_focus", "uneven_illumination")


def test_a_limit_itself_passes() -> None:
    assert verdict(one(saturated_fraction=0.05, illumination_gradient=60), 0.9).flags == ()


def test_undefined_numbers_break_no_rule() -> None:
    quality = one(focus=np.nan, blur_1=np.nan, mean_v=np.nan)
    assert verdict(quality, np.nan, QualityConfig(flag_focus_below=10, flag_blur_below=1)) == FrameVerdict()


def test_one_verdict_per_frame() -> None:
    pixels = np.zeros((3, 30, 30), np.uint8)
    pixels[1] = np.arange(30)
    pixels[2] = 240
    pixels[2, 0, 0] = 200
    reasons = [v.reject_reason for v in judge(assess(FrameBatch(pixels, 1.0), "cpu"), None, QualityConfig())]
    assert reasons == ["all_black", None, "too_bright"]
    assert judge(assess(FrameBatch(pixels[:0], 1.0), "cpu"), None, QualityConfig()) == ()


def test_confluence_of_other_frames_is_refused() -> None:
    with pytest.raises(UsageError, match="2 confluences for 1 frames"):
        judge(one(), np.zeros(2), QualityConfig())


def test_names_are_unique() -> None:
    assert len(set(REJECT_REASONS + FLAGS)) == len(REJECT_REASONS) + len(FLAGS)
