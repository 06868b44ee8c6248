"""The window and the 1/8 overview against their definitions, computed pixel by pixel."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.errors import UsageError
from phasewell.images.pixels import box_sums, frame_sha256, mean_of_boxes, pixel_window_to_uint8


@pytest.mark.parametrize("window", [(0, 65535), (0, 255), (0, 1), (100, 4095), (65534, 65535), (300, 301)])
def test_window_maps_every_16_bit_value_by_the_formula(window: tuple[int, int]) -> None:
    low, high = window
    values = np.arange(65536, dtype=np.uint16)
    expected = [min(max(int(value) - low, 0), high - low) * 255 // (high - low) for value in values]
    mapped = pixel_window_to_uint8(values.reshape(256, 256), window)
    assert mapped.dtype == np.uint8
    np.testing.assert_array_equal(mapped.ravel(), expected)


def test_window_of_more_pixels_than_one_block_and_of_views() -> None:
    values = np.random.default_rng(4).integers(0, 65536, (3, 301, 407)).astype(np.uint16)
    expected = np.clip(values.astype(np.int64) - 77, 0, 5000 - 77) * 255 // (5000 - 77)
    np.testing.assert_array_equal(pixel_window_to_uint8(values, (77, 5000)), expected)
    np.testing.assert_array_equal(pixel_window_to_uint8(values[:, ::-2, 5:], (77, 5000)), expected[:, ::-2, 5:])
    assert pixel_window_to_uint8(values[:0], (0, 9)).shape == (0, 301, 407)


def test_window_of_8_bit_pixels_and_the_identity() -> None:
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pixel_window_to_uint8(values, (0, 255)), values)
    assert pixel_window_to_uint8(values, (10, 20))[[0, 10, 15, 20, 255]].tolist() == [0, 0, 127, 255, 255]


@pytest.mark.parametrize("window", [(5, 5), (-1, 5), (0, 65536), (9, 3)])
def test_impossible_windows_and_dtypes_are_refused(window: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="low < high"):
        pixel_window_to_uint8(np.zeros((2, 2), np.uint16), window)
    with pytest.raises(UsageError, match="int32"):
        pixel_window_to_uint8(np.zeros((2, 2), np.int32), (0, 5))


def overview(frames: dict[tuple[int, int], np.ndarray], grid: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    sums = {place: box_sums(frame, place, 8) for place, frame in frames.items()}
    return mean_of_boxes(sums, grid, shape, 8, next(iter(frames.values())).dtype)


def naive_overview(frames: dict[tuple[int, int], np.ndarray], grid: tuple[int, int], shape: tuple[int, int]) -> list:
    known: dict[tuple[int, int], int] = {}
    for (row, column), frame in frames.items():
        for (y, x), value in np.ndenumerate(frame):
            known[row * shape[0] + y, column * shape[1] + x] = int(value)
    boxes: dict[tuple[int, int], list[int]] = {}
    for (y, x), value in known.items():
        boxes.setdefault((y // 8, x // 8), []).append(value)
    rows, columns = -(-grid[0] * shape[0] // 8), -(-grid[1] * shape[1] // 8)
    means = {box: (2 * sum(values) + len(values)) // (2 * len(values)) for box, values in boxes.items()}
    return [[means.get((y, x), 0) for x in range(columns)] for y in range(rows)]


@settings(max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 21), st.integers(1, 21)),
    grid=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    seed=st.integers(0, 2**32 - 1),
)
def test_overview_is_the_rounded_mean_of_the_pixels_that_exist(
    shape: tuple[int, int], grid: tuple[int, int], dtype: type, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    places = [(row, column) for row in range(grid[0]) for column in range(grid[1]) if rng.random() < 0.7] or [(0, 0)]
    high = np.iinfo(dtype).max
    frames = {
        place: rng.choice([0, 1, high], shape).astype(dtype)
        if rng.random() < 0.3
        else rng.integers(0, high + 1, shape, dtype)
        for place in places
    }
    small = overview(frames, grid, shape)
    assert small.dtype == dtype
    assert small.tolist() == naive_overview(frames, grid, shape)


def test_overview_of_brightest_frames_does_not_overflow() -> None:
    for dtype in (np.uint8, np.uint16):
        frame = np.full((64, 64), np.iinfo(dtype).max, dtype)
        assert np.all(overview({(0, 0): frame}, (1, 1), (64, 64)) == np.iinfo(dtype).max)


def test_frame_digest_is_of_the_little_endian_bytes_in_c_order() -> None:
    frame = np.array([[1, 2, 300], [4, 5, 65535]], np.uint16)
    expected = hashlib.sha256(bytes([1, 0, 2, 0, 44, 1, 4, 0, 5, 0, 255, 255])).hexdigest()
    assert frame_sha256(frame) == expected
    assert frame_sha256(np.asfortranarray(frame)) == expected
    assert frame_sha256(frame.astype(">u2")) == expected
    assert frame_sha256(frame.astype(np.uint8)) != expected
