"""The only place that chooses CPU or GPU: which array library, which kernels, how many threads and frames at once."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from phasewell_kernels.failures import DeviceLost, told

from phasewell.device_facts import DeviceFacts, count_cores, cpu_facts, gpu_facts
from phasewell.errors import DeviceLostError, UnavailableError, UsageError

CPU_ARRAY_FRAMES = 2  # more is slower on a CPU and takes gigabytes
CPU_KERNEL_FRAMES = 16  # so that threads seldom wait for each other; each has one frame at a time in its cache
GPU_BATCH_FRAMES = 64


@dataclass(frozen=True)
class Device:
    """Where and how frames are computed; the numbers are the same everywhere.

    `name` is "cpu", "cuda:N" or "auto" (the first GPU, else the CPU; the choice is then in `name`).
    `engine` is "kernels" (fused, the default) or "arrays" (the readable specification, on `xp` and `ndimage`).
    `threads` of the kernels on a CPU; 0 = one per core that this process may use.
    `xp` is NumPy or CuPy, `ndimage` is scipy.ndimage or cupyx.scipy.ndimage.
    Raises UsageError for another name and UnavailableError when a GPU is asked for and absent: no silent fallback.
    """

    name: str = "auto"
    engine: Literal["kernels", "arrays"] = "kernels"
    threads: int = 0

    def __post_init__(self) -> None:
        """Resolve "auto" and "cuda", and check that the device is there."""
        if self.engine not in ("kernels", "arrays") or self.threads < 0:
            raise UsageError(
                f"engine {self.engine!r}, threads {self.threads}: expected kernels or arrays, and 0 or more"
            )
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
                raise UnavailableError(f"device {name}: {explain_absence()}; or use the device cpu")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "threads", self.threads or count_cores())

    @property
    def is_gpu(self) -> bool:
        """True when arrays live on a GPU."""
        return self.name != "cpu"

    @property
    def index(self) -> int:
        """The number of the GPU; 0 for the CPU."""
        return int(self.name.partition(":")[2] or 0)

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
        if self.is_gpu:
            return GPU_BATCH_FRAMES
        return CPU_ARRAY_FRAMES if self.kernels is None else CPU_KERNEL_FRAMES

    @property
    def kernels(self) -> Any:
        """The fused kernels of this device, None for the engine `arrays`.

        Every device has the same functions; a GPU's take arrays that lie there, and a stream by name. Functions and
        their arrays: phasewell_kernels/cpu.pyi. They raise UsageError for frames they cannot take, and as `gpu_errors`.
        """
        if self.engine == "arrays":
            return None
        if self.is_gpu:
            from phasewell_kernels.gpu import gpu_kernels

            return _Kernels(gpu_kernels(self.index), {})
        from phasewell_kernels import cpu

        return _Kernels(cpu, {"threads": self.threads})

    def facts(self) -> DeviceFacts:
        """Return what this device is: model, memory and how much of it is free now, driver."""
        return gpu_facts(_import_cupy(), self.index) if self.is_gpu else cpu_facts()

    def prove(self) -> None:
        """Let the device compute one number; raises DeviceLostError when a GPU cannot any more."""
        if self.is_gpu:
            try:
                with gpu_errors(), self.xp.cuda.Device(self.index):
                    assert int(self.xp.ones(2, "int32").sum()) == 2
            except (MemoryError, DeviceLostError):  # its memory may be somebody else's
                raise
            except Exception as error:
                raise DeviceLostError(f"device {self.name}: does not compute ({error}); see `nvidia-smi`") from error

    def put(self, array: Any) -> Any:
        """Return `array` on this device: one copy to a GPU, none on the CPU."""
        return self.xp.asarray(array)

    def get(self, array: Any) -> Any:
        """Return `array` in host memory: one copy from a GPU, none on the CPU."""
        return array.get() if hasattr(array, "get") else array


@dataclass(frozen=True)
class _Kernels:
    # the functions of one device; what they refuse is a wrong use of the engine
    functions: Any
    named: dict[str, Any]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self.functions, name)

        def call(*arguments: Any, **named: Any) -> Any:
            try:
                with gpu_errors():
                    return function(*arguments, **self.named, **named)
            except ValueError as error:
                raise UsageError(str(error)) from error

        return call


@contextlib.contextmanager
def gpu_errors() -> Iterator[None]:
    """Say what CuPy's errors inside mean for a run.

    Raises DeviceLostError where the GPU failed for good, and MemoryError where its memory is used up: fewer frames at
    once may do, and nothing else is wrong. Other errors stay as they are.
    """
    try:
        with told("CUDA"):
            yield
    except DeviceLost as lost:
        raise DeviceLostError(f"{lost}; this process cannot use the GPU any more, the same command resumes") from lost


def as_device(device: Device | str) -> Device:
    """Return a Device for a name, or the device itself."""
    return device if isinstance(device, Device) else Device(device)


@functools.cache
def count_gpus() -> int:
    """Return how many GPUs CuPy can use; 0 without CuPy or a driver. Asked once per process, see `forget_gpus`."""
    found = _probe()
    return found if isinstance(found, int) else 0


def forget_gpus() -> None:
    """Ask anew at the next need: a GPU may be gone since."""
    count_gpus.cache_clear()


def explain_absence() -> str:
    """Return why there is no such GPU and what helps: CuPy, the driver, or the number of GPUs."""
    found = _probe()
    if isinstance(found, ImportError):
        return f"CuPy is not installed ({found}); `phasewell doctor` shows the line that installs the extra cuda13"
    if isinstance(found, Exception):
        return (
            f"CuPy finds no usable NVIDIA driver ({found}); install a driver for CUDA 13 (580 or later) and see "
            "whether `nvidia-smi` lists the GPU; in a container, start it with the GPU"
        )
    names = ", ".join(f"cuda:{index}" for index in range(found)) or "none"
    return f"the driver shows these GPUs: {names}; take one of them, or let CUDA_VISIBLE_DEVICES name more"


def _probe() -> int | Exception:
    """Return how many GPUs CuPy sees, or why it sees none."""
    try:
        return int(_import_cupy().cuda.runtime.getDeviceCount())
    except Exception as error:  # CuPy raises its own types for a missing driver, which cannot be named without it
        return error


def _import_cupy() -> ModuleType:
    import cupy

    module: ModuleType = cupy
    return module
