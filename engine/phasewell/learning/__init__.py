"""Teaching networks to tell lines apart: splits by line, training, search, evaluation, saliency (extra: train)."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.learning.cross_validation import cross_validate, evaluate_outside
    from phasewell.learning.descriptor_baseline import fit_descriptor_model, frame_profiles
    from phasewell.learning.embedding import embed_layers, read_activations
    from phasewell.learning.evaluation import evaluate_frames
    from phasewell.learning.passes import predict_pictures
    from phasewell.learning.pictures import LabelledPictures
    from phasewell.learning.published import published_tables
    from phasewell.learning.recipe import SCRATCH, TrainingRecipe
    from phasewell.learning.search import search_recipe
    from phasewell.learning.search_space import SearchSpace
    from phasewell.learning.splits import LineSplit, check_split, choose_test_lines, fold_lines, frames_of
    from phasewell.learning.teaching import DivergedError, Epoch
    from phasewell.learning.training import Trained, train_network


# public name -> module that defines it; loaded on first use, because torch and scikit-learn are slow to import
_PUBLIC = {
    "SCRATCH": "phasewell.learning.recipe",
    "DivergedError": "phasewell.learning.teaching",
    "Epoch": "phasewell.learning.teaching",
    "LabelledPictures": "phasewell.learning.pictures",
    "LineSplit": "phasewell.learning.splits",
    "SearchSpace": "phasewell.learning.search_space",
    "Trained": "phasewell.learning.training",
    "TrainingRecipe": "phasewell.learning.recipe",
    "check_split": "phasewell.learning.splits",
    "choose_test_lines": "phasewell.learning.splits",
    "cross_validate": "phasewell.learning.cross_validation",
    "embed_layers": "phasewell.learning.embedding",
    "evaluate_frames": "phasewell.learning.evaluation",
    "evaluate_outside": "phasewell.learning.cross_validation",
    "fit_descriptor_model": "phasewell.learning.descriptor_baseline",
    "fold_lines": "phasewell.learning.splits",
    "frame_profiles": "phasewell.learning.descriptor_baseline",
    "frames_of": "phasewell.learning.splits",
    "predict_pictures": "phasewell.learning.passes",
    "published_tables": "phasewell.learning.published",
    "read_activations": "phasewell.learning.embedding",
    "search_recipe": "phasewell.learning.search",
    "train_network": "phasewell.learning.training",
}
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
__all__ = [
    "SCRATCH",
    "DivergedError",
    "Epoch",
    "LabelledPictures",
    "LineSplit",
    "SearchSpace",
    "Trained",
    "TrainingRecipe",
    "check_split",
    "choose_test_lines",
    "cross_validate",
    "embed_layers",
    "evaluate_frames",
    "evaluate_outside",
    "fit_descriptor_model",
    "fold_lines",
    "frame_profiles",
    "frames_of",
    "predict_pictures",
    "published_tables",
    "read_activations",
    "search_recipe",
    "train_network",
]
