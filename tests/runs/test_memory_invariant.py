"""What a task needs stays below what the plan says it needs."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell import runs
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.errors import UsageError
from phasewell.images import create_plate
from phasewell.plate import Field
from phasewell.runs.executors.leases import open_client
from phasewell.runs.worker.lanes import LaneSizes
from phasewell.runs.worker.memory import PROCESS_BYTES, kernel_scratch_bytes, projected_task_bytes
from phasewell.segmentation import make_recipe


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_measured_peak_is_below_the_projection(tmp_path: Path, dtype: str) -> None:
    shape, n_fields = (400, 480), 6
    rng = np.random.default_rng(5)
    writer = create_plate(
        tmp_path / "plate.zarr",
        name="dense",
        wells=("A01",),
        fields=tuple(Field(str(i), 0, i) for i in range(n_fields)),
        times_h=(0.0,),
        frame_shape=shape,
        dtype=dtype,
        pixel_size_um=2.0,
        window=None if dtype == "uint8" else (0, 255),
    )
    rows, columns = np.indices(shape)
    cells = ((rows % 26 - 13) ** 2 + (columns % 26 - 13) ** 2) < 110  # nearly 290 a frame
    frames = {
        str(i): np.where(cells, rng.integers(20, 236, shape), rng.integers(125, 131, shape)).astype(dtype)
        for i in range(n_fields)
    }
    writer.write_unit(writer.unit("A01", 0), frames)
    config = Config(
        plate=PlateConfig(store=tmp_path / "plate.zarr"),
        run=RunConfig(output=tmp_path / "warm"),
        compute=ComputeConfig(device="cpu"),
    )
    assert runs.run(config).n_cells > 100 * n_fields  # imports are paid, and the frames are not empty
    tracemalloc.start()
    runs.run(config.model_copy(update={"run": RunConfig(output=tmp_path / "run")}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    peak += len(os.sched_getaffinity(0)) * kernel_scratch_bytes(
        shape, make_recipe(config.segmentation, 2.0)
    )  # not traced
    projected = runs.plan(config).projected_task_bytes - PROCESS_BYTES
    assert peak < projected
    assert projected < 6 * peak  # a bound that says something


def test_a_dask_worker_stays_below_the_projection(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    peaks: list[int] = []

    def resident_peak_bytes() -> int:  # within the test, so that it travels to the worker as it is
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    @contextmanager
    def watched(*arguments: Any) -> Iterator[Any]:
        with open_client(*arguments) as client:
            yield client
            peaks.extend(client.run(resident_peak_bytes).values())

    monkeypatch.setattr("phasewell.runs.executors.dask_cluster.open_client", watched)
    config = make_config(executor="dask", workers=1)
    projected = runs.plan(config).projected_task_bytes
    runs.run(config)
    (peak,) = peaks
    assert peak < projected
    assert projected < 3 * peak


def test_projection_grows_with_each_size() -> None:
    sizes = LaneSizes(n_lanes=2, batch_frames=4, n_readers=1, n_writers=2)
    small = projected_task_bytes((100, 100), 1, 4, sizes)
    assert projected_task_bytes((200, 100), 1, 4, sizes) > small
    assert projected_task_bytes((100, 100), 2, 4, sizes) > small
    assert projected_task_bytes((100, 100), 1, 8, sizes) > small
    assert projected_task_bytes((100, 100), 1, 4, sizes, 1000) < small  # kernels take less than arrays
    assert projected_task_bytes((100, 100), 1, 4, sizes, label_fields=2) > small
    for name in ("n_lanes", "batch_frames", "n_readers", "n_writers"):
        assert projected_task_bytes((100, 100), 1, 4, replace(sizes, **{name: 8})) > small, name
    many = projected_task_bytes((10_000, 10_000), 1, 64, sizes, 0, label_fields=64)
    assert (
        many < projected_task_bytes((10_000, 10_000), 1, 64, sizes, 0) + 64 * 2 * 400_000_000 + 1
    )  # two units at least


def test_workers_that_do_not_fit_are_refused(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phasewell.runs.planning.sizing.host_memory_bytes", lambda: 3 * PROCESS_BYTES)
    assert runs.plan(make_config(executor="dask", workers=2)).workers == 2
    assert 1 <= runs.plan(make_config(executor="dask")).workers <= 2
    with pytest.raises(UsageError, match="expected at most 2"):
        runs.plan(make_config(executor="dask", workers=3))
