"""The page of a reproduction of paper K: its tables and figures, each with scale and origin of the weights."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.report.paper_k.page import write_paper_k

_PUBLIC = {"write_paper_k": "phasewell.report.paper_k.page"}
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
__all__ = ["write_paper_k"]
