"""What device is chosen, what it says of itself, and what an absent one is refused with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from phasewell import device_facts
from phasewell.cli import main
from phasewell.device import Device, count_gpus, explain_absence, forget_gpus
from phasewell.device_facts import DeviceFacts, cpu_facts, gpu_facts, host_free_bytes, host_memory_bytes
from phasewell.errors import UnavailableError, UsageError

no_gpu = pytest.mark.skipif(count_gpus() > 0, reason="a GPU is visible to CuPy")


@pytest.fixture
def _fresh() -> Iterator[None]:
    forget_gpus()
    yield
    forget_gpus()


def pretend(monkeypatch: pytest.MonkeyPatch, cupy: Any) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    forget_gpus()


class Runtime:
    """What CuPy's runtime says on a machine with `gpus` GPUs of 80 GB."""

    def __init__(self, gpus: int) -> None:
        self.gpus = gpus

    def getDeviceCount(self) -> int:  # noqa: N802 - CuPy's name
        return self.gpus

    def getDeviceProperties(self, index: int) -> dict[str, Any]:  # noqa: ARG002, N802
        return {"name": b"Some GPU", "totalGlobalMem": 80 << 30}

    def deviceGetPCIBusId(self, index: int) -> str:  # noqa: N802
        return f"0000:{index:02x}:00.0"

    def driverGetVersion(self) -> int:  # noqa: N802
        return 13010

    def runtimeGetVersion(self) -> int:  # noqa: N802
        return 13000


def make_cupy(gpus: int) -> Any:
    return SimpleNamespace(cuda=SimpleNamespace(runtime=Runtime(gpus)))


@pytest.mark.usefixtures("_fresh")
def test_absent_gpu_is_told_in_three_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, None)  # Python's own way to say that an import fails
    with pytest.raises(UnavailableError, match=r"CuPy is not installed.*extra cuda13.*device cpu"):
        Device("cuda")
    assert Device("auto").name == "cpu"

    class NoDriver(Runtime):
        def getDeviceCount(self) -> int:  # noqa: N802
            raise RuntimeError("cudaErrorInsufficientDriver")

    pretend(monkeypatch, SimpleNamespace(cuda=SimpleNamespace(runtime=NoDriver(0))))
    with pytest.raises(UnavailableError, match=r"driver.*cudaErrorInsufficientDriver.*580.*nvidia-smi"):
        Device("cuda:0")

    pretend(monkeypatch, make_cupy(2))
    with pytest.raises(UnavailableError, match=r"cuda:2: the driver shows these GPUs: cuda:0, cuda:1; take one"):
        Device("cuda:2")
    assert Device("auto").name == "cuda:0"
    assert Device("cuda:1").index == 1
    with pytest.raises(UsageError, match="expected cpu, cuda:N or auto"):
        Device("gpu")


@no_gpu
def test_the_real_cupy_without_a_driver_says_so() -> None:
    pytest.importorskip("cupy")
    with pytest.raises(UnavailableError, match=r"no usable NVIDIA driver \(cudaError\w+: .*580"):
        Device("cuda")
    assert "driver" in explain_absence()
    assert Device("auto").name == "cpu"


@no_gpu
def test_asking_for_a_gpu_ends_with_69(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, config = tmp_path / "plate.zarr", tmp_path / "run.toml"
    assert main(["simulate", str(store), "--clones", "1", "--fields", "1", "--times", "1", "--size", "128"]) == 0
    config.write_text(f'[plate]\nstore = "{store}"\n[run]\noutput = "{tmp_path / "run"}"\n')
    capsys.readouterr()
    for verb, choice in product(("plan", "run"), (["--device", "cuda"], ["--set", "compute.device='cuda'"])):
        assert main([verb, str(config), *choice]) == 69
        told = capsys.readouterr().err
        assert "device cuda:0" in told
        assert "use the device cpu" in told
        if verb == "run":
            assert "--set=compute.device=" in told  # the resume line asks for the same device
    assert not (tmp_path / "run").exists()


def test_a_cpu_knows_itself() -> None:
    facts = Device("cpu").facts()
    assert facts == cpu_facts() or facts.free_bytes != cpu_facts().free_bytes  # memory moves while we look
    assert facts.name == "cpu"
    assert facts.count == len(os.sched_getaffinity(0))
    assert facts.hardware.endswith(("core", "cores"))
    assert facts.driver is None
    assert 0 < facts.free_bytes <= facts.memory_bytes == host_memory_bytes()
    assert facts.runtime in facts.to_text()
    assert DeviceFacts(**facts.to_dict()) == facts


def test_limits_of_a_container_are_its_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(device_facts, "_CGROUP", tmp_path)
    whole = host_memory_bytes()
    (tmp_path / "memory.max").write_text("max\n")
    assert host_memory_bytes() == whole
    (tmp_path / "memory.max").write_text("300000000\n")
    (tmp_path / "memory.current").write_text("250000000\n")
    (tmp_path / "memory.stat").write_text("anon 200000000\ninactive_file 40000000\n")
    assert host_memory_bytes() == 300_000_000
    assert host_free_bytes() == 90_000_000  # the page cache is given back when it is needed


def test_a_gpu_is_asked_without_taking_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class NVMLError(Exception):
        pass

    def refuse(handle: Any) -> Any:
        raise NVMLError

    def handle_of(bus: bytes) -> bytes:
        asked.append(bus)
        return bus

    nvml = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByPciBusId=handle_of,
        nvmlDeviceGetMigMode=refuse,
        nvmlDeviceGetMemoryInfo=lambda _handle: SimpleNamespace(total=80 << 30, free=70 << 30),
        nvmlSystemGetDriverVersion=lambda: "580.65",
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    facts = gpu_facts(make_cupy(2), 1)  # this CuPy has no memGetInfo: it would take a context
    assert asked == [b"0000:01:00.0"]
    assert facts == DeviceFacts("cuda:1", "Some GPU", 80 << 30, 70 << 30, "580.65", "13.0", 2)


@pytest.mark.gpu
@pytest.mark.skipif(not count_gpus(), reason="no GPU is visible to CuPy")
def test_facts_of_a_real_gpu() -> None:
    facts = Device("cuda").facts()
    assert 0 < facts.free_bytes <= facts.memory_bytes
    assert facts.hardware
    assert facts.driver
    assert facts.count == count_gpus()


def test_facts_of_a_cpu_load_nothing_heavy() -> None:
    code = (
        "import sys; from phasewell.device_facts import cpu_facts; cpu_facts(); "
        "assert not {'cupy', 'dask', 'torch', 'scipy', 'pynvml'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
