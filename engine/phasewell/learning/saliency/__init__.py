"""What in a picture a network goes by: three ways to map it, scores of the maps, and whether they can be believed."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.learning.saliency.explanation import explain
    from phasewell.learning.saliency.overlay import draw_overlay
    from phasewell.learning.saliency.recipe import METHODS, SaliencyRecipe
    from phasewell.learning.saliency.sanity import randomise_layers, remove_pixels
    from phasewell.learning.saliency.scores import compare_scores, pixel_scores, scale_maps
    from phasewell.learning.saliency.study import study_saliency

_PUBLIC = {
    "METHODS": "phasewell.learning.saliency.recipe",
    "SaliencyRecipe": "phasewell.learning.saliency.recipe",
    "compare_scores": "phasewell.learning.saliency.scores",
    "draw_overlay": "phasewell.learning.saliency.overlay",
    "explain": "phasewell.learning.saliency.explanation",
    "pixel_scores": "phasewell.learning.saliency.scores",
    "randomise_layers": "phasewell.learning.saliency.sanity",
    "remove_pixels": "phasewell.learning.saliency.sanity",
    "scale_maps": "phasewell.learning.saliency.scores",
    "study_saliency": "phasewell.learning.saliency.study",
}
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
__all__ = [
    "METHODS",
    "SaliencyRecipe",
    "compare_scores",
    "draw_overlay",
    "explain",
    "pixel_scores",
    "randomise_layers",
    "remove_pixels",
    "scale_maps",
    "study_saliency",
]
