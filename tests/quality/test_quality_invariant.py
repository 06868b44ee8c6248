"""Quality numbers do not depend on the batch, nor on how the frame lies where the definition does not."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from phasewell.frames import FrameBatch
from phasewell.quality import FrameQuality, assess, metrics


def numbers(quality: FrameQuality) -> list[bytes]:
    return [getattr(quality, field.name).tobytes() for field in fields(quality)]


@pytest.mark.parametrize("shape", [(5, 40, 41), (3, 1, 9), (2, 33, 8), (4, 1, 1)])
def test_batch_equals_single_frames(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    whole = assess(FrameBatch(pixels, 1.0), "cpu")
    for k in range(len(pixels)):
        alone = assess(FrameBatch(pixels[k : k + 1], 1.0), "cpu")
        for field in fields(whole):
            assert getattr(whole, field.name)[k : k + 1].tobytes() == getattr(alone, field.name).tobytes(), field.name


def test_many_frames_at_once_give_the_sums_of_single_ones() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (6, 21, 35), np.uint8)
    at_once = metrics._sum_frames(pixels, np)
    for k in range(len(pixels)):
        for name, values in metrics._sum_frames(pixels[k : k + 1], np).items():
            assert np.array_equal(at_once[name][k : k + 1], values), name


def test_mirror_images() -> None:
    """With sides that are multiples of 8, all boxes and bands map onto boxes and bands."""
    pixels = np.random.default_rng(2).integers(0, 256, (2, 48, 64), np.uint8)
    wanted = numbers(assess(FrameBatch(pixels, 1.0), "cpu"))
    for turned in (pixels[:, ::-1], pixels[:, :, ::-1], pixels.transpose(0, 2, 1)):
        assert numbers(assess(FrameBatch(np.ascontiguousarray(turned), 1.0), "cpu")) == wanted


def test_an_offset_moves_only_the_brightness() -> None:
    pixels = np.random.default_rng(3).integers(20, 200, (1, 50, 50), np.uint8)
    here, there = assess(FrameBatch(pixels, 1.0), "cpu"), assess(FrameBatch(pixels + np.uint8(31), 1.0), "cpu")
    assert there.mean_v[0] == pytest.approx(here.mean_v[0] + 31, rel=1e-14)
    for name in ("focus", "blur_1", "blur_2", "blur_3"):
        assert getattr(here, name).tobytes() == getattr(there, name).tobytes()


def test_extreme_contrast_does_not_overflow() -> None:
    """A checkerboard of 0 and 255 has the largest Laplacian, stripes of 8 px the largest coarse boxes."""
    side = 1024
    y, x = np.mgrid[:side, :side]
    board = (255 * ((y + x) % 2)).astype(np.uint8)
    stripes = (255 * (x // 8 % 2)).astype(np.uint8)
    quality = assess(FrameBatch(np.stack([board, stripes]), 1.0), "cpu")
    assert quality.focus[0] == 1020.0**2
    assert quality.blur_1[0] == np.inf or np.isnan(quality.blur_1[0])  # coarser boxes are all alike
    steps = side // 8 - 1
    fine = Energy(steps * side, 2 * side * (side - 1)).mean * 255**2
    coarse = Energy(steps * side // 8, 2 * (side // 8) * (side // 8 - 1)).mean * 255**2
    ratios = quality.blur_1[1] * quality.blur_2[1] * quality.blur_3[1]
    assert ratios == pytest.approx(fine / coarse, rel=1e-12)


class Energy:
    """Share of neighbouring boxes that differ."""

    def __init__(self, changes: int, pairs: int) -> None:
        self.mean = changes / pairs
