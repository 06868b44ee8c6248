"""From a frame to a score: the picture that a network reads, and the networks that read it."""

from phasewell.inference.preparation import PreparedFrames, prepare_frames, scale_images

__all__ = ["PreparedFrames", "prepare_frames", "scale_images"]
