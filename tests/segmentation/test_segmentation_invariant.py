"""What no frame, batch or orientation may change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from phasewell.background import adjust_background
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.device import Device
from phasewell.frames import FrameBatch
from phasewell.segmentation import segment, segment_adjusted
from phasewell.segmentation.components import fill_holes, label_pieces, number_per_frame, remove_small, remove_walls
from phasewell.segmentation.discs import erode
from phasewell.segmentation.recipe import make_recipe
from phasewell.segmentation.split import split_pieces
from phasewell.segmentation.steps import find_foreground, separate
from skimage import measure
from test_split_oracle import blobs

CPU = Device("cpu")
PIXEL_SIZE_UM = 0.8708
PHASE = make_recipe(SegmentationConfig(), PIXEL_SIZE_UM)


def cells(seed: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a frame of textured blobs with bright rims on an uneven background."""
    rng = np.random.default_rng(seed)
    height, width = shape
    y, x = np.mgrid[:height, :width]
    frame = 110 + 20 * x / width + rng.normal(0, 2, shape)
    for _ in range(height * width // 5000):
        cy, cx = rng.integers(0, height), rng.integers(0, width)
        distance = np.hypot(y - cy, (x - cx) * rng.uniform(0.5, 1.5))
        radius = rng.uniform(14, 24)
        frame = np.where(distance < radius, 90 + rng.normal(0, 30, shape), frame)
        frame = np.where(abs(distance - radius - 2) < 2, 220, frame)
    return np.clip(frame, 0, 255).astype(np.uint8)


def labels_of(pixels: NDArray[np.uint8], config: SegmentationConfig | None = None) -> NDArray[np.int32]:
    return segment(FrameBatch(pixels, PIXEL_SIZE_UM), "cpu", config)


@pytest.fixture(scope="module")
def batch() -> NDArray[np.uint8]:
    return np.stack([cells(seed, (260, 300)) for seed in range(5)])


@pytest.mark.parametrize("preset", ["phase", "paper-r"])
def test_a_batch_is_its_frames(batch: NDArray[np.uint8], preset: str) -> None:
    config = SegmentationConfig(preset=preset)  # type: ignore[arg-type]
    together = labels_of(batch, config)
    assert together.max() >= 3
    for frame, labels in zip(batch, together, strict=True):
        np.testing.assert_array_equal(labels_of(frame[None], config)[0], labels)


@pytest.mark.parametrize("enabled", [True, False])
def test_adjusting_first_gives_the_same_labels(batch: NDArray[np.uint8], enabled: bool) -> None:
    background = BackgroundConfig(enabled=enabled)
    grey = adjust_background(batch, PIXEL_SIZE_UM, Device("cpu"), background)
    whole = segment(FrameBatch(batch, PIXEL_SIZE_UM), "cpu", background=background)
    assert np.array_equal(segment_adjusted(grey, PIXEL_SIZE_UM, "cpu"), whole)


def test_labels_are_1_to_n_in_raster_order_of_their_first_pixel(batch: NDArray[np.uint8]) -> None:
    for labels in labels_of(batch):
        numbers, first = np.unique(labels, return_index=True)
        inside = numbers > 0
        np.testing.assert_array_equal(numbers[inside], np.arange(1, inside.sum() + 1))
        assert (np.diff(first[inside]) > 0).all()


def test_no_label_touches_the_frame_after_step_8_and_some_do_before(batch: NDArray[np.uint8]) -> None:
    def edge(labels: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.concatenate([labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]], axis=1)

    assert edge(labels_of(batch)).max() == 0
    assert edge(labels_of(batch, SegmentationConfig(remove_frame_touching=False))).max() > 0


def test_the_split_changes_no_pixel_of_the_foreground(batch: NDArray[np.uint8]) -> None:
    keep = {"remove_frame_touching": False}
    split = labels_of(batch, SegmentationConfig(**keep))
    whole = labels_of(batch, SegmentationConfig(**keep, split_depth_um=0))
    np.testing.assert_array_equal(split > 0, whole > 0)
    assert split.max() > whole.max()


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 2500))
def test_every_part_of_a_split_is_one_connected_piece(seed: int, depth: int) -> None:
    mask = blobs(seed, (40, 50))[None]
    labels = number_per_frame(np, *split_pieces(np, mask, np.full(mask.shape, 128, np.uint8), depth))
    np.testing.assert_array_equal(labels > 0, mask)
    for number in range(1, labels.max() + 1):
        assert measure.label(labels[0] == number, connectivity=2).max() == 1


def turned(array: NDArray[np.generic], way: int) -> NDArray[np.generic]:
    rotated = np.rot90(array, way % 4, axes=(1, 2))
    return np.ascontiguousarray(rotated[:, :, ::-1] if way >= 4 else rotated)


@pytest.mark.parametrize("way", range(1, 8))
def test_the_foreground_turns_with_the_frame(batch: NDArray[np.uint8], way: int) -> None:
    straight = find_foreground(CPU, batch, PHASE)
    np.testing.assert_array_equal(find_foreground(CPU, turned(batch, way), PHASE), turned(straight, way))


def test_labels_move_with_the_frame() -> None:
    # away from the frame a shift of everything by whole pixels shifts every step; the histogram stays as it is
    small = cells(11, (150, 160))
    canvas = np.full((2, 420, 440), 120, np.uint8)
    canvas[0, 100:250, 100:260] = small
    canvas[1, 113:263, 137:297] = small
    labels = labels_of(canvas)
    assert labels.max() > 0
    np.testing.assert_array_equal(labels[0, 80:270, 80:280], labels[1, 93:283, 117:317])


@pytest.mark.parametrize("corner", [(0, 0), (0, 60), (0, 140), (60, 0), (140, 0), (140, 140), (60, 140), (140, 60)])
def test_objects_on_each_side_and_corner_go_and_one_inside_stays(corner: tuple[int, int]) -> None:
    mask = np.zeros((1, 200, 200), bool)
    mask[0, corner[0] : corner[0] + 60, corner[1] : corner[1] + 60] = True
    eroded = erode(np, mask, PHASE.erosion_radius_px)
    grey = np.full(mask.shape, 128, np.uint8)
    assert eroded.any()
    assert separate(CPU, eroded, grey, PHASE).max() == 0, "erosion must not detach an object from the frame"
    inside = np.zeros_like(mask)
    inside[0, 70:130, 70:130] = True
    assert separate(CPU, erode(np, inside, PHASE.erosion_radius_px), grey, PHASE).max() == 1


@pytest.mark.parametrize("grey", [0, 1, 128, 255])
def test_a_frame_of_one_grey_level_has_no_objects(grey: int) -> None:
    assert labels_of(np.full((2, 90, 110), grey, np.uint8)).max() == 0


@pytest.mark.parametrize("sigma", [0.5, 1, 2])
def test_camera_noise_has_no_objects(sigma: float) -> None:
    noise = np.random.default_rng(1).normal(128, sigma, (2, 300, 300))
    assert labels_of(np.clip(noise, 0, 255).astype(np.uint8)).max() == 0


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 7), (2, 9, 1), (0, 20, 20), (1, 2, 2), (1, 3, 500)])
@pytest.mark.parametrize("preset", ["phase", "paper-r"])
def test_odd_shapes_work(shape: tuple[int, int, int], preset: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for keep in (True, False):
        config = SegmentationConfig(preset=preset, remove_frame_touching=keep)  # type: ignore[arg-type]
        labels = labels_of(pixels, config)
        assert (labels.shape, labels.dtype) == (shape, np.int32)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 40), (2, 40, 1), (2, 30, 40)])
@pytest.mark.parametrize("depth", [0, 1220])
def test_all_foreground_is_one_object_and_touches_the_frame(shape: tuple[int, int, int], depth: int) -> None:
    grey = np.full(shape, 128, np.uint8)
    keep = make_recipe(SegmentationConfig(remove_frame_touching=False, split_depth_um=depth / 400), 1.0)
    labels = separate(CPU, np.ones(shape, bool), grey, keep)
    assert (labels == 1).all()
    assert separate(CPU, np.ones(shape, bool), grey, PHASE).max() == 0


def test_65000_objects_of_one_pixel() -> None:
    mask = np.zeros((2, 512, 520), bool)
    mask[:, ::2, ::2] = True
    numbers = np.arange(1, 256 * 260 + 1).reshape(256, 260)
    for labels, count in (label_pieces(CPU, mask), split_pieces(np, mask, np.full(mask.shape, 128, np.uint8), 1200)):
        np.testing.assert_array_equal(number_per_frame(np, labels, count)[:, ::2, ::2], np.stack([numbers] * 2))
    assert not remove_small(CPU, mask, 2).any()
    np.testing.assert_array_equal(fill_holes(CPU, mask, 10**6), mask)


def test_walls_go_and_sheets_of_cells_stay() -> None:
    wall = np.zeros((4, 200, 300), bool)
    wall[0, 5:30] = True  # along the top, not on it
    wall[1, :, 270:] = True  # along the right
    wall[2, :90] = True  # runs through, but reaches deeper than a quarter of the frame
    wall[3, 170:, 20:] = True  # ends inside
    wall[0, 100:120, 100:120] = True  # a cell
    found = remove_walls(CPU, wall, 70)
    assert found[0].sum() == 400
    assert not found[1].any()
    np.testing.assert_array_equal(found[2:], wall[2:])
    np.testing.assert_array_equal(remove_walls(CPU, wall, 0), wall)


def test_an_uneven_background_does_not_move_the_labels() -> None:
    frame = cells(4, (300, 320)) // 2 + 40
    ramp = (np.arange(320) * 30 // 320).astype(np.uint8)
    config = BackgroundConfig(tolerance=25)
    pixels = np.stack([frame, frame + ramp])
    flat, tilted = segment(FrameBatch(pixels, PIXEL_SIZE_UM), "cpu", None, config)
    assert flat.max() >= 2
    overlap = ((flat > 0) & (tilted > 0)).sum() / ((flat > 0) | (tilted > 0)).sum()
    assert overlap > 0.9
