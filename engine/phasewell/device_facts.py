"""What a device is: the facts without which a rate means nothing."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class DeviceFacts:
    """One device as a result names it. Sizes are in bytes."""

    name: str
    """cpu or cuda:N."""
    hardware: str
    """The model, which measured rates belong to: "NVIDIA H200", or processor and cores, "AMD EPYC 9B14, 2 cores"."""
    memory_bytes: int
    """Of the GPU; for a CPU the host's RAM or the limit of its container."""
    free_bytes: int
    """Of that, not used by anybody at this moment."""
    driver: str | None
    """Version of the GPU's driver; None for a CPU."""
    runtime: str
    """Version of the CUDA runtime; for a CPU the vector instructions of its kernels."""
    count: int
    """GPUs that are visible; for a CPU the cores that this process may use."""

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as a JSON document."""
        return asdict(self)

    def to_text(self) -> str:
        """Return the facts as one line."""
        memory = f"{self.memory_bytes / 2**30:.1f} GiB, {self.free_bytes / 2**30:.1f} free"
        driver = f"driver {self.driver}, CUDA {self.runtime}" if self.driver else f"{self.runtime} instructions"
        return f"{self.name}: {self.hardware}, {memory}, {driver}"


def cpu_facts() -> DeviceFacts:
    """Return the facts of this host's processor."""
    from phasewell_kernels import cpu

    cores = count_cores()
    return DeviceFacts(
        name="cpu",
        hardware=f"{describe_processor()}, {cores} {'core' if cores == 1 else 'cores'}",
        memory_bytes=host_memory_bytes(),
        free_bytes=host_free_bytes(),
        driver=None,
        runtime=cpu.instruction_sets()[-1],
        count=cores,
    )


def gpu_facts(cupy: Any, index: int) -> DeviceFacts:
    """Return the facts of the GPU that CuPy counts as `index`.

    Memory is asked from NVML where that is installed: the CUDA runtime tells it only to a process that takes a few
    hundred MB of the GPU for a context of its own, which a driver of other processes must not.
    """
    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(index)
    total, free, driver = _ask_nvml(runtime.deviceGetPCIBusId(index)) or (*_ask_context(cupy, index), "")
    return DeviceFacts(
        name=f"cuda:{index}",
        hardware=properties["name"].decode(),
        memory_bytes=total,
        free_bytes=free,
        driver=driver or f"for CUDA {_cuda_version(runtime.driverGetVersion())}",
        runtime=_cuda_version(runtime.runtimeGetVersion()),
        count=runtime.getDeviceCount(),
    )


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def host_memory_bytes() -> int:
    """Return the memory that processes of this host may use in all: its RAM, or the limit of its container."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _number_in(_CGROUP / "memory.max")
    return physical if limit is None else min(physical, limit)


def host_free_bytes() -> int:
    """Return the memory that new processes may take now; what files hold in the page cache counts as free."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    limit, used = _number_in(_CGROUP / "memory.max"), _number_in(_CGROUP / "memory.current")
    if limit is None or used is None:
        return free
    cached = 0
    with suppress(OSError, ValueError, StopIteration):
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        cached = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    return max(min(free, limit - used + cached), 0)


def _number_in(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no container, or "max"
        return None


def describe_processor() -> str:
    """Return the processor's name as the system tells it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _ask_nvml(bus: str) -> tuple[int, int, str] | None:
    """Return (total bytes, free bytes, driver version) of the GPU on a PCI bus; None where NVML cannot tell."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByPciBusId(bus.encode())
        if _is_shared_out(pynvml, handle):  # NVML tells of the whole, only the CUDA runtime of our part
            return None
        memory, driver = pynvml.nvmlDeviceGetMemoryInfo(handle), pynvml.nvmlSystemGetDriverVersion()
    except pynvml.NVMLError:
        return None
    return int(memory.total), int(memory.free), driver.decode() if isinstance(driver, bytes) else str(driver)


def _is_shared_out(pynvml: Any, handle: Any) -> bool:
    try:
        return bool(pynvml.nvmlDeviceGetMigMode(handle)[0])
    except pynvml.NVMLError:  # a GPU that cannot be parted
        return False


def _ask_context(cupy: Any, index: int) -> tuple[int, int]:
    with cupy.cuda.Device(index):
        free, total = cupy.cuda.runtime.memGetInfo()
    return int(total), int(free)
