"""A run's tables for other programs: Parquet, CSV, DuckDB, pycytominer's names, AnnData, or JSON per well."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from phasewell.durable import clear_leftovers, sync_folder, temporary_beside
from phasewell.errors import OutputError, PhasewellError, UsageError
from phasewell.plate import Plate
from phasewell.tables.annotated import annotated_files
from phasewell.tables.cytominer import cytominer_tables
from phasewell.tables.duck import DATABASE_NAME, build_database
from phasewell.tables.relations import table_batches
from phasewell.tables.results import Results, open_results
from phasewell.tables.schema import TABLES, arrow_schema
from phasewell.tables.well_documents import well_documents

Format = Literal["parquet", "duckdb", "csv", "cytominer", "anndata", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
# a spreadsheet would run the cell as a formula; some take the full-width signs for the same
FORMULA_STARTS = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
LIST_SEPARATOR = ";"
_Fill = Callable[[Any], object]  # writes one whole file into an open binary file


def export(
    run_dir: Path | str,
    to: Format = "parquet",
    output: Path | str | None = None,
    plate: Plate | None = None,
    units_row: bool = False,
) -> list[Path]:
    """Write every table of a finished run and return the files, in the order of the schema.

    Parquet and CSV: one file per table in the folder `output` (RUN/export by default), units in the table `columns`
    and, for Parquet, in each field's metadata. DuckDB: one file, `output` or `output`/results.duckdb. In CSV, null is
    an empty cell, an empty text is "", lists are joined by ";", and a text cell that starts like a formula gets a
    leading apostrophe; with `units_row` the second line has the units. cytominer: Parquet under pycytominer's names
    (see `phasewell.tables.cytominer`); anndata: `.h5ad` of wells and of cells; json: one document per well.
    The same run gives the same bytes, but for DuckDB and AnnData. Each file is renamed into place when whole.
    `plate` adds what only the plate store knows. Raises InputError for damaged parts, OutputError for the output,
    UnavailableError where anndata is not installed.
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
        paths = [_write(folder / name, fill) for name, fill in _files(results, to, plate, units_row)]
        sync_folder(folder)
    except PhasewellError:
        raise
    except OSError as error:
        raise OutputError(f"{folder}: the tables cannot be written ({error}); give another --output") from error
    return paths


def _files(results: Results, to: Format, plate: Plate | None, units_row: bool) -> Iterator[tuple[str, _Fill]]:
    """Yield (file name, what writes it into an open file) of one format."""
    if to == "cytominer":
        for table in cytominer_tables(results, plate):
            yield f"{table.name}.parquet", partial(_write_parquet, schema=table.schema, batches=table.batches)
    elif to == "anndata":
        for name, write in annotated_files(results, plate).items():
            yield name, partial(_write_by_name, write=write)
    elif to == "json":
        for name, content in well_documents(results, plate):
            yield name, partial(_write_bytes, content=content)
    else:
        for name, batches in table_batches(results, plate):
            if to == "parquet":
                yield f"{name}.parquet", partial(_write_parquet, schema=arrow_schema(name), batches=batches)
            else:
                yield f"{name}.csv", partial(_write_csv, name=name, batches=batches, units_row=units_row)


def _write(path: Path, fill: _Fill) -> Path:
    clear_leftovers(path)
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _write_by_name(file: Any, write: Callable[[Path], None]) -> None:
    write(Path(file.name))


def _write_bytes(file: Any, content: bytes) -> None:
    file.write(content)


def _write_parquet(file: Any, schema: pa.Schema, batches: Iterator[pa.Table]) -> None:
    with pq.ParquetWriter(
        file, schema, version="2.6", compression="zstd", compression_level=3, write_page_checksum=True
    ) as writer:
        for batch in batches:
            writer.write_table(batch)


def _write_csv(file: Any, name: str, batches: Iterator[pa.Table], units_row: bool) -> None:
    flat = guard_formulas(arrow_schema(name).empty_table()).schema
    if units_row:
        lines = io.StringIO(newline="")
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerows([flat.names, [column.unit for column in TABLES[name]]])
        file.write(lines.getvalue().encode())
    options = pacsv.WriteOptions(quoting_style="needed", include_header=not units_row)
    with pacsv.CSVWriter(file, flat, write_options=options) as writer:
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
