"""What the preparation of frames refuses, and what it says about frames that are too bright or too dark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell.errors import UsageError
from phasewell.inference import prepare_frames, scale_images


@pytest.mark.parametrize("shape", [(1, 1000, 1001), (1, 6, 4), (1, 0, 4), (0, 4, 0), (2, 1, 1)])
def test_sides_must_divide_by_four(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"crop to \d+ x \d+ px"):
        prepare_frames(np.zeros(shape, np.uint8), "offset", "cpu")


def test_modes_have_names() -> None:
    mode: Any = "multiply"
    with pytest.raises(UsageError, match="expected offset or gain"):
        prepare_frames(np.zeros((1, 4, 4), np.uint8), mode, "cpu")


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.0,), (0.0,)), ((0.0,), (-1.0,)), ((0.0, 0.0), (1.0,)), ((), ()), ((np.nan,), (1.0,)), ((1e-30,), (1.0,))],
)
def test_scales_must_be_positive(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="expected 2"):
        scale_images(np.zeros((1, 1, 1), np.uint8), mean, std, "cpu")


def test_no_frames_are_no_pictures() -> None:
    prepared = prepare_frames(np.zeros((0, 8, 12), np.uint8), "gain", "cpu")
    assert prepared.images.shape == (0, 2, 3)
    assert scale_images(prepared.images, device="cpu").shape == (0, 1, 2, 3)


def test_the_limit_of_brightness_is_strict() -> None:
    pixels = np.full((2, 4, 4), 230, np.uint8)
    pixels[1, 0, 0] = 231
    assert prepare_frames(pixels, "offset", "cpu").too_bright.tolist() == [False, True]


def test_black_frames_stay_black_in_mode_gain() -> None:
    prepared = prepare_frames(np.zeros((1, 4, 4), np.uint8), "gain", "cpu")
    assert (prepared.images[0, 0, 0], prepared.adjustments[0], prepared.clipped[0]) == (0, 65536, 0)
