"""The CNN input against OpenCV's resize, and against exact fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from phasewell.device import Device
from phasewell.inference import prepare_frames, scale_images

ENGINES = (Device("cpu", "kernels"), Device("cpu", "arrays"))

# cv2.resize(SMALL, (3, 2), interpolation=cv2.INTER_LINEAR) of opencv-python-headless 5.0.0
SMALL = np.array([[(37 * y * y + 61 * x + 17 * x * y) % 256 for x in range(12)] for y in range(8)], np.uint8)
RESIZED = [[158, 184, 146], [144, 58, 164]]


def quarter(pixels: Any) -> Any:
    """Return the resize alone: frames whose mean is 130 already are not adjusted."""
    assert pixels.mean() == 130
    fused, specified = (prepare_frames(pixels[None], "offset", device).images[0] for device in ENGINES)
    np.testing.assert_array_equal(fused, specified)
    return fused


def centred(pixels: Any) -> Any:
    """Return the picture with its lowest row changed so that the mean is 130; the last rows of a square never count."""
    out = pixels.astype(np.int64)
    missing = 130 * out.size - out.sum()
    for at in np.ndindex(out[3::4].shape):
        step = int(np.clip(missing, -out[3::4][at], 255 - out[3::4][at]))
        out[3::4][at] += step
        missing -= step
    assert missing == 0
    return out.astype(np.uint8)


def test_resize_equals_recorded_values() -> None:
    assert quarter(centred(SMALL)).tolist() == RESIZED


@pytest.mark.parametrize("shape", [(4, 4), (8, 12), (64, 40), (904, 1224)])
def test_resize_equals_opencv(shape: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed")
    pixels = centred(np.random.default_rng(1).integers(90, 171, shape, np.uint8))
    size = (shape[1] // 4, shape[0] // 4)
    np.testing.assert_array_equal(quarter(pixels), cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))


@pytest.mark.parametrize("seed", range(8))
def test_adjustment_equals_fractions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, rng.integers(2, 257), (8, 8), np.uint8)
    mean = Fraction(int(pixels.sum()), 64)
    shift = floor(130 - mean + Fraction(1, 2))
    gain = Fraction(floor(130 / mean * 65536 + Fraction(1, 2)), 65536)
    for device, (mode, adjustment, levels) in itertools.product(
        ENGINES,
        (
            ("offset", shift, [int(p) + shift for p in pixels.ravel()]),
            ("gain", gain * 65536, [floor(int(p) * gain + Fraction(1, 2)) for p in pixels.ravel()]),
        ),
    ):
        found = prepare_frames(pixels[None], mode, device)  # type: ignore[arg-type]
        clipped = np.clip(levels, 0, 255)
        centres = clipped.reshape(2, 4, 2, 4)[:, 1:3, :, 1:3].sum(axis=(1, 3))
        assert (int(found.sums[0]), int(found.adjustments[0])) == (pixels.sum(), adjustment)
        assert int(found.clipped[0]) == sum(level not in range(256) for level in levels)
        assert float(found.clipped_share[0]) == int(found.clipped[0]) / 64
        np.testing.assert_array_equal(found.images[0], (centres + 2) // 4)


def test_scale_is_the_weights_own() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    exact = (images[:, None] / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(scale_images(images, mean, std, "cpu"), exact, rtol=2e-6, atol=2e-7)
    plain = scale_images(images, device="cpu")
    assert plain.dtype == np.float32
    assert (plain.min(), plain.max(), plain.shape) == (0, 1, (1, 1, 16, 16))
