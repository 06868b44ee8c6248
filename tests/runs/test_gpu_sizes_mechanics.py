"""What is planned for GPUs: the cluster's settings, lanes and batches that fit, and what is refused."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from phasewell import runs
from phasewell.config import Config, SegmentationConfig
from phasewell.device import count_gpus
from phasewell.device_facts import DeviceFacts
from phasewell.errors import UnavailableError, UsageError
from phasewell.runs.executors.cuda_cluster import CudaExecutor, cuda_options, visible_gpus
from phasewell.runs.executors.dask_cluster import cluster_options
from phasewell.runs.executors.leases import SETTINGS
from phasewell.runs.planning.rates import STORE_TO_TABLE, MeasuredRate, remember_rates
from phasewell.runs.planning.sizing import GPU_LANES, fit_gpu
from phasewell.runs.worker.memory import GPU_CONTEXT_BYTES, projected_gpu_bytes
from phasewell.segmentation import make_recipe

Make = Callable[..., Config]
Digests = Callable[[Path], dict[str, str]]
GIB = 1 << 30
FACTS = DeviceFacts("cuda:0", "Some GPU", 80 * GIB, 70 * GIB, "580.65", "13.0", 2)
no_gpu = pytest.mark.skipif(count_gpus() > 0, reason="a GPU is visible to CuPy")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Pretend that there are two GPUs with so many free bytes; nothing can run on them."""

    def free(free_bytes: int) -> None:
        facts = replace(FACTS, free_bytes=free_bytes)
        monkeypatch.setattr("phasewell.device_facts.gpu_facts", lambda *_: facts)
        monkeypatch.setattr("phasewell.device.gpu_facts", lambda _, index: replace(facts, name=f"cuda:{index}"))

    monkeypatch.setattr("phasewell.device.count_gpus", lambda: 2)
    monkeypatch.setattr("phasewell.runs.planning.sizing.count_gpus", lambda: 2)
    monkeypatch.setattr("phasewell.device._import_cupy", lambda: None)
    free(70 * GIB)
    return free


def test_every_setting_of_the_cluster_is_one_it_knows() -> None:
    dask_cuda = pytest.importorskip("dask_cuda")
    distributed = pytest.importorskip("distributed")
    known = set(inspect.signature(dask_cuda.LocalCUDACluster.__init__).parameters)
    beyond = set(inspect.signature(distributed.LocalCluster.__init__).parameters)  # which it hands on
    worker = set(inspect.signature(distributed.Nanny.__init__).parameters)
    options = cuda_options([0, 1], 5 * GIB + 1)
    assert options.keys() - known - beyond == {"preload"}  # an option of the workers
    assert "preload" in worker
    assert set(cluster_options(2)) <= beyond
    assert options["n_workers"] == len(options["CUDA_VISIBLE_DEVICES"]) == 2
    assert options["rmm_pool_size"] % 256 == 0
    assert options["rmm_pool_size"] > 5 * GIB
    assert options["preload"] == SETTINGS["distributed.worker.preload"]
    assert "jit_unspill" not in options  # gone since 26.10
    assert options["silence_logs"] == logging.CRITICAL


def test_gpus_are_named_as_the_process_was_told_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask_cuda")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus((0, 1)) == [0, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-9baca7f5-0f2f-01ac-6b05-8da14d6e9005")
    assert visible_gpus((0, 1)) == [3, "GPU-9baca7f5-0f2f-01ac-6b05-8da14d6e9005"]


@no_gpu
def test_without_a_gpu_nothing_runs_elsewhere(make_config: Make) -> None:
    with pytest.raises(UnavailableError, match="cuda:0"):
        runs.run(make_config(executor="dask-cuda", device="cuda"))
    with pytest.raises(UsageError, match="needs a GPU"):
        runs.run(make_config(executor="dask-cuda", device="cpu"))
    assert not make_config().run.output.exists()
    pytest.importorskip("dask_cuda")
    with pytest.raises(UnavailableError, match=r"executor dask-cuda: .*compute\.executor to serial"):
        CudaExecutor((0,), GIB, 10.0)(None, (), lambda _: None, lambda: None)


def test_one_worker_for_each_gpu(make_config: Make, two_gpus: Callable[[int], None]) -> None:
    planned = runs.plan(make_config(executor="dask-cuda", device="auto"))
    assert (planned.workers, planned.device, planned.sizes.threads) == (2, "cuda:0", GPU_LANES)
    assert planned.sizes.gpu_bytes > GPU_CONTEXT_BYTES
    assert planned.to_dict()["facts"]["hardware"] == "Some GPU"
    assert "MB of its GPU" in planned.to_text()
    one = runs.plan(make_config(executor="dask-cuda", device="cuda:1"))
    assert (one.workers, one.device, one.facts.name) == (1, "cuda:1", "cuda:1")
    assert runs.plan(make_config(executor="dask-cuda", device="cuda", workers=1)).workers == 1
    with pytest.raises(UsageError, match=r"compute.workers 3: .*expected at most 2"):
        runs.plan(make_config(executor="dask-cuda", device="cuda", workers=3))
    with pytest.raises(UsageError, match="makes its own cluster"):
        runs.plan(make_config(executor="dask-cuda", device="cuda", scheduler="tcp://127.0.0.1:1"))


def test_memory_is_projected_against_what_is_free(make_config: Make, two_gpus: Callable[[int], None]) -> None:
    config = make_config(device="cuda")
    roomy = runs.plan(config).sizes
    assert roomy.threads == GPU_LANES
    two_gpus(roomy.gpu_bytes - 1)  # another run has the rest
    tight = runs.plan(config).sizes
    assert tight.batch_frames < roomy.batch_frames
    assert tight.gpu_bytes < roomy.gpu_bytes
    two_gpus(GPU_CONTEXT_BYTES // 2)
    with pytest.raises(
        UnavailableError, match=r"cuda:0 \(Some GPU\): one frame.*333 of 81920 MiB are free.*nvidia-smi"
    ):
        runs.plan(config)


def test_a_lane_takes_fewer_frames_before_there_are_fewer_lanes() -> None:
    def bytes_of(lanes: int, frames: int) -> int:
        return 100 + lanes * frames

    def fit(free: int, most: int = 64) -> tuple[int, int]:
        return fit_gpu(replace(FACTS, free_bytes=free), 1, most, bytes_of)

    assert fit(1000) == (3, 64)
    assert fit(100 + 3 * 64 - 1) == (3, 32)
    assert fit(100 + 3 * 8) == (3, 8)
    assert fit(100 + 3 * 8 - 1) == (2, 8)
    assert fit(100 + 2 * 8 - 1) == (1, 8)
    assert fit(100 + 7) == (1, 4)
    assert fit(101) == (1, 1)
    assert fit(1000, most=2) == (3, 2)
    with pytest.raises(UnavailableError):
        fit(100)
    with pytest.raises(UnavailableError, match="for 2 processes"):
        fit_gpu(replace(FACTS, free_bytes=150), 2, 64, bytes_of)


def test_projection_of_a_gpu_grows_with_each_size() -> None:
    recipe = make_recipe(SegmentationConfig(), 0.87)

    def project(side: int = 500, half: int = 60, lanes: int = 2, frames: int = 8) -> int:
        return projected_gpu_bytes((side, side), recipe, half, lanes, frames)

    assert project() < project(side=600)
    assert project() < project(lanes=3)
    assert project() < project(frames=9)
    assert project() > GPU_CONTEXT_BYTES + 2 * 8 * 500 * 500 * 6  # pixels, adjusted pixels and labels at least
    with pytest.raises(UsageError):
        project(side=40_000)


def test_minutes_come_from_what_was_measured_here(
    make_config: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PHASEWELL_STATE", str(tmp_path / "state"))
    assumed = runs.plan(make_config())
    assert "assumed: run `phasewell bench`" in assumed.to_text()
    day = "2026-11-22T10:00:00+00:00"
    rate = MeasuredRate(assumed.facts.hardware, STORE_TO_TABLE, "phase", 12345.0, assumed.code_version, day)
    remember_rates([rate])
    measured = runs.plan(make_config())
    document: dict[str, Any] = measured.to_dict()
    assert document["rate_source"] == "measured on this machine on 2026-11-22"
    assert document["pixels_per_s"] == pytest.approx(12345.0)
    assert measured.forecast_s == pytest.approx(17 * 128 * 144 / 12345.0)
    remember_rates([replace(rate, code_version="older")])
    assert runs.plan(make_config()).rate_source.endswith("with other code than now")
    shared = runs.plan(make_config(executor="dask", workers=2))
    assert shared.forecast_s == pytest.approx(measured.forecast_s, rel=0.01)  # the same cores
    arrays = runs.plan(make_config(engine="arrays"))
    assert arrays.rate_source.startswith("assumed")


@pytest.mark.gpu
@pytest.mark.skipif(not count_gpus(), reason="no GPU is visible to CuPy")
def test_dask_cuda_equals_serial_on_the_cpu(make_config: Make, digests: Digests) -> None:
    pytest.importorskip("dask_cuda")
    pytest.importorskip("rmm")
    serial = runs.run(make_config("serial", device="cpu"))
    parallel = runs.run(make_config("cuda", executor="dask-cuda", device="cuda", lease_s=0.001))
    assert digests(parallel.folder) == digests(serial.folder)
