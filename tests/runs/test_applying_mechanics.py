"""A model of one plate applied to another: kept in the run, the same bytes again, never of another run."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from phasewell.cli import main
from phasewell.config import Config, PlateConfig, ProfileConfig, RunConfig
from phasewell.durable import temporary_beside
from phasewell.errors import InputError, LockedError, OutputError
from phasewell.report import write_comparison, write_report
from phasewell.report.applied_models import _chart, ends, panel_lines
from phasewell.report.reading import read_content
from phasewell.runs import fit_models, plate_of, predict_wells, run, simulate
from phasewell.runs.finished.applying import apply_model, keep_predictions, kept_path
from phasewell.runs.folder.lock import RunLock
from phasewell.tables import export, open_results
from phasewell.tables.applied import AppliedModel, read_applied


def small_config(folder: Path, name: str) -> Config:
    return Config(plate=PlateConfig(store=folder / f"{name}.zarr"), run=RunConfig(output=folder / name, labels="none"))


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two finished runs: `known`, with a model, and `new`."""
    folder = tmp_path_factory.mktemp("plates")
    for seed, name in enumerate(("known", "new")):
        simulate(folder / f"{name}.zarr", clones=6, fields=2, times=2, seed=seed, frame_shape=(300, 320), workers=1)
        assert run(small_config(folder, name)).exit_code == 0
    fit_models(folder / "known", ("ridge",))
    return folder


@pytest.fixture
def new(plates: Path, tmp_path: Path) -> Path:
    """Return a copy of the run `new` that a test may spoil."""
    return Path(shutil.copytree(plates / "new", tmp_path / "new"))


def model_of(plates: Path) -> Path:
    return plates / "known" / "models" / "ridge"


def test_a_prediction_is_kept_once_with_what_it_rests_on(
    plates: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(new), str(model_of(plates)), "--level", "0.8", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    path = Path(printed["kept"])
    assert path == kept_path(new, model_of(plates))
    assert [each.name for each in (new / "predictions").iterdir()] == [path.name]
    kept = AppliedModel.model_validate_json(path.read_bytes())
    assert kept.run_id == open_results(new).manifest.run_id
    assert (kept.plates, kept.target, kept.group, kept.n_groups, kept.level) == (
        ("simulated-0",), "potency", "clone", 6, 0.8
    )  # fmt: skip
    assert [[w.well, w.predicted, w.low, w.high] for w in kept.wells] == [
        [row[name] for name in ("well", "predicted", "low", "high")] for row in printed["predictions"]
    ]
    assert kept.sentence == printed["predictions"][0]["interval"]
    assert not any(well.learned_from for well in kept.wells)
    before = path.read_bytes()
    elsewhere = shutil.copytree(model_of(plates), new.parent / "model of a colleague")  # where it stands says nothing
    assert main(["predict", str(new), str(elsewhere), "--level", "0.8"]) == 0
    assert f"kept in {path}" in capsys.readouterr().out
    assert path.read_bytes() == before
    predict_wells(new, model_of(plates), level=0.7)
    assert [each.name for each in (new / "predictions").iterdir()] == [path.name]
    assert path.read_bytes() != before


def test_the_exports_have_the_predictions_beside_the_plate_map(plates: Path, new: Path, tmp_path: Path) -> None:
    rows = predict_wells(new, model_of(plates))
    plate = plate_of(new)
    files = {path.stem: path for path in export(new, "parquet", tmp_path / "out", plate)}
    table = pq.read_table(files["predictions"]).to_pylist()
    assert {row["basis"] for row in table} == {"applied"}
    assert [(row["well"], row["predicted"]) for row in table] == [(row["well"], row["predicted"]) for row in rows]
    assert [row["truth"] for row in table] == [plate.platemap[row["well"]]["potency"] for row in table]
    assert [row["group_id"] for row in table] == [plate.platemap[row["well"]]["clone"] for row in table]
    assert [row["reasons"] for row in table] == ["; ".join(row["reasons"]) or None for row in rows]


def test_a_model_on_its_own_plate_names_the_wells_it_learned_from(plates: Path) -> None:
    applied = apply_model(plates / "known", model_of(plates))
    assert all(well.learned_from for well in applied.wells)
    assert read_applied(plates / "known", applied.run_id).models == ()  # apply alone keeps nothing


def test_no_keep_keeps_nothing(plates: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in new.iterdir())
    assert main(["predict", str(new), str(model_of(plates)), "--no-keep"]) == 0
    assert "kept in" not in capsys.readouterr().out
    assert sorted(path.name for path in new.iterdir()) == before


def test_a_run_made_anew_makes_them_stale_and_keeps_them(
    plates: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict_wells(new, model_of(plates))
    (name,) = [path.stem for path in (new / "predictions").iterdir()]
    base = small_config(plates, "new")
    assert run(base.model_copy(update={"run": RunConfig(output=new, labels="none")})).exit_code == 0
    assert [m.name for m in read_applied(new, open_results(new).manifest.run_id).models] == [name]  # the same run
    other = base.model_copy(
        update={"run": RunConfig(output=new, labels="none"), "profile": ProfileConfig(window_h=(6.0, 6.0))}
    )
    assert run(other).exit_code == 0
    assert read_applied(new, open_results(new).manifest.run_id) == ((), (name,))
    capsys.readouterr()
    assert main(["load", str(new)]) == 0
    assert f"Left out, because the run was made anew since: predictions/{name}.json" in capsys.readouterr().err
    with duckdb.connect(str(new / "results.duckdb"), read_only=True) as database:
        assert database.execute("SELECT count(*) FROM predictions").fetchall() == [(0,)]


def test_another_run_that_came_meanwhile_gets_no_predictions(plates: Path, new: Path) -> None:
    applied = apply_model(new, model_of(plates)).model_copy(update={"run_id": "0" * 64})
    with pytest.raises(InputError, match="made anew while its wells were predicted; predict again"):
        keep_predictions(new, applied)
    assert not (new / "predictions").exists()


def test_a_run_at_work_is_not_written_into(plates: Path, new: Path) -> None:
    with RunLock(new), pytest.raises(LockedError, match="locked by another run"):
        predict_wells(new, model_of(plates))
    assert not (new / "predictions").exists()


def test_what_killed_writers_left_goes_and_what_cannot_be_written_is_said(plates: Path, new: Path) -> None:
    path = keep_predictions(new, apply_model(new, model_of(plates)))
    temporary_beside(path).write_text("half")
    predict_wells(new, model_of(plates))
    assert [each.name for each in (new / "predictions").iterdir()] == [path.name]
    shutil.rmtree(path.parent)
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"predictions.*--no-keep"):
        predict_wells(new, model_of(plates))
    assert len(predict_wells(new, model_of(plates), keep=False)) == 6


def words(page: Path) -> str:
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_report_shows_them_apart_from_held_out_ones(plates: Path, new: Path) -> None:
    assert "Predicted by models" not in words(write_report(new))
    applied = apply_model(new, model_of(plates), 0.8)
    first, second = applied.wells[:2]  # one well outside, one that the model learned from, whatever the plates say
    wells = (
        first.model_copy(update={"inside": False, "reasons": ("<b>too round</b>",)}),
        second.model_copy(update={"inside": True, "reasons": (), "learned_from": True}),
        *applied.wells[2:],
    )
    keep_predictions(new, applied.model_copy(update={"wells": wells}))
    page = write_report(new)
    text = words(page)
    name = f"Ridge {applied.digest[:6]}"
    for said in (
        "No model was fitted on this run.",
        "Predicted by models from another plate",
        f"{applied.name} simulated-0 6 6 {applied.rmse:.3f} {applied.baseline_rmse:.3f}",
        f"{name}: predicted by a model from another plate (simulated-0); {applied.sentence}.",
        "It learned from 1 of these wells: what it says of them is no honest prediction.",
        f"Outside of what {name} knows",
        "&lt;b&gt;too round&lt;/b&gt;",
    ):
        assert said in text, said
    assert "<b>too" not in page.read_text(encoding="utf-8")
    lines, notes = panel_lines(read_content(new))
    assert set(lines) == {well.well for well in applied.wells}
    assert applied.sentence in notes[0]
    assert lines[first.well][0][0].endswith("this well is outside of what it knows: <b>too round</b>")
    assert "it learned from this well" in lines[second.well][0][0]
    assert lines[second.well][0][2] == plate_of(new).platemap[second.well]["potency"]
    assert lines[second.well][0][3] == pytest.approx(second.predicted, rel=1e-3)


def test_an_infinite_interval_is_shown_as_infinite_and_a_stale_document_is_only_named(plates: Path, new: Path) -> None:
    applied = apply_model(new, model_of(plates), 0.95)
    assert {ends(applied, well) for well in applied.wells} == {("−∞", "∞")}
    assert isinstance(applied, AppliedModel)
    for model, is_drawn in ((applied, False), (apply_model(new, model_of(plates), 0.8), True)):
        assert isinstance(model, AppliedModel)
        chart = _chart(read_content(new), model, list(model.wells)).to_dict()
        assert ('"y2"' in json.dumps(chart)) is is_drawn  # a rule without ends is a fault of the page
    undefined = applied.wells[0].model_copy(update={"predicted": None})
    assert ends(applied, undefined) == (None, None)
    path = keep_predictions(new, applied)
    path.write_bytes(applied.model_copy(update={"run_id": "0" * 64}).to_bytes())
    text = words(write_report(new))
    assert f"because the run was made anew since: predictions/{path.name}; predict again, or remove them." in text
    assert "Predicted by models" not in text
    assert panel_lines(read_content(new)) == ({}, [])


def test_two_runs_side_by_side_show_what_one_model_says_of_both(plates: Path, new: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(new, tmp_path / "other"))
    applied = apply_model(new, model_of(plates), 0.8)
    assert isinstance(applied, AppliedModel)
    keep_predictions(new, applied)
    page = tmp_path / "page.html"
    name = f"Ridge {applied.digest[:6]}"
    assert f"{applied.name} was applied to the first run only." in words(write_comparison(new, other, page))
    moved = applied.wells[1].model_copy(update={"predicted": (applied.wells[1].predicted or 0) + 2.5, "inside": False})
    wells = (applied.wells[0].model_copy(update={"predicted": None}), moved, *applied.wells[2:])
    kept = keep_predictions(other, applied.model_copy(update={"wells": wells}))
    text = words(write_comparison(new, other, page))
    both = len(applied.wells) - 1
    outside = [sum(not well.inside for well in each) for each in (applied.wells, wells)]
    assert "Models that were applied to both runs" in text
    assert f"{name} {both} {2.5 / both:+.3f} +2.500 {moved.well} {outside[0]} {outside[1]}" in text
    assert "only." not in text
    assert f"{moved.well} {applied.wells[1].predicted:.3f} {moved.predicted:.3f} +2.500" in text
    kept.write_bytes(applied.model_copy(update={"run_id": "0" * 64}).to_bytes())
    text = words(write_comparison(new, other, page))
    assert "Of the second run: Left out, because the run was made anew since" in text
    assert f"{applied.name} was applied to the first run only." in text
