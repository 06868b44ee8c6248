"""A real export whose pixels are all zero: ingest says so, a run measures nothing of it, and both end with 10."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from phasewell.cli import main
from phasewell.tables import open_results


def test_a_blank_plate_is_said_and_not_measured(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, config, run = (str(tmp_path / name) for name in ("plate.zarr", "run.toml", "run"))
    source = ["ingest", str(data / "cv8000_layout"), store, "--channel", "1", "--plane", "1", "-q", "--json"]
    assert main(source) == 10
    shown = capsys.readouterr()
    assert len(json.loads(shown.out)["blank"]) == 12
    assert "blank: all 12 frames have one value in every pixel and will not be measured" in shown.err
    assert main(["config", "init", config, "--store", store, "--output", run]) == 0
    assert main(["run", config, "-q"]) == 10
    frames = open_results(run).frames()
    assert set(frames.column("status").to_pylist()) == {"quarantined"}
    assert set(frames.column("reason").to_pylist()) == {"all_black"}
    assert open_results(run).cells().num_rows == 0
    assert main(["export", run, str(tmp_path / "json"), "--to", "json"]) == 0
    document = json.loads((tmp_path / "json/D08.json").read_text())
    assert document["frames"]["reasons"] == {"all_black": 4} and document["frames"]["flags"].get("blank", 0) == 4
    for to in ("cytominer", "anndata", "csv"):
        assert main(["export", run, str(tmp_path / to), "--to", to]) == 0
