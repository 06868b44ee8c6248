"""How PostgreSQL stores the tables: narrow rows under integer keys, from which views make the tables people read.

What comes from a part (`frames`, `cells`, `moments`, `scores`) stands under the part's number in the load ledger, so
that a part that two runs share is stored once. What belongs to a whole run stands under the run's number.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from phasewell.tables.schema import TABLES

STORE, VIEWS = "phasewell_store", "phasewell"  # the two schemas: rows under integer keys, and what people read
PART_STAGES = {"frames": "cells", "cells": "cells", "moments": "cells", "scores": "scores"}  # table -> stage of parts
JSON_COLUMNS = {"config", "provenance", "annotations", "parameters", "versions"}
_IN_LEDGER = ("plate", "well", "time", "time_h")  # of a part: said once, in the ledger
_NAMES_FIELD = ("frames", "scores")  # the others find the field's name in `frames`
_PART_KEYS = {"frames": (), "cells": ("label",), "moments": ("descriptor",), "scores": ("class_name",)}
_RUN_KEYS = {
    "plates": (),
    "wells": ("well",),
    "fields": ("field",),
    "hour_scores": ("well", "time", "class_name"),
    "well_scores": ("well", "class_name"),
    "profiles": ("well", "time", "descriptor", "statistic"),
    "models": ("model",),
    "predictions": ("model", "basis", "well"),
    "applied_scores": ("model", "well", "class_name"),
    "evaluations": ("model", "basis"),
}
RUN_TABLES = tuple(_RUN_KEYS)
_TYPES = {
    pa.string(): "text",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.bool_(): "boolean",
}


class StoredTable(NamedTuple):
    """One table of the storage: its columns with their PostgreSQL types, and its primary key."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]


def _type(name: str, dtype: pa.DataType) -> str:
    if pa.types.is_list(dtype):
        return f"{_TYPES[dtype.value_type]}[]"
    return "json" if name in JSON_COLUMNS else _TYPES[dtype]


def stored_names(table: str) -> tuple[str, ...]:
    """Return the columns of a table of the schema that its storage holds under the same name."""
    left_out: tuple[str, ...] = ("plate",) if table in RUN_TABLES else ()
    if table in PART_STAGES:
        left_out = _IN_LEDGER if table in _NAMES_FIELD else (*_IN_LEDGER, "field")
    return tuple(column.name for column in TABLES[table] if column.name not in left_out)


def _stored(table: str, before: dict[str, str], key: tuple[str, ...]) -> StoredTable:
    types = {column.name: _type(column.name, column.dtype) for column in TABLES[table]}
    return StoredTable(table, before | {name: types[name] for name in stored_names(table)}, key)


def stored_tables() -> tuple[StoredTable, ...]:
    """Return every table of the storage as this version expects it, in the order of their making."""
    bookkeeping = (
        StoredTable(
            "schema_version",
            {"version": "integer", "description": "text", "applied_by": "text", "applied_at": _WHEN},
            ("version",),
        ),
        StoredTable("columns", _stored("columns", {}, ()).columns, ("table_name", "column_name")),
        StoredTable(
            "runs",
            _stored("runs", {"run_no": "integer"}, ()).columns | {"tables_sha256": "text", "loaded_at": _WHEN},
            ("run_no",),
        ),
        StoredTable("current_run", {"plate": "text", "run_no": "integer"}, ("plate",)),
        StoredTable(
            "load_ledger",
            {
                "part_id": "integer",
                "sha256": "text",
                "stage": "text",
                "plate": "text",
                "well": "text",
                "time": "integer",
                "time_h": "double precision",
                "n_frames": "integer",
                "n_cells": "bigint",
                "loaded_at": _WHEN,
            },
            ("part_id",),
        ),
        StoredTable(
            "run_parts",
            {"run_no": "integer", "stage": "text", "well": "text", "time": "integer", "part_id": "integer"},
            ("run_no", "stage", "well", "time"),
        ),
    )
    place = {"part_id": "integer", "field_index": "smallint"}
    parts = tuple(_stored(table, place, (*place, *key)) for table, key in _PART_KEYS.items())
    runs = tuple(_stored(table, {"run_no": "integer"}, ("run_no", *key)) for table, key in _RUN_KEYS.items())
    return (*bookkeeping, *parts, *runs)


_WHEN = "timestamp with time zone"

BOOKKEEPING = {  # (table, column) -> what it holds; "" is the table itself
    ("schema_version", ""): "the migrations that made this storage",
    ("schema_version", "version"): "number of the migration, from 1 [1]",
    ("schema_version", "description"): "what it brought",
    ("schema_version", "applied_by"): "who applied it: a version of phasewell, or schema.sql",
    ("schema_version", "applied_at"): "when",
    ("runs", "run_no"): "number of the run in this database [1]",
    ("runs", "tables_sha256"): "SHA-256 of the rows of the run as a whole, as last loaded",
    ("runs", "loaded_at"): "when the first whole load ended; null while a load is under way: nobody sees the run yet",
    ("current_run", ""): "which run the views current_... show of every plate",
    ("current_run", "plate"): "name of the plate",
    ("current_run", "run_no"): "number of the run",
    ("load_ledger", ""): "every part that was loaded, once: its row and its cells are of one transaction",
    ("load_ledger", "part_id"): "number of the part in this database [1]",
    ("load_ledger", "sha256"): "SHA-256 of the part's file",
    ("load_ledger", "stage"): "cells, or scores",
    ("load_ledger", "plate"): "name of the plate",
    ("load_ledger", "well"): "well, row letter and column number such as B03",
    ("load_ledger", "time"): "index in the plate's time grid, from 0 [1]",
    ("load_ledger", "time_h"): "nominal hour of the time grid [h]",
    ("load_ledger", "n_frames"): "frames expected in the part [1]",
    ("load_ledger", "n_cells"): "cells in the part; 0 in parts of the stage scores [1]",
    ("load_ledger", "loaded_at"): "when",
    ("run_parts", ""): "which part a run has for a well, time and stage; runs may share parts",
    ("run_parts", "run_no"): "number of the run",
    ("run_parts", "stage"): "cells, or scores",
    ("run_parts", "well"): "well",
    ("run_parts", "time"): "index in the plate's time grid, from 0 [1]",
    ("run_parts", "part_id"): "number of the part in load_ledger",
}
PLACES = {
    "part_id": "number of the part in load_ledger",
    "field_index": "place of the field in its part, from 0 [1]",
    "run_no": "number of the run in runs",
}
