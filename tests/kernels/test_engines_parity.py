"""The fused kernels give the labels, the cell table and the quality numbers of the array engine, bit for bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell import FrameBatch
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.descriptors import describe
from phasewell.device import Device
from phasewell.quality import assess
from phasewell.runs.worker.measuring import measure_cells
from phasewell.segmentation import segment
from pictures import REAL, Picture, blobs, checkerboard, dots, flat, noise, real_pictures, spiral

ARRAYS = Device("cpu", engine="arrays")
KERNELS = Device("cpu", threads=2)
PRESETS = ("phase", "paper-r")


def assert_same(pictures: np.ndarray, config: SegmentationConfig, pixel_size_um: float = 0.8708) -> int:
    """Compare both engines on (frames, height, width) and return how many cells there were."""
    batch = FrameBatch(pictures, pixel_size_um)
    labels = segment(batch, ARRAYS, config)
    np.testing.assert_array_equal(segment(batch, KERNELS, config), labels)
    expected, found = describe(batch, labels, ARRAYS), describe(batch, labels, KERNELS)
    for field in dataclasses.fields(expected):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name), err_msg=field.name)
    assert found.values.tobytes() == expected.values.tobytes()  # the sign of a zero and the bits of a NaN as well
    return len(expected)


@pytest.mark.parametrize("folder", REAL)
def test_real_fields(data: Path, folder: str) -> None:
    pictures = list(real_pictures(data, folder))
    assert pictures, f"no pictures in {folder}"
    cells = 0
    for name, picture in pictures:
        for preset in PRESETS if folder == "t98g_phase" else PRESETS[:1]:
            try:
                cells += assert_same(picture[None], SegmentationConfig(preset=preset))
            except AssertionError as error:
                raise AssertionError(f"{name}, {preset}") from error
    assert cells > 0 or folder == "cv8000_layout"


HARD = {
    "one pixel": flat(1, 1),
    "one row": noise(1, 700),
    "one column": noise(700, 1),
    "two rows": blobs(2, 300, 3),
    "camera of paper K": blobs(904, 1224, 1),
    "odd camera": blobs(1024, 1022, 2),
    "all background": flat(300, 200),
    "all bright": flat(64, 65, 255),
    "checkerboard": checkerboard(257, 190),
    "wide checkerboard": checkerboard(300, 300, 25),
    "spiral": spiral(500),
    "65,536 dots": dots(1024, 1024),
    "noise": noise(300, 333),
    "crowded": blobs(500, 500, 4, count=300),
    "no texture": blobs(400, 400, 5, count=5),
}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", HARD)
def test_hard_pictures(name: str, preset: str) -> None:
    assert_same(HARD[name][None], SegmentationConfig(preset=preset))


@pytest.mark.parametrize("preset", PRESETS)
def test_many_one_pixel_objects(preset: str) -> None:
    everything = SegmentationConfig(
        preset=preset, texture_window_um=0, speck_area_um2=0, erosion_radius_um=0, object_area_um2=0, hole_area_um2=0
    )
    assert assert_same(dots(1024, 1024)[None], everything, 1.0) >= 65_000


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", [(2048, 2048), (5000, 3000)])
def test_large_frames(shape: tuple[int, int], preset: str) -> None:
    tile: Picture = blobs(500, 500, 6)
    repeats = -(-shape[0] // 500), -(-shape[1] // 500)
    picture = np.ascontiguousarray(np.tile(tile, repeats)[: shape[0], : shape[1]])
    assert assert_same(picture[None], SegmentationConfig(preset=preset)) > 100


def lengths(largest: float) -> st.SearchStrategy[float]:
    return st.sampled_from((0.0, 1.0, 2.0, 3.5)) | st.floats(0, largest)


configs = st.builds(
    SegmentationConfig,
    preset=st.sampled_from(PRESETS),
    texture_window_um=lengths(15),
    otsu_percent=st.integers(1, 200),
    threshold_floor=st.integers(0, 100),
    threshold_cap=st.sampled_from((100, 200, 254, 255, 256, 65_534, 65_535, 520_200)),
    contrast_ratio=st.sampled_from((0, 1, 2, 7, 8, 64, 1000)),
    contrast_radius_um=lengths(20),
    pinhole_area_um2=lengths(60),
    speck_area_um2=lengths(40),
    erosion_radius_um=lengths(6),
    object_area_um2=lengths(60),
    hole_area_um2=lengths(100),
    wall_depth_um=lengths(60),
    split_depth_um=lengths(6),
    seam_level=st.integers(0, 127),
    remove_frame_touching=st.booleans(),
)


@settings(max_examples=120)
@given(
    config=configs,
    height=st.integers(1, 90),
    width=st.integers(1, 140),
    seed=st.integers(0, 2**16),
    kind=st.sampled_from(("blobs", "noise", "sparse")),
)
def test_any_configuration(config: SegmentationConfig, height: int, width: int, seed: int, kind: str) -> None:
    frames = [blobs(height, width, seed, count=1 + height * width // 400) for seed in (seed, seed + 1)]
    if kind == "noise":
        frames = [noise(height, width, seed)]
    elif kind == "sparse":
        frames = [np.where(noise(height, width, seed) > 240, 255, 128).astype(np.uint8)]
    assert_same(np.stack(frames), config, 1.0)


@settings(max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 70), st.integers(1, 70)),
    window=st.floats(0.1, 300),
    tolerance=st.integers(0, 255),
    seed=st.integers(0, 2**16),
)
def test_background_and_quality(shape: tuple[int, int, int], window: float, tolerance: int, seed: int) -> None:
    frames = np.stack([blobs(shape[1], shape[2], seed + i) for i in range(shape[0])])
    batch = FrameBatch(frames, 1.0)
    labels = np.random.default_rng(seed).integers(0, 5, shape, dtype=np.int32)
    background = BackgroundConfig(window_um=window, tolerance=tolerance)
    expected = describe(batch, labels, ARRAYS, background)
    np.testing.assert_array_equal(describe(batch, labels, KERNELS, background).values, expected.values)
    for field in dataclasses.fields(quality := assess(batch, ARRAYS)):
        found = getattr(assess(batch, KERNELS), field.name)
        np.testing.assert_array_equal(found, getattr(quality, field.name), err_msg=field.name)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("preset", PRESETS)
def test_the_way_in_cache_is_the_way_step_by_step(preset: str, enabled: bool) -> None:
    batch = FrameBatch(np.stack([blobs(300, 400, seed, count=12) for seed in range(5)]), 0.8708)
    background, config = BackgroundConfig(enabled=enabled), SegmentationConfig(preset=preset)
    expected, labels = measure_cells(batch, ARRAYS, background, config, True)
    assert len(expected) > 5
    for keep in (True, False):
        cells, kept = measure_cells(batch, KERNELS, background, config, keep)
        assert (kept is not None) == keep
        if keep:
            np.testing.assert_array_equal(kept, labels)
        for field in dataclasses.fields(expected):
            np.testing.assert_array_equal(getattr(cells, field.name), getattr(expected, field.name))


def test_frames_of_a_batch_do_not_touch_each_other() -> None:
    pictures = np.stack([blobs(120, 150, seed) for seed in range(7)])
    together = segment(FrameBatch(pictures, 0.8708), KERNELS)
    for picture, labels in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(segment(FrameBatch(picture[None], 0.8708), KERNELS)[0], labels)
