"""Models on a run: what is written beside it, what is refused, and that a saved model predicts the same wells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from phasewell.config import Config, PlateConfig, RunConfig
from phasewell.errors import InputError, UsageError
from phasewell.potency import load_model
from phasewell.report import write_report
from phasewell.runs import FitChoice, fit_model_grid, fit_models, plate_of, predict_wells, profile, run, simulate


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen")
    simulate(folder / "plate.zarr", clones=6, fields=2, times=2, frame_shape=(300, 320), workers=1)
    config = Config(plate=PlateConfig(store=folder / "plate.zarr"), run=RunConfig(output=folder / "run", labels="none"))
    assert run(config).exit_code == 0
    return folder / "run"


def test_a_fit_leaves_evaluation_truth_and_shuffles_beside_the_model(finished: Path) -> None:
    (account,) = fit_models(finished, ("lasso",), window_h=(6, 12), fields=1, shuffles=3)
    folder = finished / "models" / "lasso"
    evaluation = json.loads((folder / "evaluation.json").read_text())
    truth = json.loads((folder / "evaluation_truth.json").read_text())
    assert {account["rmse"], account["baseline_rmse"]} == {evaluation["rmse"], evaluation["baseline_rmse"]}
    assert truth["n_groups"] == evaluation["n_groups"] == 6
    assert truth["baseline_rmse"] == evaluation["baseline_rmse"]
    assert len(json.loads((folder / "shuffle.json").read_text())["shuffled_ratios"]) == 3
    assert json.loads((folder / "profile.json").read_text())["fields"] == 1
    for number in ("RMSE", "baseline", "Q2"):
        assert number in account["sentence"]


def test_what_is_left_out_comes_from_the_configuration(finished: Path) -> None:
    accounts = fit_models(finished)
    assert [account["kind"] for account in accounts] == ["lasso", "forest", "xgboost"]
    assert all(account["window_h"] == [6.0, 12.0] and account["fields"] is None for account in accounts)


def test_a_saved_model_predicts_every_well(finished: Path) -> None:
    fit_models(finished, ("lasso",))
    rows = predict_wells(finished, finished / "models" / "lasso")
    assert [row["well"] for row in rows] == list(plate_of(finished).wells)
    assert all(4 < row["predicted"] < 16 for row in rows)


def test_a_column_the_plate_map_lacks_is_named_with_those_it_has(finished: Path) -> None:
    with pytest.raises(UsageError, match="no column 'passages'; it has clone, donor, potency, seed"):
        fit_models(finished, target="passages")


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run here"):
        plate_of(tmp_path)


def test_every_fit_stands_beside_baselines_intervals_and_the_papers_procedure(finished: Path) -> None:
    accounts = fit_models(finished, ("lasso", "ridge"), study=True)
    for account in accounts:
        study = json.loads((finished / "models" / account["kind"] / "study.json").read_text())
        assert study["interval"]["low"] < account["rmse"] < study["interval"]["high"]
        assert study["paper"]["validation"] == "paper, optimistic"
        assert study["paper"]["baseline_rmse"] == pytest.approx(account["baseline_rmse"])
        assert study["learning_curve"]["points"][-1]["clones"] == 6
        assert set(study["noise_floor"]["wells"]) == set(plate_of(finished).wells)
        assert "optimistic" in account["sentence"]
    comparison = json.loads((finished / "models" / "comparison.json").read_text())
    assert set(comparison["baselines"]) == {"mean", "growth", "count", "area"}
    assert ("lasso", "ridge") in {(row["first"], row["second"]) for row in comparison["differences"]}


def test_the_grid_says_how_few_fields_and_how_early(finished: Path) -> None:
    document = fit_model_grid(finished, fields=(1, 2), deals=2)
    assert document == json.loads((finished / "models" / "grid_lasso.json").read_text())
    assert (len(document["rmse"]), len(document["rmse"][0])) == (2, 2)
    assert document["economy"]["draws"] == document["draws"] == 10
    assert document["selected"]["p_family"] in (pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0)
    spread = fit_model_grid(finished, fields=(1, 2), deals=2, workers=2)
    assert spread["rmse_of_draws"] == document["rmse_of_draws"]
    with pytest.raises(UsageError, match="--draws 9"):
        fit_model_grid(finished, draws=9)
    with pytest.raises(UsageError, match="grid-fields"):
        fit_model_grid(finished, choice=FitChoice(fields=1))


def test_weighted_edges_are_kept_with_the_model_and_made_again_for_predictions(finished: Path) -> None:
    plain = profile(finished)
    weighted = profile(finished, edges="weighted")
    assert weighted.definitions.endswith("+edge-weights-1")
    area = [column.title for column in plain.columns].index("Area_mean (6 h)")
    assert (weighted.values[:, area] > plain.values[:, area]).sum() >= 4  # of 6: large cells count for more
    fit_models(finished, ("lasso",), edges="weighted")
    model = finished / "models" / "lasso"
    assert len(predict_wells(finished, model)) == 6
    with pytest.raises(UsageError, match="fitted on descriptors phasewell-descriptors-1"):
        load_model(model).predict(plain)


def test_a_plate_is_learned_from_once(finished: Path) -> None:
    with pytest.raises(UsageError, match="already in the study"):
        fit_models(finished, ("lasso",), also=(finished,))


def test_two_plates_are_one_study(finished: Path, tmp_path: Path) -> None:
    """Plate two holds other clones under the same names: refused, since one clone has one potency."""
    simulate(tmp_path / "two.zarr", clones=6, fields=2, times=2, seed=5, frame_shape=(300, 320), workers=1)
    output = RunConfig(output=tmp_path / "run", labels="none")
    assert run(Config(plate=PlateConfig(store=tmp_path / "two.zarr"), run=output)).exit_code == 0
    with pytest.raises(
        UsageError, match=r"group clone0\d has the target .* on plate simulated-5, .* on plate simulated-0"
    ):
        fit_models(tmp_path / "run", ("lasso",), also=(finished,))
    (account,) = fit_models(tmp_path / "run", ("lasso",), group="potency", also=(finished,))
    assert account["plates"] == ["simulated-5", "simulated-0"]
    wells = json.loads((tmp_path / "run" / "models" / "lasso" / "evaluation.json").read_text())["predictions"]
    assert len(wells) == 12
    assert wells[0]["well"] == "simulated-5/A01"
    assert account["shared_groups"]


def test_predictions_say_how_sure_they_are(finished: Path) -> None:
    fit_models(finished, ("lasso",))
    rows = predict_wells(finished, finished / "models" / "lasso", level=0.8)
    assert all(row["low"] <= row["high"] and row["learned_from"] for row in rows)
    assert "aims at 80%, guarantees 60%" in rows[0]["interval"]
    wide = predict_wells(finished, finished / "models" / "lasso", level=0.95)
    assert {row["low"] for row in wide} == {None}
    assert "6 clones cannot give 95%" in wide[0]["interval"]


def test_the_report_shows_the_study_and_the_grid(finished: Path) -> None:
    fit_models(finished, ("ridge",), study=True)
    fit_model_grid(finished, "ridge", fields=(1, 2))
    page = write_report(finished).read_text(encoding="utf-8")
    for words in (
        "Learning curve",
        "Noise floor of the fields",
        "selected, the best of 4 cells",
        "How few fields, how",
    ):
        assert words in page, words
    path = finished / "models" / "comparison.json"
    kept = path.read_text()
    path.write_text("{}")
    with pytest.raises(InputError, match="lacks 'baselines'; fit the models again"):
        write_report(finished)
    path.write_text(kept)
