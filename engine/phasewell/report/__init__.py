"""One self-contained HTML page about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; the chart library loads only when a report is written
_PUBLIC = {"write_comparison": "phasewell.report.compare_page", "write_report": "phasewell.report.write"}

__all__ = ["write_comparison", "write_report"]

if TYPE_CHECKING:
    from phasewell.report.compare_page import write_comparison
    from phasewell.report.write import write_report

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
