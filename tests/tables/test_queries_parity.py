"""The ten documented queries run unchanged on DuckDB and PostgreSQL, and give the same rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from database_runs import Sample, write_database_run
from phasewell.tables import build_database, load_run
from postgres_server import Server
from run_samples import applied_model, keep_applied, write_models

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
SAMPLE = Sample(wells=("A01", "A02", "A03", "B01", "B02", "B03"), plate='screen\'s "1"')
QUERIES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```sql\n(.*?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def both(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Server, str]]:
    """Yield a DuckDB connection and a PostgreSQL database with the same run; PostgreSQL has an older run as well."""
    folder = tmp_path_factory.mktemp("queries")
    run = write_database_run(folder / "run", SAMPLE)
    write_models(run)
    keep_applied(run, applied_model(SAMPLE.run_id, SAMPLE.wells))
    older = write_database_run(folder / "older", replace(SAMPLE, run="older", seed=5))
    database = server.create("queries")
    server.execute(database, "ALTER DATABASE queries SET search_path = phasewell")
    load_run(older, server.dsn(database), SAMPLE.plate_of(), workers=1)
    load_run(run, server.dsn(database), SAMPLE.plate_of(), workers=1)
    with duckdb.connect(str(build_database(run, plate=SAMPLE.plate_of())), read_only=True) as embedded:
        yield embedded, server, database


def test_there_are_ten() -> None:
    assert len(QUERIES) == 10


@pytest.mark.parametrize("title", QUERIES)
def test_a_query_gives_the_same_rows_on_both_databases(both: tuple[Any, Server, str], title: str) -> None:
    embedded, server, database = both
    here = embedded.sql(QUERIES[title]).to_arrow_table()
    there = server.table(database, QUERIES[title])
    assert here.column_names == there.column_names
    assert here.num_rows == there.num_rows > 0, "the same number of rows, and not none"
    for mine, theirs in zip(here.to_pylist(), there.to_pylist(), strict=True):
        for name, value in mine.items():
            if isinstance(value, float) or isinstance(theirs[name], float):  # sums in another order
                assert math.isclose(value, theirs[name], rel_tol=1e-9, abs_tol=1e-9), (title, name, mine, theirs)
            else:
                assert value == theirs[name], (title, name)


def test_the_potency_of_a_clone_is_held_out_or_applied_and_never_learned_from(both: tuple[Any, Server, str]) -> None:
    rows = both[0].sql(QUERIES["Potency by clone"]).to_arrow_table().to_pylist()
    applied = [row for row in rows if row["basis"] == "applied"]
    assert {row["basis"] for row in rows} == {"measured", "applied"}
    assert [(row["clone"], row["wells"], row["outside"]) for row in applied] == [
        ("clone 3", 2, 0), ("clone 2", 1, 0), ("clone 1", 2, 2)
    ]  # fmt: skip
    assert applied[0]["potency"] == 6.5
    assert applied[0]["predicted"] == 7.5
