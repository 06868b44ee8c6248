"""Pictures of frames with the outlines of the segmentation drawn over them, small enough to sit inside a page."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTLINE_COLOURS = ((255, 214, 10), (0, 229, 255), (255, 92, 214), (125, 255, 84), (255, 138, 46), (92, 148, 255))
"""Hues seen well on grey; neighbouring labels mostly differ, so that splits show."""


def outlines(labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return (height, width) uint8: 0 off the outlines, else 1 + colour index of the label whose outline it is.

    A pixel is outline when it belongs to a label and a 4-neighbour inside the picture does not.
    """
    inner = np.zeros(labels.shape, dtype=bool)
    vertical, horizontal = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    inner[1:] |= vertical
    inner[:-1] |= vertical
    inner[:, 1:] |= horizontal
    inner[:, :-1] |= horizontal
    colour = (labels.astype(np.int64) - 1) % len(OUTLINE_COLOURS) + 1
    return np.where(inner & (labels > 0), colour, 0).astype(np.uint8)


def shrink(pixels: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Return a grey picture scaled down to `width` px by area means; smaller pictures stay as they are."""
    from PIL import Image

    height, full = pixels.shape
    if full <= width:
        return pixels
    size = (width, max(1, round(height * width / full)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def shrink_labels(labels: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    """Return labels sampled at the pixel centres of `shrink`'s result; no new label appears."""
    height, full = labels.shape
    if full <= width:
        return labels
    rows, columns = max(1, round(height * width / full)), width
    y = (2 * np.arange(rows) + 1) * height // (2 * rows)
    x = (2 * np.arange(columns) + 1) * full // (2 * columns)
    return labels[np.ix_(y, x)]


def encode_grey(pixels: NDArray[np.uint8], quality: int = 72) -> str:
    """Return a grey picture as a WebP data address."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="WEBP", quality=quality, method=4)
    return _address("image/webp", buffer.getvalue())


def encode_outlines(outline: NDArray[np.uint8]) -> str:
    """Return outlines as a PNG data address, transparent off the outlines."""
    from PIL import Image

    indexed = Image.fromarray(outline)
    indexed.putpalette([0, 0, 0] + [channel for colour in OUTLINE_COLOURS for channel in colour])
    buffer = io.BytesIO()
    indexed.save(buffer, format="PNG", transparency=0, optimize=True, bits=3)
    return _address("image/png", buffer.getvalue())


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


@dataclass(frozen=True)
class Crop:
    """A window of a frame: top, left, height and width in px of the frame."""

    top: int
    left: int
    height: int
    width: int


def busiest_crop(labels: NDArray[np.int32] | None, shape: tuple[int, int], side: int) -> Crop:
    """Return the window of at most side x side px with the most label pixels, on a grid of quarter steps.

    Without labels, or when all windows tie, the middle of the frame.
    """
    height, width = min(side, shape[0]), min(side, shape[1])
    middle = Crop((shape[0] - height) // 2, (shape[1] - width) // 2, height, width)
    if labels is None:
        return middle
    sums = np.zeros((shape[0] + 1, shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = (labels > 0).cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    best, most = middle, _inside(sums, middle)
    for top in _steps(shape[0], height):
        for left in _steps(shape[1], width):
            crop = Crop(top, left, height, width)
            if _inside(sums, crop) > most:
                best, most = crop, _inside(sums, crop)
    return best


def _steps(full: int, window: int) -> list[int]:
    step = max(1, window // 4)
    return [*range(0, full - window, step), full - window]


def _inside(sums: NDArray[np.int64], crop: Crop) -> int:
    bottom, right = crop.top + crop.height, crop.left + crop.width
    total = sums[bottom, right] - sums[crop.top, right] - sums[bottom, crop.left] + sums[crop.top, crop.left]
    return int(total)


def round_length(um: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is not above `um`."""
    power = 10.0 ** math.floor(math.log10(um))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= um * (1 + 1e-12))


@dataclass(frozen=True)
class Picture:
    """One frame of the gallery as data addresses: the whole field and a crop at full resolution, with outlines."""

    well: str
    field: str
    time_h: float
    n_cells: int | None  # None where no labels are kept
    field_image: str
    field_outlines: str | None
    crop_image: str
    crop_outlines: str | None
    shape: tuple[int, int]
    crop: Crop
    pixel_size_um: float

    field_size: tuple[int, int] = (0, 0)  # (height, width) of field_image in px

    @property
    def field_bar_um(self) -> float:
        """Length of the scale bar of the whole field: a round number near a fifth of its width."""
        return round_length(0.2 * self.shape[1] * self.pixel_size_um)

    @property
    def crop_bar_um(self) -> float:
        """Length of the scale bar of the crop."""
        return round_length(0.2 * self.crop.width * self.pixel_size_um)


def make_picture(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int32] | None,
    *,
    well: str,
    field: str,
    time_h: float,
    pixel_size_um: float,
    thumbnail_px: int = 320,
    crop_px: int = 320,
) -> Picture:
    """Return the gallery picture of one frame: pixels (height, width) uint8, labels of the same shape or None."""
    shape = (pixels.shape[0], pixels.shape[1])
    small = shrink(pixels, thumbnail_px)
    crop = busiest_crop(labels, shape, crop_px)
    window = np.s_[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    field_outlines = crop_outlines = None
    if labels is not None:
        field_outlines = encode_outlines(outlines(shrink_labels(labels, thumbnail_px)))
        crop_outlines = encode_outlines(outlines(labels[window]))
    return Picture(
        well=well,
        field=field,
        time_h=time_h,
        n_cells=None if labels is None else len(np.unique(labels[labels > 0])),
        field_image=encode_grey(small),
        field_outlines=field_outlines,
        crop_image=encode_grey(np.ascontiguousarray(pixels[window])),
        crop_outlines=crop_outlines,
        shape=shape,
        crop=crop,
        pixel_size_um=pixel_size_um,
        field_size=(small.shape[0], small.shape[1]),
    )
