"""Rows out: schema, Parquet parts, DuckDB, PostgreSQL and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, because Arrow and DuckDB are slow to import
_PUBLIC = {
    "PlateInfo": "phasewell.tables.results",
    "Results": "phasewell.tables.results",
    "build_database": "phasewell.tables.duck",
    "export": "phasewell.tables.exporting",
    "find_dsn": "phasewell.tables.postgres.dsn",
    "load_run": "phasewell.tables.postgres.loading",
    "open_results": "phasewell.tables.results",
}

__all__ = ["PlateInfo", "Results", "build_database", "export", "find_dsn", "load_run", "open_results"]

if TYPE_CHECKING:
    from phasewell.tables.duck import build_database
    from phasewell.tables.exporting import export
    from phasewell.tables.postgres.dsn import find_dsn
    from phasewell.tables.postgres.loading import load_run
    from phasewell.tables.results import PlateInfo, Results, open_results

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
