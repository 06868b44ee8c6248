"""`phasewell bench --quick --json` for real: every boundary, parity, ceilings, the verdict and what `plan` reads."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from phasewell.bench.documents import BenchDocument, read_document
from phasewell.bench.frames import FRAME_PX
from phasewell.bench.measure import run_bench
from phasewell.bench.rows import BOUNDARIES, NETWORK, PREPARED_NETWORK, REQUIRED, RESIDENT, STORE_TO_TABLE, Row
from phasewell.cli import main
from phasewell.errors import UnavailableError
from phasewell.runs.planning.rates import known_rate

pytestmark = pytest.mark.slow  # nearly all of it is one run of the command


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHASEWELL_STATE", str(folder / "state"))
        output, place = folder / "result" / "cpu.json", folder / "place"
        arguments = ["bench", "--quick", "--device", "cpu", "--quiet", "--json"]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*arguments, "--output", str(output), "--folder", str(place)])
        yield {"code": code, "out": out.getvalue(), "err": err.getvalue(), "output": output, "place": place}


@pytest.fixture(scope="module")
def found(told: Any) -> BenchDocument:
    return BenchDocument.model_validate_json(told["out"])


def rows_of(document: BenchDocument, boundary: str) -> list[Row]:
    return [row for row in document.rows if row.boundary == boundary]


def test_one_document_on_stdout_and_the_same_in_the_file(told: Any, found: BenchDocument) -> None:
    assert told["code"] == found.exit_code == 0, told["err"]
    assert read_document(told["output"]) == found
    assert told["err"].rstrip().endswith(found.verdict.sentence)


def test_every_boundary_has_a_row_and_every_speed_its_parity(found: BenchDocument) -> None:
    assert {row.boundary for row in found.rows} == set(BOUNDARIES)
    for row in found.rows:
        if row.frames_per_s is None:
            assert row.reason
            assert row.remedy
        else:
            assert row.parity is not None
            assert row.parity.holds
            assert 0 < (row.p50_ms or 0) <= (row.p95_ms or 0)


def test_without_a_network_runs_are_measured_all_the_same(found: BenchDocument) -> None:
    for boundary in (RESIDENT, STORE_TO_TABLE):
        for row in rows_of(found, boundary):
            assert row.state == "measured", row.reason
            assert row.parity is not None
            assert all(row.parity.equal.values())
            assert (row.cells_per_frame or 0) > 10
    assert len(rows_of(found, RESIDENT)) > 1, "no sweep over batches"


def test_with_torch_and_openvino_the_network_is_measured(found: BenchDocument) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("openvino", reason="openvino is not installed")
    for boundary in (NETWORK, PREPARED_NETWORK, REQUIRED):
        for row in rows_of(found, boundary):
            assert row.state == "measured", row.reason
            assert row.parity is not None
            assert row.parity.tolerance is not None
            assert (row.tflop_per_s or 0) > 0
            assert "densenet121" in row.engine


def test_the_verdict_follows_from_the_rows(found: BenchDocument) -> None:
    rates = [row.frames_per_s for row in rows_of(found, REQUIRED) if row.frames_per_s]
    verdict = found.verdict
    assert verdict.boundary == REQUIRED
    if not rates:
        assert verdict.state == "not measured"
        return
    assert verdict.frames_per_s == max(rates)
    assert verdict.state == ("met" if max(rates) > 300 else "not met")
    assert verdict.limited_by in ("network", "kernels", "storage", "copy")


def test_shares_are_of_ceilings_of_the_same_run(found: BenchDocument) -> None:
    values = {one.title: one.value for one in found.ceilings}
    for row in found.rows:
        for rate, share, ceiling in (
            (row.gb_per_s, row.gb_per_s_share, row.gb_per_s_ceiling),
            (row.tflop_per_s, row.tflop_per_s_share, row.tflop_per_s_ceiling),
        ):
            if share is not None and rate is not None:
                assert share == pytest.approx(rate / (values[ceiling or ""] or 0))


def test_what_a_cpu_cannot_tell_is_null_with_a_reason(found: BenchDocument) -> None:
    for row in found.rows:
        if row.state == "measured":
            assert row.energy_j_per_frame is None
            assert "NVML" in row.absent["energy_j_per_frame"]
            assert (row.peak_host_bytes or 0) > 0
            assert 0 < (row.busy_share or 0) < 1.5


def test_conditions_name_code_and_hardware(found: BenchDocument) -> None:
    for row in found.rows:
        assert row.conditions["code_version"].count("+") == 1
        assert row.conditions["hardware"]["hardware"]
        assert row.conditions["versions"]["numpy"]
        assert row.conditions["load_average"] >= 0


def test_plan_finds_the_rate_of_this_machine(told: Any, found: BenchDocument) -> None:
    path = Path(found.remembered)
    hardware = found.conditions["hardware"]["hardware"]
    (rate,) = [row.frames_per_s for row in rows_of(found, STORE_TO_TABLE)]
    kept = [one for one in json.loads(path.read_text())["rates"] if one["boundary"] == STORE_TO_TABLE]
    assert [one["hardware"] for one in kept] == [hardware]
    assert kept[0]["pixels_per_s"] == pytest.approx((rate or 0) * FRAME_PX[0] * FRAME_PX[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHASEWELL_STATE", str(path.parent))
        assert known_rate(hardware, STORE_TO_TABLE, "phase") is not None


def test_nothing_is_left_behind(told: Any) -> None:
    assert not list(told["place"].iterdir())


def test_an_absent_gpu_is_said_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("phasewell.device.count_gpus", lambda: 0)
    assert main(["bench", "--device", "cuda:0", "--quick"]) == 69
    assert "cuda:0" in capsys.readouterr().err
    with pytest.raises(UnavailableError):
        run_bench("cuda:0", quick=True)


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["bench", "--device", "cpu", "--quick", "--folder", str(tmp_path / "file")]) == 73
    assert "--folder" in capsys.readouterr().err
