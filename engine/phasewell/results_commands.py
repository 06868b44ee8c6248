"""The verbs `export` and `load`: parse, call one function, print."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from phasewell.console import Json, Quiet, RunFolder, show
from phasewell.errors import EXIT_DONE, UsageError
from phasewell.names import terminal_text


def export(
    run: RunFolder,
    output: Path | None = None,
    *,
    to: Literal["parquet", "duckdb", "csv", "cytominer", "anndata", "json"] = "parquet",
    units_row: Annotated[bool, Parameter(negative="--no-units-row")] = True,
    json: Json = False,
) -> int:
    """Write a finished run's tables for other programs.

    Parameters
    ----------
    output
        Folder to write into. Left out: RUN/export; for DuckDB the file RUN/results.duckdb.
    to
        parquet, csv, duckdb: every table. cytominer: Parquet under the names of pycytominer and CytoTable. anndata:
        h5ad files of wells and of cells. json: one document per well, for LIMS and ELN.
    units_row
        In CSV, the units stand in the second line.
    """
    from phasewell.runs import plate_of
    from phasewell.tables import build_database
    from phasewell.tables import export as export_tables

    plate = plate_of(run)
    _say_stale(run)
    if to == "duckdb" and output is None:
        paths = [build_database(run, plate=plate)]
    else:
        folder = output or run / "export" / ("" if to in ("parquet", "csv", "duckdb") else to)
        paths = export_tables(run, to=to, output=folder, plate=plate, units_row=units_row)
    show({"files": [str(path) for path in paths]}, "\n".join(map(str, paths)), json)
    return EXIT_DONE


def load(
    run: RunFolder,
    database: str | None = None,
    *,
    dsn_file: Path | None = None,
    current: Annotated[bool, Parameter(negative="")] = False,
    plate_name: str | None = None,
    workers: int = 2,
    patience_s: float = 600.0,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Load a finished run into PostgreSQL, every part exactly once; without a database, into RUN/results.duckdb.

    The same command goes on after any interruption, and writes nothing when all is loaded.

    Parameters
    ----------
    database
        postgresql://USER@HOST:PORT/DATABASE without a password. Left out: --dsn-file, else the variable PHASEWELL_DSN,
        else the embedded database results.duckdb. A password stands in one of these two, or in PGPASSFILE.
    dsn_file
        File with one line, postgresql://USER:PASSWORD@HOST:PORT/DATABASE.
    current
        Make this run the one that the views current_... show of its plate, also if it was loaded before another, or has
        no frame of the plate that has this name in the database.
    plate_name
        What PostgreSQL calls the plate, where another plate has its name; said at the first load of a run.
    workers
        Connections that load at the same time.
    patience_s
        How many seconds the database may stay away before the command gives up with exit code 69.
    """
    from phasewell.runs import plate_of
    from phasewell.tables import build_database, find_dsn, load_run

    if re.match(r"[A-Za-z]\w*:/", str(run)):
        raise UsageError("load: first the run folder, then the database: phasewell load RUN postgresql://...")
    dsn = find_dsn(database, dsn_file, os.environ)  # a mistyped one is named before any file is read
    if plate_name is not None and (dsn is None or not plate_name.strip()):
        raise UsageError("load: --plate-name takes a name that is not empty, and belongs to a PostgreSQL database")
    _say_stale(run)
    if dsn is None:
        path = build_database(run, plate=plate_of(run))
        show({"database": str(path)}, str(path), json)
        return EXIT_DONE
    from phasewell.progress import bar, no_bar

    with no_bar() if quiet else bar("load") as progress:
        report = load_run(
            run, dsn, plate_of(run), make_current=current, plate_name=plate_name, workers=workers,
            patience_s=patience_s, progress=progress, say=_say,
        )  # fmt: skip
    show(report.to_dict(), report.to_text(), json)
    return EXIT_DONE


def _say_stale(run: Path) -> None:
    """Name on standard error the predictions in the folder that belong to a run which is no longer there."""
    from phasewell.tables.applied import read_applied
    from phasewell.tables.results import open_results

    if said := read_applied(run, open_results(run).manifest.run_id).say_stale():
        _say(said)


def _say(line: str) -> None:
    print(terminal_text(line), file=sys.stderr)
