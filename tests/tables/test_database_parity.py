"""DuckDB, Parquet and CSV hold the same tables as the parts, and say their units."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from phasewell.plate import Field, Plate
from phasewell.tables import build_database, export, open_results
from phasewell.tables.exporting import guard_formulas
from phasewell.tables.schema import TABLES, arrow_schema, columns_table
from run_samples import EVIL, FIELDS, TIMES_H, WELLS, write_run


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "run"
    write_run(folder, models=True)
    return folder


@pytest.fixture(scope="module")
def database(run_dir: Path) -> Path:
    return build_database(run_dir)


def plain(table: pa.Table) -> list[dict[str, object]]:
    return [dict(row) for row in table.to_pylist()]


def test_every_table_is_in_the_database_with_its_columns(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        names = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        assert names == set(TABLES)
        for name, columns in TABLES.items():
            found = connection.execute(
                "SELECT column_name, comment FROM duckdb_columns() "
                "WHERE schema_name = 'main' AND table_name = ? ORDER BY column_index",
                [name],
            ).fetchall()
            assert [row[0] for row in found] == [column.name for column in columns]
            assert all(row[1].startswith(column.description) for row, column in zip(found, columns, strict=True))
        stored = connection.sql("SELECT * FROM columns").to_arrow_table()
    assert plain(stored) == plain(columns_table())


def test_the_database_equals_the_parts(run_dir: Path, database: Path) -> None:
    results = open_results(run_dir)
    profile = results.profile()
    assert profile is not None
    moments = pa.concat_tables(results.moment_batches())
    expected = {"frames": results.frames(), "cells": results.cells(), "moments": moments, "profiles": profile}
    with duckdb.connect(str(database), read_only=True) as connection:
        for name, table in expected.items():
            assert plain(connection.sql(f"SELECT * FROM {name}").to_arrow_table()) == plain(table), name


def test_the_database_can_repeat_the_profile(database: Path) -> None:
    """Mean and SD by SQL over cells equal the profile made from moments."""
    query = """
        SELECT p.value, q.mean, q.sd, p.statistic FROM profiles p JOIN
        (SELECT well, time, avg(area) AS mean, stddev_samp(area) AS sd FROM cells GROUP BY ALL) q
        USING (well, time) WHERE p.descriptor = 'area'"""
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(query).fetchall()
    assert len(rows) == 12
    for value, mean, sd, statistic in rows:
        assert value == pytest.approx(mean if statistic == "mean" else sd, rel=1e-12)


def test_models_stand_beside_their_baseline(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        evaluations = connection.sql("SELECT * FROM evaluations ORDER BY model, basis").to_arrow_table().to_pylist()
        n = connection.execute("SELECT count(*) FROM predictions WHERE model = 'lasso'").fetchall()[0][0]
    assert [(e["model"], e["basis"]) for e in evaluations] == [
        ("forest", "measured"),
        ("lasso", "measured"),
        ("lasso", "truth"),
    ]
    assert all(e["q2"] == pytest.approx(1 - (e["rmse"] / e["baseline_rmse"]) ** 2) for e in evaluations)
    assert [e["shuffle_n"] for e in evaluations] == [None, 4, None]
    assert n == 12


def test_rebuilding_replaces_the_database_and_leaves_nothing_beside_it(run_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.duckdb"
    path.write_bytes(b"old")
    path.with_name("results.duckdb.wal").write_bytes(b"old log")
    assert build_database(run_dir, path) == path
    assert [p.name for p in tmp_path.iterdir()] == ["results.duckdb"]
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM frames").fetchall() == [(18,)]


def test_what_only_the_store_knows_is_added_from_the_plate(run_dir: Path, tmp_path: Path) -> None:
    fields = tuple(Field(name, 0, i, x_um=100.0 * i, y_um=5.0) for i, name in enumerate(FIELDS))
    platemap: dict[str, dict[str, str | float | int | None]] = {"A01": {"clone": "c1", "potency": 9}}
    plate = Plate(
        "plate 1",
        WELLS,
        fields,
        TIMES_H,
        (128, 144),
        "uint16",
        0.87,
        (100, 4000),
        None,
        platemap,  # type: ignore[arg-type]
    )
    export(run_dir, "parquet", tmp_path, plate)
    wells = pq.read_table(tmp_path / "wells.parquet").to_pylist()
    assert wells[0]["annotations"] == '{"clone":"c1","potency":9}'
    assert (wells[2]["row_index"], wells[2]["column_index"]) == (1, 0)
    assert pq.read_table(tmp_path / "plates.parquet").to_pylist()[0]["window_high"] == 4000
    assert pq.read_table(tmp_path / "fields.parquet").column("x_um").to_pylist() == [0.0, 100.0, 200.0]


@pytest.mark.parametrize("to", ["parquet", "csv"])
def test_the_same_run_exports_the_same_bytes(run_dir: Path, tmp_path: Path, to: str) -> None:
    first = export(run_dir, to, tmp_path / "a")  # type: ignore[arg-type]
    second = export(run_dir, to, tmp_path / "b")  # type: ignore[arg-type]
    assert [path.stem for path in first] == list(TABLES)
    assert sorted(tmp_path.joinpath("a").iterdir()) == sorted(first)
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_parquet_keeps_units_beside_the_values(run_dir: Path, tmp_path: Path) -> None:
    export(run_dir, "parquet", tmp_path)
    cells = pq.read_table(tmp_path / "cells.parquet")
    assert plain(cells) == plain(open_results(run_dir).cells())
    assert cells.schema.field("area").metadata[b"unit"] == b"px2"
    assert {name: pq.read_schema(tmp_path / f"{name}.parquet").names for name in TABLES} == {
        name: arrow_schema(name).names for name in TABLES
    }


def test_csv_keeps_every_number_and_runs_no_formula(run_dir: Path, tmp_path: Path) -> None:
    export(run_dir, "csv", tmp_path)
    with (tmp_path / "cells.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cells = open_results(run_dir).cells()
    assert [float(row["area"]) for row in rows] == cells.column("area").to_pylist()
    assert [row["elliptical_form_factor"] == "" for row in rows] == [
        value is None for value in cells.column("elliptical_form_factor").to_pylist()
    ]
    with (tmp_path / "frames.csv").open(newline="") as file:
        frames = list(csv.DictReader(file))
    assert [f["reason"] for f in frames if f["reason"]] == ["missing", f"'{EVIL}"]
    assert frames[2]["flags"] == "bright;@risk"
    for path in tmp_path.glob("*.csv"):
        with path.open(newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert not cell.startswith(("=", "+", "@", "\t", "\r")), f"{path.name}: {cell}"
    with (tmp_path / "columns.csv").open(newline="") as file:
        units = {(r["table_name"], r["column_name"]): r["unit"] for r in csv.DictReader(file)}
    assert units["cells", "area"] == "px2"
    assert units["frames", "time_h"] == "h"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_text_that_starts_like_a_formula_is_disarmed(start: str) -> None:
    table = pa.table({"text": [f"{start}1", f"a{start}", "", None], "lists": [[f"{start}x", "y"], [], None, ["z"]]})
    guarded = guard_formulas(table.append_column("number", pa.array([-1.0, 2, 3, np.inf])))
    assert guarded.column("text").to_pylist() == [f"'{start}1", f"a{start}", "", None]
    assert guarded.column("lists").to_pylist() == [f"'{start}x;y", "", None, "z"]
    assert guarded.column("number").to_pylist()[0] == -1.0


def test_every_column_of_every_table_is_described() -> None:
    for name, columns in TABLES.items():
        assert len({c.name for c in columns}) == len(columns)
        for column in columns:
            assert column.description, f"{name}.{column.name}"
            numeric = not (column.dtype in (pa.string(), pa.bool_()) or pa.types.is_list(column.dtype))
            assert bool(column.unit) is numeric, f"{name}.{column.name}: numbers have a unit, names do not"
