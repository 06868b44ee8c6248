"""The module cupy as the benchmarks of a GPU use it, played by the CPU: to see that they run, not how fast."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from host_gpu import HostGpu


class Array(np.ndarray):
    """NumPy's array with what CuPy's has besides."""

    def get(self) -> Any:
        """Copy to the host."""
        return np.array(self)

    @property
    def data(self) -> Any:  # type: ignore[override]
        """Memory that can be copied from and to."""
        array = self

        def copy(*_: Any) -> None:
            array.reshape(-1).view(np.uint8)[:1] = 0

        return SimpleNamespace(copy_from_device_async=copy, copy_from_host_async=copy, copy_to_host_async=copy)


class Event:
    """A mark in time."""

    def record(self, stream: Any = None) -> None:  # noqa: ARG002
        """Set the mark."""
        self.seconds = time.perf_counter()


def play(memory: int = 8 << 30) -> ModuleType:
    """Return the module; every array is in host memory."""
    host = HostGpu(memory=memory)
    module = ModuleType("cupy")
    for name in ("full", "empty_like", "matmul", "float16", "uint8"):
        setattr(module, name, getattr(np, name))
    for name in ("RawModule", "get_default_pinned_memory_pool", "ndarray"):
        setattr(module, name, getattr(host, name))
    pool = SimpleNamespace(free_all_blocks=lambda: None, total_bytes=lambda: 0)
    module.asarray, module.asnumpy = lambda a: np.array(a).view(Array), np.array  # type: ignore[attr-defined]
    module.zeros = lambda *a, **k: np.zeros(*a, **k).view(Array)  # type: ignore[attr-defined]
    module.empty = lambda *a, **k: np.empty(*a, **k).view(Array)  # type: ignore[attr-defined]
    module.get_default_memory_pool = lambda: pool  # type: ignore[attr-defined]
    module.random = SimpleNamespace(random=lambda shape, dtype: np.random.default_rng(0).random(shape, dtype))  # type: ignore[attr-defined]
    host.cuda.Event = Event
    host.cuda.get_elapsed_time = lambda one, two: (two.seconds - one.seconds) * 1e3 + 1e-6
    host.cuda.Device.synchronize = lambda _: None
    host.cuda.set_allocator = lambda _: None
    module.cuda = host.cuda  # type: ignore[attr-defined]
    sys.modules["cupy"] = module
    return module
