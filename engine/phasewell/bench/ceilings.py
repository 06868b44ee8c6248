"""What the machine can do at most, measured in the same run as the rates that are held against it."""

from __future__ import annotations

import ctypes
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phasewell.bench.matrices import matrix_rates
from phasewell.bench.timing import Pace, time_calls, time_on_gpu
from phasewell.device import Device
from phasewell.durable import write_failure

if TYPE_CHECKING:
    from numpy.typing import NDArray

COPY, HOST_TO_DEVICE, DEVICE_TO_HOST, MATRIX = "memory copy", "host to device", "device to host", "matrix product"
STORAGE_WRITE, STORAGE_READ, STORAGE_COLD = "storage write + fsync", "storage read, page cache", "storage read, cold"
_MIB = 1 << 20
_BLOCK = 4 * _MIB


@dataclass(frozen=True)
class Ceiling:
    """One limit of the machine. A value of None was not measured, for the reason in `how`."""

    name: str
    kind: str
    """Size or number format; "" where there is none."""
    value: float | None
    unit: Literal["GB/s", "TFLOP/s"]
    how: str

    @property
    def title(self) -> str:
        """Name and kind."""
        return f"{self.name}, {self.kind}" if self.kind else self.name

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON document."""
        return {"name": self.name, "kind": self.kind, "value": self.value, "unit": self.unit, "how": self.how}


@dataclass(frozen=True)
class Ceilings:
    """All limits of one run."""

    found: tuple[Ceiling, ...]

    def best(self, name: str, kind: str = "") -> Ceiling | None:
        """Return the largest measured limit of that name, and kind if one is asked for; None when there is none."""
        those = [c for c in self.found if c.name == name and c.value is not None and kind in ("", c.kind)]
        return max(those, key=lambda c: c.value or 0.0, default=None)

    @property
    def memory(self) -> Ceiling | None:
        """The copy of the largest size: of memory, not of a cache."""
        return next((c for c in reversed(self.found) if c.name == COPY and c.value is not None), None)


def measure_ceilings(device: Device, folder: Path, sizes_mib: Sequence[int], file_mib: int, pace: Pace) -> Ceilings:
    """Measure copies of the given sizes, ascending, matrix products in every number format, and a file in `folder`.

    Raises StorageError when the folder cannot be written.
    """
    copies = _gpu_copies(device, sizes_mib, pace) if device.is_gpu else _host_copies(device, sizes_mib, pace)
    products = (
        Ceiling(MATRIX, rate.numbers, rate.tflop_per_s, "TFLOP/s", rate.how) for rate in matrix_rates(device, pace)
    )
    return Ceilings((*copies, *products, *_storage(folder, file_mib, device.threads)))


def _host_copies(device: Device, sizes_mib: Sequence[int], pace: Pace) -> Iterator[Ceiling]:
    threads = device.threads
    for mib in sizes_mib:
        pairs = [(np.ones(mib * _MIB, np.uint8), np.empty(mib * _MIB, np.uint8)) for _ in range(threads)]
        rounds = max(1, 64 // mib)
        with ThreadPoolExecutor(threads) as pool:

            def copy(pool: ThreadPoolExecutor = pool, pairs: Any = pairs, rounds: int = rounds) -> None:
                list(pool.map(lambda pair: _copy(pair[0], pair[1], rounds), pairs))

            times = time_calls(copy, pace)
        value = 2 * mib * _MIB * rounds * threads / min(times.calls_s) / 1e9
        yield Ceiling(COPY, f"{mib} MiB", value, "GB/s", f"NumPy, {threads} threads, bytes read + written, best call")
    for name in (HOST_TO_DEVICE, DEVICE_TO_HOST):
        yield Ceiling(name, "", None, "GB/s", "not measured: a CPU computes in host memory, nothing is copied")


def _copy(source: NDArray[np.uint8], target: NDArray[np.uint8], rounds: int) -> None:
    for _ in range(rounds):
        np.copyto(target, source)


def _gpu_copies(device: Device, sizes_mib: Sequence[int], pace: Pace) -> Iterator[Ceiling]:
    cupy = device.xp
    largest = max(sizes_mib) * _MIB
    pinned = cupy.cuda.alloc_pinned_memory(largest)
    address = ctypes.c_void_p(pinned.ptr)
    one, two = cupy.zeros(largest, cupy.uint8), cupy.empty(largest, cupy.uint8)

    def calls(size: int) -> dict[str, tuple[int, Callable[[], Any], str]]:
        stream = cupy.cuda.get_current_stream()
        return {
            COPY: (2, lambda: two.data.copy_from_device_async(one.data, size, stream), "on the GPU, read + written"),
            HOST_TO_DEVICE: (1, lambda: one.data.copy_from_host_async(address, size, stream), "from pinned memory"),
            DEVICE_TO_HOST: (1, lambda: one.data.copy_to_host_async(address, size, stream), "to pinned memory"),
        }

    for mib in sizes_mib:
        for name, (passes, call, how) in calls(mib * _MIB).items():
            times = time_on_gpu(cupy, call, pace)
            value = passes * mib * _MIB / times.p50_s / 1e9
            yield Ceiling(name, f"{mib} MiB", value, "GB/s", f"CuPy, {how}, median between GPU events")


def _storage(folder: Path, mib: int, threads: int) -> Iterator[Ceiling]:
    """Write and read one file: what a shard costs at least."""
    block = np.random.default_rng(0).integers(0, 256, _BLOCK, np.uint8)
    blocks = max(mib * _MIB // _BLOCK, threads)
    size = blocks * _BLOCK
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="phasewell-bench-") as file:
            began = time.perf_counter()
            for _ in range(blocks):
                file.write(block.data)
            file.flush()
            os.fsync(file.fileno())
            written_s = time.perf_counter() - began
            cached_s = min(_read(file.fileno(), blocks, threads) for _ in range(3))
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            cold_s = _read(file.fileno(), blocks, threads)
    except OSError as error:
        raise write_failure(folder, error, size) from error
    where = f"{size >> 20} MiB at {folder}"
    reading = f"{where}, {threads} threads"
    yield Ceiling(STORAGE_WRITE, "", size / written_s / 1e9, "GB/s", f"{where}, one thread, one fsync at the end")
    yield Ceiling(STORAGE_READ, "", size / cached_s / 1e9, "GB/s", f"{reading}, straight after writing")
    yield Ceiling(
        STORAGE_COLD, "", size / cold_s / 1e9, "GB/s",
        f"{reading}, after the system was asked to forget it (a RAM disk does not, a host below may not)",
    )  # fmt: skip


def _read(descriptor: int, blocks: int, threads: int) -> float:
    buffers = [bytearray(_BLOCK) for _ in range(threads)]

    def read(thread: int) -> None:
        for index in range(thread, blocks, threads):
            os.preadv(descriptor, [buffers[thread]], index * _BLOCK)

    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(read, range(threads)))
        return time.perf_counter() - began
