"""The embedded database: one DuckDB file rebuilt from a run's parts at will."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from phasewell.durable import clear_leftovers, sync_folder, temporary_beside
from phasewell.errors import OutputError, PhasewellError
from phasewell.plate import Plate
from phasewell.tables.relations import table_batches
from phasewell.tables.results import open_results
from phasewell.tables.schema import TABLE_DESCRIPTIONS, TABLES, arrow_schema, comment_of, literal

DATABASE_NAME = "results.duckdb"
ROWS_PER_INSERT = 200_000
_ELSEWHERE = "give another output: phasewell export RUN OUTPUT --to duckdb"


def build_database(run_dir: Path | str, output: Path | str | None = None, plate: Plate | None = None) -> Path:
    """Build the database of a finished run from its parts and return its path, RUN/results.duckdb by default.

    It holds every table of `phasewell.tables.schema`, units in the table `columns` and in column comments, and the
    views current_... that PostgreSQL has as well, where the run's id stands before the columns of a table. It is made
    under a temporary name and renamed, so readers see the old database or the new one. `plate` adds what only the
    plate store knows. Raises InputError for an unfinished run or damaged parts, OutputError when it cannot be made.
    """
    import duckdb

    results = open_results(run_dir)
    path = Path(output) if output is not None else results.folder / DATABASE_NAME
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: its folder cannot be made ({error.strerror}); {_ELSEWHERE}") from error
    try:
        clear_leftovers(path)
        # nothing in the database can reach files or the network while it is filled
        with duckdb.connect(str(temporary), config={"enable_external_access": "false"}) as connection:
            for name, batches in table_batches(results, plate):
                _fill(connection, name, batches)
            _make_views(connection)
        _synchronise(temporary)
        _log_of(path).unlink(missing_ok=True)  # an old log would be replayed into the new database
        temporary.replace(path)
        sync_folder(path.parent)
    except PhasewellError:
        raise
    except (OSError, duckdb.IOException) as error:
        raise OutputError(f"{path}: the database cannot be written ({error}); {_ELSEWHERE}") from error
    finally:
        with contextlib.suppress(OSError):  # of a read-only disk, which holds none
            _unlink_database(temporary)
    return path


def _fill(connection: Any, name: str, batches: Iterator[pa.Table]) -> None:
    """Create one table and insert its batches; names are those of the schema, never of the data."""
    _insert(connection, f"CREATE TABLE {name} AS SELECT * FROM incoming", arrow_schema(name).empty_table())
    connection.execute(f"COMMENT ON TABLE {name} IS {literal(TABLE_DESCRIPTIONS[name])}")
    for column in TABLES[name]:
        connection.execute(f"COMMENT ON COLUMN {name}.{column.name} IS {literal(comment_of(name, column.name))}")
    waiting: list[pa.Table] = []
    for batch in batches:
        waiting.append(batch)
        if sum(len(table) for table in waiting) >= ROWS_PER_INSERT:
            _insert(connection, f"INSERT INTO {name} SELECT * FROM incoming", pa.concat_tables(waiting))
            waiting = []
    if waiting:
        _insert(connection, f"INSERT INTO {name} SELECT * FROM incoming", pa.concat_tables(waiting))


def _make_views(connection: Any) -> None:
    """Make current_... of every table but `columns`: a database of one run has one current run."""
    for name in TABLES:
        if name != "columns":
            columns = "*" if name == "runs" else "(SELECT run_id FROM runs) AS run_id, *"
            connection.execute(f"CREATE VIEW current_{name} AS SELECT {columns} FROM {name}")
            connection.execute(f"COMMENT ON VIEW current_{name} IS {literal(TABLE_DESCRIPTIONS[name])}")


def _insert(connection: Any, statement: str, table: pa.Table) -> None:
    connection.register("incoming", table)
    connection.execute(statement)
    connection.unregister("incoming")


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def _unlink_database(path: Path) -> None:
    for each in (path, _log_of(path)):
        each.unlink(missing_ok=True)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
