"""Presets, overrides and the rounding of lengths to pixels."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.background import half_window_px, length_px
from phasewell.config import SegmentationConfig, parse_config
from phasewell.errors import UnavailableError, UsageError
from phasewell.frames import FrameBatch
from phasewell.segmentation import PRESETS, make_recipe, segment


def test_the_preset_has_the_measured_pixels_at_the_size_it_was_calibrated_at() -> None:
    recipe = make_recipe(SegmentationConfig(), 0.8708)
    assert (recipe.texture_half_px, recipe.contrast_radius_px, recipe.erosion_radius_px) == (2, 11, 6)
    areas = (recipe.pinhole_area_px, recipe.speck_area_px, recipe.object_area_px, recipe.hole_area_px)
    assert areas == (300, 200, 600, 600)
    pure = make_recipe(SegmentationConfig(preset="paper-r"), 0.8708)
    assert (pure.texture_half_px, pure.erosion_radius_px, pure.split_depth) == (5, 10, 0)
    assert (pure.contrast_ratio, pure.pinhole_area_px, pure.wall_depth_px, pure.seam_level) == (0, 0, 0, 0)


def test_lengths_scale_with_the_pixel_size_and_areas_with_its_square() -> None:
    coarse, fine = (make_recipe(SegmentationConfig(), size) for size in (0.8708, 0.4354))
    assert fine.erosion_radius_px == 2 * coarse.erosion_radius_px
    assert fine.object_area_px == pytest.approx(4 * coarse.object_area_px, abs=2)
    assert fine.split_depth == pytest.approx(2 * coarse.split_depth, abs=1)


@pytest.mark.parametrize(("length", "pixels"), [(0.0, 0), (0.49, 0), (0.5, 1), (1.49, 1), (2.5, 3)])
def test_lengths_round_to_the_nearest_pixel_halves_up(length: float, pixels: int) -> None:
    assert length_px(length, 1.0) == pixels


@pytest.mark.parametrize(("window", "size"), [(0.1, 1), (1, 1), (1.9, 1), (2, 3), (3, 3), (4, 5), (5.5, 5), (129, 129)])
def test_windows_round_to_the_nearest_odd_number(window: float, size: int) -> None:
    assert 2 * half_window_px(window, 1.0) + 1 == size


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_name_every_key(preset: str) -> None:
    assert None not in PRESETS[preset].model_dump().values()
    assert PRESETS[preset].preset == preset


def test_overrides_win_and_none_keeps_the_preset() -> None:
    recipe = make_recipe(SegmentationConfig(otsu_percent=70, seam_level=None, speck_area_um2=0), 0.8708)
    assert (recipe.otsu_percent, recipe.seam_level, recipe.speck_area_px) == (70, 65, 0)


SWITCHES = [
    {"texture_window_um": 0},
    {"contrast_ratio": 0},
    {"pinhole_area_um2": 0},
    {"speck_area_um2": 0, "object_area_um2": 0},
    {"erosion_radius_um": 0},
    {"hole_area_um2": 2000},
    {"split_depth_um": 0},
    {"seam_level": 0},
    {"remove_frame_touching": False},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: next(iter(switch)))
def test_every_step_can_be_switched_and_matters(switch: dict[str, float]) -> None:
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:260, :260]
    frame = np.full((260, 260), 128.0) + rng.normal(0, 1, (260, 260))
    for cy, cx, radius in ((60, 60, 30), (60, 112, 25), (180, 90, 34), (150, 180, 20), (10, 200, 25), (225, 225, 7)):
        distance = np.hypot(y - cy, x - cx)
        frame = np.where(distance < radius, 100 + rng.normal(0, 25, frame.shape), frame)
        frame = np.where(abs(distance - radius) < 2.5, 235, frame)
    frame = np.where(np.hypot(y - 180, x - 90) < 16, 128, frame)  # a hole for step 7
    frame = np.where(np.hypot(y - 44, x - 44) < 9, 128, frame)  # a pinhole near the outline
    batch = FrameBatch(np.clip(frame, 0, 255).astype(np.uint8)[None], 0.8708)
    base = segment(batch, "cpu")
    assert base.max() >= 2
    assert not np.array_equal(base, segment(batch, "cpu", SegmentationConfig(**switch)))  # type: ignore[arg-type]


def test_impossible_configurations_are_refused() -> None:
    with pytest.raises(UsageError, match="threshold_floor 300 is above"):
        make_recipe(SegmentationConfig(threshold_floor=300), 0.8708)
    with pytest.raises(UsageError, match=r"texture_window_um .* expected at most 31 px"):
        make_recipe(SegmentationConfig(), 0.1)
    sections = {"plate": {"store": "a"}, "run": {"output": "b"}}
    with pytest.raises(UsageError, match="did you mean erosion_radius_um"):
        parse_config(sections | {"segmentation": {"erosion_radius": 3}})
    with pytest.raises(UsageError, match=r"background\.tolerance"):
        parse_config(sections | {"background": {"tolerance": -1}})


def test_an_absent_device_is_no_silent_cpu() -> None:
    with pytest.raises(UnavailableError):
        segment(FrameBatch(np.zeros((1, 4, 4), np.uint8), 1.0), "cuda:99")
