"""The views people read, comments with units, and the roles that may read or load: made anew by every migration."""

from __future__ import annotations

from collections.abc import Iterator

from phasewell.tables.postgres.storage import (
    BOOKKEEPING,
    PART_STAGES,
    PLACES,
    RUN_TABLES,
    STORE,
    VIEWS,
    stored_names,
    stored_tables,
)
from phasewell.tables.schema import TABLE_DESCRIPTIONS, TABLES, columns_table, comment_of, literal

READER, LOADER = "phasewell_reader", "phasewell_loader"
HISTORY = "load_history"
_HISTORY_COLUMNS = {
    "run_id": "digest of plate, configuration and code",
    "plate": "name of the plate",
    "is_current": "whether the views current_... show this run",
    "n_parts": "parts loaded so far [1]",
    "n_cells": "cells in them [1]",
    "loaded_at": "when the first whole load ended; null while a load is under way",
}


def definition() -> Iterator[str]:
    """Yield the statements that make views, comments, the table `columns` and the rights anew."""
    names = [name for name in TABLES if name != "columns"]
    yield f"DROP VIEW IF EXISTS {', '.join(f'{VIEWS}.current_{name}' for name in names)}"
    yield f"DROP VIEW IF EXISTS {', '.join(f'{VIEWS}.{name}' for name in (*TABLES, HISTORY))}"
    for name in names:
        yield _view(name, current=False)
        yield _view(name, current=True)
    yield f"CREATE VIEW {VIEWS}.columns AS SELECT {', '.join(_names('columns'))} FROM {STORE}.columns"
    yield (
        f"CREATE VIEW {VIEWS}.{HISTORY} AS\n"
        "SELECT r.run_id, r.plate, c.run_no IS NOT NULL AS is_current, p.n_parts, p.n_cells, r.loaded_at\n"
        f"FROM {STORE}.runs r LEFT JOIN {STORE}.current_run c ON c.run_no = r.run_no CROSS JOIN LATERAL (\n"
        "  SELECT count(*) AS n_parts, CAST(coalesce(sum(l.n_cells), 0) AS bigint) AS n_cells\n"
        f"  FROM {STORE}.run_parts u JOIN {STORE}.load_ledger l ON l.part_id = u.part_id WHERE u.run_no = r.run_no\n"
        ") p"
    )
    yield from _comments()
    yield f"DELETE FROM {STORE}.columns"
    yield _insert_columns()
    yield from _rights()


def _names(table: str) -> list[str]:
    return [column.name for column in TABLES[table]]


def _view(table: str, current: bool) -> str:
    """Return the view of a table: its columns after the run's id, of every loaded run or of the current ones."""
    source = f"{STORE}.runs r"
    if current:
        source += f" JOIN {STORE}.current_run c ON c.run_no = r.run_no"
    owner = dict.fromkeys(stored_names(table), "t")
    if table == "runs":
        owner = dict.fromkeys(_names(table), "r")
    elif table in RUN_TABLES:
        owner["plate"] = "r"
        source += f"\nJOIN {STORE}.{table} t ON t.run_no = r.run_no"
    else:
        owner |= {"plate": "r", "time_h": "l"} | dict.fromkeys(("well", "time"), "u")  # u has an index on them
        source += f"\nJOIN {STORE}.run_parts u ON u.run_no = r.run_no AND u.stage = '{PART_STAGES[table]}'"
        source += f"\nJOIN {STORE}.load_ledger l ON l.part_id = u.part_id"
        source += f"\nJOIN {STORE}.{table} t ON t.part_id = l.part_id"
        if "field" not in owner:
            owner["field"] = "f"
            source += f"\nJOIN {STORE}.frames f ON f.part_id = t.part_id AND f.field_index = t.field_index"
    columns = ["r.run_id", *(f"{owner[name]}.{name}" for name in _names(table) if name != "run_id")]
    where = "" if current else "\nWHERE r.loaded_at IS NOT NULL"
    name = f"{VIEWS}.current_{table}" if current else f"{VIEWS}.{table}"
    return f"CREATE VIEW {name} AS\nSELECT {', '.join(columns)}\nFROM {source}{where}"


def _comments() -> Iterator[str]:
    yield f"COMMENT ON SCHEMA {VIEWS} IS 'phasewell results: read the views here; units are in columns and in comments'"
    yield f"COMMENT ON SCHEMA {STORE} IS 'rows behind the views of {VIEWS}; written by phasewell load only'"
    for table in stored_tables():
        said = TABLE_DESCRIPTIONS.get(table.name) or BOOKKEEPING[table.name, ""]
        yield _comment("TABLE", f"{STORE}.{table.name}", said)
        units = {column.name: comment_of(table.name, column.name) for column in TABLES.get(table.name, ())}
        for name in table.columns:
            text = BOOKKEEPING.get((table.name, name)) or units.get(name) or PLACES[name]
            yield _comment("COLUMN", f"{STORE}.{table.name}.{name}", text)
    for table_name, columns in TABLES.items():
        shown = {"": TABLE_DESCRIPTIONS[table_name]}
        if table_name != "columns":
            shown["current_"] = f"{TABLE_DESCRIPTIONS[table_name]}; of the current run of every plate"
        for prefix, said in shown.items():
            view = f"{VIEWS}.{prefix}{table_name}"
            yield _comment("VIEW", view, said)
            if table_name not in ("runs", "columns"):
                yield _comment("COLUMN", f"{view}.run_id", comment_of("runs", "run_id"))
            for column in columns:
                yield _comment("COLUMN", f"{view}.{column.name}", comment_of(table_name, column.name))
    yield _comment("VIEW", f"{VIEWS}.{HISTORY}", "every run that was loaded or is being loaded")
    for name, said in _HISTORY_COLUMNS.items():
        yield _comment("COLUMN", f"{VIEWS}.{HISTORY}.{name}", said)


def _comment(kind: str, name: str, text: str) -> str:
    return f"COMMENT ON {kind} {name} IS {literal(text)}"


def _insert_columns() -> str:
    rows = [
        ", ".join(str(value) if isinstance(value, int) else literal(value) for value in row.values())
        for row in columns_table().to_pylist()
    ]
    values = ",\n".join(f"({row})" for row in rows)
    return f"INSERT INTO {STORE}.columns ({', '.join(_names('columns'))}) VALUES\n{values}"


def _rights() -> Iterator[str]:
    """Yield what makes the two roles, where the user may make roles, and what each may do."""
    for role in (READER, LOADER):
        yield (
            "DO $$ BEGIN\n"
            f"  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN\n"
            f"    CREATE ROLE {role} NOLOGIN;\n"
            "  END IF;\n"
            "EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN\n"
            f"  RAISE NOTICE 'role {role} was not made: %', SQLERRM;\n"
            "END $$"
        )
    reads = [f"GRANT USAGE ON SCHEMA {VIEWS} TO %s", f"GRANT SELECT ON ALL TABLES IN SCHEMA {VIEWS} TO %s"]
    loads = [
        f"GRANT USAGE ON SCHEMA {STORE} TO %s",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {STORE} TO %s",
        f"REVOKE INSERT, UPDATE, DELETE ON {STORE}.schema_version, {STORE}.columns FROM %s",
    ]
    for role, rights in ((READER, reads), (LOADER, [*reads, *loads])):
        lines = "\n".join(f"    {right % role};" for right in rights)
        exists = f"IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN"
        yield f"DO $$ BEGIN\n  {exists}\n{lines}\n  END IF;\nEND $$"
