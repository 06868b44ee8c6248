"""Which frames of a plate give the ranges of INT8, and which say what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.errors import UsageError
from phasewell.images import create_plate
from phasewell.inference import Model
from phasewell.inference.model_file import ModelCard
from phasewell.plate import Field
from phasewell.runs import quantise_on_plate
from phasewell.runs.learning import quantising

LINES = {"A01": ("l1", "low"), "A02": ("h1", "high"), "A03": ("l2", "low"), "A04": ("h2", "high"), "A05": ("l3", "low")}
CARD: dict[str, Any] = {
    "network": "densenet13",
    "classes": ("low", "high"),
    "pretrained": False,
    "origin": "none",
    "frame_px": (128, 160),
    "pixel_size_um": 0.87,
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "gate": {"seed": 0, "logits": ((0.0, 1.0),)},
    "sha256": {"weights.safetensors": "0" * 64, "model.onnx": "0" * 64},
}
TRAINING: dict[str, Any] = {
    "plate": "lines",
    "simulated": True,
    "frames": {},
    "data_sha256": "0" * 64,
    "code_version": "1",
    "recipe": {},
    "weights_sha256": None,
    "precision": "f32",
    "device": "cpu",
    "training_lines": ("l1", "h1", "l3"),
    "validation_lines": (),
    "test_lines": ("l2", "h2"),
    "passes": 1,
    "best_epoch": None,
    "evaluated_on": None,
    "evaluation": None,
}


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five lines of six frames; the grey level of a frame tells well and field."""
    path = tmp_path_factory.mktemp("plates") / "lines.zarr"
    writer = create_plate(
        path,
        name="lines",
        wells=list(LINES),
        fields=[Field(f"f{i}", 0, i) for i in range(6)],
        times_h=[6.0],
        frame_shape=(128, 160),
        dtype="uint8",
        pixel_size_um=0.87,
        platemap={well: {"line": line, "class": name} for well, (line, name) in LINES.items()},
    )
    draw = np.random.default_rng(4)
    for unit in writer.plate.units():
        writer.write_unit(unit, {f"f{i}": draw.integers(0, 256, (128, 160), np.uint8) for i in range(6)})
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `quantise_model` is asked for, instead of its answer; the card comes from here too."""
    found: dict[str, Any] = {"card": CARD}

    def quantise(model: Model, calibration: Any, held_out: Any, targets: Any, device: Any) -> None:
        found.update(calibration=calibration, held_out=held_out, targets=targets)

    monkeypatch.setattr(quantising, "quantise_model", quantise)
    monkeypatch.setattr(
        quantising, "read_model", lambda folder: Model(Path(folder), ModelCard.model_validate(found["card"]), "0" * 64)
    )
    return found


def pictures_of(plate: Path, asked: dict[str, Any], *lines: str) -> set[bytes]:
    """Return every picture of some lines."""
    quantise_on_plate("model", plate, held_out_lines=lines, calibration_frames=1000)
    return {picture.tobytes() for picture in asked["held_out"]}


def test_lines_are_never_on_both_sides(plate: Path, asked: dict[str, Any]) -> None:
    every = pictures_of(plate, asked, "l1", "h1", "l3"), pictures_of(plate, asked, "l2", "h2")
    asked["card"] = {**CARD, "training": TRAINING}
    quantise_on_plate("model", plate, calibration_frames=7)
    assert len(asked["calibration"]) == 7
    assert {picture.tobytes() for picture in asked["calibration"]} < every[0]
    assert {picture.tobytes() for picture in asked["held_out"]} == every[1]
    assert asked["targets"].tolist() == [0] * 6 + [1] * 6
    for line, count in (("h1", 3), ("l1", 2), ("l3", 2)):  # as many of every line
        asked["card"] = CARD
        of_line = pictures_of(plate, asked, line)
        asked["card"] = {**CARD, "training": TRAINING}
        quantise_on_plate("model", plate, calibration_frames=7)
        assert sum(picture.tobytes() in of_line for picture in asked["calibration"]) == count


def test_few_frames_are_all_taken_once(plate: Path, asked: dict[str, Any]) -> None:
    quantise_on_plate("model", plate, held_out_lines=("l2", "h2"), calibration_frames=1000)
    assert len({picture.tobytes() for picture in asked["calibration"]}) == len(asked["calibration"]) == 18


@pytest.mark.parametrize(
    ("held_out", "training", "message"),
    [
        (None, None, "names no lines that it learned from"),
        (("l9",), None, "line l9: not on the plate; it has h1, h2, l1, l2, l3"),
        (("l1", "h2"), TRAINING, "line l1: model model learned from it"),
        (("l1", "l2", "l3", "h1", "h2"), None, "others that give the ranges"),
        (None, {**TRAINING, "training_lines": tuple(line for line, _ in LINES.values())}, "lines to hold out"),
    ],
)
def test_lines_that_cannot_be_held_out(
    plate: Path, asked: dict[str, Any], held_out: Any, training: Any, message: str
) -> None:
    asked["card"] = {**CARD, "training": training}
    with pytest.raises(UsageError, match=message):
        quantise_on_plate("model", plate, held_out_lines=held_out)


def test_another_scale_is_refused(plate: Path, asked: dict[str, Any]) -> None:
    asked["card"] = {**CARD, "pixel_size_um": 1.7}
    with pytest.raises(UsageError, match="um"):
        quantise_on_plate("model", plate, held_out_lines=("l2", "h2"))
