"""Teaching networks to tell lines apart: splits by line, training, search, evaluation, saliency (extra: train)."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.learning.pictures import LabelledPictures

# public name -> module that defines it; loaded on first use, because torch and scikit-learn are slow to import
_PUBLIC = {
    "LabelledPictures": "phasewell.learning.pictures",
}
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
__all__ = ["LabelledPictures"]
