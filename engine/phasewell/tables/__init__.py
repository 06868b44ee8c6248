"""Rows out: schema, Parquet parts, DuckDB and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, because Arrow and DuckDB are slow to import
_PUBLIC = {
    "PlateInfo": "phasewell.tables.results",
    "Results": "phasewell.tables.results",
    "build_database": "phasewell.tables.duck",
    "export": "phasewell.tables.exporting",
    "open_results": "phasewell.tables.results",
}

__all__ = ["PlateInfo", "Results", "build_database", "export", "open_results"]

if TYPE_CHECKING:
    from phasewell.tables.duck import build_database
    from phasewell.tables.exporting import export
    from phasewell.tables.results import PlateInfo, Results, open_results

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
