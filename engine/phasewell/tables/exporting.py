"""A run's tables as flat files for other programs: Parquet, CSV or one DuckDB database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from phasewell.durable import sync_folder, temporary_beside
from phasewell.errors import OutputError, PhasewellError, UsageError
from phasewell.plate import Plate
from phasewell.tables.duck import DATABASE_NAME, build_database
from phasewell.tables.relations import table_batches
from phasewell.tables.results import open_results
from phasewell.tables.schema import arrow_schema

FORMATS = ("parquet", "duckdb", "csv")
FORMULA_STARTS = r"^[=+\-@\t\r\n]"  # a spreadsheet would run the cell as a formula
LIST_SEPARATOR = ";"


def export(
    run_dir: Path | str,
    to: Literal["parquet", "duckdb", "csv"] = "parquet",
    output: Path | str | None = None,
    plate: Plate | None = None,
) -> list[Path]:
    """Write every table of a finished run and return the files, in the order of the schema.

    Parquet and CSV: one file per table in the folder `output` (RUN/export by default), units in the table `columns`
    and, for Parquet, in each field's metadata. DuckDB: one file, `output` or `output`/results.duckdb. In CSV, null is
    an empty cell, an empty text is "", lists are joined by ";", and a text cell that starts like a formula gets a
    leading apostrophe. The same run gives the same Parquet and CSV bytes. Each file is renamed into place when whole.
    `plate` adds what only the plate store knows. Raises InputError for damaged parts, OutputError for the output.
    """
    if to not in FORMATS:
        raise UsageError(f"export to {to!r}: expected one of {', '.join(FORMATS)}")
    folder = Path(output) if output is not None else Path(run_dir) / "export"
    if to == "duckdb":
        file = folder if folder.suffix == ".duckdb" else folder / DATABASE_NAME
        return [build_database(run_dir, file, plate)]
    results = open_results(run_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [_write(folder / f"{name}.{to}", name, batches) for name, batches in table_batches(results, plate)]
        sync_folder(folder)
    except PhasewellError:
        raise
    except OSError as error:
        raise OutputError(f"{folder}: the tables cannot be written ({error}); give another --output") from error
    return paths


def _write(path: Path, name: str, batches: Iterator[pa.Table]) -> Path:
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            (_write_parquet if path.suffix == ".parquet" else _write_csv)(file, name, batches)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _write_parquet(file: Any, name: str, batches: Iterator[pa.Table]) -> None:
    with pq.ParquetWriter(
        file, arrow_schema(name), version="2.6", compression="zstd", compression_level=3, write_page_checksum=True
    ) as writer:
        for batch in batches:
            writer.write_table(batch)


def _write_csv(file: Any, name: str, batches: Iterator[pa.Table]) -> None:
    flat = guard_formulas(arrow_schema(name).empty_table()).schema
    with pacsv.CSVWriter(file, flat, write_options=pacsv.WriteOptions(quoting_style="needed")) as writer:
        for batch in batches:
            writer.write_table(guard_formulas(batch))


def guard_formulas(table: pa.Table) -> pa.Table:
    """Return the table with lists joined to text, and an apostrophe before text that starts like a formula."""
    arrays: list[Any] = []
    for name in table.column_names:
        column: Any = table.column(name)
        if pa.types.is_list(column.type):
            column = pc.binary_join(column, LIST_SEPARATOR)
        if pa.types.is_string(column.type):
            column = pc.replace_substring_regex(column, pattern=f"({FORMULA_STARTS})", replacement=r"'\1")
        arrays.append(column)
    return pa.table(arrays, names=table.column_names)
