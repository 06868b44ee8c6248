"""One self-contained HTML page about a run."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# public name -> module that defines it; the chart library loads only when a report is written
_PUBLIC = {"write_report": "phasewell.report.write"}

__all__ = ["write_report"]

if TYPE_CHECKING:
    from phasewell.report.write import write_report


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'phasewell.report' has no attribute {name!r}")
