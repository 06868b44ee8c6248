"""Versions of the storage: numbered SQL files that are never changed once released, and the check of what they made.

A new column of a table takes a new file `NNNN_name.sql` here; `python -m phasewell.tables.postgres.schema_file` then
writes deploy/schema.sql anew. Statements end in ";" and are parted by an empty line; they hold none themselves.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import NamedTuple

from phasewell.errors import UsageError
from phasewell.tables.postgres.session import Connection
from phasewell.tables.postgres.storage import STORE, VIEWS, stored_tables
from phasewell.tables.postgres.views import definition
from phasewell.tables.schema import literal

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")
_LOCK = 0x70686173  # advisory lock of migrations: "phas"


class Migration(NamedTuple):
    """One step of the storage: its number, what it brings, and its statements."""

    version: int
    description: str
    statements: tuple[str, ...]


def migrations() -> tuple[Migration, ...]:
    """Return every migration this version knows, in order."""
    found = []
    for file in sorted(resources.files(__package__).joinpath("migrations").iterdir(), key=lambda each: each.name):
        if match := _FILE.fullmatch(file.name):
            description, *statements = _split(file.read_text(encoding="utf-8"))
            found.append(Migration(int(match[1]), description.removeprefix("-- "), tuple(statements)))
    assert [each.version for each in found] == list(range(1, len(found) + 1))
    return tuple(found)


def _split(text: str) -> list[str]:
    return [piece.strip().removesuffix(";") for piece in re.split(r"\n\s*\n", text.strip())]


def schema_statements() -> Iterator[str]:
    """Yield the statements that make the whole schema in an empty database, as deploy/schema.sql holds them."""
    for migration in migrations():
        yield from migration.statements
        yield _record(migration, "schema.sql")
    yield from definition()


def _record(migration: Migration, by: str) -> str:
    values = f"{migration.version}, {literal(migration.description)}, {literal(by)}"
    return f"INSERT INTO {STORE}.schema_version (version, description, applied_by) VALUES ({values})"


def migrate(connection: Connection, engine_version: str) -> int:
    """Bring the storage to this version, in the transaction that is open, and return how many steps it took.

    Loaders that come at the same time wait for each other. Raises UsageError when the storage is of a newer version.
    """
    known = migrations()
    found = _version(connection)
    if found < len(known):
        connection.fetch(f"SELECT CAST(pg_advisory_xact_lock({_LOCK}) AS text)")
        found = _version(connection)  # another loader may have been faster
    if found > len(known):
        raise UsageError(
            f"the database's phasewell schema has version {found}, phasewell {engine_version} knows up to version "
            f"{len(known)}: update phasewell; nothing was loaded"
        )
    for migration in known[found:]:
        _execute_all(connection, [*migration.statements, _record(migration, f"phasewell {engine_version}")])
    if found < len(known):
        _execute_all(connection, definition())
    return len(known) - found


def _execute_all(connection: Connection, statements: Iterable[str]) -> None:
    """Run statements in one or a few round trips: hundreds of comments would take as many."""
    for is_block, group in itertools.groupby(statements, lambda statement: statement.startswith("DO $$")):
        for batch in group if is_block else [";\n".join(group)]:
            connection.execute(batch if is_block else f"DO $phasewell$ BEGIN\n{batch};\nEND $phasewell$")


def _version(connection: Connection) -> int:
    there = connection.fetch(f"SELECT to_regclass('{STORE}.schema_version') IS NOT NULL AS there")
    if not there[0]["there"]:
        return 0
    return int(
        connection.fetch(f"SELECT coalesce(max(version), 0) AS version FROM {STORE}.schema_version")[0]["version"]
    )


def verify(connection: Connection) -> None:
    """Check that every table of the storage is what this version expects: columns, types and primary keys.

    Raises UsageError naming the table and column that somebody renamed, dropped or changed.
    """
    found: dict[str, dict[str, str]] = {}
    for row in connection.fetch(_COLUMNS_FOUND):
        found.setdefault(row["table_name"], {})[row["column_name"]] = row["type"]
    keys = {row["table_name"]: tuple(row["names"]) for row in connection.fetch(_KEYS_FOUND)}
    for table in stored_tables():
        where = f"{STORE}.{table.name}"
        if table.name not in found:
            raise UsageError(f"the database has no table {where}: {_REMEDY}")
        columns = found[table.name]
        missing = [name for name in table.columns if name not in columns]
        unknown = [name for name in columns if name not in table.columns]
        if missing:
            renamed = f"; it has {', '.join(unknown)} instead, renamed by hand?" if unknown else ""
            raise UsageError(f"{where} has no column {', '.join(missing)}{renamed}: {_REMEDY}")
        for name, expected in table.columns.items():
            if columns[name] != expected:
                raise UsageError(f"{where}.{name} is of type {columns[name]}, expected {expected}: {_REMEDY}")
        if keys.get(table.name) != table.key:
            raise UsageError(f"{where} lacks its primary key ({', '.join(table.key)}): {_REMEDY}")
    views = {row["name"] for row in connection.fetch(_VIEWS_FOUND)}
    expected_views = {re.split(r"[ .]", line)[3] for line in definition() if line.startswith("CREATE VIEW")}
    if lost := sorted(expected_views - views):
        raise UsageError(f"the database has no view {VIEWS}.{lost[0]}: {_REMEDY}")


_REMEDY = "put it back as deploy/schema.sql has it; nothing was loaded"
_OF_STORE = f"n.nspname = '{STORE}'"
_COLUMNS_FOUND = (
    "SELECT CAST(c.relname AS text) AS table_name, CAST(a.attname AS text) AS column_name, "
    "format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
    f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OF_STORE} AND c.relkind IN ('r', 'p') AND a.attnum > 0 "
    "AND NOT a.attisdropped"
)
_KEYS_FOUND = (
    "SELECT CAST(c.relname AS text) AS table_name, (SELECT array_agg(CAST(a.attname AS text) ORDER BY k.place) "
    "FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, place) "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum) AS names "
    "FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE {_OF_STORE} AND i.indisprimary"
)
_VIEWS_FOUND = (
    "SELECT CAST(c.relname AS text) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE n.nspname = '{VIEWS}' AND c.relkind = 'v'"
)
