"""The verbs `train` and `reproduce` and the words of `predict`: what they pass on, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from phasewell.cli import main
from phasewell.errors import UsageError
from phasewell.learning import SCRATCH, TrainingRecipe
from phasewell.learning_commands import change_recipe
from phasewell.potency_commands import describe_prediction


def test_settings_change_a_recipe_and_only_what_is_there() -> None:
    found = change_recipe(SCRATCH, ("recipe.tune_epochs=20", "recipe.dense=[64, 32]", "recipe.augmentation=flips"))
    assert (found.tune_epochs, found.dense, found.augmentation) == (20, (64, 32), "flips")
    assert found.model_copy(update={"tune_epochs": 50, "dense": (256,), "augmentation": "none"}) == SCRATCH
    for setting, said in (
        ("recipe.tune_epoch=2", "did you mean recipe.tune_epochs"),
        ("tune_epochs=2", "no such key"),
        ("recipe.dropout=1.5", "dropout: Input should be less than 1"),
        ("recipe.batch=many", "batch: Input should be a valid integer"),
        ("recipe.head_epochs=5", "tune_rate 0.001 above head_rate"),
    ):
        base = SCRATCH.model_copy(update={"head_rate": 1e-4})
        with pytest.raises(UsageError, match=said):
            change_recipe(base, (setting,))


def test_train_passes_on_what_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def stop(*arguments: Any, **options: Any) -> Any:
        seen.append((arguments, options))
        raise UsageError("seen")

    monkeypatch.setattr("phasewell.runs.train_model", stop, raising=False)
    words = ["train", "a.zarr", "--output", str(tmp_path), "--network", "densenet13", "--class", "potency"]
    assert main([*words, "--test-lines", "L1", "L2", "--frame-px", "128", "144", "--set=recipe.seed=3"]) == 64
    assert main([*words, "--weights", "w.safetensors"]) == 64
    (arguments, options), (other, _) = seen
    assert arguments[:3] == (Path("a.zarr"), tmp_path, "densenet13")
    assert arguments[3:] == (SCRATCH.model_copy(update={"seed": 3}), None)
    assert other[3:] == (TrainingRecipe(), Path("w.safetensors"))
    assert (options["class_"], options["line"], options["test_lines"]) == ("potency", "line", ("L1", "L2"))
    assert (options["frame_px"], options["validation_lines"]) == ((128, 144), None)


def test_a_reproduction_of_a_plate_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "paper-k", str(tmp_path / "none.zarr"), "--output", str(tmp_path / "k")]) == 65
    assert "none.zarr" in capsys.readouterr().err


def test_what_is_said_of_a_well() -> None:
    assert describe_prediction({"well": "A01", "predicted": 9.127}) == "9.13"
    assert "undefined" in describe_prediction({"well": "A01", "predicted": None})
    scored = {"well": "A01", "predicted": "high", "votes": {"low": 1, "high": 3}, "n_scored": 4, "n_expected": 5}
    words = describe_prediction(scored | {"probabilities": {"low": 0.25, "high": 0.75}})
    assert words == "high (mean low 0.250, high 0.750; 4 of 5 frames)"
    nothing = scored | {"predicted": None, "probabilities": {"low": None, "high": None}, "n_scored": 0}
    assert describe_prediction(nothing).startswith("no majority (mean low undefined")
