"""Ceilings: what a CPU measures for real, and the calls that a GPU would get, on a stand-in with CuPy's names."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from phasewell.bench.ceilings import (
    COPY,
    DEVICE_TO_HOST,
    HOST_TO_DEVICE,
    MATRIX,
    STORAGE_COLD,
    STORAGE_READ,
    STORAGE_WRITE,
    Ceilings,
    measure_ceilings,
)
from phasewell.bench.matrices import matrix_rates
from phasewell.bench.timing import Pace, time_calls, time_on_gpu
from phasewell.device import Device
from phasewell.errors import StorageError

SHORT = Pace(2, 0.0, 0.5)


class Gpu:
    """A GPU with a clock of its own: a copy of n bytes takes n ns, a product 1 ms; NumPy does the work at once."""

    __version__ = "14.0"

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.waits = 0
        stream = SimpleNamespace(synchronize=self._wait)
        runtime = SimpleNamespace(deviceGetPCIBusId=lambda _index: "0000:65:00.0")
        self.cuda = SimpleNamespace(
            Event=lambda: Mark(self),
            get_elapsed_time=lambda one, two: two.at_ms - one.at_ms,
            get_current_stream=lambda: stream,
            alloc_pinned_memory=Pinned,
            runtime=runtime,
        )
        self.uint8 = np.uint8

    def _wait(self) -> None:
        self.waits += 1

    def zeros(self, size: int, dtype: Any) -> Any:
        return SimpleNamespace(data=Pointer(self, np.zeros(size, dtype)))

    empty = zeros

    def ones(self, shape: tuple[int, int], numbers: str) -> Any:  # noqa: ARG002 - CuPy's signature
        return np.dtype(numbers)

    def matmul(self, one: Any, two: Any, out: Any) -> None:
        assert one == two == out
        self.now_ms += 1.0


class Mark:
    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def record(self) -> None:
        self.at_ms = self.gpu.now_ms

    def synchronize(self) -> None:
        self.gpu.waits += 1


class Pinned:
    def __init__(self, size: int) -> None:
        self.buffer = (ctypes.c_uint8 * size)()
        self.ptr = ctypes.addressof(self.buffer)


class Pointer:
    def __init__(self, gpu: Gpu, array: Any) -> None:
        self.gpu, self.array = gpu, array

    def _take(self, size: int) -> None:
        assert size <= self.array.nbytes
        self.gpu.now_ms += size / 1e6

    def copy_from_device_async(self, source: Pointer, size: int, stream: Any) -> None:  # noqa: ARG002
        assert isinstance(source, Pointer)
        self._take(size)

    def copy_from_host_async(self, address: ctypes.c_void_p, size: int, stream: Any) -> None:  # noqa: ARG002
        assert isinstance(address, ctypes.c_void_p)
        self._take(size)

    copy_to_host_async = copy_from_host_async


@pytest.fixture
def device() -> Any:
    gpu = Gpu()
    return SimpleNamespace(is_gpu=True, xp=gpu, threads=2, name="cuda:0", index=0)


def test_a_cpu_measures_copies_products_and_storage(tmp_path: Path) -> None:
    found = measure_ceilings(Device("cpu", threads=2), tmp_path, (1, 2), 8, SHORT)
    by_title = {one.title: one for one in found.found}
    for title in (f"{COPY}, 1 MiB", f"{COPY}, 2 MiB", f"{MATRIX}, float32", STORAGE_WRITE, STORAGE_READ, STORAGE_COLD):
        assert (by_title[title].value or 0) > 0, title
    for name in (HOST_TO_DEVICE, DEVICE_TO_HOST):
        assert by_title[name].value is None
        assert "not measured" in by_title[name].how
    assert found.memory == by_title[f"{COPY}, 2 MiB"], "the ceiling of memory is the largest copy, not a cache's"
    assert not list(tmp_path.iterdir()), "a file is left behind"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="absent"):
        measure_ceilings(Device("cpu"), tmp_path / "absent", (1,), 1, SHORT)


def test_a_gpu_is_timed_between_its_own_events(device: Any, tmp_path: Path) -> None:
    found = measure_ceilings(device, tmp_path, (1, 4), 1, SHORT)
    rates = {one.title: one.value for one in found.found}
    for mib in (1, 4):
        assert rates[f"{COPY}, {mib} MiB"] == pytest.approx(2.0)  # read + written: 2 bytes a ns
        assert rates[f"{HOST_TO_DEVICE}, {mib} MiB"] == pytest.approx(1.0)
        assert rates[f"{DEVICE_TO_HOST}, {mib} MiB"] == pytest.approx(1.0)
    assert device.xp.waits > 0


def test_number_formats_without_a_library_say_what_to_install(device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasewell.bench.matrices._usable_torch", lambda _device: None)
    rates = {rate.numbers: rate for rate in matrix_rates(device, SHORT)}
    assert rates["float32"].tflop_per_s == pytest.approx(2 * 8192**3 / 1e-3 / 1e12)
    assert rates["bfloat16"].tflop_per_s is None
    assert "install" in rates["bfloat16"].how


def test_names_that_a_gpu_is_asked_by_are_cupys() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    for name in ("Event", "get_elapsed_time", "get_current_stream", "alloc_pinned_memory", "Device"):
        assert hasattr(cupy.cuda, name), name
    assert hasattr(cupy.cuda.runtime, "deviceGetPCIBusId")
    for name in ("copy_from_device_async", "copy_from_host_async", "copy_to_host_async"):
        assert hasattr(cupy.cuda.MemoryPointer, name), name
    assert hasattr(cupy.cuda.PinnedMemoryPointer, "ptr")
    assert {"record", "synchronize"} <= set(dir(cupy.cuda.Event))


def test_the_first_call_is_apart_and_the_watch_begins_after_it() -> None:
    clock = itertools.count()
    calls: list[str] = []

    class Around:
        def __enter__(self) -> None:
            calls.append("watch")

        def __exit__(self, *_: object) -> None:
            calls.append("end")

    times = time_calls(lambda: calls.append(str(next(clock))), Pace(3, 0.0, 5.0), Around())
    assert calls == ["0", "watch", "1", "2", "3", "end"]
    assert len(times.calls_s) == 3


def test_a_slow_call_is_measured_once(device: Any) -> None:
    assert len(time_calls(lambda: None, Pace(100, 9.0, 0.0)).calls_s) == 1
    times = time_on_gpu(device.xp, lambda: device.xp.matmul(1, 1, 1), Pace(4, 0.0, 1.0))
    assert times.calls_s == (pytest.approx(1e-3),) * 4


def test_ceilings_are_asked_by_name_and_format() -> None:
    from bench_samples import ceilings

    limits = ceilings()
    assert (limits.best(COPY).value, limits.memory.value) == (100.0, 30.0)  # type: ignore[union-attr]
    assert limits.best(MATRIX, "float32") is not None
    assert limits.best(MATRIX, "float16") is None
    assert limits.best(HOST_TO_DEVICE) is None
    assert Ceilings(()).memory is None
