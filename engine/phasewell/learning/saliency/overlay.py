"""A map laid over its picture, as PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from phasewell.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COLOURS = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
"""Dark to bright, even to the eye and safe for colour-blind readers: values 0, 1/4 .. 1 (the map "inferno")."""
_COVER = 0.75  # opacity of a pixel of 1; a pixel of 0 shows the picture alone


def draw_overlay(picture: NDArray[np.uint8], scaled: NDArray[np.float64]) -> bytes:
    """Return a PNG of a picture (height, width) uint8 under its map, scaled to 0..1, of the same size.

    The brighter a pixel of the map, the more it covers the picture. Raises UsageError for sizes that differ.
    """
    from PIL import Image

    if picture.shape != scaled.shape:
        raise UsageError(f"overlay: a picture of {picture.shape} px and a map of {scaled.shape} px; expected one size")
    stops = np.linspace(0, 1, len(_COLOURS))
    colours = np.stack([np.interp(scaled, stops, channel) for channel in np.array(_COLOURS).T], axis=-1)
    cover = _COVER * np.clip(scaled, 0, 1)[..., None]
    mixed = np.rint((1 - cover) * picture[..., None] + cover * colours).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(mixed).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
