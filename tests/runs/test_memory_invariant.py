"""What a task needs stays below what the plan says it needs."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from phasewell import runs
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.errors import UsageError
from phasewell.images import create_plate
from phasewell.plate import Field
from phasewell.runs.memory import PROCESS_BYTES, kernel_scratch_bytes, projected_task_bytes
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


def test_projection_grows_with_each_size() -> None:
    small = projected_task_bytes((100, 100), 1, 4, 2)
    assert projected_task_bytes((200, 100), 1, 4, 2) > small
    assert projected_task_bytes((100, 100), 2, 4, 2) > small
    assert projected_task_bytes((100, 100), 1, 8, 2) > small
    assert projected_task_bytes((100, 100), 1, 4, 4) > small
    assert projected_task_bytes((100, 100), 1, 4, 64) == projected_task_bytes((100, 100), 1, 4, 4)


def test_workers_that_do_not_fit_are_refused(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phasewell.runs.planning.host_memory_bytes", lambda: 3 * PROCESS_BYTES)
    assert runs.plan(make_config(executor="dask", workers=2)).workers == 2
    assert 1 <= runs.plan(make_config(executor="dask")).workers <= 2
    with pytest.raises(UsageError, match="expected at most 2"):
        runs.plan(make_config(executor="dask", workers=3))
