"""The benchmark of networks on a GPU, played on the CPU: a rate has parity beside it, or there is none and a reason."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from phasewell.bench.timing import Pace
from phasewell.device import Device
from phasewell.inference import gate

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import device_networks

    monkeypatch.setattr(device_networks, "PACE", Pace(2, 0.0, 1.0))
    monkeypatch.setattr(device_networks, "PICTURE_PX", (64, 80))
    return device_networks


def test_rows_as_they_come(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arguments = [str(tmp_path), "--device", "cpu", "--networks", "densenet13", "--batches", "1", "8"]
    monkeypatch.setattr(sys, "argv", ["device_networks.py", *arguments])
    assert benchmark.main() == 0
    rows = [json.loads(line) for line in (tmp_path / "device_networks.jsonl").read_text().splitlines()]
    assert [row["batch_frames"] for row in rows] == [1, 8]
    for row in rows:
        assert row["state"] == "measured"
        assert row["frames_per_s"] == pytest.approx(row["batch_frames"] / row["p50_ms"] * 1e3)
        assert row["pretrained"] is False
        assert 0 < row["parity"]["largest_difference"] <= gate.TOLERANCES["bf16"]
        assert row["share_of_ceiling"] == pytest.approx(row["tflop_per_s"] / row["ceiling_tflop_per_s"])


def test_no_rate_without_parity(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gate.TOLERANCES, "bf16", 1e-9)
    row = benchmark.measure(benchmark.open_subject("densenet13"), Device("cpu"), "bf16", "none", 2)
    assert row["state"] == "not measured"
    assert "differ by" in row["reason"]
    assert "frames_per_s" not in row
