"""Rows out: schema, Parquet parts, DuckDB and exports."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'phasewell.tables' has no attribute {name!r}")
