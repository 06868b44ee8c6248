"""What a machine can do: every boundary from frames to committed tables, its ceilings, and one verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, so that importing this package stays cheap
_PUBLIC = {
    "BenchDocument": "phasewell.bench.documents",
    "Row": "phasewell.bench.rows",
    "compare_documents": "phasewell.bench.comparison",
    "read_document": "phasewell.bench.documents",
    "run_bench": "phasewell.bench.measure",
}

__all__ = ["BenchDocument", "Row", "compare_documents", "read_document", "run_bench"]

if TYPE_CHECKING:
    from phasewell.bench.comparison import compare_documents
    from phasewell.bench.documents import BenchDocument, read_document
    from phasewell.bench.measure import run_bench
    from phasewell.bench.rows import Row

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
