"""Predictions of applied models in every table: null where not applicable, never of another run, never damaged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pyarrow.parquet as pq
import pytest
from database_runs import Sample, write_database_run
from phasewell.errors import InputError
from phasewell.tables import build_database, export, load_run
from phasewell.tables.applied import read_applied
from phasewell.tables.postgres.migrating import _record, migrations
from postgres_server import Server
from run_samples import EVIL, applied_model, applied_network, keep_applied, write_models

SAMPLE = Sample(n_times=1, scored=False, faulty=False)
NEW = ("low", "high", "level", "inside", "reasons", "learned_from")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = write_database_run(tmp_path / "run", SAMPLE)
    write_models(folder)
    keep_applied(folder, applied_model(SAMPLE.run_id, SAMPLE.wells))
    keep_applied(folder, applied_network(SAMPLE.run_id, SAMPLE.wells))
    return folder


def applied_rows(folder: Path, output: Path, plate: Any = None) -> list[dict[str, Any]]:
    files = {path.stem: path for path in export(folder, "parquet", output, plate)}
    return [row for row in pq.read_table(files["predictions"]).to_pylist() if row["basis"] == "applied"]


def test_tables_hold_every_well_with_its_interval_and_reasons(run_dir: Path, tmp_path: Path) -> None:
    rows = applied_rows(run_dir, tmp_path / "a", SAMPLE.plate_of())
    assert [row["well"] for row in rows] == list(SAMPLE.wells)
    assert {(row["model"], row["level"], row["baseline"]) for row in rows} == {("lasso-ab12ab12ab12", 0.8, 9.0)}
    assert [(row["predicted"], row["low"], row["high"]) for row in rows] == [
        (None, None, None), (12.5, 9.5, 15.5), (8.25, 5.25, 11.25), (7.5, None, None)
    ]  # fmt: skip
    assert [row["reasons"] for row in rows] == ["undefined: Area_mean (6 h)", f"2 of 3 fields; {EVIL}", None, None]
    assert [row["learned_from"] for row in rows] == [False, False, True, False]
    assert [(row["group_id"], row["truth"]) for row in rows] == [("clone 1", 4.5)] * 2 + [("clone 2", 5.5)] * 2
    assert {(row["group_id"], row["truth"]) for row in applied_rows(run_dir, tmp_path / "b")} == {(None, None)}
    held_out = pq.read_table(tmp_path / "a" / "predictions.parquet").to_pylist()
    held_out = [row for row in held_out if row["basis"] != "applied"]
    assert len(held_out) == 18
    assert {row[name] for row in held_out for name in NEW} == {None}


def test_documents_of_wells_follow_their_schema(run_dir: Path, tmp_path: Path) -> None:
    files = {path.name: json.loads(path.read_text()) for path in export(run_dir, "json", tmp_path / "wells")}
    for well in SAMPLE.wells:
        jsonschema.validate(files[f"{well}.json"], files["well.schema.json"], jsonschema.Draft202012Validator)
    (row,) = [row for row in files["A02.json"]["predictions"] if row["basis"] == "applied"]
    assert (row["predicted"], row["inside"], row["reasons"]) == (12.5, False, f"2 of 3 fields; {EVIL}")


def test_a_database_of_the_version_before_gets_the_new_columns(server: Server, database: str, run_dir: Path) -> None:
    first = migrations()[0]
    server.execute(database, *first.statements, _record(first, "test"))
    old = "INSERT INTO phasewell_store.runs (run_id, plate) VALUES ('old', 'old')"
    server.execute(database, old, "INSERT INTO phasewell_store.models (run_no, model) VALUES (1, 'lasso')")
    report = load_run(run_dir, server.dsn(database), SAMPLE.plate_of(), workers=1)
    assert report.migrated == len(migrations()) - 1
    before = server.query(database, "SELECT applied FROM phasewell_store.models WHERE run_no = 1")
    assert before == [{"applied": False}]  # what was there was fitted on its run
    assert report.rows["predictions"] == 18 + len(SAMPLE.wells)
    query = "SELECT * FROM current_predictions ORDER BY model, basis, well"
    there = server.query(database, query.replace("current", "phasewell.current"))
    with duckdb.connect(str(build_database(run_dir, plate=SAMPLE.plate_of())), read_only=True) as embedded:
        assert embedded.sql(query).to_arrow_table().to_pylist() == there
    assert not load_run(run_dir, server.dsn(database), SAMPLE.plate_of(), workers=1).changed
    keep_applied(run_dir, applied_model(SAMPLE.run_id, SAMPLE.wells, digest="cd" * 32))
    again = load_run(run_dir, server.dsn(database), SAMPLE.plate_of(), workers=1)
    assert again.rows["predictions"] == 18 + 2 * len(SAMPLE.wells)
    assert again.n_parts_loaded == 0


JOINED = """
    SELECT m.model, m.applied, m.kind, m.digest, m.training_digest, m.n_groups, m.validation, m.target, m.plates,
           x.basis, x.n, e.rmse, e.baseline_rmse, e.q2
    FROM current_models m
    JOIN (SELECT model, basis, count(*) AS n FROM current_predictions GROUP BY model, basis
          UNION ALL SELECT model, 'scores', count(*) FROM current_applied_scores GROUP BY model) x ON x.model = m.model
    LEFT JOIN current_evaluations e ON e.model = m.model AND e.basis = x.basis
    ORDER BY m.model, x.basis"""


def test_every_prediction_leads_to_its_model_in_both_databases(server: Server, database: str, run_dir: Path) -> None:
    server.execute(database, f"ALTER DATABASE {database} SET search_path = phasewell")
    load_run(run_dir, server.dsn(database), SAMPLE.plate_of(), workers=1)
    there = server.query(database, JOINED)
    with duckdb.connect(str(build_database(run_dir, plate=SAMPLE.plate_of())), read_only=True) as embedded:
        assert embedded.sql(JOINED).to_arrow_table().to_pylist() == there
        lonely = "SELECT count(*) FROM predictions WHERE model NOT IN (SELECT model FROM models)"
        assert embedded.execute(lonely).fetchall() == [(0,)]
    found = {(row["model"], row["basis"]): row for row in there}
    potency, network = found["lasso-ab12ab12ab12", "applied"], found["densenet13-12ab12ab12ab", "scores"]
    assert (potency["applied"], potency["digest"], potency["training_digest"]) == (True, "ab12" * 16, "cd" * 32)
    assert (potency["n_groups"], potency["validation"], potency["target"]) == (6, "leave one clone out", "potency")
    assert (potency["rmse"], potency["baseline_rmse"], potency["q2"]) == (1.0, 2.0, 0.75)
    assert (network["kind"], network["n"], network["validation"]) == ("densenet13", 2 * len(SAMPLE.wells), "test lines")
    assert network["plates"] == potency["plates"] == ["other <plate>"]
    own = found["lasso", "measured"]
    assert own["applied"] is False
    assert own["digest"] == hashlib.sha256((run_dir / "models" / "lasso" / "manifest.json").read_bytes()).hexdigest()


def test_scores_of_an_applied_network_are_in_every_form(run_dir: Path, tmp_path: Path) -> None:
    kept = applied_network(SAMPLE.run_id, SAMPLE.wells)
    files = {path.stem: path for path in export(run_dir, "parquet", tmp_path / "p")}
    rows = pq.read_table(files["applied_scores"]).to_pylist()
    assert [{name: row[name] for name in kept.scores[0].model_fields_set} for row in rows] == [
        score.model_dump() for score in kept.scores
    ]
    assert {(row["model"], row["backend"], row["precision"]) for row in rows} == {(kept.name, "openvino 1", "f32")}
    documents = {path.name: json.loads(path.read_text()) for path in export(run_dir, "json", tmp_path / "wells")}
    second = documents["B01.json"]["applied_scores"]
    assert [(row["class_name"], row["votes"], row["majority"]) for row in second] == [
        ("low", 1, False), ("high", 2, True)
    ]  # fmt: skip
    (model,) = [m for m in documents["plate.json"]["models"] if m["model"] == kept.name]
    assert (model["parameters"]["origin"], model["versions"]) == (f"He initialisation {EVIL}", {"phasewell": "1.0"})
    text = next(path for path in export(run_dir, "csv", tmp_path / "c") if path.stem == "models").read_text()
    assert '"densenet13-12ab12ab12ab",true,"densenet13",' in text


def test_predictions_of_another_run_are_named_and_left_out(run_dir: Path, tmp_path: Path) -> None:
    keep_applied(run_dir, applied_model("0" * 64, SAMPLE.wells, digest="ef" * 32))
    found = read_applied(run_dir, SAMPLE.run_id)
    assert ([model.name for model in found.potency], found.stale) == (["lasso-ab12ab12ab12"], ("lasso-efefefefefef",))
    assert [model.name for model in found.networks] == ["densenet13-12ab12ab12ab"]
    assert "predictions/lasso-efefefefefef.json; predict again" in found.say_stale()
    assert {row["model"] for row in applied_rows(run_dir, tmp_path / "out")} == {"lasso-ab12ab12ab12"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-20], "no predictions of a model"),
        (lambda text: text.replace('"kind": "lasso"', '"kind": "../lasso"'), "kind: String should match"),
        (lambda text: text.replace("12.5", "NaN"), "wells.1.predicted"),
        (lambda text: text.replace('"ab12ab12', '"00000000'), "holds the predictions of lasso-00000000ab12"),
        (lambda text: text.replace('"A02"', '"A01"'), "holds a well twice"),
        (lambda text: text.replace("phasewell-predictions-2", "phasewell-predictions-9"), "does not match any"),
    ],
)
def test_a_damaged_document_is_an_error_that_names_it(run_dir: Path, tmp_path: Path, change: Any, said: str) -> None:
    path = run_dir / "predictions" / "lasso-ab12ab12ab12.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=said) as caught:
        export(run_dir, "parquet", tmp_path / "out")
    assert str(path) in str(caught.value)
    assert "predict again" in str(caught.value)
