"""Which network is measured: refusals before anything begins, whose name and work the rows bear, and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_samples import CONDITIONS, ceilings, measured
from phasewell.bench.boundaries import Bench
from phasewell.bench.frames import FRAME_PX, choose_effort
from phasewell.bench.measure import run_bench
from phasewell.bench.network import measure_network, open_network
from phasewell.bench.rows import REQUIRED
from phasewell.bench.verdict import judge
from phasewell.device import Device
from phasewell.errors import UnavailableError, UsageError
from phasewell.inference import Model


def test_unknown_networks_are_refused_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="network 'resnet1': expected one of"):
        run_bench("cpu", network="resnet1", folder=tmp_path / "place")
    assert not (tmp_path / "place").exists()


def test_the_network_that_was_asked_for_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, tuple[int, int]]] = []

    def make(folder: Path, name: str, *, frame_px: tuple[int, int]) -> Model:
        asked.append((name, frame_px))
        raise UnavailableError("onnxscript is not installed")

    monkeypatch.setattr("phasewell.bench.network.make_untrained_model", make)
    device = Device("cpu")
    said: list[str] = []
    bench = Bench(device, choose_effort(device, True), ceilings(), CONDITIONS, said.append)
    absent = open_network(bench, tmp_path, "xception")
    assert (asked, said) == ([("xception", FRAME_PX)], ["making an untrained xception"])
    assert isinstance(absent, UnavailableError)
    unread: Any = None  # no frame is read
    rows = list(measure_network(bench, unread, absent, "xception"))
    assert [(row.engine, row.state, row.reason) for row in rows] == [("xception", "not measured", str(absent))] * 2


def test_another_network_has_no_verdict() -> None:
    rows = [measured(REQUIRED, 320.0)]
    assert judge(rows, ceilings(), 1 << 20).state == "met"
    other = judge(rows, ceilings(), 1 << 20, "xception")
    assert (other.state, other.frames_per_s) == ("not measured", None)
    assert "of densenet121, these rows are of xception" in other.sentence
