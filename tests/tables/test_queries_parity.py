"""The ten documented queries run unchanged on DuckDB and PostgreSQL, and give the same rows."""

from __future__ import annotations

import json
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
from run_samples import applied_model, applied_network, keep_applied, write_models

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
SAMPLE = Sample(wells=("A01", "A02", "A03", "B01", "B02", "B03"), plate='screen\'s "1"')
HARD = replace(
    SAMPLE,
    plate=f"two\nlines; DROP TABLE x; -- <b>\N{DNA DOUBLE HELIX}</b> {'n' * 200}",
    fields=("'", '"; --', "\N{DNA DOUBLE HELIX}\n" + "f" * 250),
    n_times=2,
    run="hard",
    seed=3,
    reason="=1+1'); --\n\N{DNA DOUBLE HELIX}",
)
CLONES = "\u00e9 Z' {} \n\N{DNA DOUBLE HELIX}"
QUERIES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```sql\n(.*?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL))


ONE_HOUR = replace(SAMPLE, run="one_hour", n_times=1)


@pytest.fixture(
    scope="module",
    params=[(SAMPLE, "clone {}"), (HARD, CLONES), (ONE_HOUR, "clone {}")],
    ids=["plain", "hard", "one hour"],
)
def both(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Server, str]]:
    """Yield a DuckDB connection and a PostgreSQL database with the same run; PostgreSQL has older runs as well.

    Frames are quarantined, missing and flagged; models of both kinds were applied.
    """
    sample, clones = request.param
    folder, plate = tmp_path_factory.mktemp("queries"), sample.plate_of(clones)
    run = write_database_run(folder / "run", sample)
    write_models(run)
    keep_applied(run, applied_model(sample.run_id, sample.wells))
    keep_applied(run, applied_network(sample.run_id, sample.wells))
    database = server.create(f"queries_{sample.run}")
    server.execute(database, f"ALTER DATABASE queries_{sample.run} SET search_path = phasewell")
    for place, state in enumerate(("", "young")):
        older = replace(sample, run=f"older{place}", seed=5 * sample.seed, state=state, n_times=1 + place)
        load_run(write_database_run(folder / older.run, older), server.dsn(database), plate, workers=1)
    load_run(run, server.dsn(database), plate, workers=1)
    with duckdb.connect(str(build_database(run, plate=plate)), read_only=True) as embedded:
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
    notes = both[0].execute("SELECT annotations FROM wells ORDER BY well").fetchall()
    one, two, three = [json.loads(text)["clone"] for (text,) in notes][::2]
    rows = both[0].sql(QUERIES["Potency by clone"]).to_arrow_table().to_pylist()
    applied = [row for row in rows if row["basis"] == "applied"]
    assert {row["basis"] for row in rows} == {"measured", "applied"}
    assert [(row["clone"], row["wells"], row["outside"]) for row in applied] == [
        (three, 2, 0), (two, 1, 0), (one, 2, 2)
    ]  # fmt: skip
    assert applied[0]["potency"] == 6.5
    assert applied[0]["predicted"] == 7.5
