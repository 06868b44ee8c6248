"""Batches on a GPU that the CPU plays: work and memory of a stream, lanes beside each other, and what failures mean."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from host_gpu import HostGpu
from phasewell.device import gpu_errors
from phasewell.errors import DeviceLostError
from phasewell_kernels import cpu
from phasewell_kernels.failures import LOST_CODES, DeviceLost, OutOfMemory, told
from phasewell_kernels.gpu import Counts, Kernels
from phasewell_kernels.results import ROW_BYTES, arena_bytes, lane_bytes, lay_out, rows_to_copy, table_bytes
from test_gpu_parity import RECIPES, frames

SHAPE = (64, 96)
RECIPE = np.array(RECIPES["plain"], np.int32)


def expected(pixels: Any, recipe: Any = RECIPE, first_frame: int = 0, half: int = 20) -> tuple[Any, ...]:
    n, height, width = pixels.shape
    grey, labels = np.empty_like(pixels), np.empty(pixels.shape, np.int32)
    sums = (
        np.empty((n, cpu.QUALITY_INTEGERS), np.int64),
        np.empty((n, height), np.uint32),
        np.empty((n, width), np.uint32),
    )
    cpu.sum_frames(pixels, *sums)
    if half < 0:
        grey[...] = pixels
    else:
        cpu.adjust_background(pixels, half, 20, grey)
    cpu.segment(grey, recipe, labels, np.empty(n, np.int32))
    return cpu.measure_cells(grey, labels, first_frame), *sums


def same(found: tuple[Any, ...], wanted: tuple[Any, ...]) -> bool:
    return all(
        one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()
        for one, two in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize("shape", [(3, *SHAPE), (1, 1, 1), (2, 1, 70), (5, 61, 129), (0, 8, 8)])
@pytest.mark.parametrize("half", [20, -1])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_in_one_call(threads: int, half: int, shape: tuple[int, int, int]) -> None:
    kernels, pixels = Kernels(0, cupy=HostGpu(threads)), frames(*shape[1:], shape[0])
    labels = np.full(shape, 9, np.int32)
    assert same(kernels.measure_frames(pixels, half, 20, RECIPE, labels, 4), expected(pixels, RECIPE, 4, half))
    assert same(kernels.measure_frames(pixels, half, 20, RECIPE), expected(pixels, RECIPE, 0, half))
    if shape[0]:
        wanted = np.empty(shape, np.int32)
        grey = np.empty_like(pixels)
        cpu.adjust_background(pixels, half, 20, grey) if half >= 0 else np.copyto(grey, pixels)
        cpu.segment(grey, RECIPE, wanted, np.empty(shape[0], np.int32))
        np.testing.assert_array_equal(labels, wanted)


@pytest.mark.parametrize("shared", [232448, 101376, 4096])
def test_work_and_memory_of_a_batch(shared: int) -> None:
    """Six launches and one copy back; memory is taken once per stream."""
    host = HostGpu()
    kernels = Kernels(0, cupy=host, shared_bytes=shared)
    pixels, resident, stream = frames(*SHAPE, 4), kernels.empty((4, *SHAPE), np.uint8), kernels.new_stream()
    staged = kernels.pinned(pixels.shape, np.uint8)
    staged[...] = pixels
    before = kernels.counts.allocations
    for repeat in (1, 2, 3):
        kernels.put_into(staged, resident, stream)
        rows = kernels.measure_frames(resident, 20, 20, RECIPE, stream=stream)[0]
        assert len(rows) > 3
        # frames in, tables out, and once the recipe; the recipe, arena, grey, labels, offsets, tables on both sides
        assert kernels.counts == Counts(6 * repeat, 2 * repeat + 1, before + 7)
    assert host.copies == kernels.counts.copies
    assert host.allocated == [max(host.allocated)], "an arena that grew"
    numbers = tuple(int(number) for number in RECIPE)
    assert host.allocated[0] <= arena_bytes(4, *SHAPE, 20, numbers)
    taken, projected = host.allocated[0] + host.array_bytes, lane_bytes(4, *SHAPE, 20, numbers)
    assert 0.5 * projected < taken <= projected, "what a lane takes of the device, its frames included"
    kernels.release(stream)
    kernels.measure_frames(resident, 20, 20, RECIPE, stream=stream)
    assert kernels.counts.allocations == before + 13


def test_more_cells_than_came_cost_a_copy_and_more_than_fitted_a_measurement() -> None:
    host = HostGpu()
    kernels = Kernels(0, cupy=host)
    labels = np.arange(64 * 96, dtype=np.int32).reshape(1, *SHAPE)
    grey = frames(*SHAPE, 1)
    wanted = cpu.measure_cells(grey, labels)
    np.testing.assert_array_equal(kernels.measure_cells(grey, labels), wanted)
    assert kernels.counts == Counts(launches=6, copies=2, allocations=4 + 2)  # both tables grow
    some = np.where(labels < 700, labels, 0)
    for _ in range(2):  # the first copy brings as many rows as the last batch had, and more
        np.testing.assert_array_equal(kernels.measure_cells(grey, some), cpu.measure_cells(grey, some))
    assert (kernels.counts.launches, kernels.counts.copies) == (12, 4)
    other = Kernels(0, cupy=host)
    np.testing.assert_array_equal(other.measure_cells(grey, some), cpu.measure_cells(grey, some))
    assert (other.counts.launches, other.counts.copies) == (3, 2), "700 rows, of which 256 came at first"


def test_little_memory_splits_a_batch() -> None:
    one = cpu.scratch_bytes("list_cells", *SHAPE)[1] + 256
    kernels, pixels = Kernels(0, cupy=HostGpu(), scratch_bytes=2 * one), frames(*SHAPE, 5)
    assert same(kernels.measure_frames(pixels, 20, 20, RECIPE, None, 7), expected(pixels, RECIPE, 7))


def test_lanes_beside_each_other() -> None:
    """Threads with a stream each, and threads that share one, get their own frames' numbers."""
    host = HostGpu()
    kernels = Kernels(0, cupy=host)
    batches = [frames(*SHAPE, 2 + index) for index in range(4)]
    wanted, wrong = [expected(pixels) for pixels in batches], []

    def lane(index: int, stream: Any) -> None:
        for turn in range(3):
            which = (index + turn) % 4
            if not same(kernels.measure_frames(batches[which], 20, 20, RECIPE, stream=stream), wanted[which]):
                wrong.append((index, which))

    shared = kernels.new_stream()
    lanes = [threading.Thread(target=lane, args=(i, kernels.new_stream() if i < 2 else shared)) for i in range(4)]
    for thread in lanes:
        thread.start()
    for thread in lanes:
        thread.join()
    assert not wrong
    assert kernels.counts.launches == 4 * 3 * 6


def test_sizes_are_known_before() -> None:
    numbers = tuple(int(number) for number in RECIPE)
    sizes = [lane_bytes(n, 1000, 1000, 37, numbers) for n in (1, 8, 64)]
    assert sizes[0] < sizes[1] < sizes[2] <= 64 * sizes[0]
    images = 64 * 6 * 1000 * 1000
    assert sizes[2] > images + arena_bytes(64, 1000, 1000, 37, numbers)
    assert table_bytes(64, 1000, 1000) == lay_out(64, 1000, 1000, True).cells + 64 * 1024 * ROW_BYTES
    assert rows_to_copy(0) == 0 and rows_to_copy(1) == 4096 and rows_to_copy(4096) == 8192
    with pytest.raises(ValueError, match="20000"):
        arena_bytes(1, 20000, 20000, 37, numbers)


class CudaError(RuntimeError):
    """As CuPy's CUDARuntimeError and CUDADriverError."""

    def __init__(self, status: int) -> None:
        super().__init__(f"error {status}")
        self.status = status


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (CudaError(2), OutOfMemory),
        (MemoryError(), OutOfMemory),
        (CudaError(700), DeviceLost),
        (CudaError(214), DeviceLost),
        (CudaError(999), DeviceLost),
        (CudaError(1), CudaError),
        (CudaError(209), CudaError),
        (ValueError(), ValueError),
    ],
)
def test_what_an_error_means(error: Exception, meaning: type[Exception]) -> None:
    with pytest.raises(meaning), told("GPU 0"):
        raise error


def test_a_run_is_told_what_a_gpu_says() -> None:
    with pytest.raises(DeviceLostError, match="cudaErrorECCUncorrectable") as lost, gpu_errors():
        raise CudaError(214)
    assert lost.value.exit_code == 69
    with pytest.raises(MemoryError), gpu_errors():
        raise CudaError(2)
    with pytest.raises(CudaError), gpu_errors():
        raise CudaError(9)


def test_a_full_gpu_is_given_back_what_it_held() -> None:
    host = HostGpu()
    kernels, pixels = Kernels(0, cupy=host), frames(*SHAPE, 4)
    kernels.measure_frames(pixels[:1], 20, 20, RECIPE)
    host.fail_next("alloc", CudaError(2))
    with pytest.raises(OutOfMemory):
        kernels.measure_frames(pixels, 20, 20, RECIPE)
    assert same(kernels.measure_frames(pixels[:2], 20, 20, RECIPE), expected(pixels[:2]))


def test_a_lost_gpu_is_never_asked_again() -> None:
    host = HostGpu()
    kernels, pixels = Kernels(0, cupy=host), frames(*SHAPE, 1)
    host.fail_next("memcpyAsync", CudaError(700))
    with pytest.raises(DeviceLost, match="cudaErrorIllegalAddress"):
        kernels.measure_frames(pixels, 20, 20, RECIPE)
    launched = len(host.launches)
    for call in (lambda: kernels.measure_frames(pixels, 20, 20, RECIPE), lambda: kernels.put(pixels), kernels.wait):
        with pytest.raises(DeviceLost):
            call()
    assert len(host.launches) == launched
    assert set(LOST_CODES) > {700, 719}
