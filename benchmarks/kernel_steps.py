"""Every kernel by itself: what it reads and writes, what it must give, and how an instruction set is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from chains import PRESETS, Material, find_foreground, pack_planes, unpack_planes
from kernel_frames import PIXEL_SIZE_UM
from numpy.typing import NDArray
from phasewell.background import adjust_background, half_window_px
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.descriptors.integers import LEVELS, count_cells
from phasewell.device import Device
from phasewell.inference.preparation import prepare_frames
from phasewell.quality.metrics import _sum_frames
from phasewell.segmentation import components, make_recipe, segment_adjusted
from phasewell.segmentation.discs import erode
from phasewell.segmentation.recipe import Recipe
from phasewell.segmentation.split import split_pieces
from phasewell_kernels import cpu

Array = NDArray[Any]
ARRAYS = Device("cpu", "arrays")
WHOLE = "frame to cells in one"  # quality sums, background, steps 2 to 8, shape and co-occurrence


@dataclass(frozen=True)
class Step:
    """One kernel on the frames of a run; results of its first frame are compared with the arrays'."""

    kernel: str
    preset: str  # "" where both presets do the same
    bytes_counted: str  # what is read once and written once; tables and scratch are left out
    bytes_per_frame: int
    run: Callable[[str], Any]  # with the instruction set
    found: Callable[[], list[Array]]  # results of the first frame, after a run
    expected: Callable[[], list[Array]]  # the same from the arrays
    prepare: Callable[[], Any] | None = None  # restores what a run in place has overwritten


def all_steps(material: Material) -> Iterator[Step]:
    """Yield the kernels in the order of a run, with the numbers of each preset where they differ."""
    yield background_step(material)
    for preset in PRESETS:
        yield from segmentation_steps(material, preset)
        yield whole_step(material, preset)
    yield cells_step(material)
    yield quality_step(material)
    yield cnn_input_step(material)


def background_step(material: Material) -> Step:
    """Return step 1."""
    config, out = BackgroundConfig(), np.empty_like(material.frames)
    half = half_window_px(config.window_um, PIXEL_SIZE_UM)
    return Step(
        "background",
        "",
        "frame read, frame written",
        2 * out[0].nbytes,
        lambda isa: cpu.adjust_background(material.frames, half, config.tolerance, out, instructions=isa),
        lambda: [out[0]],
        lambda: [adjust_background(material.frames[:1], PIXEL_SIZE_UM, ARRAYS)[0]],
    )


def segmentation_steps(material: Material, preset: Literal["paper-r", "phase"]) -> Iterator[Step]:
    """Yield steps 2 to 8 of a preset; each gets what the arrays give to it."""
    recipe, grey = make_recipe(SegmentationConfig(preset=preset), PIXEL_SIZE_UM), material.grey
    yield binarise_step(grey, recipe, preset, contrast=False)
    mask = find_foreground(grey, recipe, contrast=False)
    if recipe.contrast_ratio:
        yield binarise_step(grey, recipe, preset, contrast=True)
        mask = find_foreground(grey, recipe, contrast=True)
    if recipe.pinhole_area_px:
        area = recipe.pinhole_area_px
        yield plane_step("fill pinholes", preset, mask, cpu.fill_holes, area, components.fill_holes)
        mask = components.fill_holes(ARRAYS, mask, area)
    yield plane_step("remove specks", preset, mask, cpu.remove_small, recipe.speck_area_px, components.remove_small)
    mask = components.remove_small(ARRAYS, mask, recipe.speck_area_px)
    yield erosion_step(preset, mask, recipe.erosion_radius_px)
    mask = erode(np, mask, recipe.erosion_radius_px)
    yield plane_step(
        "remove small objects", preset, mask, cpu.remove_small, recipe.object_area_px, components.remove_small
    )
    kept = components.remove_small(ARRAYS, mask, recipe.object_area_px)
    yield plane_step("fill holes", preset, kept, cpu.fill_holes, recipe.hole_area_px, components.fill_holes)
    yield clean_step(preset, mask, recipe)
    mask = components.fill_holes(ARRAYS, kept, recipe.hole_area_px)
    if recipe.wall_depth_px:
        yield plane_step("remove walls", preset, mask, cpu.remove_walls, recipe.wall_depth_px, components.remove_walls)
        mask = components.remove_walls(ARRAYS, mask, recipe.wall_depth_px)
    yield split_step(preset, mask, grey, recipe) if recipe.split_depth else label_step(preset, mask)
    yield fused_step(preset, grey, recipe)


def binarise_step(grey: Array, recipe: Recipe, preset: str, contrast: bool) -> Step:
    """Return steps 2 and 3, with or without the contrast test."""
    planes, thresholds = np.empty(_plane_shape(grey), np.uint64), np.empty(len(grey), np.int32)
    half = -1 if recipe.texture_half_px is None else recipe.texture_half_px
    ratio, radius = (recipe.contrast_ratio, recipe.contrast_radius_px) if contrast else (0, 0)
    numbers = (ratio, radius, recipe.otsu_percent, recipe.threshold_floor, recipe.threshold_cap)
    return Step(
        "texture, threshold, contrast" if contrast else "texture, threshold",
        preset,
        "frame read, plane written",
        grey[0].nbytes + planes[0].nbytes,
        lambda isa: cpu.binarise_frames(grey, half, *numbers, planes, thresholds, instructions=isa),
        lambda: [unpack_planes(planes[:1], grey.shape[2])],
        lambda: [find_foreground(grey[:1], recipe, contrast)],
    )


def plane_step(
    kernel: str, preset: str, mask: Array, door: Callable[..., Any], number: int, arrays: Callable[..., Any]
) -> Step:
    """Return a step in place on bit planes with one number: an area or a depth in pixels."""
    source = pack_planes(mask)
    planes, width = source.copy(), mask.shape[2]
    return Step(
        kernel,
        preset,
        "plane read, plane written",
        2 * planes[0].nbytes,
        lambda isa: door(planes, width, number, instructions=isa),
        lambda: [unpack_planes(planes[:1], width)],
        lambda: [arrays(ARRAYS, mask[:1], number)],
        lambda: np.copyto(planes, source),
    )


def clean_step(preset: str, mask: Array, recipe: Recipe) -> Step:
    """Return steps 6 and 7 in one."""
    small, holes = recipe.object_area_px, recipe.hole_area_px

    def door(planes: Array, width: int, _: int, instructions: str) -> None:
        cpu.clean_objects(planes, width, small, holes, instructions=instructions)

    def arrays(device: Device, part: Array, _: int) -> Array:
        return components.fill_holes(device, components.remove_small(device, part, small), holes)

    return plane_step("small objects and holes in one", preset, mask, door, 0, arrays)


def erosion_step(preset: str, mask: Array, radius: int) -> Step:
    """Return step 5."""
    planes = pack_planes(mask)
    out, width = np.empty_like(planes), mask.shape[2]
    return Step(
        "erosion",
        preset,
        "plane read, plane written",
        2 * planes[0].nbytes,
        lambda isa: cpu.erode(planes, width, radius, out, instructions=isa),
        lambda: [unpack_planes(out[:1], width)],
        lambda: [erode(np, mask[:1], radius)],
    )


def label_step(preset: str, mask: Array) -> Step:
    """Return step 8 without a split."""
    planes, labels, counts = pack_planes(mask), np.empty(mask.shape, np.int32), np.empty(len(mask), np.int32)
    return Step(
        "label, without touching the frame",
        preset,
        "plane read, labels written",
        planes[0].nbytes + labels[0].nbytes,
        lambda isa: cpu.label_pieces(planes, True, labels, counts, instructions=isa),
        lambda: [labels[:1]],
        lambda: [_number(*components.label_pieces(ARRAYS, mask[:1]))],
    )


def split_step(preset: str, mask: Array, grey: Array, recipe: Recipe) -> Step:
    """Return the split of touching cells and step 8."""
    planes, labels, counts = pack_planes(mask), np.empty(mask.shape, np.int32), np.empty(len(mask), np.int32)
    depth, seam = recipe.split_depth, recipe.seam_level
    return Step(
        "split, label",
        preset,
        "plane and frame read, labels written",
        planes[0].nbytes + grey[0].nbytes + labels[0].nbytes,
        lambda isa: cpu.split(planes, grey, depth, seam, True, labels, counts, instructions=isa),
        lambda: [labels[:1]],
        lambda: [_number(*split_pieces(np, mask[:1], grey[:1], depth, seam))],
    )


def fused_step(preset: Literal["paper-r", "phase"], grey: Array, recipe: Recipe) -> Step:
    """Return steps 2 to 8 in one call, as the engine makes it."""
    labels, counts = np.empty(grey.shape, np.int32), np.empty(len(grey), np.int32)
    numbers = np.array(recipe.as_numbers(*grey.shape[1:]), np.int32)
    config = SegmentationConfig(preset=preset)
    return Step(
        "steps 2 to 8 in one",
        preset,
        "frame read, labels written",
        grey[0].nbytes + labels[0].nbytes,
        lambda isa: cpu.segment(grey, numbers, labels, counts, instructions=isa),
        lambda: [labels[:1]],
        lambda: [segment_adjusted(grey[:1], PIXEL_SIZE_UM, ARRAYS, config)],
    )


def whole_step(material: Material, preset: Literal["paper-r", "phase"]) -> Step:
    """Return the fused way of a frame to its sums and the integers of its cells, as in a run: labels stay in cache."""
    frames, background = material.frames, BackgroundConfig()
    recipe = make_recipe(SegmentationConfig(preset=preset), PIXEL_SIZE_UM)
    numbers = np.array(recipe.as_numbers(*frames.shape[1:]), np.int32)
    half, nobody = half_window_px(background.window_um, PIXEL_SIZE_UM), np.empty((0, 0, 0), np.int32)
    rows, sums = [np.empty((0, 0), np.int64)], _empty_sums(frames)

    def run(isa: str) -> None:
        rows[0] = cpu.measure_frames(frames, half, background.tolerance, numbers, nobody, *sums, instructions=isa)

    def expected() -> list[Array]:
        labels = segment_adjusted(material.grey[:1], PIXEL_SIZE_UM, ARRAYS, SegmentationConfig(preset=preset))
        return [_rows_of_first(material.grey, labels), *_sums_of_first(frames)]

    def found() -> list[Array]:
        return [rows[0][rows[0][:, 0] == 0], *(column[0] for column in sums)]

    return Step(WHOLE, preset, "frame read", frames[0].nbytes, run, found, expected)


def cells_step(material: Material) -> Step:
    """Return the integers of every cell: shape and co-occurrence."""
    grey, labels = material.grey, material.labels
    rows: list[Array] = []

    def run(isa: str) -> None:
        rows[:] = [cpu.measure_cells(grey, labels, instructions=isa)]

    return Step(
        "shape, co-occurrence",
        "",
        "frame and labels read",
        grey[0].nbytes + labels[0].nbytes,
        run,
        lambda: [rows[0][rows[0][:, 0] == 0]],
        lambda: [_rows_of_first(grey, labels)],
    )


def quality_step(material: Material) -> Step:
    """Return the sums behind the quality numbers."""
    frames, sums = material.frames, _empty_sums(material.frames)
    return Step(
        "quality sums",
        "",
        "frame read",
        frames[0].nbytes,
        lambda isa: cpu.sum_frames(frames, *sums, instructions=isa),
        lambda: [column[0] for column in sums],
        lambda: _sums_of_first(frames),
    )


def cnn_input_step(material: Material) -> Step:
    """Return the picture that a network reads, at one mean brightness."""
    frames = material.frames
    images = np.empty((len(frames), frames.shape[1] // 4, frames.shape[2] // 4), np.uint8)
    integers = np.empty((len(frames), cpu.INPUT_INTEGERS), np.int64)

    def expected() -> list[Array]:
        prepared = prepare_frames(frames[:1], "offset", ARRAYS)
        numbers = (prepared.sums[0], prepared.adjustments[0], prepared.clipped[0])
        return [prepared.images[0], np.array(numbers, np.int64)]

    return Step(
        "CNN input",
        "",
        "frame read, picture of 1/16 written",
        frames[0].nbytes + images[0].nbytes,
        lambda isa: cpu.cnn_input(frames, "offset", images, integers, instructions=isa),
        lambda: [images[0], integers[0]],
        expected,
    )


def _plane_shape(frames: Array) -> tuple[int, int, int]:
    count, height, width = frames.shape
    return count, height, (width + 63) // 64


def _number(labels: Array, count: int) -> Array:
    return components.number_per_frame(np, components.remove_frame_touching(np, labels, count), count)


def _rows_of_first(grey: Array, labels: Array) -> Array:
    integers = count_cells(grey[:1] // (256 // LEVELS), labels[:1], np)
    return np.column_stack([np.asarray(column, np.int64) for column in integers])


def _empty_sums(frames: Array) -> list[Array]:
    count, height, width = frames.shape
    integers = np.empty((count, cpu.QUALITY_INTEGERS), np.int64)
    return [integers, np.empty((count, height), np.uint32), np.empty((count, width), np.uint32)]


def _sums_of_first(frames: Array) -> list[Array]:
    sums = _sum_frames(frames[:1], np)
    names = ("black", "saturated", "constant", "laplacian", "laplacian_squared")
    names += tuple(f"energy_{level}" for level in range(4))
    return [np.array([sums[name][0] for name in names], np.int64), sums["rows"][0], sums["columns"][0]]
