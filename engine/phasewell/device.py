"""The only place that chooses CPU or GPU: which array library, which image library, how many frames at once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from phasewell.errors import UnavailableError, UsageError

CPU_BATCH_FRAMES = 2  # more is slower on a CPU and takes gigabytes
GPU_BATCH_FRAMES = 64


@dataclass(frozen=True)
class Device:
    """Where array code runs.

    `name` is "cpu", "cuda:N" or "auto" (the first GPU, else the CPU; the choice is then in `name`).
    `xp` is NumPy or CuPy, `ndimage` is scipy.ndimage or cupyx.scipy.ndimage.
    Raises UsageError for another name and UnavailableError when a GPU is asked for and absent: no silent fallback.
    """

    name: str = "auto"

    def __post_init__(self) -> None:
        """Resolve "auto" and "cuda", and check that the device is there."""
        name = self.name
        if name == "auto":
            name = "cuda:0" if count_gpus() else "cpu"
        elif name == "cuda":
            name = "cuda:0"
        if name != "cpu":
            kind, _, index = name.partition(":")
            if kind != "cuda" or not index.isdigit():
                raise UsageError(f"device {self.name!r}: expected cpu, cuda:N or auto")
            if int(index) >= count_gpus():
                raise UnavailableError(
                    f"device {name}: {count_gpus()} GPUs are visible to CuPy; "
                    "install the extra cuda13 and check the driver, or use --device cpu"
                )
        object.__setattr__(self, "name", name)

    @property
    def is_gpu(self) -> bool:
        """True when arrays live on a GPU."""
        return self.name != "cpu"

    @property
    def xp(self) -> ModuleType:
        """The array library: numpy or cupy."""
        import numpy

        return _import_cupy() if self.is_gpu else numpy

    @property
    def ndimage(self) -> ModuleType:
        """The image library with SciPy's names: scipy.ndimage or cupyx.scipy.ndimage."""
        if self.is_gpu:
            from cupyx.scipy import ndimage
        else:
            from scipy import ndimage
        module: ModuleType = ndimage
        return module

    @property
    def batch_frames(self) -> int:
        """How many frames one call should hold; results never depend on it."""
        return GPU_BATCH_FRAMES if self.is_gpu else CPU_BATCH_FRAMES

    def put(self, array: Any) -> Any:
        """Return `array` on this device: one copy to a GPU, none on the CPU."""
        return self.xp.asarray(array)

    def get(self, array: Any) -> Any:
        """Return `array` in host memory: one copy from a GPU, none on the CPU."""
        return array.get() if hasattr(array, "get") else array


def as_device(device: Device | str) -> Device:
    """Return a Device for a name, or the device itself."""
    return device if isinstance(device, Device) else Device(device)


@functools.cache
def count_gpus() -> int:
    """Return how many GPUs CuPy can use; 0 without CuPy or a driver."""
    try:
        return int(_import_cupy().cuda.runtime.getDeviceCount())
    except Exception:  # CuPy raises its own error types for a missing driver, which cannot be named without it
        return 0


def _import_cupy() -> ModuleType:
    import cupy

    module: ModuleType = cupy
    return module
