"""Which part of a frame a network sees, when frames and model differ in size. Nothing is ever stretched or padded.

A model is made for frames of one size at one pixel size. Frames at another pixel size are refused. At the model's:

crop  the central window, per side at most as long as the model's frames.
tile  the central area that whole windows of the model's size fill, side by side; logits are averaged over windows.

With both rules a side shorter than the model's is taken whole, down to a multiple of 4: the networks average over
area, so they see less of it and no other scale. Below half of the model's side a frame is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from phasewell.errors import UsageError
from phasewell.inference.preparation import SHRINK
from phasewell.networks import check_picture

if TYPE_CHECKING:
    from phasewell.frames import Array
    from phasewell.inference.model_file import ModelCard

SCALE_TOLERANCE = 0.01  # between the pixel sizes of frames and model


class Framing(NamedTuple):
    """The part of every frame that is scored: an area of windows side by side, in px of the frame."""

    top: int
    left: int
    window_px: tuple[int, int]
    rows: int  # of windows
    columns: int

    @property
    def windows(self) -> int:
        """Pictures per frame."""
        return self.rows * self.columns

    @property
    def picture_px(self) -> tuple[int, int]:
        """Height and width of one picture."""
        return self.window_px[0] // SHRINK, self.window_px[1] // SHRINK

    @property
    def area_px(self) -> tuple[int, int]:
        """Height and width of the part of the frame that is scored."""
        return self.window_px[0] * self.rows, self.window_px[1] * self.columns

    def cut(self, pixels: Array) -> Array:
        """Return that part of frames (frames, height, width): the array itself where all of it is scored."""
        height, width = self.area_px
        if pixels.shape[1:] == (height, width):
            return pixels
        part: Array = pixels[:, self.top : self.top + height, self.left : self.left + width].copy()
        return part  # the kernels read frames without gaps

    def split(self, pictures: Array) -> Array:
        """Return pictures of the area, (frames, height, width), as (frames * windows, *picture_px), row by row."""
        if self.windows == 1:
            return pictures
        height, width = self.picture_px
        cells = pictures.reshape(len(pictures), self.rows, height, self.columns, width)
        parts: Array = cells.transpose(0, 1, 3, 2, 4).reshape(-1, height, width)
        return parts


def frame_windows(card: ModelCard, frame_px: tuple[int, int], pixel_size_um: float) -> Framing:
    """Return what a model sees of frames (height, width) at a pixel size.

    Raises UsageError for frames at another scale than the model's, smaller than half of its frames or too small for
    its network.
    """
    expected = card.pixel_size_um
    if expected is not None and abs(pixel_size_um / expected - 1) > SCALE_TOLERANCE:
        raise UsageError(
            f"inference.model: made for {expected:g} um/px, the plate has {pixel_size_um:g} um/px; frames are never "
            "stretched: use a model of this scale"
        )
    window, count, first = [], [], []
    for side, wanted in zip(frame_px, card.frame_px, strict=True):
        if 2 * side < wanted:
            raise UsageError(
                f"inference.model: made for frames of {card.frame_px[0]} x {card.frame_px[1]} px, the plate has "
                f"{frame_px[0]} x {frame_px[1]} px; expected at least half of each side: use a model for smaller frames"
            )
        taken = min(side, wanted) // SHRINK * SHRINK
        number = side // taken if card.frame_rule == "tile" else 1
        window.append(taken)
        count.append(number)
        first.append((side - number * taken) // 2)
    framing = Framing(first[0], first[1], (window[0], window[1]), count[0], count[1])
    check_picture(card.network, framing.picture_px)
    return framing
