"""Paper K whole on the frames of a plate: search, folds, retraining, test lines, figures; resumable at every step."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.runs.paper_k.reproduction import reproduce_paper_k
    from phasewell.runs.paper_k.scale import SCALES, ReproductionScale, choose_scale

# public name -> module that defines it; loaded on first use, so that importing this package stays cheap
_PUBLIC = {
    "SCALES": "phasewell.runs.paper_k.scale",
    "ReproductionScale": "phasewell.runs.paper_k.scale",
    "choose_scale": "phasewell.runs.paper_k.scale",
    "reproduce_paper_k": "phasewell.runs.paper_k.reproduction",
}
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
__all__ = ["SCALES", "ReproductionScale", "choose_scale", "reproduce_paper_k"]
