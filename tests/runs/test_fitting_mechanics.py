"""Models on a run: what is written beside it, what is refused, and that a saved model predicts the same wells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from phasewell.config import Config, PlateConfig, RunConfig
from phasewell.errors import InputError, UsageError
from phasewell.runs import fit_models, plate_of, predict_wells, run, simulate


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
