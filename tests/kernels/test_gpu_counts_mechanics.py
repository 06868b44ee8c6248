"""How often a GPU is asked to launch, copy and allocate, and what its doors refuse, on a GPU that the CPU plays."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from host_gpu import HostGpu
from phasewell_kernels import cpu
from phasewell_kernels.gpu import Counts, Kernels
from phasewell_kernels.sources import SOURCES, entry_points, flat_source

SHAPE = (64, 96)


def prepare(kernels: Kernels, frames: int = 5, stream: Any = None, **changed: Any) -> None:
    height, width = SHAPE
    good: dict[str, Any] = {
        "pixels": np.zeros((frames, *SHAPE), np.uint8), "mode": "offset",
        "images": np.zeros((frames, height // 4, width // 4), np.uint8),
        "integers": np.zeros((frames, cpu.INPUT_INTEGERS), np.int64),
    }  # fmt: skip
    kernels.cnn_input(**{**good, **changed}, stream=stream)


def test_one_launch_per_batch_and_nothing_else() -> None:
    host = HostGpu()
    kernels = Kernels(0, cupy=host)
    for _ in range(3):
        prepare(kernels)
    assert kernels.counts == Counts(launches=3, copies=0, allocations=0)
    assert host.launches == [("cnn_input", 5, cpu.scratch_bytes("cnn_input", *SHAPE)[0])] * 3


def test_no_frames_are_no_launch() -> None:
    kernels = Kernels(0, cupy=HostGpu())
    prepare(kernels, frames=0)
    assert kernels.counts == Counts()


def test_an_arena_is_sized_once_per_stream() -> None:
    host = HostGpu()
    kernels = Kernels(0, cupy=host, shared_bytes=0)
    for frames in (5, 5, 3):
        prepare(kernels, frames)
    assert host.allocated == [5 * 256]
    prepare(kernels, 5, host.stream(77))
    prepare(kernels, 6)
    prepare(kernels, 5, host.stream(77))
    assert host.allocated == [5 * 256, 5 * 256, 6 * 256]
    assert kernels.counts == Counts(launches=6, copies=0, allocations=3)


def test_little_memory_means_more_launches() -> None:
    host = HostGpu()
    kernels = Kernels(0, cupy=host, shared_bytes=0, scratch_bytes=600)
    prepare(kernels)
    assert host.launches == [("cnn_input", 2, 0), ("cnn_input", 2, 0), ("cnn_input", 1, 0)]
    assert kernels.counts == Counts(launches=3, copies=0, allocations=1)


def test_tables_are_copied_once() -> None:
    kernels = Kernels(0, cupy=HostGpu())
    mean, deviation = np.float32([0.5]), np.float32([0.25])
    for _ in range(2):
        kernels.scale_images(np.zeros((2, 4, 4), np.uint8), mean, deviation, np.zeros((2, 1, 4, 4), np.float32))
    assert kernels.counts == Counts(launches=2, copies=2, allocations=2)


@pytest.mark.parametrize("shared", [232448, 101376, 4096])
def test_frames_to_cells_take_five_launches(shared: int) -> None:
    host = HostGpu()
    kernels = Kernels(0, cupy=host, shared_bytes=shared)
    recipe = np.array((2, 85, 60, 200, 64, 11, 30, 20, 2, 60, 60, 40, 900, 65, 1), np.int32)
    pixels = np.random.default_rng(1).integers(0, 256, (4, *SHAPE), np.uint8)
    grey, labels, counts = np.empty_like(pixels), np.empty(pixels.shape, np.int32), np.empty(4, np.int32)
    for repeat in (1, 2):
        kernels.adjust_background(pixels, 20, 20, grey)
        kernels.segment(grey, recipe, labels, counts)
        kernels.measure_cells(grey, labels)
        assert (kernels.counts.launches, kernels.counts.copies) == (5 * repeat, 1 + repeat)  # the recipe, once
    allocated = len(host.allocated)
    kernels.segment(grey, recipe, labels, counts)
    assert len(host.allocated) == allocated
    plane, fast = 64 * 2 * 8, cpu.scratch_bytes("segment_frames", *SHAPE, recipe)[0]
    room = fast + plane if fast + plane <= shared else fast if fast <= shared else 0
    assert ("segment_frames", 4, room) in host.launches


def test_cells_take_three_launches_and_one_copy() -> None:
    host = HostGpu()
    kernels = Kernels(0, cupy=host)
    grey, labels = np.zeros((3, *SHAPE), np.uint8), np.ones((3, *SHAPE), np.int32)
    assert len(kernels.measure_cells(grey, labels)) == 3
    assert kernels.counts == Counts(launches=3, copies=1, allocations=4)  # arena, offsets, tables on both sides
    kernels.measure_cells(grey, labels)
    assert kernels.counts == Counts(launches=6, copies=2, allocations=4)
    few = Kernels(0, cupy=host, scratch_bytes=cpu.scratch_bytes("list_cells", *SHAPE)[1] + 256)
    np.testing.assert_array_equal(few.measure_cells(grey, labels), kernels.measure_cells(grey, labels))
    assert few.counts == Counts(launches=9, copies=3, allocations=4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pixels": np.zeros((5, *SHAPE))}, "pixels float64"),
        ({"pixels": np.zeros((5, 64, 192), np.uint8)[:, :, ::2]}, "C-contiguous uint8"),
        ({"pixels": [[[0]]]}, "pixels list : expected a CuPy array"),
        ({"integers": np.zeros((5, 3), np.int32)}, "integers int32"),
    ],
)
def test_nothing_is_converted(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        prepare(Kernels(0, cupy=HostGpu()), **changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mode": "both"}, "expected offset or gain"),
        ({"pixels": np.zeros((5, 63, 96), np.uint8)}, "divisible by 4"),
        ({"images": np.zeros((5, 16, 25), np.uint8)}, "expected shape (5, 16, 24)"),
        ({"integers": np.zeros((4, 3), np.int64)}, "expected shape (5, 3)"),
    ],
)
def test_sizes_are_checked(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        prepare(Kernels(0, cupy=HostGpu()), **changed)


def test_every_entry_point_is_known_and_has_a_size() -> None:
    declared = sum(len(re.findall(r"^PW_KERNEL ", path.read_text(), re.MULTILINE)) for path in SOURCES.glob("*.cuh"))
    assert declared == len(entry_points())
    for name, entry in entry_points().items():
        assert all(re.fullmatch(r"(const )?[\w:]+\*?", kind) for kind, _ in entry.parameters), name


def test_a_source_holds_all_it_includes_once() -> None:
    for file in {entry.file for entry in entry_points().values()}:
        source = flat_source(file)
        assert '.cuh"' not in source.replace("// ", "")
        assert source.count("#define PHASEWELL_GRID_CUH") == 1
        own = [name for name, entry in entry_points().items() if entry.file == file]
        assert len(re.findall(r"^PW_KERNEL ", source, re.MULTILINE)) == len(own), "entry points of other files"
        begun, ended = (len(re.findall(rf"^#{word}", source, re.MULTILINE)) for word in ("if", "endif"))
        assert begun == ended


def test_a_result_must_not_lie_on_its_source() -> None:
    kernels, pixels = Kernels(0, cupy=HostGpu()), np.zeros((1, 4, 4), np.uint8)
    kernels.adjust_background(pixels, 1, 20, pixels.copy())
    with pytest.raises(ValueError, match="same memory"):
        kernels.adjust_background(pixels, 1, 20, pixels)
    with pytest.raises(ValueError, match=re.escape("tolerance 256: expected 0..255")):
        kernels.adjust_background(pixels, 1, 256, pixels.copy())
