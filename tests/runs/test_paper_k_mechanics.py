"""Paper K reproduced in the smallest form: every step, the page, going on after a kill, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from phasewell.errors import InputError, UsageError
from phasewell.inference import read_model
from phasewell.learning.search_space import SearchSpace
from phasewell.report.paper_k import write_paper_k
from phasewell.runs import simulate_lines
from phasewell.runs.folder.step_ledger import StepLedger
from phasewell.runs.interruption import InterruptedRunError
from phasewell.runs.paper_k import ReproductionScale, choose_scale, reproduce_paper_k
from phasewell.runs.paper_k.teaching import Teacher, without_validation

SIZE = (128, 136)


def quiet(_: str) -> None:
    return None


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 simulated lines, 4 frames each."""
    store = tmp_path_factory.mktemp("lines") / "plate.zarr"
    simulate_lines(store, fields=2, times=2, frame_shape=SIZE, workers=1)
    return store


@pytest.fixture(scope="module")
def scale() -> ReproductionScale:
    small = choose_scale("smoke", networks=["densenet13"])
    space = SearchSpace(dense_layers=(1, 1), dense_units=(4, 16), batch=(4, 8))
    return small.model_copy(update={"space": space, "frame_px": (120, 128), "other_methods": ("grid",)})


@pytest.fixture(scope="module")
def made(plate: Path, scale: ReproductionScale, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Path]:
    """A reproduction that was stopped on its way, its result, and the page."""
    folder = tmp_path_factory.mktemp("paper") / "k"
    torch.set_num_threads(1)
    teach, left = Teacher.teach, [3]

    def stop_sometimes(self: Teacher, *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise InterruptedRunError("interrupted; the same command resumes")
        return teach(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Teacher, "teach", stop_sometimes)
        with pytest.raises(InterruptedRunError):
            reproduce_paper_k(plate, folder, scale, device="cpu", say=quiet)
    return folder, reproduce_paper_k(plate, folder, scale, device="cpu", say=quiet), write_paper_k(folder)


def test_every_step_is_there_and_no_line_stands_on_both_sides(made: tuple[Path, Any, Path]) -> None:
    folder, result, _ = made
    material, network = result["material"], result["networks"]["densenet13"]
    assert [line["frames"] for line in material["lines"]] == [4] * 8
    assert material["picture_px"] == [30, 32]
    held = [line for fold in material["folds"] for line in fold["held_out"]]
    assert sorted(held + material["test_lines"]) == [line["line"] for line in material["lines"]]
    assert len(network["search"]["trials"]) == 2
    best = network["search"]["trials"][network["search"]["best_place"]]
    assert best["value"] == network["best"]["value"] == network["search"]["best_value"]
    # before and after are judged alike: the initial recipe is the first trial, and the best one is never below it
    assert network["search"]["trials"][0]["recipe"] == network["search"]["base"] == network["initial"]["recipe"]
    assert network["search"]["trials"][0]["value"] == network["initial"]["value"] <= network["search"]["best_value"]
    assert {line["line"] for line in network["best"]["evaluation"]["lines"]} == set(held)
    final = result["final"]
    for state in ("before", "after"):
        test = final[state]["test"]
        assert [line["line"] for line in test["evaluation"]["lines"]] == material["test_lines"]
        assert len(test["probabilities"]) == test["evaluation"]["n_frames"] == 8
        names = [layer["name"] for layer in final[state]["embedding"]["layers"]["layers"]]
        assert names == ["gap", "dense 1", "logits"]
    assert final["before"]["test"]["recipe"]["dense"] == [16]
    assert final["after"]["test"]["recipe"]["dense"] == network["search"]["best"]["dense"]
    assert len(final["outside"]["evaluation"]["lines"]) == 8
    assert final["outside"]["evaluation"]["permutation"]["least_p"] == 1 / 70
    assert result["plate"]["simulated"] is True
    model = read_model(folder / "model")
    assert model.sha256 == final["model"]["sha256"]
    assert model.card.training is not None
    assert model.card.training.test_lines == tuple(material["test_lines"])
    assert model.card.training.evaluation is not None
    assert model.card.training.evaluation["confusion"] == final["after"]["test"]["evaluation"]["confusion"]
    assert list(model.card.frame_px) == [120, 128]
    assert network["pretrained"] is False


def test_the_page_says_of_every_table_and_figure_what_it_rests_on(made: tuple[Path, Any, Path]) -> None:
    folder, result, path = made
    page = path.read_text()
    text = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    stamp = "Scale smoke · pretrained: false · simulated frames."
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.DOTALL)
    charts = [caption for caption in captions if caption not in ("picture", "Grad-CAM++", "LRP", "VisualBackProp")]
    assert len(charts) >= 12
    assert all(stamp in caption for caption in charts)
    for words in ("Table 1.", "Table 2.", "Figure 2a", "Figure 2b", "Figure 3", "Figure 4", "Supplementary figure 7"):
        assert words in text
    assert "SIMULATED" in text
    assert "numbers say nothing about the method" in text
    metrics = result["final"]["after"]["test"]["evaluation"]["metrics"]
    assert f"{metrics['accuracy']:.3f}" in text
    assert not re.search(r"https?://", text)
    if "nothing" not in result["final"]["saliency"]:
        assert len(re.findall(r'<img src="data:image/png', text)) == len(result["final"]["saliency"]["overlays"])
    assert write_paper_k(folder, folder / "again.html").read_bytes() == path.read_bytes()


def test_a_finished_reproduction_is_not_made_again(
    made: tuple[Path, Any, Path], plate: Path, scale: ReproductionScale, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, result, _ = made
    monkeypatch.setattr(Teacher, "cross_validate", None)
    before = (folder / "result.json").read_bytes()
    assert reproduce_paper_k(plate, folder, scale, device="cpu", say=quiet) == result
    assert (folder / "result.json").read_bytes() == before
    with pytest.raises(UsageError, match="another reproduction, which differs in scale"):
        reproduce_paper_k(plate, folder, scale.model_copy(update={"seed": 1}), device="cpu", say=quiet)


def test_a_step_that_fails_leaves_nothing_and_one_that_is_done_is_read(tmp_path: Path) -> None:
    ledger = StepLedger(tmp_path, {"data": "a"}, "code")
    with pytest.raises(RuntimeError):
        ledger.once("step", lambda: (_ for _ in ()).throw(RuntimeError("killed")))
    assert not ledger.is_done("step")
    assert ledger.once("step", lambda: {"n": 1}) == ledger.once("step", lambda: {"n": 2}) == {"n": 1}
    (tmp_path / "steps" / "step.json").write_text("{")
    with pytest.raises(InputError, match="remove it, and the same command makes it again"):
        ledger.once("step", lambda: {"n": 3})
    with pytest.raises(UsageError, match="differs in data"):
        StepLedger(tmp_path, {"data": "b"}, "code")


def test_passes_without_validation_are_those_that_the_folds_took() -> None:
    recipe = choose_scale("paper").pretrained_recipe
    courses = [{"head_passes": 3, "tune_passes": 0}, {"head_passes": 6, "tune_passes": 4}]
    found = without_validation(recipe, courses)
    assert (found.head_epochs, found.tune_epochs) == (4, 2)
    assert without_validation(recipe, [{"head_passes": 2, "tune_passes": 0}]).tune_epochs == 0
    falling = recipe.model_copy(update={"schedule": "cosine"})
    assert without_validation(falling, courses) == falling
    scratch = choose_scale("paper").scratch_recipe
    assert without_validation(scratch, [{"head_passes": 0, "tune_passes": 0}]).tune_epochs == 1


def test_the_scale_of_the_paper_has_its_numbers() -> None:
    paper = choose_scale("paper")
    assert paper.networks == ("vgg19", "resnet50v2", "densenet121", "inceptionv3", "xception")
    assert (paper.trials, paper.folds, paper.frames_per_line, paper.final) == (80, 3, 1530, "densenet121")
    assert paper.frame_px is None
    with pytest.raises(UsageError, match="expected one of smoke, paper"):
        choose_scale("huge")
    with pytest.raises(UsageError, match="named twice"):
        choose_scale("smoke", networks=["vgg19", "vgg19"])


def test_refusals(plate: Path, scale: ReproductionScale, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="network 'alexnet'"):
        reproduce_paper_k(plate, tmp_path / "a", scale.model_copy(update={"networks": ("alexnet",)}), say=quiet)
    with pytest.raises(InputError, match="or the like"):
        reproduce_paper_k(plate, tmp_path / "b", scale, weights=tmp_path, say=quiet)
    with pytest.raises(InputError, match=r"result\.json"):
        write_paper_k(tmp_path)


def test_every_item_of_the_paper_names_tests_that_exist() -> None:
    root = Path(__file__).parents[2]
    rows = re.findall(r"^\| (K\d+) .*$", page := (root / "docs" / "paper_k.md").read_text(), re.MULTILINE)
    assert rows == [f"K{number}" for number in range(1, 25)]
    modules = {path.stem: path.read_text() for path in (root / "tests").rglob("test_*.py")}
    functions = {name for text in modules.values() for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named and not named - functions - modules.keys()


@pytest.mark.browser
def test_the_page_draws_every_chart_and_bars_nobody(made: tuple[Path, Any, Path], screen: Any, axe: str) -> None:
    assert screen.faults(made[2], axe) == []
