"""The CNN input of the kernels equals the array specification, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import phasewell.demo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from phasewell.device import Device
from phasewell.inference import prepare_frames, scale_images
from phasewell_kernels import cpu
from PIL import Image

ARRAYS = Device("cpu", "arrays")
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def available() -> list[str]:
    found = ["plain"]
    for name in ("avx2", "avx512"):
        try:
            cpu.cnn_input(np.empty((0, 4, 4), np.uint8), "gain", np.empty((0, 1, 1), np.uint8), integers(0), 1, name)
        except ValueError:
            continue
        found.append(name)
    return found


def integers(frames: int) -> Any:
    return np.full((frames, cpu.INPUT_INTEGERS), -1, np.int64)


SETS = available()
both_modes = pytest.mark.parametrize("mode", ["offset", "gain"])


def check(pixels: Any, mode: Any) -> None:
    expected = prepare_frames(pixels, mode, ARRAYS)
    scaled = scale_images(expected.images, MEANS, DEVIATIONS, "cpu")
    n, height, width = expected.images.shape
    for name in SETS:
        for threads in (1, 2):
            images, numbers = np.full_like(expected.images, 77), integers(len(pixels))
            cpu.cnn_input(pixels, mode, images, numbers, threads, name)
            np.testing.assert_array_equal(images, expected.images)
            np.testing.assert_array_equal(numbers[:, 0], expected.sums)
            np.testing.assert_array_equal(numbers[:, 1], expected.adjustments)
            np.testing.assert_array_equal(numbers[:, 2], expected.clipped)
            out = np.full((n, 3, height, width), np.nan, np.float32)
            cpu.scale_images(images, np.float32(MEANS), np.float32(DEVIATIONS), out, threads, name)
            assert out.tobytes() == scaled.tobytes()


def shapes() -> st.SearchStrategy[tuple[int, ...]]:
    side = st.integers(1, 20).map(lambda quarter: 4 * quarter)
    return st.tuples(st.integers(0, 3), side, side)


@both_modes
@settings(max_examples=25)
@given(pixels=hnp.arrays(np.uint8, shapes()))
def test_any_frames(mode: str, pixels: Any) -> None:
    check(pixels, mode)


@both_modes
@pytest.mark.parametrize("level", [0, 1, 2, 3, 127, 128, 129, 130, 131, 254, 255])
@pytest.mark.parametrize("spread", [0, 1, 90])
def test_every_brightness(mode: str, level: int, spread: int) -> None:
    noise = np.random.default_rng(level).integers(-spread, spread + 1, (2, 12, 72))
    check(np.clip(noise + level, 0, 255).astype(np.uint8), mode)


@both_modes
def test_one_bright_pixel_in_a_black_frame(mode: str) -> None:
    pixels = np.zeros((2, 64, 64), np.uint8)
    pixels[0, 5, 5], pixels[1, 6, 6] = 1, 255
    check(pixels, mode)


@both_modes
def test_a_shift_half_way_between_two_levels(mode: str) -> None:
    pixels = np.full((2, 4, 4), 100, np.uint8)
    pixels[0, :2] += 1
    pixels[1, :2] -= 1
    assert prepare_frames(pixels, "offset", ARRAYS).adjustments.tolist() == [30, 31]
    check(pixels, mode)


@both_modes
def test_a_real_field(mode: str) -> None:
    path = next((Path(phasewell.demo.__file__).parent / "t98g" / "images").glob("*field-1_frame-01.png"))
    field = np.asarray(Image.open(path))
    height, width = (side // 4 * 4 for side in field.shape)
    check(np.ascontiguousarray(field[None, :height, :width]), mode)
