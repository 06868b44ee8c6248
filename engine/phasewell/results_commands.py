"""The verb `export`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from phasewell.console import Json, show
from phasewell.errors import EXIT_DONE


def export(
    run: Path,
    output: Path | None = None,
    *,
    to: Literal["parquet", "duckdb", "csv", "cytominer", "anndata", "json"] = "parquet",
    units_row: Annotated[bool, Parameter(negative="--no-units-row")] = True,
    json: Json = False,
) -> int:
    """Write the run's tables for other programs (default: into RUN/export; DuckDB: RUN/results.duckdb).

    Parameters
    ----------
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
    if to == "duckdb" and output is None:
        paths = [build_database(run, plate=plate)]
    else:
        folder = output or run / "export" / ("" if to in ("parquet", "csv", "duckdb") else to)
        paths = export_tables(run, to=to, output=folder, plate=plate, units_row=units_row)
    show({"files": [str(path) for path in paths]}, "\n".join(map(str, paths)), json)
    return EXIT_DONE
