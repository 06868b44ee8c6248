"""Quality numbers against their definitions, computed by SciPy and by exact fractions on small frames."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from phasewell.frames import FrameBatch
from phasewell.quality import FrameQuality, assess, confluence
from scipy import ndimage

LAPLACIAN = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])


def assess_frame(frame: np.ndarray) -> FrameQuality:
    return assess(FrameBatch(np.ascontiguousarray(frame[None]), 1.0), "cpu")


def noise(seed: int, shape: tuple[int, int], low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.uint8)


def ratio(numerator: Fraction, denominator: Fraction) -> float:
    return float(numerator / denominator) if denominator else np.nan


def mean_energy(boxes: list[list[Fraction]]) -> Fraction:
    """Return the mean squared difference of boxes side by side or one above the other, 0 without any."""
    across = [(b - a) ** 2 for row in boxes for a, b in itertools.pairwise(row)]
    down = [(b - a) ** 2 for one, two in itertools.pairwise(boxes) for a, b in zip(one, two, strict=True)]
    return sum(across + down, Fraction(0)) / max(len(across + down), 1)


def halve(boxes: list[list[Fraction]]) -> list[list[Fraction]]:
    height, width = len(boxes) // 2, (len(boxes[0]) // 2 if boxes else 0)
    return [
        [sum(boxes[2 * y + dy][2 * x + dx] for dy in (0, 1) for dx in (0, 1)) / 4 for x in range(width)]
        for y in range(height)
    ]


@pytest.mark.parametrize("shape", [(40, 40), (17, 33), (3, 50), (64, 9)])
def test_focus_is_the_variance_of_the_laplacian(shape: tuple[int, int]) -> None:
    frame = noise(1, shape)
    response = ndimage.correlate(frame.astype(np.int64), LAPLACIAN)[1:-1, 1:-1]
    assert assess_frame(frame).focus[0] == pytest.approx(response.var(), rel=1e-12)


@pytest.mark.parametrize("shape", [(40, 40), (17, 33), (16, 16), (9, 70)])
def test_blur_ratios_from_fractions(shape: tuple[int, int]) -> None:
    frame = noise(2, shape)
    boxes = [[Fraction(int(v)) for v in row] for row in frame]
    quality = assess_frame(frame)
    for level in (1, 2, 3):
        coarse = halve(boxes)
        found = getattr(quality, f"blur_{level}")[0]
        assert found == pytest.approx(ratio(mean_energy(boxes), mean_energy(coarse)), rel=1e-15, nan_ok=True)
        boxes = coarse


def test_blurring_lowers_focus_and_the_first_ratio() -> None:
    frame = noise(3, (200, 200)).astype(float)
    structure = ndimage.gaussian_filter(frame, 1.5)
    structure = (structure - structure.min()) * 250 / np.ptp(structure)
    focus, blur = [], []
    for sigma in (0.0, 1.0, 2.0, 4.0):
        quality = assess_frame(np.rint(ndimage.gaussian_filter(structure, sigma)).astype(np.uint8))
        focus.append(quality.focus[0])
        blur.append(quality.blur_1[0])
    assert focus == sorted(focus, reverse=True)
    assert blur[:3] == sorted(blur[:3], reverse=True)
    assert blur[2] < 0.3
    assert assess_frame(noise(3, (200, 200))).blur_1[0] == pytest.approx(4, rel=0.05)  # white noise
    assert assess_frame(np.tile(np.arange(200, dtype=np.uint8), (200, 1))).blur_1[0] == pytest.approx(0.25, rel=0.05)


def test_brightness_and_extremes() -> None:
    frame = np.full((10, 30), 100, np.uint8)
    frame[:3] = 255
    frame[9] = 0
    quality = assess_frame(frame)
    assert quality.mean_v[0] == (90 * 255 + 180 * 100) / 300
    assert quality.saturated_fraction[0] == 0.3
    assert quality.black_fraction[0] == 0.1
    assert not quality.constant[0]


@pytest.mark.parametrize("turned", [False, True])
def test_illumination_gradient_of_a_tilt(turned: bool) -> None:
    """A ramp from 40 to 199 over 160 columns: bands of 20 columns, so the outer means are 140 levels apart."""
    frame = np.tile(np.arange(40, 200, dtype=np.uint8), (64, 1))
    assert assess_frame(frame.T if turned else frame).illumination_gradient[0] == 140


def test_illumination_gradient_of_a_dark_rim() -> None:
    y, x = np.mgrid[-1:1:200j, -1:1:200j]
    frame = np.rint(200 - 40 * (x * x + y * y)).astype(np.uint8)
    assert 25 < assess_frame(frame).illumination_gradient[0] < 40


def test_illumination_gradient_hardly_sees_cells() -> None:
    frame = noise(4, (400, 400), 100, 140)
    for k in range(20):
        top, left = (int(v) for v in np.random.default_rng(k).integers(0, 360, 2))
        frame[top : top + 30, left : left + 30] = 220
    assert assess_frame(frame).illumination_gradient[0] < 40


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 3), (5, 2)])
def test_tiny_frames(shape: tuple[int, int]) -> None:
    quality = assess_frame(noise(5, shape))
    frame = noise(5, shape)
    assert quality.mean_v[0] == pytest.approx(frame.mean(), rel=1e-15)
    assert quality.constant[0] == (frame.min() == frame.max())
    assert np.isnan(quality.focus[0]) == (min(shape) < 3)
    rows, columns = frame.mean(axis=1), frame.mean(axis=0)
    assert quality.illumination_gradient[0] == pytest.approx(max(np.ptp(rows), np.ptp(columns)), rel=1e-14)
    assert np.isnan(quality.blur_3[0])


def test_confluence_is_the_covered_share() -> None:
    labels = np.zeros((3, 10, 20), np.int32)
    labels[1, :5], labels[1, 5:, :10] = 3, 8
    labels[2] = 1
    assert confluence(labels).tolist() == [0.0, 0.75, 1.0]
    assert confluence(labels[:0]).shape == (0,)
    assert np.isnan(confluence(labels[:, :0])).all()
