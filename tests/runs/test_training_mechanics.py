"""From a simulated plate to a model folder: which frames become pictures, which lines have which role, what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from phasewell.device import Device
from phasewell.errors import InputError, OutputError, UsageError
from phasewell.images import create_plate, open_plate
from phasewell.inference import open_session, prepare_frames, read_model
from phasewell.learning import SCRATCH
from phasewell.plate import Field, Plate
from phasewell.runs import train_model
from phasewell.runs.learning.labelled_frames import label_frames
from phasewell.runs.learning.training import choose_roles

LINES = {f"{name}{i}": int(name == "H") for name in "HL" for i in (1, 2, 3)}


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six lines in six wells and a seventh without, three fields of 162 x 130 px; one too bright, one missing."""
    path = tmp_path_factory.mktemp("plates") / "lines.zarr"
    wells = [f"A0{i}" for i in range(1, 8)]
    platemap: Any = {
        well: {"donor": line, "level": "high" if place else "low"}
        for well, (line, place) in zip(wells, LINES.items(), strict=False)
    }
    writer = create_plate(
        path,
        name="lines",
        wells=wells,
        fields=[Field(f"f{i}", 0, i) for i in range(3)],
        times_h=[6.0, 12.0],
        frame_shape=(162, 130),
        dtype="uint8",
        pixel_size_um=0.87,
        platemap=platemap,
        provenance={"simulated": "stripes"},
    )
    draw = np.random.default_rng(2)
    for unit in writer.plate.units():
        pitch = 16 if platemap.get(unit.well, {}).get("level") == "high" else 48
        for_all = 120 + 40 * np.cos(2 * np.pi * np.arange(130) / pitch) + draw.normal(0, 10, (3, 162, 130))
        frames = dict(zip(("f0", "f1", "f2"), for_all.astype(np.uint8), strict=True))
        if unit.well == "A02" and unit.time == 0:
            frames["f1"] = np.full((162, 130), 240, np.uint8)
        if unit.well == "A03" and unit.time == 1:
            del frames["f2"]
        writer.write_unit(unit, frames)
    return path


@pytest.fixture(scope="module")
def opened(plate: Path) -> Plate:
    return open_plate(plate)


def columns() -> dict[str, Any]:
    return {"line": "donor", "class_": "level"}


def test_frames_become_the_pictures_a_session_is_shown(opened: Plate, tmp_path: Path) -> None:
    found = label_frames(opened, tmp_path, **columns())
    assert found.left_out == {"missing": 1, "too_bright": 1, "unlabelled": 6}
    pictures = found.pictures
    assert pictures.classes == ("low", "high")
    assert pictures.class_of_line == LINES
    assert pictures.pictures.shape == (34, 40, 32)
    for place in (0, 7, 33):
        key = pictures.keys[place]
        pixels = opened.frames(key.well, key.time, (key.field,)).pixels[:, 1:161, 1:129]
        expected = prepare_frames(np.ascontiguousarray(pixels), "offset", Device("cpu", "arrays")).images[0]
        assert np.array_equal(pictures.pictures[place], expected)
        assert str(pictures.lines[place]) == opened.platemap[key.well]["donor"]


def test_the_kept_file_is_the_same_as_memory_and_is_made_once(
    opened: Plate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".pictures-x.bin.1.ab.partial").write_bytes(b"of another")
    first = label_frames(opened, tmp_path, **columns())
    assert first.path is not None
    without = label_frames(opened, **columns())
    assert np.array_equal(first.pictures.pictures, without.pictures.pictures)
    assert first.to_dict() == without.to_dict()
    monkeypatch.setattr("phasewell.runs.learning.labelled_frames.show_frames", None)
    again = label_frames(opened, tmp_path, **columns())
    assert again.pictures.keys == without.pictures.keys
    assert np.array_equal(again.pictures.targets, without.pictures.targets)


@pytest.mark.parametrize(("at", "words"), [(100, "do not have their SHA-256"), (-3, "not what was written")])
def test_a_damaged_file_is_named(opened: Plate, tmp_path: Path, at: int, words: str) -> None:
    path = label_frames(opened, tmp_path, **columns()).path
    assert path is not None
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{path.name}: damaged .*{words}.*remove it"):
        label_frames(opened, tmp_path, **columns())
    path.write_bytes(data[:7])
    with pytest.raises(InputError, match="damaged"):
        label_frames(opened, tmp_path, **columns())


def test_choices_of_frames(opened: Plate) -> None:
    part = label_frames(opened, frame_px=(80, 128), window_h=(12, 12), classes=("high", "low"), **columns())
    assert part.pictures.pictures.shape == (17, 20, 32)
    assert (part.pictures.classes, part.framing.top) == (("high", "low"), 41)
    with pytest.raises(UsageError, match="no column 'line'; it has donor, level"):
        label_frames(opened)
    with pytest.raises(UsageError, match="classes high, middle: expected distinct ones"):
        label_frames(opened, classes=("high", "middle"), **columns())
    with pytest.raises(UsageError, match="frame_px 164 x 128: plate lines has frames of 162 x 130"):
        label_frames(opened, frame_px=(164, 128), **columns())
    with pytest.raises(InputError, match="no hour in the window"):
        label_frames(opened, window_h=(1, 2), **columns())
    with pytest.raises(InputError, match="a line has one class"):
        label_frames(opened, line="level", class_="donor")


def test_roles_of_lines() -> None:
    roles = choose_roles(LINES, 3)
    assert sorted(line for role in roles for line in role) == sorted(LINES)
    assert all(sorted(LINES[line] for line in role) == [0, 1] for role in roles)
    assert choose_roles(LINES, 3, (), ()) == (tuple(sorted(LINES)), (), ())
    named = choose_roles(LINES, 3, ("H1", "L1"), ("L2", "H2"))
    assert named == (("H3", "L3"), ("H2", "L2"), ("H1", "L1"))
    assert set(choose_roles(LINES, 3, None, ("L2", "H2")).training) & {"H2", "L2"} == set()
    with pytest.raises(UsageError, match="line H1: named for test and for validation"):
        choose_roles(LINES, 0, ("H1",), ("H1",))
    with pytest.raises(UsageError, match="line X: not on the plate"):
        choose_roles(LINES, 0, ("X",))
    with pytest.raises(InputError, match="give more lines, or fewer test lines"):
        choose_roles({"a": 0, "b": 1, "c": 0, "d": 1})


def test_a_plate_becomes_a_model(plate: Path, tmp_path: Path) -> None:
    recipe = SCRATCH.model_copy(update={"dense": (), "dropout": 0.0, "tune_epochs": 6, "batch": 8})
    torch.set_num_threads(1)
    seen: list[Any] = []

    def halfway(epoch: Any) -> None:
        seen.append(epoch)
        if len(seen) == 2:
            raise KeyboardInterrupt

    folder = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        train_model(plate, folder, "densenet13", recipe, **columns(), device="cpu", progress=halfway)
    assert not (folder / "model.json").exists()
    model = train_model(plate, folder, "densenet13", recipe, **columns(), device="cpu")
    record = model.card.training
    assert record is not None
    assert (record.simulated, model.card.pretrained, model.card.frame_px) == (True, False, (160, 128))
    assert model.card.origin == "trained from He-normal weights on 2 simulated lines of plate lines"
    assert (record.evaluated_on, len(record.test_lines), record.passes) == ("test", 2, 6)
    assert record.evaluation is not None
    assert record.evaluation["metrics"]["auc"] == 1.0
    assert sorted(path.name for path in folder.iterdir()) == [
        "evaluation.json", "model.json", "model.onnx", "weights.safetensors",
    ]  # fmt: skip
    assert read_model(folder) == model
    pictures = label_frames(open_plate(plate), **columns()).pictures
    logits = open_session(model, "cpu", "f32").scores(pictures.pictures)
    assert (logits.argmax(1) == pictures.targets).mean() > 0.9
    with pytest.raises(OutputError, match="holds a model already"):
        train_model(plate, folder, "densenet13", recipe, **columns())
