"""From a frame to a score: the picture that a network reads, and the networks that read it."""

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

if TYPE_CHECKING:
    from phasewell.inference.backends import SessionIdentity, identify_session
    from phasewell.inference.framing import Framing, frame_windows
    from phasewell.inference.int8_file import Int8Card, Int8Graph, read_int8
    from phasewell.inference.making import make_untrained_model, save_model
    from phasewell.inference.model_file import Model, ModelCard, read_model
    from phasewell.inference.pooling import PooledScores, pool_scores
    from phasewell.inference.preparation import PreparedFrames, prepare_frames, scale_images
    from phasewell.inference.quantising import quantise_model
    from phasewell.inference.scoring import FrameScores, ShownFrames, score_frames, score_shown, show_frames, softmax
    from phasewell.inference.session import Session, open_session

_MODULES = {
    "backends": ("SessionIdentity", "identify_session"),
    "framing": ("Framing", "frame_windows"),
    "int8_file": ("Int8Card", "Int8Graph", "read_int8"),
    "making": ("make_untrained_model", "save_model"),
    "model_file": ("Model", "ModelCard", "read_model"),
    "pooling": ("PooledScores", "pool_scores"),
    "preparation": ("PreparedFrames", "prepare_frames", "scale_images"),
    "quantising": ("quantise_model",),
    "scoring": ("FrameScores", "ShownFrames", "score_frames", "score_shown", "show_frames", "softmax"),
    "session": ("Session", "open_session"),
}
__all__ = [
    "FrameScores",
    "Framing",
    "Int8Card",
    "Int8Graph",
    "Model",
    "ModelCard",
    "PooledScores",
    "PreparedFrames",
    "Session",
    "SessionIdentity",
    "ShownFrames",
    "frame_windows",
    "identify_session",
    "make_untrained_model",
    "open_session",
    "pool_scores",
    "prepare_frames",
    "quantise_model",
    "read_int8",
    "read_model",
    "save_model",
    "scale_images",
    "score_frames",
    "score_shown",
    "show_frames",
    "softmax",
]
__getattr__, __dir__ = lazy_names(
    __name__, {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}
)
