"""What is seen while something is measured, on a CPU and through a stand-in of NVML."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from phasewell.bench.watching import NO_COUNTER, NO_NVML, NO_SECOND_MEMORY, GpuCounters, Watcher
from phasewell.device import Device

BUS = "0000:65:00.0"


class NvmlError(Exception):
    pass


class Nvml:
    """NVML with one GPU at BUS; `lacks` are questions that this GPU cannot answer."""

    NVMLError = NvmlError
    NVML_CLOCK_SM = 1

    def __init__(self, lacks: tuple[str, ...] = ()) -> None:
        self.lacks, self.open, self.millijoules = lacks, 0, 5_000_000

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's own names
        if "nvmlInit" in self.lacks:
            raise NvmlError("Driver Not Loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetHandleByPciBusId(self, bus: str) -> str:  # noqa: N802
        if bus != BUS:
            raise NvmlError("Not Found")
        return "gpu"

    def _answer(self, name: str, value: Any) -> Any:
        if not self.open:
            raise NvmlError("Uninitialized")
        if name in self.lacks:
            raise NvmlError("Not Supported")
        return value

    def nvmlDeviceGetClockInfo(self, gpu: str, kind: int) -> int:  # noqa: N802
        return int(self._answer("clock", 1980 if (gpu, kind) == ("gpu", self.NVML_CLOCK_SM) else 0))

    def nvmlDeviceGetMemoryInfo(self, gpu: str) -> Any:  # noqa: N802, ARG002
        return self._answer("memory", SimpleNamespace(total=80 << 30, used=3 << 30, free=77 << 30))

    def nvmlDeviceGetUtilizationRates(self, gpu: str) -> Any:  # noqa: N802, ARG002
        return self._answer("busy", SimpleNamespace(gpu=87, memory=40))

    def nvmlDeviceGetPowerUsage(self, gpu: str) -> int:  # noqa: N802, ARG002
        return int(self._answer("power", 650_000))

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu: str) -> int:  # noqa: N802, ARG002
        self.millijoules += 30_000
        return int(self._answer("energy", self.millijoules))


def watch_gpu(monkeypatch: pytest.MonkeyPatch, nvml: Any, bus: str = BUS) -> Any:
    monkeypatch.setattr("phasewell.bench.watching.open_counters", lambda _device: GpuCounters(nvml, bus))
    with Watcher(Device("cpu")) as watcher:
        time.sleep(0.01)
    return watcher.watched


def test_a_gpu_tells_clock_memory_busy_share_power_and_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = Nvml()
    seen = watch_gpu(monkeypatch, nvml)
    assert (seen.clock_mhz, seen.peak_device_bytes, seen.busy_share) == (1980.0, 3 << 30, 0.87)
    assert seen.energy_j == pytest.approx(30.0)
    assert seen.power_w == pytest.approx(30.0 / seen.seconds)
    assert seen.as_values(frames=60)["energy_j_per_frame"] == pytest.approx(0.5)
    assert seen.absent == {}
    assert nvml.open == 0, "NVML stays open"


def test_what_a_gpu_lacks_is_null_with_the_drivers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    values = watch_gpu(monkeypatch, Nvml(lacks=("energy", "busy"))).as_values(frames=10)
    assert values["energy_j_per_frame"] is values["busy_share"] is None
    assert values["absent"] == {"energy_j_per_frame": "NVML: Not Supported", "busy_share": "NVML: Not Supported"}
    assert values["power_w"] == pytest.approx(650.0)  # of samples, where the energy is not counted


@pytest.mark.parametrize(
    ("nvml", "bus", "why"),
    [
        (None, BUS, NO_NVML),
        (Nvml(lacks=("nvmlInit",)), BUS, "Driver Not Loaded"),
        (Nvml(), "0000:01:00.0", "Not Found"),
    ],
)
def test_without_nvml_everything_of_the_gpu_is_absent(
    nvml: Any, bus: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watch_gpu(monkeypatch, nvml, bus)
    assert set(seen.absent) == {"peak_device_bytes", "busy_share", "clock_mhz", "power_w", "energy_j"}
    assert all(why in reason for reason in seen.absent.values())
    assert seen.peak_host_bytes > 0


def test_a_cpu_tells_memory_and_busy_share_and_why_not_the_rest() -> None:
    with Watcher(Device("cpu")) as watcher:
        held = np.ones(64 << 20, np.uint8)
        end = time.process_time() + 0.05
        while time.process_time() < end:
            math.sqrt(2.0)
    seen = watcher.watched
    assert seen.peak_host_bytes >= held.nbytes
    assert seen.busy_share is not None
    assert 0 < seen.busy_share <= 1.05
    assert seen.absent["energy_j"] == seen.absent["power_w"] == NO_COUNTER
    assert seen.absent["peak_device_bytes"] == NO_SECOND_MEMORY
    assert (seen.clock_mhz is None) == ("clock_mhz" in seen.absent)


def test_the_names_asked_for_are_nvmls() -> None:
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    asked = {name for name in dir(Nvml) if name.startswith(("nvml", "NVML"))}
    assert asked <= set(dir(pynvml))
    assert {"gpu", "memory"} == {name for name, _ in pynvml.c_nvmlUtilization_t._fields_}
    assert "used" in {name for name, _ in pynvml.c_nvmlMemory_t._fields_}
    with pytest.raises(pynvml.NVMLError):  # before nvmlInit: every failure is of this class
        pynvml.nvmlDeviceGetHandleByPciBusId(BUS)
