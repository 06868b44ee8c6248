"""Scores of wells are those of their frames, in files, tables, report and `predict` alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from phasewell import runs
from phasewell.cli import main
from phasewell.config import Config, InferenceConfig, ProfileConfig
from phasewell.errors import InputError
from phasewell.inference import make_untrained_model
from phasewell.manifest import RunManifest
from phasewell.report import write_comparison, write_report
from phasewell.report.reading import read_content
from phasewell.report.well_browser import _predictions
from phasewell.runs.finished.applying import keep_predictions
from phasewell.tables import export, open_results
from phasewell.tables.parts import find_parts
from phasewell.tables.well_scores import read_plate_scores

Make = Callable[..., Config]
EVIL = "<script>alert(1)</script> ' \"; \n\N{DNA DOUBLE HELIX}"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "model"
    return make_untrained_model(folder, "densenet13", 1, ("low", "high"), frame_px=(128, 144)).folder


@pytest.fixture
def scored(make_config: Make, network: Path) -> Config:
    """A configuration with a small untrained network, whose profile leaves out the first hour."""
    section = InferenceConfig(model=network, precision="f32", backend="torch")
    return make_config().model_copy(update={"inference": section, "profile": ProfileConfig(window_h=(6, 6))})


def frames_of(folder: Path) -> list[dict[str, Any]]:
    return [row for row in open_results(folder).scores().to_pylist() if row["class_name"] == "high"]


def test_wells_are_their_frames_everywhere(scored: Config) -> None:
    folder = runs.run(scored).folder
    results, frames = open_results(folder), frames_of(folder)
    for name, hours in (("hour_scores", (0, 1)), ("well_scores", (1,))):
        table = results.pooled_scores(name)
        assert table is not None
        rows = [row for row in table.to_pylist() if row["class_name"] == "high"]
        assert len(rows) == (6 if name == "hour_scores" else 3)
        for row in rows:
            times = (row["time"],) if name == "hour_scores" else hours
            inside = [f for f in frames if f["well"] == row["well"] and f["time"] in times]
            values = [f["probability"] for f in inside if f["probability"] is not None]
            assert (row["n_expected"], row["n_scored"]) == (len(inside), len(values))
            assert row["coverage"] == len(values) / len(inside)
            assert row["mean_probability"] == pytest.approx(np.mean(values), abs=1e-15)
            assert row["sd_probability"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
            assert row["votes"] == sum(value > 0.5 for value in values)
    assert {row["first_h"] for row in rows} == {6.0}
    coverage = {(r["well"], r["time"]): r["coverage"] for r in results.pooled_scores("hour_scores").to_pylist()}  # type: ignore[union-attr]
    assert coverage["A02", 1] == coverage["B01", 0] == 2 / 3  # one frame missing; one too bright for the network
    predicted = runs.predict_wells(folder, scored.inference.model or "")
    assert [row["well"] for row in predicted] == ["A01", "A02", "B01"]
    for one, other in zip(predicted, rows, strict=True):
        assert one["probabilities"]["high"] == other["mean_probability"]
        assert one["votes"]["high"] == other["votes"]
        assert one["coverage"] == other["coverage"]
    page = write_report(folder).read_text()
    assert "Network scores" in page
    assert "pretrained: false" in page
    assert f"{sum(f['probability'] is not None for f in frames)} " in page.replace("</dd>", " ")
    manifest = RunManifest.model_validate_json((folder / "manifest.json").read_bytes())
    assert manifest.scored_by is not None
    assert manifest.scored_by["network"] == "densenet13"
    assert manifest.scored_by["pretrained"] is False
    assert {"well_scores.parquet", "hour_scores.parquet"} <= manifest.files.keys()
    (folder / "well_scores.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not the file that was committed"):
        open_results(folder).pooled_scores("well_scores")
    runs.run(scored)
    assert open_results(folder).pooled_scores("well_scores") == results.pooled_scores("well_scores")


def test_runs_without_a_model_have_no_scores_of_wells(make_config: Make) -> None:
    plain = runs.run(make_config("plain")).folder
    assert open_results(plain).pooled_scores("well_scores") is None
    assert json.loads((plain / "manifest.json").read_text())["scored_by"] is None
    with pytest.raises(InputError, match="without a model"):
        read_plate_scores([*find_parts(plain / "parts" / "scores")])


def test_a_network_applied_to_a_finished_run_is_kept_and_shown(
    make_config: Make, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `predict` says of a run that had no network equals the scores of a run that has it, wherever it is read."""
    section = InferenceConfig(precision="f32", backend="torch")
    config = make_config("bare").model_copy(update={"inference": section})
    folder = runs.run(config).folder
    assert main(["predict", str(folder), str(network), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    path = Path(printed["kept"])
    assert [each.name for each in (folder / "predictions").iterdir()] == [path.name]
    before = path.read_bytes()
    runs.predict_wells(folder, network)
    assert path.read_bytes() == before
    with_it = make_config("scored").model_copy(update={"inference": section.model_copy(update={"model": network})})
    expected = open_results(runs.run(with_it).folder).pooled_scores("well_scores")
    assert expected is not None
    found = {each.stem: each for each in export(folder, "parquet", tmp_path, runs.plate_of(folder))}
    rows = pq.read_table(found["applied_scores"]).to_pylist()
    assert [{**row, "plate": "p"} for row in expected.to_pylist()] == [
        {"plate": "p"} | {name: row[name] for name in expected.column_names if name != "plate"} for row in rows
    ]
    (model,) = pq.read_table(found["models"]).to_pylist()
    assert (model["model"], model["applied"], model["kind"], model["target"]) == (path.stem, True, "densenet13", None)
    assert model["digest"] == hashlib.sha256((network / "model.json").read_bytes()).hexdigest()
    page = write_report(folder).read_text()
    assert "No network scored the frames of this run" in page
    assert f"densenet13 {model['digest'][:6]} was applied to this finished run (its card names no plate)" in page
    assert open_results(folder).manifest.scored_by is None
    (kept,) = read_content(folder).applied.networks
    keep_predictions(folder, kept.model_copy(update={"plates": (EVIL,), "origin": EVIL}))
    page = write_report(folder).read_text()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 2
    keep_predictions(folder, kept)
    lines = _predictions(read_content(folder))["wells"]
    assert list(lines) == ["A01", "A02", "B01"]
    for line in lines.values():
        assert line[0][:2] == [f"densenet13 {kept.digest[:6]}", "probability of high"]
    text = write_comparison(folder, folder, tmp_path / "page.html").read_text()
    assert "No network scored either run." in text
    assert f"densenet13 {model['digest'][:6]} was applied to both finished runs." in text
    assert text.count("+0.000") >= 3
    manifest = folder / "manifest.json"
    document = json.loads(manifest.read_bytes()) | {"plate_digest": "0" * 64}
    manifest.write_text(json.dumps(document))
    with pytest.raises(InputError, match="has changed since the run"):
        runs.predict_wells(folder, network)
