"""Outlines, samples and crops against independent ways to find them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from phasewell.report.overlay import (
    OUTLINE_COLOURS,
    busiest_crop,
    encode_grey,
    encode_outlines,
    make_picture,
    outlines,
    round_length,
    shrink,
    shrink_labels,
)

labelled = hnp.arrays(np.int32, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.integers(0, 4))


def decode(address: str) -> Any:
    from PIL import Image

    kind, _, content = address.partition(",")
    assert kind in ("data:image/webp;base64", "data:image/png;base64")
    return Image.open(io.BytesIO(base64.b64decode(content)))


@settings(max_examples=60)
@given(labelled)
def test_outlines_are_the_inner_boundaries_of_scikit_image(labels: Any) -> None:
    from skimage.segmentation import find_boundaries

    expected = find_boundaries(labels, connectivity=1, mode="inner", background=0)
    np.testing.assert_array_equal(outlines(labels) > 0, expected)


def test_outlines_carry_the_colour_of_their_label() -> None:
    labels = np.zeros((9, 40), dtype=np.int32)
    for i in range(8):
        labels[2:7, 5 * i : 5 * i + 4] = i + 1
    found = outlines(labels)
    colours = [set(found[2:7, 5 * i : 5 * i + 4].ravel().tolist()) - {0} for i in range(8)]
    assert colours == [{1}, {2}, {3}, {4}, {5}, {6}, {1}, {2}]
    assert len(OUTLINE_COLOURS) == 6
    assert found[4, 1] == 0, "the inside of a cell is not outline"


@settings(max_examples=40)
@given(labelled)
def test_outlines_survive_their_file(labels: Any) -> None:
    found = outlines(labels)
    picture = decode(encode_outlines(found))
    np.testing.assert_array_equal(np.asarray(picture), found)
    rgba = np.asarray(picture.convert("RGBA"))
    np.testing.assert_array_equal(rgba[..., 3] == 0, found == 0)
    for y, x in np.argwhere(found):
        assert tuple(rgba[y, x, :3]) == OUTLINE_COLOURS[found[y, x] - 1]


def test_shrinking_by_a_whole_number_takes_means_and_centre_labels() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (96, 120)).astype(np.uint8)
    expected = pixels.reshape(32, 3, 40, 3).mean(axis=(1, 3))
    assert np.abs(shrink(pixels, 40) - expected).max() <= 1.0  # rows and columns are rounded one after the other
    labels = rng.integers(0, 99, (96, 120)).astype(np.int32)
    np.testing.assert_array_equal(shrink_labels(labels, 40), labels[1::3, 1::3])


@pytest.mark.parametrize("shape", [(1022, 1024), (7, 500), (300, 200)])
def test_picture_and_labels_shrink_to_one_shape(shape: tuple[int, int]) -> None:
    pixels, labels = np.zeros(shape, np.uint8), np.ones(shape, np.int32)
    assert shrink(pixels, 320).shape == shrink_labels(labels, 320).shape
    assert shrink(pixels, 320).shape[1] == min(320, shape[1])


def test_grey_frames_survive_compression_within_the_error_of_the_codec() -> None:
    y, x = np.mgrid[:200, :200]
    pixels = (128 + 60 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint8)
    back = np.asarray(decode(encode_grey(pixels)).convert("L")).astype(int)
    assert np.abs(back - pixels).mean() < 3


@settings(max_examples=40)
@given(hnp.arrays(np.int32, st.tuples(st.integers(4, 30), st.integers(4, 30)), elements=st.integers(0, 1)))
def test_the_busiest_crop_beats_every_crop_of_its_grid_and_the_middle(labels: Any) -> None:
    side = 8
    crop = busiest_crop(labels, labels.shape, side)
    height, width = min(side, labels.shape[0]), min(side, labels.shape[1])
    assert (crop.height, crop.width) == (height, width)
    assert 0 <= crop.top <= labels.shape[0] - height
    assert 0 <= crop.left <= labels.shape[1] - width
    most = max(
        int(labels[t : t + height, c : c + width].sum())
        for t in range(0, labels.shape[0] - height + 1, max(1, height // 4))
        for c in range(0, labels.shape[1] - width + 1, max(1, width // 4))
    )
    assert labels[crop.top : crop.top + height, crop.left : crop.left + width].sum() >= most


def test_a_frame_without_labels_shows_its_middle_and_says_so() -> None:
    picture = make_picture(
        np.full((1022, 1024), 128, np.uint8), None, well="A01", field="1", time_h=0.0, pixel_size_um=0.87
    )
    assert (picture.crop.top, picture.crop.left) == (351, 352)
    assert picture.n_cells is None
    assert picture.field_outlines is None
    assert picture.crop_outlines is None


def test_cells_are_counted_in_the_whole_field_not_in_its_thumbnail() -> None:
    labels = np.zeros((1000, 1000), np.int32)
    for i in range(20):
        labels[i * 40, 7] = 2 * i + 1  # single pixels that sampling misses, labels with gaps
    picture = make_picture(
        np.zeros((1000, 1000), np.uint8), labels, well="A01", field="1", time_h=0.0, pixel_size_um=1.0
    )
    assert picture.n_cells == 20


@pytest.mark.parametrize(
    ("um", "expected"), [(178.2, 100.0), (200.0, 200.0), (55.0, 50.0), (0.7, 0.5), (9.99, 5.0), (1000.0, 1000.0)]
)
def test_scale_bars_have_round_lengths(um: float, expected: float) -> None:
    assert round_length(um) == pytest.approx(expected)
