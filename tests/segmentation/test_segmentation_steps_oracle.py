"""Every step against its definition, written out pixel by pixel or taken from scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from phasewell.background import adjust_background
from phasewell.config import BackgroundConfig
from phasewell.device import Device
from phasewell.segmentation.components import (
    fill_holes,
    label_pieces,
    number_per_frame,
    remove_frame_touching,
    remove_small,
)
from phasewell.segmentation.discs import disc_half_widths, disc_maximum, erode
from phasewell.segmentation.distance import squared_distance
from phasewell.segmentation.texture import gradient_energy
from phasewell.segmentation.threshold import level_energy, level_starts, otsu_level, stands_out
from skimage import measure, morphology

CPU = Device("cpu")
quick = settings(max_examples=40)
shapes = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=13)
frames = hnp.arrays(np.uint8, shapes)
masks = hnp.arrays(np.bool_, shapes)


def mirrored(index: int, size: int, repeat_edge: bool) -> int:
    while not 0 <= index < size:
        if size == 1:
            return 0
        edge = 0 if repeat_edge else 1
        index = -index - 1 + edge if index < 0 else 2 * size - 1 - edge - index
    return index


@quick
@given(frames, st.integers(0, 20), st.sampled_from([1.0, 3.0, 7.0, 19.0]))
def test_background_is_the_mean_of_background_like_pixels_in_the_square(
    pixels: NDArray[np.uint8], tolerance: int, window: float
) -> None:
    config = BackgroundConfig(window_um=window, tolerance=tolerance)
    found = adjust_background(pixels, 1.0, CPU, config)
    half = int(window) // 2
    for frame, result in zip(pixels.astype(int), found, strict=True):
        mode = int(np.bincount(frame.ravel()).argmax())
        for y, x in np.ndindex(*frame.shape):
            square = frame[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]
            like = square[abs(square - mode) <= tolerance]
            mean = int(like.sum()) // like.size if like.size else mode
            assert result[y, x] == min(255, max(0, frame[y, x] - mean + 128))


def test_large_background_windows_equal_a_plain_mean() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (1, 40, 300)).astype(np.uint8)
    found = adjust_background(pixels, 1.0, CPU, BackgroundConfig(window_um=129, tolerance=255))
    for x in (0, 64, 150, 299):
        columns = pixels[0, :, max(0, x - 64) : x + 65].astype(int)
        expected = np.clip(pixels[0, :, x].astype(int) - columns.sum() // columns.size + 128, 0, 255)
        np.testing.assert_array_equal(found[0, :, x], expected)


@quick
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7)), st.integers(0, 3))
def test_gradient_energy_is_the_mean_squared_sobel_gradient(grey: NDArray[np.uint8], half: int) -> None:
    found = gradient_energy(np, grey, half)
    for frame, result in zip(grey.astype(int), found, strict=True):
        height, width = frame.shape
        squared = np.zeros(frame.shape, int)
        for y, x in np.ndindex(*frame.shape):
            near = [
                [frame[mirrored(y + dy, height, False), mirrored(x + dx, width, False)] for dx in (-1, 0, 1)]
                for dy in (-1, 0, 1)
            ]
            gx = sum(weight * (row[2] - row[0]) for weight, row in zip((1, 2, 1), near, strict=True))
            gy = sum(weight * (near[2][i] - near[0][i]) for i, weight in enumerate((1, 2, 1)))
            squared[y, x] = gx * gx + gy * gy
        for y, x in np.ndindex(*frame.shape):
            window = range(-half, half + 1)
            total = sum(
                squared[mirrored(y + dy, height, True), mirrored(x + dx, width, True)] for dy in window for dx in window
            )
            assert result[y, x] == total // (4 * (2 * half + 1) ** 2)


def test_log_levels_and_back() -> None:
    starts = level_starts()
    for level, start in enumerate(starts, start=1):
        assert start == math.ceil(2 ** ((level - 0.5) / 16))
    for level in range(len(starts)):
        assert level_energy(level) == math.floor(2 ** (level / 16) + 1e-9) - 1


@quick
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_otsu_maximises_the_variance_between_classes(counts: list[int]) -> None:
    from fractions import Fraction

    total = sum(counts)
    best, best_variance = max((i for i, n in enumerate(counts) if n), default=0), Fraction(-1)
    for cut in range(len(counts) - 1):
        w0, w1 = sum(counts[: cut + 1]), sum(counts[cut + 1 :])
        if not (w0 and w1 and counts[cut]):
            continue
        s0 = sum(i * n for i, n in enumerate(counts[: cut + 1]))
        s1 = sum(i * n for i, n in enumerate(counts)) - s0
        variance = Fraction(w0 * w1, total * total) * (Fraction(s0, w0) - Fraction(s1, w1)) ** 2
        if variance > best_variance:
            best, best_variance = cut, variance
    assert otsu_level(counts) == best


@quick
@given(hnp.arrays(np.uint16, shapes), st.integers(0, 7))
def test_disc_maximum_looks_at_every_pixel_of_the_disc(values: NDArray[np.uint16], radius: int) -> None:
    found = disc_maximum(np, values, radius)
    disc = [
        (y, x)
        for y in range(-radius, radius + 1)
        for x in range(-radius, radius + 1)
        if x * x + y * y <= radius * radius + radius
    ]
    n, height, width = values.shape
    for k, y, x in np.ndindex(n, height, width):
        seen = [values[k, y + dy, x + dx] for dy, dx in disc if 0 <= y + dy < height and 0 <= x + dx < width]
        assert found[k, y, x] == max(seen)


def test_a_radius_of_six_is_the_disc_of_42() -> None:
    assert disc_half_widths(6) == [2, 4, 5, 5, 6, 6, 6, 6, 6, 5, 5, 4, 2]


@quick
@given(masks, st.integers(1, 4))
def test_erosion_equals_scikit_image_with_foreground_outside(mask: NDArray[np.bool_], radius: int) -> None:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = x * x + y * y <= radius * radius + radius
    for frame, result in zip(mask, erode(np, mask, radius), strict=True):
        padded = np.pad(frame, radius, constant_values=True)
        expected = morphology.erosion(padded, disc)[radius:-radius, radius:-radius]
        np.testing.assert_array_equal(result, expected)


@quick
@given(hnp.arrays(np.int32, shapes, elements=st.integers(0, 520_200)), st.sampled_from([2, 8, 64]))
def test_contrast_compares_with_the_largest_energy_nearby(energy: NDArray[np.int32], ratio: int) -> None:
    expected = energy.astype(np.int64) * ratio > disc_maximum(np, energy.astype(np.uint32), 3)
    np.testing.assert_array_equal(stands_out(np, energy, ratio, 3), expected)


@quick
@given(masks)
def test_labels_equal_scikit_image_frame_by_frame(mask: NDArray[np.bool_]) -> None:
    labels = number_per_frame(np, *label_pieces(CPU, mask))
    assert labels.dtype == np.int32
    for frame, result in zip(mask, labels, strict=True):
        np.testing.assert_array_equal(result, measure.label(frame, connectivity=2))


@quick
@given(masks, st.integers(0, 12))
def test_small_objects_go_and_others_stay(mask: NDArray[np.bool_], area: int) -> None:
    found = remove_small(CPU, mask, area)
    for frame, result in zip(mask, found, strict=True):
        kept = np.zeros_like(frame)
        for region in measure.regionprops(measure.label(frame, connectivity=2)):
            if region.area >= area:
                kept[tuple(region.coords.T)] = True
        np.testing.assert_array_equal(result, kept)


@quick
@given(masks, st.integers(0, 12))
def test_holes_up_to_the_limit_are_filled_unless_they_reach_the_frame(mask: NDArray[np.bool_], area: int) -> None:
    found = fill_holes(CPU, mask, area)
    for frame, result in zip(mask, found, strict=True):
        expected = frame.copy()
        bottom, right = (side - 1 for side in frame.shape)
        for region in measure.regionprops(measure.label(~frame, connectivity=1)):
            y, x = region.coords.T
            inside = y.min() > 0 and x.min() > 0 and y.max() < bottom and x.max() < right
            expected[y, x] |= inside and region.area <= area
        np.testing.assert_array_equal(result, expected)


@quick
@given(masks)
def test_frame_touching_objects_go(mask: NDArray[np.bool_]) -> None:
    labels, count = label_pieces(CPU, mask)
    found = remove_frame_touching(np, labels, count) > 0
    for frame, result in zip(mask, found, strict=True):
        numbered = measure.label(frame, connectivity=2)
        edge = np.concatenate([numbered[0], numbered[-1], numbered[:, 0], numbered[:, -1]])
        np.testing.assert_array_equal(result, frame & ~np.isin(numbered, edge))


@quick
@given(masks)
def test_squared_distance_is_that_to_the_nearest_background_pixel(mask: NDArray[np.bool_]) -> None:
    found = squared_distance(np, mask)
    for frame, result in zip(mask, found, strict=True):
        background = np.argwhere(~frame)
        for y, x in np.ndindex(*frame.shape):
            ways = ((background - (y, x)) ** 2).sum(axis=1)
            assert result[y, x] == ways.min(initial=sum(frame.shape) ** 2)


@pytest.mark.parametrize("shape", [(1, 200, 31), (2, 40, 333)])
def test_squared_distance_over_long_ways(shape: tuple[int, int, int]) -> None:
    from scipy import ndimage

    mask = np.random.default_rng(5).random(shape) > 0.002
    for frame, result in zip(mask, squared_distance(np, mask), strict=True):
        exact = ndimage.distance_transform_edt(frame)
        np.testing.assert_array_equal(result, np.rint(exact**2).astype(int))
