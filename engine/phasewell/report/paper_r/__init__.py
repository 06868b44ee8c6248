"""The page of a reproduction of paper R."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.report.paper_r.page import write_paper_r

_PUBLIC = {"write_paper_r": "phasewell.report.paper_r.page"}
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
__all__ = ["write_paper_r"]
