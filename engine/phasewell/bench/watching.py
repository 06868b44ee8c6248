"""What the machine does while something is measured: memory, clocks, busy share, power and energy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np

from phasewell.device import Device

_SAMPLE_S = 0.05
_CLOCKS_EVERY = 10  # samples: on many cores it takes a while to ask them all
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
NO_COUNTER = "a CPU tells its energy only to the administrator; NVML gives it for GPUs"
NO_SECOND_MEMORY = "a CPU computes in host memory: see peak_host_bytes"
NO_NVML = "NVML is not installed: pip install nvidia-ml-py (it is in the extra cuda13)"


@dataclass(frozen=True)
class Watched:
    """What was seen between start and end. A value that is None has its reason in `absent`."""

    seconds: float
    peak_host_bytes: int
    peak_device_bytes: int | None
    busy_share: float | None
    clock_mhz: float | None
    power_w: float | None
    energy_j: float | None
    absent: dict[str, str]

    def as_values(self, frames: int) -> dict[str, Any]:
        """Return the fields of a row, and `absent`; `frames` is how many were handled in this time."""
        absent = dict(self.absent)
        if "energy_j" in absent:
            absent["energy_j_per_frame"] = absent.pop("energy_j")
        return {
            "peak_host_bytes": self.peak_host_bytes,
            "peak_device_bytes": self.peak_device_bytes,
            "busy_share": self.busy_share,
            "clock_mhz": self.clock_mhz,
            "power_w": self.power_w,
            "energy_j_per_frame": None if self.energy_j is None else self.energy_j / frames,
            "absent": absent,
        }


@dataclass
class _Seen:
    host_bytes: list[int] = field(default_factory=list)
    device_bytes: list[int] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    clock_mhz: list[float] = field(default_factory=list)
    power_w: list[float] = field(default_factory=list)


class Watcher:
    """Looks at the machine many times a second, in a thread of its own, until the block ends; then see `watched`."""

    watched: Watched

    def __init__(self, device: Device) -> None:
        self._counters: _CpuCounters | GpuCounters = open_counters(device)
        self._seen = _Seen()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watcher", daemon=True)

    def __enter__(self) -> Self:
        self._energy = self._counters.energy_j()
        self._cpu_s, self._began = _cpu_seconds(), time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds, cpu_s = time.perf_counter() - self._began, _cpu_seconds() - self._cpu_s
        energy = self._counters.energy_j()
        self._over.set()
        self._thread.join()
        self._counters.close()
        seen = self._seen
        used = None if energy is None or self._energy is None else energy - self._energy
        busy = cpu_s / seconds / len(os.sched_getaffinity(0)) if self._counters.is_cpu else _mean(seen.busy)
        values = {
            "peak_device_bytes": max(seen.device_bytes, default=None),
            "busy_share": busy,
            "clock_mhz": _mean(seen.clock_mhz),
            "power_w": used / seconds if used is not None else _mean(seen.power_w),
            "energy_j": used,
        }
        absent = {name: self._counters.why_absent(name) for name, found in values.items() if found is None}
        self.watched = Watched(seconds=seconds, peak_host_bytes=max(seen.host_bytes), absent=absent, **values)  # type: ignore[arg-type]

    def _look(self) -> None:
        turn = 0
        while True:
            self._seen.host_bytes.append(_resident_bytes())
            if turn % _CLOCKS_EVERY == 0:
                _append(self._seen.clock_mhz, self._counters.clock_mhz())
            _append(self._seen.device_bytes, self._counters.memory_bytes())
            _append(self._seen.busy, self._counters.busy_share())
            _append(self._seen.power_w, self._counters.power_w())
            turn += 1
            if self._over.wait(_SAMPLE_S):
                self._seen.host_bytes.append(_resident_bytes())
                return


class _CpuCounters:
    """What Linux tells of a processor without rights."""

    is_cpu = True

    def clock_mhz(self) -> float | None:
        """Return the mean clock of the cores this process may use; None where the system does not tell."""
        cores = os.sched_getaffinity(0)
        try:
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        told = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
        return _mean([mhz for core, mhz in enumerate(told) if core in cores])

    def memory_bytes(self) -> None:
        """None: there is no second memory."""

    def busy_share(self) -> None:
        """None: taken from the processors' own clock."""

    def power_w(self) -> None:
        """None: not told without rights."""

    def energy_j(self) -> None:
        """None: not told without rights."""

    def close(self) -> None:
        """Nothing is open."""

    def why_absent(self, name: str) -> str:
        """Return why a value is not there."""
        reasons = {"peak_device_bytes": NO_SECOND_MEMORY, "clock_mhz": "the system does not tell the clock"}
        return reasons.get(name, NO_COUNTER)


class GpuCounters:
    """What NVML tells of one GPU; a counter that the GPU lacks stays None, with the driver's own words as reason.

    `nvml` is the module pynvml, None where it is not installed; `bus` is the GPU's address, because NVML counts GPUs
    that CUDA_VISIBLE_DEVICES hides as well.
    """

    is_cpu = False

    def __init__(self, nvml: ModuleType | None, bus: str) -> None:
        self._nvml, self._reasons = nvml, dict[str, str]()
        self._handle: Any = None
        if nvml is None:
            return
        try:
            nvml.nvmlInit()
            self._handle = nvml.nvmlDeviceGetHandleByPciBusId(bus)
        except nvml.NVMLError as error:
            self._reasons[""] = f"NVML: {error}"

    def clock_mhz(self) -> float | None:
        """Return the clock of the multiprocessors."""
        return self._ask("clock_mhz", lambda nvml, gpu: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM))

    def memory_bytes(self) -> int | None:
        """Return the memory in use on the whole GPU: the driver's context and other processes are in it."""
        used = self._ask("peak_device_bytes", lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used)
        return None if used is None else int(used)

    def busy_share(self) -> float | None:
        """Return the share of the driver's last sampling period in which a kernel ran."""
        percent = self._ask("busy_share", lambda nvml, gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu)
        return None if percent is None else percent / 100

    def power_w(self) -> float | None:
        """Return the power of this moment."""
        milliwatts = self._ask("power_w", lambda nvml, gpu: nvml.nvmlDeviceGetPowerUsage(gpu))
        return None if milliwatts is None else milliwatts / 1e3

    def energy_j(self) -> float | None:
        """Return the energy since the driver was loaded."""
        millijoules = self._ask("energy_j", lambda nvml, gpu: nvml.nvmlDeviceGetTotalEnergyConsumption(gpu))
        return None if millijoules is None else millijoules / 1e3

    def close(self) -> None:
        """Let go of NVML."""
        if self._nvml is not None and self._handle is not None:
            self._nvml.nvmlShutdown()

    def why_absent(self, name: str) -> str:
        """Return why a value is not there."""
        if self._nvml is None:
            return NO_NVML
        return self._reasons.get(name) or self._reasons.get("") or "NVML gave no value in this time"

    def _ask(self, name: str, question: Callable[[Any, Any], float]) -> float | None:
        if self._nvml is None or self._handle is None or name in self._reasons:
            return None
        try:
            return float(question(self._nvml, self._handle))
        except self._nvml.NVMLError as error:  # such as busy share and energy on a part of a GPU
            self._reasons[name] = f"NVML: {error}"
            return None


def open_counters(device: Device) -> _CpuCounters | GpuCounters:
    """Return the counters of a device."""
    if not device.is_gpu:
        return _CpuCounters()
    bus = device.xp.cuda.runtime.deviceGetPCIBusId(int(device.name.partition(":")[2]))
    try:
        import pynvml
    except ImportError:
        return GpuCounters(None, bus)
    return GpuCounters(pynvml, bus)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def _append(values: list[Any], value: float | None) -> None:
    if value is not None:
        values.append(value)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
