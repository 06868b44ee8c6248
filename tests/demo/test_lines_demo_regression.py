"""The bundled network: small, labelled as simulated, at work without torch, better than chance on lines never seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from phasewell.demo.lines import MODEL, score_lines
from phasewell.inference import read_model

WITHOUT_TORCH = """
import json, sys
sys.modules["torch"] = None  # an import of it fails
from pathlib import Path
from phasewell.config import Config, InferenceConfig, PlateConfig, RunConfig
from phasewell.demo.lines import LINES, MODEL, compare_scores
from phasewell.runs import run, simulate_lines
store, folder = Path(sys.argv[1]) / "lines.zarr", Path(sys.argv[1]) / "run"
plate = simulate_lines(store, **{**LINES, "fields": 2, "times": 1}, workers=1)
scoring = InferenceConfig(model=MODEL, backend="openvino", precision="f32")
run(Config(plate=PlateConfig(store=store), run=RunConfig(output=folder, labels="none"), inference=scoring))
print(json.dumps(compare_scores(folder, plate.platemap)))
"""


def test_the_bundled_model_is_small_and_says_that_it_saw_simulated_lines() -> None:
    model = read_model(MODEL)
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 16e6
    assert {path.name for path in MODEL.iterdir()} >= {"model.json", "model.onnx", "weights.safetensors"}
    assert "simulated" in model.card.origin
    assert model.card.training is not None
    assert model.card.training.simulated
    assert not model.card.pretrained
    assert (model.card.frame_px, model.card.pixel_size_um) == ((904, 1224), 0.87)
    assert model.card.classes == ("low", "high")


def test_it_scores_lines_without_torch(tmp_path: Path) -> None:
    """AUC measured 0.78 of frames and 0.75 of lines; a gap would mean other frames or pictures than it learned from."""
    code = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)]
    found = json.loads(subprocess.run(code, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])
    assert found["frames"] == 16
    assert sorted(row["class"] for row in found["wells"]) == ["high"] * 4 + ["low"] * 4
    assert all(0 <= row["high"] <= 1 and row["frames"] == 2 for row in found["wells"])
    assert found["frame_auc"] > 0.7
    assert found["line_auc"] > 0.7


def test_without_openvino_the_demo_says_that_nothing_was_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    account = score_lines(tmp_path, lambda *_: pytest.fail("run"), None, print)
    assert not account["scored"]
    assert "NOT SCORED" in account["lines"][0]
    assert not list(tmp_path.iterdir())
