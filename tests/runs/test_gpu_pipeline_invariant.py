"""The pipeline on a GPU that the CPU plays: the bytes of a CPU, counted work, too little memory, a lost device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import phasewell_kernels.gpu
import pytest
from host_gpu import HostGpu
from phasewell import runs
from phasewell.config import Config
from phasewell.errors import DeviceLostError
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.worker import lanes as lanes_module
from phasewell.runs.worker.lanes import LaneSizes
from phasewell.runs.worker.pipeline import process_units
from phasewell.runs.worker.receipts import Receipt, TaskContext
from phasewell.tables.parts import find_parts, read_part
from phasewell_kernels.gpu import Kernels

Make = Callable[..., Config]


@dataclass(frozen=True)
class Gpu:
    """A plate's units, the GPU that takes them, and the parts that they must become."""

    host: HostGpu
    kernels: Kernels
    context: TaskContext
    units: tuple[UnitPlan, ...]
    expected: frozenset[str]

    def run(self, name: str, cpu_fallback: bool = False) -> list[Receipt]:
        config = self.context.config
        compute = config.compute.model_copy(update={"cpu_fallback": cpu_fallback})
        folder = self.folder(name)
        (folder / "parts" / "cells").mkdir(parents=True)
        context = replace(
            self.context, run_folder=folder, config=config.model_copy(update={"compute": compute}), device="cuda:0"
        )
        taken: list[Receipt] = []
        process_units(context, self.units, taken.append, lambda: None)
        return taken

    def folder(self, name: str) -> Path:
        return self.context.run_folder.with_name(name)

    def parts(self, name: str) -> set[str]:
        return {part.path.name for part in find_parts(self.folder(name) / "parts" / "cells")}


@pytest.fixture
def gpu(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    config = make_config(labels="none")
    whole = runs.run(make_config("whole", labels="none"))
    plan = runs.plan(config)
    context = TaskContext(config, config.run.output, plan.plate_digest, plan.code_version, "cpu", 1)
    host = HostGpu()
    kernels = Kernels(0, cupy=host)
    monkeypatch.setattr("phasewell.device.count_gpus", lambda: 1)
    monkeypatch.setattr(phasewell_kernels.gpu, "gpu_kernels", lambda _device: kernels)
    expected = frozenset(part.path.name for part in find_parts(whole.folder / "parts" / "cells"))
    return Gpu(host, kernels, context, plan.units, expected)


def size(monkeypatch: pytest.MonkeyPatch, n_lanes: int, frames: int, n_readers: int = 2) -> None:
    monkeypatch.setattr(lanes_module, "size_lanes", lambda *_: LaneSizes(n_lanes, frames, n_readers, 2))


@pytest.mark.parametrize(("n_lanes", "frames"), [(1, 17), (2, 4), (3, 2)])
def test_lanes_of_a_gpu_write_the_bytes_of_a_cpu(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, n_lanes: int, frames: int
) -> None:
    """A batch may span units: 17 frames are all there are."""
    size(monkeypatch, n_lanes, frames)
    assert len(gpu.run("gpu")) == 6
    assert gpu.parts("gpu") == gpu.expected


def test_work_is_counted(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is one copy in, six launches, one copy out; memory is taken once for all batches of a lane."""
    size(monkeypatch, 1, 5, n_readers=1)
    monkeypatch.setattr("phasewell.runs.worker.unit_source._PATIENCE_S", 60.0)  # every batch is full, but for the last
    gpu.run("counted")
    counts = gpu.kernels.counts
    assert (counts.launches, counts.copies) == (6 * 4, 2 * 4 + 1)  # 17 frames, and the recipe once
    assert gpu.host.copies == counts.copies
    assert len(gpu.host.allocated) == 1, "an arena that grew"
    gpu.run("again")
    assert (counts.launches, counts.copies) == (6 * 8, 2 * 8 + 1)


def test_too_little_memory_halves_the_batch_and_is_told(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    size(monkeypatch, 1, 16, n_readers=1)
    monkeypatch.setattr("phasewell.runs.worker.unit_source._PATIENCE_S", 60.0)
    gpu.host.fail_next("alloc", MemoryError("arena"))
    receipts = gpu.run("halved")
    assert gpu.parts("halved") == gpu.expected
    assert {note for receipt in receipts for note in receipt.notes} == {"out of memory: 16 -> 8 frames at once"}


def starve(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_size: int) -> None:
        raise MemoryError("arena")

    monkeypatch.setattr(gpu.host.cuda, "alloc", refuse)


def test_a_frame_that_does_not_fit_goes_to_the_cpu_only_if_allowed(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    size(monkeypatch, 2, 4)
    starve(gpu, monkeypatch)
    receipts = gpu.run("allowed", cpu_fallback=True)
    assert gpu.parts("allowed") == gpu.expected
    notes = [note for receipt in receipts for note in receipt.notes]
    assert any("computed on the CPU" in note for note in notes)
    receipts = gpu.run("refused")
    assert all(receipt.n_processed == 0 for receipt in receipts)
    assert any("cpu_fallback" in note for receipt in receipts for note in receipt.notes)
    parts = find_parts(gpu.folder("refused") / "parts" / "cells")
    reasons = [row["reason"] for part in parts for row in read_part(part).to_pylist()]
    assert sorted(set(reasons)) == ["gpu_oom", "missing"]


def test_a_lost_device_ends_the_work(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    class LaunchError(RuntimeError):
        status = 719

    size(monkeypatch, 2, 4)
    gpu.host.fail_next("memcpyAsync", LaunchError("unspecified launch failure"))
    with pytest.raises(DeviceLostError, match="cudaErrorLaunchFailure"):
        gpu.run("lost")
    assert gpu.parts("lost") <= gpu.expected
    with pytest.raises(DeviceLostError):  # this process cannot use it again
        gpu.run("again")
