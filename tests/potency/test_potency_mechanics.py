"""What fit and predict refuse and leave out, and that a saved model is data, not code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phasewell.errors import InputError, OutputError, SecurityError, UsageError
from phasewell.potency import Evaluation, fit, load_model, permute_targets
from potency_samples import clones, factor_table, make_profile

SMALL = {
    "lasso": None,
    "forest": {"n_estimators": 15},
    "xgboost": {"n_estimators": 15},
    "elastic_net": None,
    "ridge": None,
}


@pytest.mark.parametrize("validation", ["rows", "kfold", "leave-one-out", "paper", ""])
def test_only_whole_clones_are_left_out(validation: str) -> None:
    with pytest.raises(UsageError, match="vouch"):
        fit(*factor_table(24, 0), validation=validation)


def test_groups_are_mandatory_and_at_least_three() -> None:
    profile, target, _ = factor_table(24, 0)
    with pytest.raises(UsageError, match="leave-one-clone-out"):
        fit(profile, target, None)
    with pytest.raises(UsageError, match="2 groups"):
        fit(profile, target, ["a"] * 8 + ["b"] * 7)
    with pytest.raises(UsageError, match="group of well A03"):
        fit(profile, target, ["x", "y", None, *clones(12)])
    with pytest.raises(UsageError, match="no group for well A02"):
        fit(profile, target, {w: w for w in profile.wells if w != "A02"})
    with pytest.raises(UsageError, match="14 groups for 15 wells"):
        fit(profile, target, clones(14))


def test_targets_are_checked_by_well() -> None:
    profile, target, groups = factor_table(24, 0)
    broken = target.copy()
    broken[2] = np.nan
    with pytest.raises(UsageError, match="target of well A03"):
        fit(profile, broken, groups)
    with pytest.raises(UsageError, match="H12"):
        fit(profile, {"H12": 3.0}, groups)
    with pytest.raises(UsageError, match="constant target"):
        fit(profile, np.full(15, 9.0), groups)
    with pytest.raises(UsageError, match="must be numbers"):
        fit(profile, ["high"] * 15, groups)
    with pytest.raises(UsageError, match="lasso, forest, xgboost"):
        fit(profile, target, groups, kind="spline")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown parameter depth"):
        fit(profile, target, groups, parameters={"depth": 2})


def test_a_well_without_a_target_is_left_out_and_listed() -> None:
    profile, target, groups = factor_table(24, 0)
    chosen = {w: float(t) for w, t in zip(profile.wells, target, strict=True) if w not in ("A01", "B02")}
    evaluation = fit(profile, chosen, dict(zip(profile.wells, groups, strict=True))).evaluation
    assert evaluation.wells_left_out == ("A01", "B02")
    assert [p.well for p in evaluation.predictions] == list(chosen)


def test_undefined_and_constant_columns() -> None:
    profile, target, groups = factor_table(48, 0)
    values = profile.values.copy()
    values[3, 1] = np.nan
    values[:, 7] = 4.0
    model = fit(replace(profile, values=values), target, groups)
    assert model.evaluation.columns_left_out == ("Area_SD (6 h)",)
    assert model.evaluation.n_parameters == 47
    constant = profile.columns[7].title
    assert constant not in {c.title for c in model.evaluation.coefficients}
    with pytest.raises(InputError, match="most of them in A01"):
        fit(replace(profile, values=np.full_like(values, np.nan)), target, groups)


def test_a_well_undefined_in_a_needed_column_is_predicted_as_undefined() -> None:
    profile, target, groups = factor_table(24, 0)
    model = fit(profile, target, groups)
    needed = profile.titles().index(model.evaluation.coefficients[0].title)
    unneeded = next(i for i in range(24) if model.estimator.coef_[i] == 0)
    values = profile.values.copy()
    values[4, needed] = np.nan
    values[5, unneeded] = np.nan
    predicted = model.predict(replace(profile, values=values))
    expected = model.predict(profile)
    assert np.isnan(predicted[4])
    keep = np.arange(15) != 4
    assert (predicted[keep] == expected[keep]).all()


def test_predict_refuses_another_profile_and_says_how_it_differs() -> None:
    profile, target, groups = factor_table(48, 0)
    model = fit(profile, target, groups)
    with pytest.raises(UsageError, match=r"0\.5 um/px, model at 0\.87"):
        model.predict(replace(profile, pixel_size_um=0.5))
    with pytest.raises(UsageError, match="lacks Area_SD"):
        model.predict(make_profile(profile.values[:, :24]))
    with pytest.raises(UsageError, match="24 columns; make it with the model's window, 6-6 h"):
        fit(make_profile(profile.values[:, :24]), target, groups).predict(profile)
    with pytest.raises(UsageError, match="other-descriptors"):
        replace(model, definitions="other-descriptors").predict(profile)


@pytest.mark.parametrize("kind", list(SMALL))
def test_a_saved_model_predicts_the_same(kind: str, tmp_path: Path) -> None:
    profile, target, groups = factor_table(48, 1)
    values = profile.values.copy()
    values[0, 3] = np.nan
    profile = replace(profile, values=values)
    model = fit(profile, target, groups, kind=kind, seed=5, parameters=SMALL[kind])  # type: ignore[arg-type]
    folder = model.save(tmp_path / "models" / kind)
    model.save(folder)  # a saved model is replaced
    loaded = load_model(folder)
    assert loaded == model
    assert (loaded.predict(profile) == model.predict(profile)).all()
    assert sorted(p.suffix for p in folder.iterdir())[:2] == [".json", ".json"]
    for path in folder.iterdir():
        assert path.read_bytes()[:1] != b"\x80", f"{path} is pickled"
    assert [p.name for p in folder.parent.iterdir()] == [kind]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["training_digest"] == model.training_digest
    assert manifest["pixel_size_um"] == 0.87
    assert Evaluation.from_dict(json.loads((folder / "evaluation.json").read_text())) == model.evaluation


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    profile, target, groups = factor_table(24, 1)
    folder = fit(profile, target, groups).save(tmp_path / "m")
    numbers = folder / "lasso.json"
    numbers.write_text(numbers.read_text().replace("1", "2", 1))
    with pytest.raises(InputError, match=r"lasso\.json is not the file that was saved"):
        load_model(folder)
    numbers.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_model(folder)
    with pytest.raises(InputError, match=r"manifest\.json cannot be read"):
        load_model(tmp_path / "absent")


def test_a_forest_file_that_asks_for_more_than_trees_is_refused(tmp_path: Path) -> None:
    import hashlib

    import skops.io
    from sklearn.ensemble import RandomForestRegressor

    profile, target, groups = factor_table(24, 1)
    folder = fit(profile, target, groups, kind="forest", parameters=SMALL["forest"]).save(tmp_path / "m")
    estimator = RandomForestRegressor(n_estimators=2).fit(profile.values, target)
    estimator.surprise = Path  # any type beyond the list
    skops.io.dump(estimator, folder / "forest.skops")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["forest.skops"] = hashlib.sha256((folder / "forest.skops").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SecurityError, match="Path"):
        load_model(folder)


def test_save_never_replaces_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data.txt").write_text("keep")
    with pytest.raises(OutputError, match="no saved model"):
        fit(*factor_table(24, 1)).save(tmp_path / "precious")
    assert (tmp_path / "precious" / "data.txt").read_text() == "keep"


def test_shuffling_needs_one_target_per_clone() -> None:
    profile, target, _ = factor_table(24, 1)
    with pytest.raises(UsageError, match="different targets"):
        permute_targets(profile, target, list("aaabbbcccdddeee"))
    with pytest.raises(UsageError, match="at least 1"):
        permute_targets(profile, target, clones(15), n=0)


def test_the_evaluation_is_json_and_says_all_three_numbers() -> None:
    evaluation = fit(*factor_table(24, 1)).evaluation
    document = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert Evaluation.from_dict(document) == evaluation
    for text in (f"{evaluation.rmse:.3f}", f"{evaluation.baseline_rmse:.3f}", f"{evaluation.q2:.3f}"):
        assert text in str(evaluation)
    with pytest.raises(InputError, match="expected keys"):
        Evaluation.from_dict({**document, "surplus": 1})
