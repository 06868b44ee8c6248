"""How fast matrices are multiplied, in every number format: the ceiling of a network."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from phasewell.bench.timing import Pace, time_calls, time_on_gpu
from phasewell.device import Device

CPU_SIDE, GPU_SIDE = 1024, 8192
_CPU_FORMATS, _GPU_FORMATS = ("float32", "bfloat16"), ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class MatrixRate:
    """2 n^3 operations of an n x n product over its time; None where the format cannot be measured."""

    numbers: str
    tflop_per_s: float | None
    how: str


def matrix_rates(device: Device, pace: Pace) -> Iterator[MatrixRate]:
    """Yield the rate of each number format: by torch, else by CuPy or NumPy, which have fewer formats."""
    formats = _GPU_FORMATS if device.is_gpu else _CPU_FORMATS
    torch = _usable_torch(device)
    for numbers in formats:
        if torch is not None:
            yield _by_torch(torch, numbers, device, pace)
        elif hasattr(np, numbers):
            yield _by_arrays(device, numbers, pace)
        else:
            remedy = "pip install phasewell[train]"
            yield MatrixRate(
                numbers, None, f"not measured: {_library(device)} has no {numbers}; install torch: {remedy}"
            )


def _usable_torch(device: Device) -> Any:
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch if not device.is_gpu or torch.cuda.is_available() else None


def _by_torch(torch: Any, numbers: str, device: Device, pace: Pace) -> MatrixRate:
    kind, where = getattr(torch, numbers), torch.device(device.name)
    side = GPU_SIDE if device.is_gpu else CPU_SIDE

    one, two, out = (torch.ones((side, side), dtype=kind, device=where) for _ in range(3))

    def call() -> None:
        torch.mm(one, two, out=out)
        if device.is_gpu:
            torch.cuda.synchronize(where)

    times = time_calls(call, pace)
    threads = "" if device.is_gpu else f", {torch.get_num_threads()} threads"
    return MatrixRate(numbers, 2 * side**3 / min(times.calls_s) / 1e12, f"torch {torch.__version__}, n {side}{threads}")


def _by_arrays(device: Device, numbers: str, pace: Pace) -> MatrixRate:
    xp, side = device.xp, GPU_SIDE if device.is_gpu else CPU_SIDE
    one, two, out = (xp.ones((side, side), numbers) for _ in range(3))

    def call() -> None:
        xp.matmul(one, two, out=out)

    times = time_on_gpu(xp, call, pace) if device.is_gpu else time_calls(call, pace)
    return MatrixRate(numbers, 2 * side**3 / min(times.calls_s) / 1e12, f"{_library(device)}, n {side}")


def _library(device: Device) -> str:
    return f"{'CuPy' if device.is_gpu else 'NumPy'} {device.xp.__version__}"
