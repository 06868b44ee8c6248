"""Paper R whole on a finished run: its figures, models and tests; resumable at every step, on tables."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.runs.paper_r.material import Material, read_material
    from phasewell.runs.paper_r.reproduction import reproduce_paper_r
    from phasewell.runs.paper_r.scale import SCALES, PaperRScale, choose_scale

# public name -> module that defines it; loaded on first use, so that importing this package stays cheap
_PUBLIC = {
    "SCALES": "phasewell.runs.paper_r.scale",
    "Material": "phasewell.runs.paper_r.material",
    "PaperRScale": "phasewell.runs.paper_r.scale",
    "choose_scale": "phasewell.runs.paper_r.scale",
    "read_material": "phasewell.runs.paper_r.material",
    "reproduce_paper_r": "phasewell.runs.paper_r.reproduction",
}
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
__all__ = ["SCALES", "Material", "PaperRScale", "choose_scale", "read_material", "reproduce_paper_r"]
