"""What `bench` does with frames in a GPU's memory, on the stand-in of CuPy: parity or no speed, nothing left empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import strict_cupy
from phasewell.bench.boundaries import Bench, measure_resident
from phasewell.bench.ceilings import COPY, Ceiling, Ceilings
from phasewell.bench.frames import choose_effort
from phasewell.bench.timing import Pace
from phasewell.bench.watching import NO_NVML, GpuCounters
from phasewell.plate import Plate
from phasewell.runs import simulate
from phasewell.runs.worker import measuring
from test_array_engine_parity import StrictDevice

CONDITIONS = {"commit": "abc1234"}


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    return simulate(tmp_path_factory.mktemp("store") / "p.zarr", clones=1, fields=2, times=2, frame_shape=(300, 320))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("phasewell.bench.watching.open_counters", lambda _device: GpuCounters(None, ""))
    device = StrictDevice("cpu", "arrays")
    effort = replace(choose_effort(device, quick=True), batches=(1, 6), pace=Pace(2, 0.0, 1.0), parity_frames=3)
    limits = Ceilings((Ceiling(COPY, "64 MiB", 2000.0, "GB/s", "stand-in"),))
    yield Bench(device, effort, limits, CONDITIONS, lambda _line: None)


def test_frames_stay_on_the_device_and_the_cells_are_the_cpus(bench: Bench, plate: Plate) -> None:
    strict_cupy.forget(0)
    rows = list(measure_resident(bench, plate))
    assert [(row.batch_frames, row.state) for row in rows] == [(1, "measured"), (6, "measured")]
    for row in rows:
        assert row.parity is not None
        assert row.parity.equal == {"labels": True, "cells": True}
        assert (row.parity.cells or 0) > 0
        assert row.parity.against == "engine kernels on the CPU"
        assert (row.gb_per_s or 0) == pytest.approx((row.frames_per_s or 0) * 5 * 300 * 320 / 1e9)
        assert row.absent["busy_share"] == row.absent["energy_j_per_frame"] == NO_NVML


def test_a_device_that_gives_other_labels_has_no_speed(
    bench: Bench, plate: Plate, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = measuring.measure_cells

    def wrong(batch: Any, device: Any, *arguments: Any, **named: Any) -> Any:
        cells, labels = right(batch, device, *arguments, **named)
        if device.is_gpu:
            cells = replace(cells, values=np.nextafter(cells.values, np.inf))
        return cells, labels

    monkeypatch.setattr("phasewell.bench.parity.measure_cells", wrong)
    for row in measure_resident(bench, plate):
        assert row.state == "refused"
        assert row.frames_per_s is row.p50_ms is row.gb_per_s is None
        assert "cells DIFFERENT" in (row.reason or "")
