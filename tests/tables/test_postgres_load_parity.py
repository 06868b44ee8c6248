"""PostgreSQL holds what the parts hold, bit for bit, once; runs share parts, and one run of a plate is current."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from database_runs import Sample, write_database_run
from phasewell.errors import InputError, UnavailableError
from phasewell.manifest import PartEntry, RunManifest
from phasewell.plate import Plate
from phasewell.tables import build_database, load_run, open_results
from phasewell.tables.postgres import loading
from phasewell.tables.postgres.loading import LoadReport
from phasewell.tables.relations import table_batches
from phasewell.tables.schema import TABLES, arrow_schema
from postgres_server import Server
from run_samples import applied_model, applied_network, keep_applied, write_models

SAMPLE = Sample()


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_database_run(tmp_path_factory.mktemp("load") / "run", SAMPLE)
    write_models(folder)
    keep_applied(folder, applied_model(SAMPLE.run_id, SAMPLE.wells))
    keep_applied(folder, applied_network(SAMPLE.run_id, SAMPLE.wells))
    return folder


def load(server: Server, database: str, run: Path, plate: Plate | None = None, **options: Any) -> LoadReport:
    return load_run(run, server.dsn(database), plate, **{"workers": 1, **options})


def expected_tables(run: Path, plate: Plate | None) -> dict[str, pa.Table]:
    made = table_batches(open_results(run), plate)
    return {name: pa.concat_tables([arrow_schema(name).empty_table(), *batches]) for name, batches in made}


def rows_of(table: pa.Table) -> list[str]:
    return sorted(repr(row) for row in table.to_pylist())


def cells_of(server: Server, database: str, view: str = "current_cells") -> list[str]:
    names = ", ".join(column.name for column in TABLES["cells"])
    return rows_of(server.table(database, f"SELECT {names} FROM phasewell.{view}"))


def test_every_table_holds_exactly_what_the_files_hold(server: Server, database: str, run_dir: Path) -> None:
    plate = SAMPLE.plate_of()
    report = load(server, database, run_dir, plate, workers=3)
    expected = expected_tables(run_dir, plate)
    assert all(table.num_rows for table in expected.values()), "the sample run leaves no table empty"
    for name, table in expected.items():
        names = ", ".join(table.column_names)
        for view in {name, f"current_{name}"} - {"current_columns"}:
            assert rows_of(server.table(database, f"SELECT {names} FROM phasewell.{view}")) == rows_of(table), view
        if name not in ("runs", "columns"):
            runs = server.query(database, f"SELECT DISTINCT run_id FROM phasewell.current_{name}")
            assert runs == [{"run_id": SAMPLE.run_id}]
            assert report.rows[name] == table.num_rows
    assert (report.n_parts_loaded, report.n_parts, report.is_current, report.changed) == (24, 24, True, True)


def test_duckdb_and_postgresql_have_the_same_views_with_the_same_columns(
    server: Server, database: str, run_dir: Path
) -> None:
    load(server, database, run_dir, SAMPLE.plate_of())
    with duckdb.connect(str(build_database(run_dir, plate=SAMPLE.plate_of())), read_only=True) as embedded:
        found = embedded.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        views = {row[0] for row in found}
        assert views == {f"current_{name}" for name in TABLES if name != "columns"}
        for view in views:
            here = embedded.sql(f"SELECT * FROM {view}").to_arrow_table()
            there = server.table(database, f"SELECT * FROM phasewell.{view}")
            assert here.column_names == there.column_names
            assert rows_of(here) == rows_of(there), view


def test_a_second_load_changes_nothing(server: Server, database: str, run_dir: Path) -> None:
    load(server, database, run_dir)
    tables = ("runs", "current_run", "load_ledger", "run_parts", "cells", "frames", "profiles", "models")
    versions = " UNION ALL ".join(f"SELECT xmin::text AS x, ctid::text AS c FROM phasewell_store.{t}" for t in tables)
    before = rows_of(server.table(database, versions))
    report = load(server, database, run_dir)
    assert (report.changed, report.n_parts_already, report.n_parts_loaded) == (False, 24, 0)
    assert "already loaded: 24 parts, 0 rows changed" in report.to_text()
    assert rows_of(server.table(database, versions)) == before


def test_a_grown_plate_loads_only_its_new_parts(server: Server, database: str, tmp_path: Path) -> None:
    young = write_database_run(tmp_path / "young", replace(SAMPLE, n_times=2))
    grown = write_database_run(tmp_path / "grown", replace(SAMPLE, run="second"))
    load(server, database, young)
    report = load(server, database, grown)
    assert (report.n_parts, report.n_parts_loaded) == (24, 8)
    assert cells_of(server, database) == rows_of(open_results(grown).cells())
    both = [*rows_of(open_results(young).cells()), *rows_of(open_results(grown).cells())]
    assert cells_of(server, database, "cells") == sorted(both)
    stored = server.query(database, "SELECT count(*) AS n FROM phasewell_store.cells")[0]["n"]
    assert stored == open_results(grown).cells().num_rows
    # a new configuration: other numbers for every part; the older run stays, and can be made current again
    other = write_database_run(tmp_path / "other", replace(SAMPLE, run="third", seed=2))
    assert load(server, database, other).is_current
    assert cells_of(server, database) == rows_of(open_results(other).cells())
    report = load(server, database, grown)
    assert (report.changed, report.is_current) == (False, False)
    assert "not the current run" in report.to_text()
    assert load(server, database, grown, make_current=True).is_current
    assert cells_of(server, database) == rows_of(open_results(grown).cells())
    history = server.query(database, "SELECT run_id, is_current, n_parts FROM phasewell.load_history")
    assert {row["run_id"]: row["is_current"] for row in history} == {
        replace(SAMPLE, run=name).run_id: name == "second" for name in ("first", "second", "third")
    }


def test_a_replaced_part_takes_the_old_rows_with_it_unless_another_run_has_them(
    server: Server, database: str, tmp_path: Path
) -> None:
    small = replace(SAMPLE, wells=("A01", "A02"), n_times=1)
    old = write_database_run(tmp_path / "old", small)
    kept = write_database_run(tmp_path / "kept", replace(small, run="kept"))
    new = write_database_run(tmp_path / "new", replace(small, seed=9))  # the same run id, other parts
    load(server, database, old)
    report = load(server, database, new)
    assert (report.n_parts_replaced, report.n_parts_loaded) == (4, 4)
    assert cells_of(server, database, "cells") == rows_of(open_results(new).cells())
    for table in ("cells", "frames", "moments", "scores"):
        orphans = f"SELECT count(*) AS n FROM phasewell_store.{table} WHERE part_id NOT IN "
        orphans += "(SELECT part_id FROM phasewell_store.load_ledger)"
        assert server.query(database, orphans) == [{"n": 0}], table
    assert server.query(database, "SELECT count(*) AS n FROM phasewell_store.load_ledger") == [{"n": 4}]
    load(server, database, old)
    load(server, database, kept)
    load(server, database, new)  # the other run still refers to the old parts
    assert cells_of(server, database) == rows_of(open_results(kept).cells())
    assert cells_of(server, database, "cells") == sorted(
        [*rows_of(open_results(kept).cells()), *rows_of(open_results(new).cells())]
    )


def test_models_fitted_later_replace_those_before(server: Server, database: str, tmp_path: Path) -> None:
    small = replace(SAMPLE, wells=("A01", "A02"), n_times=1, scored=False)
    run = write_database_run(tmp_path / "run", small)
    assert load(server, database, run).rows["models"] == 0
    write_models(run)
    report = load(server, database, run)
    assert (report.n_parts_loaded, report.rows["models"], report.changed) == (0, 2, True)
    names = server.query(database, "SELECT model FROM phasewell.current_models ORDER BY model")
    assert [row["model"] for row in names] == ["forest", "lasso"]
    card = run / "models" / "lasso" / "manifest.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"seed": 77}))
    load(server, database, run)
    assert server.query(database, "SELECT seed FROM phasewell.current_models WHERE model = 'lasso'") == [{"seed": 77}]


def test_a_unit_the_run_no_longer_has_is_taken_out(server: Server, database: str, tmp_path: Path) -> None:
    whole = write_database_run(tmp_path / "whole", replace(SAMPLE, scored=False))
    less = write_database_run(tmp_path / "less", replace(SAMPLE, scored=False, wells=SAMPLE.wells[:3]))
    load(server, database, whole)
    load(server, database, less)
    wells = server.query(database, "SELECT DISTINCT well FROM phasewell.cells ORDER BY well")
    assert [row["well"] for row in wells] == ["A01", "A02", "B01"]


def test_nobody_sees_a_run_before_it_is_whole(
    server: Server, database: str, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    finish = loading._finish

    def look_first(connection: Any, **given: Any) -> Any:
        for view in ("cells", "current_cells", "runs", "current_runs"):
            seen.append(server.query(database, f"SELECT count(*) AS n FROM phasewell.{view}")[0]["n"])
        seen.append(server.query(database, "SELECT n_parts, loaded_at FROM phasewell.load_history")[0])
        return finish(connection, **given)

    monkeypatch.setattr(loading, "_finish", look_first)
    load(server, database, run_dir)
    assert seen == [0, 0, 0, 0, {"n_parts": 24, "loaded_at": None}]
    assert len(cells_of(server, database)) == open_results(run_dir).cells().num_rows


def test_damaged_files_are_refused_before_any_row(server: Server, database: str, tmp_path: Path) -> None:
    run = write_database_run(tmp_path / "run", replace(SAMPLE, scored=False))
    last = run / open_results(run).manifest.parts[-1].path
    good = last.read_bytes()
    last.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(InputError, match="SHA-256"):
        load(server, database, run)
    assert server.query(database, "SELECT count(*) AS n FROM phasewell_store.load_ledger") == [{"n": 0}]
    last.unlink()
    with pytest.raises(InputError, match="not there"):
        load(server, database, run)
    last.write_bytes(good)
    assert load(server, database, run).n_parts_loaded == 12
    (run / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"manifest\.json"):
        load(server, database, run)


def test_a_run_somebody_changes_meanwhile_is_not_shown(
    server: Server, database: str, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loading._parts_of

    def one_less(connection: Any, run_no: int) -> Any:
        found = real(connection, run_no)
        return dict(list(found.items())[1:])

    monkeypatch.setattr(loading, "_parts_of", one_less)
    with pytest.raises(UnavailableError, match="another loader"):
        load(server, database, run_dir)
    assert server.query(database, "SELECT count(*) AS n FROM phasewell.runs") == [{"n": 0}]


EVIL = (
    'O\'Brien "x"; DROP TABLE phasewell_store.cells; --',
    "'); DELETE FROM phasewell_store.load_ledger; --",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x")',
    "two\nlines\tand a tab\r",
    "\\N \\. \\x41 $1 %s {} {{}} \x1b[31m",
    "\N{DNA DOUBLE HELIX} \u202e مرحبا 漢字 e\u0301",
    "n" * 255,
    " leading and trailing ",
    "NULL",
    "",
)


def test_names_of_every_kind_are_stored_as_themselves(server: Server, database: str, tmp_path: Path) -> None:
    evil = Sample(
        plate=f"plate {EVIL[0]}{EVIL[4]}{EVIL[6]}",
        wells=("A01", "B01"),
        fields=EVIL,
        n_times=2,
        scored=True,
        reason=EVIL[1],
    )
    run = write_database_run(tmp_path / "run", evil)
    plate = evil.plate_of(clone=f"{EVIL[0]} {{}} {EVIL[2]}")
    load(server, database, run, plate)
    for name, table in expected_tables(run, plate).items():
        names = ", ".join(table.column_names)
        found = server.table(database, f"SELECT {names} FROM phasewell.{name}")
        assert rows_of(found) == rows_of(table), name
    with duckdb.connect(str(build_database(run, plate=plate)), read_only=True) as embedded:
        fields = embedded.sql("SELECT field FROM current_fields ORDER BY field_index").to_arrow_table()
    assert fields.column("field").to_pylist() == list(EVIL)
    clones = server.query(database, "SELECT annotations ->> 'clone' AS clone FROM phasewell.wells WHERE well = 'A01'")
    assert clones == [{"clone": f"{EVIL[0]} 1 {EVIL[2]}"}]


def test_what_a_database_cannot_hold_is_refused_by_name(server: Server, database: str, tmp_path: Path) -> None:
    nul = Sample(fields=("1", "a\0b"), n_times=1)
    run = write_database_run(tmp_path / "nul", nul)
    with pytest.raises(InputError, match=r"fields: column field holds a text with a NUL character"):
        load(server, database, run)
    with pytest.raises(InputError, match=r"wells: column annotations"):
        small = replace(nul, fields=("1",))
        load(server, database, write_database_run(tmp_path / "map", small), small.plate_of(clone="a\0{}"))
    infinite = loading.check_values
    for value in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(InputError, match="column area holds NaN or infinity"):
            infinite(pa.table({"area": [1.0, value, None]}), "A01")
    infinite(
        pa.table({"area": pa.array([None, None], pa.float64()), "flags": pa.array([[], None], pa.list_(pa.string()))}),
        "",
    )


def test_numbers_of_every_size_come_back_bit_for_bit(server: Server, database: str, tmp_path: Path) -> None:
    extreme = [5e-324, sys.float_info.max, -sys.float_info.max, 0.1, -0.0, 1 / 3, None]
    server.execute(database, "CREATE TABLE numbers (x double precision)")
    connection = loading.Session(server.dsn(database))
    rows = pa.table({"x": pa.array(extreme, pa.float64())})
    connection.transaction(lambda open_one: open_one.copy("public", "numbers", rows))
    connection.close()
    found = server.table(database, "SELECT x FROM numbers").column("x").to_pylist()
    assert [repr(value) for value in found] == [repr(value) for value in extreme]


def test_entries_and_manifest_are_what_the_run_writes(run_dir: Path) -> None:
    """The sample run is one: its manifest is read by the product, its parts by their digests."""
    results = open_results(run_dir)
    assert isinstance(results.manifest, RunManifest)
    assert all(isinstance(entry, PartEntry) for entry in results.manifest.parts)
    assert {entry.stage for entry in results.manifest.parts} == {"cells", "scores"}
