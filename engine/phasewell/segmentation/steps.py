"""The eight steps in order: from frames to label images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phasewell.background import adjust_background
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.device import Device, as_device
from phasewell.segmentation.components import (
    fill_holes,
    label_pieces,
    number_per_frame,
    remove_frame_touching,
    remove_small,
    remove_walls,
)
from phasewell.segmentation.discs import erode
from phasewell.segmentation.recipe import Recipe, make_recipe
from phasewell.segmentation.split import split_pieces
from phasewell.segmentation.texture import background_distance, gradient_energy
from phasewell.segmentation.threshold import binarise, frame_thresholds, stands_out

if TYPE_CHECKING:
    from phasewell.frames import Array, FrameBatch


def segment(
    batch: FrameBatch,
    device: Device | str = "auto",
    config: SegmentationConfig | None = None,
    background: BackgroundConfig | None = None,
) -> Array:
    """Return the label image of every frame, (frames, height, width) int32, 0 = background, on the device.

    Labels are 1..n per frame in raster order of their first pixel. A frame without anything in it has none. Each
    frame is decided by itself: the batch size cannot change a label. Source of the steps: the preset of `config`.
    Raises UsageError for a configuration that its pixel size makes impossible, UnavailableError without the device.
    """
    where = as_device(device)
    recipe = make_recipe(config or SegmentationConfig(), batch.pixel_size_um)  # a wrong one is told before any work
    labels: Array = where.xp.empty(batch.pixels.shape, where.xp.int32)
    if labels.size == 0:
        return labels
    for first in range(0, len(batch), where.batch_frames):
        part = slice(first, first + where.batch_frames)
        grey = adjust_background(where.put(batch.pixels[part]), batch.pixel_size_um, where, background)
        _segment_into(labels[part], where, grey, recipe)
    return labels


def segment_adjusted(
    grey: Array, pixel_size_um: float, device: Device | str = "auto", config: SegmentationConfig | None = None
) -> Array:
    """Return the labels of frames whose background is adjusted already, step 2 on; otherwise as `segment`.

    `grey` (frames, height, width) uint8 is what `adjust_background` returns; all frames are held at once.
    """
    where = as_device(device)
    labels: Array = where.xp.empty(grey.shape, where.xp.int32)
    _segment_into(labels, where, grey, make_recipe(config or SegmentationConfig(), pixel_size_um))
    return labels


def _segment_into(labels: Array, device: Device, grey: Array, recipe: Recipe) -> None:
    if device.kernels:
        numbers = np.array(recipe.as_numbers(*grey.shape[1:]), np.int32)
        device.kernels.segment(grey, numbers, labels, device.xp.empty(len(grey), device.xp.int32))
    else:
        labels[...] = separate(device, find_foreground(device, grey, recipe), grey, recipe)


def find_foreground(device: Device, grey: Array, recipe: Recipe) -> Array:
    """Return steps 2 to 7 and the removal of walls on background-adjusted frames, (frames, height, width) bool."""
    xp = device.xp
    if recipe.texture_half_px is None:
        energy = background_distance(xp, grey)
    else:
        energy = gradient_energy(xp, grey, recipe.texture_half_px)
    percent, floor, cap = recipe.otsu_percent, recipe.threshold_floor, recipe.threshold_cap
    mask = binarise(xp, energy, frame_thresholds(xp, energy, percent, floor, cap))
    if recipe.contrast_ratio:
        mask &= stands_out(xp, energy, recipe.contrast_ratio, recipe.contrast_radius_px)
    mask = fill_holes(device, mask, recipe.pinhole_area_px)
    mask = remove_small(device, mask, recipe.speck_area_px)
    if recipe.erosion_radius_px:
        mask = erode(xp, mask, recipe.erosion_radius_px)
    mask = remove_small(device, mask, recipe.object_area_px)
    mask = fill_holes(device, mask, recipe.hole_area_px)
    return remove_walls(device, mask, recipe.wall_depth_px)


def separate(device: Device, mask: Array, grey: Array, recipe: Recipe) -> Array:
    """Return labels (frames, height, width) int32 of the foreground: the split, step 8 and the numbering."""
    if recipe.split_depth:
        labels, count = split_pieces(device.xp, mask, grey, recipe.split_depth, recipe.seam_level)
    else:
        labels, count = label_pieces(device, mask)
    if recipe.remove_frame_touching:
        labels = remove_frame_touching(device.xp, labels, count)
    return number_per_frame(device.xp, labels, count)
