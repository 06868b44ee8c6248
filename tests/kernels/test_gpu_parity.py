"""The kernels on a GPU give the bits of the CPU build: on a real one, and on one that the CPU plays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from host_gpu import HostGpu
from phasewell.device import count_gpus
from phasewell.simulation import plan_plate
from phasewell.simulation.drawing import draw_field
from phasewell.simulation.optics import optics, texture_tile
from phasewell.simulation.population import populate
from phasewell_kernels import cpu
from phasewell_kernels.gpu import Kernels

GPU = pytest.param(
    "cuda:0", marks=[pytest.mark.gpu, pytest.mark.skipif(not count_gpus(), reason="no GPU is visible to CuPy")]
)
SHAPES = [(1, 1), (1, 700), (130, 3), (64, 64), (61, 129), (200, 260)]


@pytest.fixture(params=["played by one thread", "played by three threads", GPU], scope="module")
def kernels(request: pytest.FixtureRequest) -> Kernels:
    if request.param == "cuda:0":
        return Kernels(0)
    return Kernels(0, cupy=HostGpu(threads=1 if "one" in request.param else 3))


def frames(height: int, width: int, count: int = 3) -> Any:
    """Return (count, height, width) uint8: noise, blobs of noise on a slope, one grey level."""
    chance = np.random.default_rng((height, width))
    noise = chance.integers(0, 256, (count, height, width), np.uint8)
    y, x = np.mgrid[:height, :width]
    for index in range(1, count, 3):
        cells = (y // 24 + x // 24) % 2 * chance.normal(0, 25, (height, width))
        noise[index] = np.clip(120 + x * 20 / width + cells, 0, 255)
    noise[2::3] = 77
    return noise


def as_planes(mask: Any) -> Any:
    """Return bit planes (frames, height, ceil(width / 64)) uint64 of a mask (frames, height, width)."""
    padded = np.pad(mask, ((0, 0), (0, 0), (0, -mask.shape[2] % 64)))
    return np.packbits(padded, axis=2, bitorder="little").view(np.uint64)


def compare(kernels: Kernels, name: str, inputs: tuple[Any, ...], *outputs: Any) -> None:
    """Run one function on both with the outputs last, full of different rubbish, and compare them."""
    function: Callable[..., None] = getattr(kernels, name)
    on_gpu = [kernels.put(np.full_like(output, 99)) for output in outputs]
    function(*(kernels.put(one) if isinstance(one, np.ndarray) and one.ndim > 1 else one for one in inputs), *on_gpu)
    getattr(cpu, name)(*inputs, *outputs)
    for found, wanted in zip(on_gpu, outputs, strict=True):
        assert kernels.get(found).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("mode", ["offset", "gain"])
@pytest.mark.parametrize("shape", [(4, 4), (4, 704), (132, 4), (64, 64), (60, 128), (200, 260)])
def test_cnn_input(kernels: Kernels, mode: str, shape: tuple[int, int]) -> None:
    pixels = frames(*shape)
    images = np.zeros((3, shape[0] // 4, shape[1] // 4), np.uint8)
    compare(kernels, "cnn_input", (pixels, mode), images, np.zeros((3, cpu.INPUT_INTEGERS), np.int64))
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    compare(kernels, "scale_images", (images, mean, deviation), np.zeros((3, 3, *images.shape[1:]), np.float32))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("half", "tolerance"), [(0, 0), (7, 20), (50, 12), (400, 255)])
def test_adjust_background(kernels: Kernels, shape: tuple[int, int], half: int, tolerance: int) -> None:
    compare(kernels, "adjust_background", (frames(*shape), half, tolerance), np.zeros((3, *shape), np.uint8))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [0, 1, 5, 40])
def test_erode(kernels: Kernels, shape: tuple[int, int], radius: int) -> None:
    planes = as_planes(frames(*shape) > 20)
    compare(kernels, "erode", (planes, shape[1], radius), np.zeros_like(planes))


@pytest.mark.parametrize("shape", SHAPES)
def test_pieces(kernels: Kernels, shape: tuple[int, int]) -> None:
    planes = as_planes(frames(*shape) > 110)
    for name, limit in (("remove_small", 9), ("fill_holes", 12), ("remove_walls", 20)):
        changed = planes.copy()
        on_gpu = kernels.put(planes)
        getattr(kernels, name)(on_gpu, shape[1], limit)
        getattr(cpu, name)(changed, shape[1], limit)
        np.testing.assert_array_equal(kernels.get(on_gpu), changed)
    for remove_touching in (False, True):
        outputs = np.zeros((3, *shape), np.int32), np.zeros(3, np.int32)
        compare(kernels, "label_pieces", (planes, remove_touching), *outputs)


@pytest.mark.parametrize("shape", SHAPES)
def test_sum_frames(kernels: Kernels, shape: tuple[int, int]) -> None:
    height, width = shape
    outputs = np.zeros((3, cpu.QUALITY_INTEGERS), np.int64), np.zeros((3, height), np.uint32)
    compare(kernels, "sum_frames", (frames(*shape),), *outputs, np.zeros((3, width), np.uint32))


def test_render_frames(kernels: Kernels) -> None:
    shape, tables = (90, 300), optics(0.87)
    plan = plan_plate(clones=1, fields=2, times=15, seed=5, frame_shape=shape)
    clone, chance = plan.clones[0], plan.chance(0, 0)
    drawings = [draw_field(plan, clone, chance, t, populate(plan, clone, chance, t)) for t in (0, 14)]
    offsets = np.cumsum([0] + [len(one.cells) for one in drawings])
    cells, outlines = (np.concatenate([getattr(one, key) for one in drawings]) for key in ("cells", "outlines"))
    frames = np.stack([one.frame for one in drawings])
    inputs = (frames, offsets, cells, outlines, tables.profiles, texture_tile(), tables.mottle)
    inputs = (*inputs, tables.reach, tables.profile_scale)
    wanted = np.zeros((2, *shape), np.uint8), np.zeros((2, *shape), np.int32)
    cpu.render_frames(*inputs, *wanted)
    found = [kernels.put(np.full_like(one, 99)) for one in wanted]
    kernels.render_frames(*inputs, *found)
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(kernels.get(one), two)
    assert wanted[1].max() > 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("numbers", [(5, 0, 0, 80, 60, 200), (2, 64, 11, 85, 60, 200), (-1, 8, 3, 100, 0, 60000)])
def test_binarise_frames(kernels: Kernels, shape: tuple[int, int], numbers: tuple[int, ...]) -> None:
    planes = np.zeros((3, shape[0], -(-shape[1] // 64)), np.uint64)
    compare(kernels, "binarise_frames", (frames(*shape), *numbers), planes, np.zeros(3, np.int32))


@pytest.mark.parametrize("shape", SHAPES)
def test_measure_cells(kernels: Kernels, shape: tuple[int, int]) -> None:
    grey = frames(*shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.where(grey > 60, (y // 9 * 5 + x // 14 * 3) % max(shape[0] * shape[1] // 50, 2), 0).astype(np.int32)
    labels[1] = 0
    on_gpu = kernels.put(grey), kernels.put(labels)
    wanted = cpu.measure_cells(grey, labels, 7)
    np.testing.assert_array_equal(kernels.measure_cells(*on_gpu, 7), wanted)


def test_measure_more_cells_than_there_was_room_for(kernels: Kernels) -> None:
    labels = np.arange(1, 2 * 64 * 64 + 1, dtype=np.int32).reshape(2, 64, 64)
    labels[1] -= 64 * 64
    grey = frames(64, 64, 2)
    wanted = cpu.measure_cells(grey, labels)
    assert len(wanted) == 2 * 64 * 64
    for _ in range(2):
        np.testing.assert_array_equal(kernels.measure_cells(kernels.put(grey), kernels.put(labels)), wanted)


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (17, OverflowError)])
def test_labels_are_checked(kernels: Kernels, value: int, error: type[Exception]) -> None:
    labels = np.ones((3, 4, 4), np.int32)
    labels[1, 2, 3] = value
    with pytest.raises(error, match="frame 6"):
        kernels.measure_cells(kernels.put(np.zeros((3, 4, 4), np.uint8)), kernels.put(labels), 5)


RECIPES = {
    "paper-r": (5, 80, 60, 200, 0, 0, 0, 20, 3, 60, 60, 0, 0, 0, 1),
    "phase": (2, 85, 60, 200, 64, 11, 30, 20, 2, 60, 60, 40, 900, 65, 1),
    "plain": (-1, 100, 10, 60000, 0, 0, 0, 0, 0, 0, 0, 0, 400, 0, 0),
}


@pytest.mark.parametrize("shape", [*SHAPES, (300, 420)])
@pytest.mark.parametrize("name", RECIPES)
def test_segment(kernels: Kernels, name: str, shape: tuple[int, int]) -> None:
    grey, recipe = frames(*shape), np.array(RECIPES[name], np.int32)
    compare(kernels, "segment", (grey, recipe), np.zeros((3, *shape), np.int32), np.zeros(3, np.int32))


@pytest.mark.parametrize("shape", [(1, 1), (61, 129), (300, 420)])
@pytest.mark.parametrize("name", RECIPES)
def test_measure_frames_on_a_stream(kernels: Kernels, name: str, shape: tuple[int, int]) -> None:
    """From page-locked memory to numbers in host memory, on a stream of its own, twice over the same memory."""
    pixels, recipe, stream = frames(*shape, 4), np.array(RECIPES[name], np.int32), kernels.new_stream()
    host, there = kernels.pinned(pixels.shape, np.uint8), kernels.empty(pixels.shape, np.uint8, stream)
    labels = kernels.empty(pixels.shape, np.int32, stream)
    for some in (pixels, np.ascontiguousarray(pixels[::-1])):
        sums = [np.empty((4, n), kind) for n, kind in ((cpu.QUALITY_INTEGERS, np.int64), (shape[0], np.uint32))]
        sums.append(np.empty((4, shape[1]), np.uint32))
        wanted_labels = np.empty(pixels.shape, np.int32)
        wanted = cpu.measure_frames(some, 20, 20, recipe, wanted_labels, *sums, 3)
        host[...] = some
        kernels.put_into(host, there, stream)
        found = kernels.measure_frames(there, 20, 20, recipe, labels, 3, stream)
        for one, two in zip(found, (wanted, *sums), strict=True):
            assert (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())
        np.testing.assert_array_equal(kernels.get(labels, stream), wanted_labels)
    kernels.release(stream)
