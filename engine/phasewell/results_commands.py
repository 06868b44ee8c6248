"""The verb `export`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from phasewell.console import Json, show
from phasewell.errors import EXIT_DONE


def export(
    run: Path, output: Path | None = None, *, to: Literal["parquet", "duckdb", "csv"] = "parquet", json: Json = False
) -> int:
    """Write the run's tables as Parquet, CSV or a DuckDB database (default: results.duckdb in the run folder)."""
    from phasewell.runs import plate_of
    from phasewell.tables import build_database
    from phasewell.tables import export as export_tables

    plate = plate_of(run)
    if to == "duckdb" and output is None:
        paths = [build_database(run, plate=plate)]
    else:
        paths = export_tables(run, to=to, output=output or run / "export", plate=plate)
    show({"files": [str(path) for path in paths]}, "\n".join(map(str, paths)), json)
    return EXIT_DONE
