"""What the benchmarks of a GPU share: times by its own clock and by the host's, ceilings of the same run, and rows."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import cupy
import numpy as np
from kernel_frames import SIDE_PX
from phasewell.bench.timing import Times

DIFFERENT_FRAMES = 8  # a batch repeats them
CEILING_BYTES = 1 << 30
MATRIX_SIDE = 8192


def time_calls(call: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Return milliseconds of the first call and between the ends of the repeats on the GPU; and seconds a call.

    The first and the last are by the host's clock. A call returns the stream that it used, None for the current one.
    """
    start = time.perf_counter()
    call()
    cupy.cuda.Device(0).synchronize()
    first = time.perf_counter() - start
    marks = [cupy.cuda.Event() for _ in range(repeats + 1)]
    start = time.perf_counter()
    marks[0].record()
    for mark in marks[1:]:
        mark.record(call())
    cupy.cuda.Device(0).synchronize()
    whole = time.perf_counter() - start
    calls = tuple(cupy.cuda.get_elapsed_time(one, two) / 1e3 for one, two in itertools.pairwise(marks))
    return _describe(Times(first, calls), whole)


def time_on_host(call: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Return the times of calls that wait for their results, as `time_calls` does."""
    start = time.perf_counter()
    call()
    marks = [time.perf_counter()]
    first = marks[0] - start
    for _ in range(repeats):
        call()
        marks.append(time.perf_counter())
    calls = tuple(two - one for one, two in itertools.pairwise(marks))
    return _describe(Times(first, calls), marks[-1] - marks[0])


def _describe(times: Times, whole_s: float) -> dict[str, Any]:
    return {
        "first_ms": times.warm_up_s * 1e3,
        "p50_ms": times.p50_s * 1e3,
        "p95_ms": times.p95_s * 1e3,
        "spread": times.spread,
        "s_per_call": whole_s / len(times.calls_s),
        "repeats": len(times.calls_s),
    }


def measure_ceilings() -> dict[str, float]:
    """Return GB/s of a copy on the GPU (read and written) and of copies from and to pinned host memory."""
    one, two = cupy.zeros(CEILING_BYTES, cupy.uint8), cupy.empty(CEILING_BYTES, cupy.uint8)
    size = CEILING_BYTES // 4
    pinned = cupy.cuda.alloc_pinned_memory(size)
    address, stream = ctypes.c_void_p(pinned.ptr), cupy.cuda.get_current_stream()
    copies = {
        "copy": (2 * CEILING_BYTES, lambda: two.data.copy_from_device_async(one.data, CEILING_BYTES, stream)),
        "host_to_device": (size, lambda: one.data.copy_from_host_async(address, size, stream)),
        "device_to_host": (size, lambda: one.data.copy_to_host_async(address, size, stream)),
    }
    rates = {}
    for name, (moved, call) in copies.items():
        rates[name] = moved / 1e6 / time_calls(call, 20)["p50_ms"]
    return rates


def measure_matrices() -> float | None:
    """Return TFLOP/s of a product of random half-precision matrices; None, said aloud, where cuBLAS is absent."""
    try:
        return _multiply()
    except (ImportError, RuntimeError) as error:
        print(f"matrix product not measured: {error}")
        return None


def _multiply() -> float:
    one, two = (cupy.random.random((MATRIX_SIDE, MATRIX_SIDE), dtype=np.float32).astype(np.float16) for _ in "ab")
    out = cupy.empty_like(one)
    return 2 * MATRIX_SIDE**3 / 1e9 / time_calls(lambda: cupy.matmul(one, two, out=out), 10)["p50_ms"]  # type: ignore[no-any-return]


def describe_gpu() -> dict[str, str]:
    """Return name, driver, clocks, power and temperature as the driver tells them now."""
    fields = ("name", "driver_version", "clocks.sm", "clocks.mem", "clocks.max.sm", "power.draw", "temperature.gpu")
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    values = ["unknown"] * len(fields)
    if shutil.which(command[0]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        values = done.stdout.strip().split("\n")[0].split(", ") if done.returncode == 0 else values
    return dict(zip(fields, values, strict=True))


def row(
    boundary: str, cells: int, preset: str, batch: int, times: dict[str, Any], moved: int, clocks: dict[str, str]
) -> dict[str, Any]:
    """Return one row; the numbers of the ceilings are added when all is measured."""
    return {
        "boundary": boundary,
        "device": clocks["name"],
        "gpu": clocks,
        "frame": f"synthetic, {SIDE_PX} x {SIDE_PX} uint8, {DIFFERENT_FRAMES} different ones",
        "cells_per_frame": cells,
        "preset": preset,
        "batch_frames": batch,
        "frames_per_s": batch / times["s_per_call"],
        **times,
        "clock": "p50 and p95 of a batch by GPU events; frames per second by the host's clock over all repeats",
        "gb_per_s": moved / 1e9 / times["s_per_call"],
        "bytes": "inputs and outputs of each step once",
        "ceiling": "copy",
        "peak_pool_mb": cupy.get_default_memory_pool().total_bytes() / 1e6,
        "parity": {"with": "CPU build", "frames": min(batch, DIFFERENT_FRAMES), "bytes_equal": True},
    }
