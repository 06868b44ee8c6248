"""The rows of one part as its storage tables take them: narrow, under field indices, nothing a database refuses."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phasewell.errors import InputError
from phasewell.tables.postgres.storage import JSON_COLUMNS, PART_STAGES, stored_names
from phasewell.tables.schema import TABLES, arrow_schema
from phasewell.tables.score_parts import spread_scores
from phasewell.tables.unnesting import unnest_cells, unnest_moments

_NUL = "\0"
_NUL_IN_JSON = r"(?:^|[^\\])(?:\\\\)*\\u0000"  # stored, its text could not be read again


class PartRows(NamedTuple):
    """The rows of one part: its nominal hour, and by storage table the rows without part_id."""

    time_h: float
    tables: dict[str, pa.Table]


def part_rows(part: pa.Table, stage: str, where: str) -> PartRows:
    """Return the rows of one part as they are stored; raises InputError as `check_values`."""
    index = np.arange(part.num_rows)
    if stage == "scores":
        spread = spread_scores(part, arrow_schema("scores"))
        per_field = spread.num_rows // max(1, part.num_rows)
        tables = {
            "scores": _rows(
                "scores", index.repeat(per_field), {name: spread.column(name) for name in spread.column_names}
            )
        }
    else:
        cell_fields, cells = unnest_cells(part)
        moment_fields, moments = unnest_moments(part)
        tables = {
            "frames": _rows("frames", index, {name: part.column(name) for name in part.column_names}),
            "cells": _rows("cells", cell_fields, cells),
            "moments": _rows("moments", moment_fields, moments),
        }
    assert all(PART_STAGES[name] == stage for name in tables)
    for name, rows in tables.items():
        check_values(rows, f"{where}: {name}")
    return PartRows(float(part.column("time_h")[0].as_py()), tables)


def _rows(table: str, field_index: Any, data: dict[str, Any]) -> pa.Table:
    types = {column.name: column.dtype for column in TABLES[table]}
    index = field_index if isinstance(field_index, pa.Array) else pa.array(field_index)
    arrays: dict[str, Any] = {"field_index": index.cast(pa.int16())}
    for name in stored_names(table):
        value = data[name] if isinstance(data[name], pa.Array | pa.ChunkedArray) else pa.array(data[name])
        arrays[name] = value.cast(types[name])
    return pa.table(arrays)


def with_number(name: str, number: int, rows: pa.Table) -> pa.Table:
    """Return the rows under the number of their part or run, as the first column."""
    return rows.add_column(0, name, pa.repeat(pa.scalar(number, pa.int32()), rows.num_rows))


def check_values(rows: pa.Table, where: str) -> None:
    """Check that the database can hold every value as it is.

    Raises InputError naming the column for NaN and infinity, which no part of a finished run holds, and for text with
    a NUL character, which PostgreSQL cannot store.
    """
    for name in rows.column_names:
        column: Any = rows.column(name)
        if pa.types.is_list(column.type):
            column = pc.list_flatten(column)
        finite = pc.all(pc.is_finite(column)).as_py() if pa.types.is_floating(column.type) else True
        if finite is False:  # None: every value is null
            raise InputError(f"{where}: column {name} holds NaN or infinity, expected null; compute the run anew")
        pattern = _NUL_IN_JSON if name in JSON_COLUMNS else _NUL
        if pa.types.is_string(column.type) and pc.any(pc.match_substring_regex(column, pattern)).as_py():
            raise InputError(
                f"{where}: column {name} holds a text with a NUL character, which PostgreSQL cannot store; "
                "rename it in the source or the plate map"
            )
