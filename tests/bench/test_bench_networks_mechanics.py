"""Which network is measured: refusals before anything begins, whose name and work the rows bear, and the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_samples import CONDITIONS, ceilings, measured
from phasewell.bench.boundaries import Bench
from phasewell.bench.frames import FRAME_PX, choose_effort
from phasewell.bench.measure import run_bench
from phasewell.bench.network import Network, open_network
from phasewell.bench.rows import REQUIRED
from phasewell.bench.verdict import judge
from phasewell.device import Device
from phasewell.errors import UsageError
from phasewell.networks import count_work, make_network


def test_unknown_networks_are_refused_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="network 'resnet1': expected one of"):
        run_bench("cpu", network="resnet1", folder=tmp_path / "place")
    assert not (tmp_path / "place").exists()


def test_rows_bear_the_network_that_was_measured(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("openvino", reason="openvino is not installed")
    device = Device("cpu")
    said: list[str] = []
    bench = Bench(device, choose_effort(device, True), ceilings(), CONDITIONS, said.append)
    network = open_network(bench, tmp_path, "densenet19")
    assert isinstance(network, Network)
    assert said == ["making an untrained densenet19"]
    assert network.engine.startswith("densenet19, untrained, pictures of 226 x 306: openvino")
    work = count_work(make_network("densenet19"), FRAME_PX[0] // 4, FRAME_PX[1] // 4)
    assert network.operations == 2 * work.multiply_adds


def test_another_network_has_no_verdict() -> None:
    rows = [measured(REQUIRED, 320.0)]
    assert judge(rows, ceilings(), 1 << 20).state == "met"
    other = judge(rows, ceilings(), 1 << 20, "xception")
    assert (other.state, other.frames_per_s) == ("not measured", None)
    assert "of densenet121, these rows are of xception" in other.sentence
