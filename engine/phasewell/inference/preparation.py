"""The picture that a network reads: a frame at one mean brightness, a quarter of the size, scaled for its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from phasewell.device import Device, as_device
from phasewell.errors import UsageError

if TYPE_CHECKING:
    from phasewell.frames import Array

Mode = Literal["offset", "gain"]

TARGET_LEVEL = 130
"""Mean grey level of a frame after the adjustment, clipping apart."""
BRIGHTEST_MEAN = 230
"""A frame whose mean grey level lies above this is too bright for a score."""
SHRINK = 4
"""Pixels of a frame per pixel of the picture, along each side."""
GAIN_UNIT = 65536
"""Gains are counted in 1/65536."""
MOST_GAIN = 128 * GAIN_UNIT
"""A frame darker than mean level 1 stays darker than the target."""

SMALLEST_SCALE = 2.0**-20
"""Smallest std of a channel, and smallest magnitude of a mean that is not 0; the largest is its reciprocal."""


@dataclass(frozen=True)
class PreparedFrames:
    """Pictures of a batch of frames, on the device, and what was done to each frame.

    `images` is (frames, height / 4, width / 4) uint8. Per frame, int64: `sums` of its pixels before the adjustment,
    `adjustments` (levels added in mode offset, the gain in 1/65536 in mode gain), `clipped` pixels, which the
    adjustment sent outside 0..255.
    """

    images: Array
    sums: Array
    adjustments: Array
    clipped: Array
    mode: Mode

    @property
    def clipped_share(self) -> Array:
        """Share of each frame's pixels that were clipped, (frames,) float64."""
        share: Array = self.clipped / self._frame_px
        return share

    @property
    def too_bright(self) -> Array:
        """True for frames whose mean grey level was above 230 before the adjustment, (frames,)."""
        bright: Array = self.sums > BRIGHTEST_MEAN * self._frame_px
        return bright

    @property
    def _frame_px(self) -> int:
        height, width = self.images.shape[1:]
        return int(height * width * SHRINK**2)


def prepare_frames(pixels: Array, mode: Mode = "offset", device: Device | str = "auto") -> PreparedFrames:
    """Return pictures of frames (frames, height, width) uint8: mean grey level 130, sides divided by four.

    Mode offset adds one number of levels to a frame, the nearest whole one, halves up; mode gain multiplies by the
    gain nearest to 130 / mean, at most 128, and rounds halves up; a black frame stays black. Levels are clipped to
    0..255, so that the mean afterwards is not exactly 130. A pixel of the picture is the mean of the central 2 x 2 of
    its 4 x 4 pixels, (sum + 2) // 4: linear interpolation at its centre, as OpenCV resizes 8 bit by four.
    Raises UsageError for an unknown mode, frames without pixels, and sides that four does not divide.
    """
    if mode not in get_args(Mode):
        raise UsageError(f"mode {mode!r}: expected offset or gain")
    height, width = pixels.shape[1:]
    if height % SHRINK or width % SHRINK or not height * width:
        nearest = f"{height // SHRINK * SHRINK} x {width // SHRINK * SHRINK}"
        raise UsageError(
            f"frames of {height} x {width} px: a network reads a quarter of each side; crop to {nearest} px"
        )
    where = as_device(device)
    xp, pixels = where.xp, where.put(pixels)
    images = xp.empty((len(pixels), height // SHRINK, width // SHRINK), xp.uint8)
    if where.kernels:
        integers = xp.empty((len(pixels), 3), xp.int64)  # sum, adjustment, clipped
        where.kernels.cnn_input(xp.ascontiguousarray(pixels), mode, images, integers)
        return PreparedFrames(images, integers[:, 0], integers[:, 1], integers[:, 2], mode)
    sums = pixels.sum(axis=(1, 2), dtype=xp.int64)
    gains, biases, adjustments = _level_maps(xp, sums, height * width, mode)
    clipped = xp.empty(len(pixels), xp.int64)
    for first in range(0, len(pixels), where.batch_frames):
        part = slice(first, first + where.batch_frames)
        levels = pixels[part] * gains[part] + biases[part] >> 16  # below 128 * 65536 * 256 = 2**31
        adjusted = xp.clip(levels, 0, 255)
        clipped[part] = (adjusted != levels).sum(axis=(1, 2))
        centres = sum(adjusted[:, y::SHRINK, x::SHRINK] for y in (1, 2) for x in (1, 2))
        images[part] = (centres + 2) // 4
    return PreparedFrames(images, sums, adjustments, clipped, mode)


def _level_maps(xp: Any, sums: Array, frame_px: int, mode: Mode) -> tuple[Array, Array, Array]:
    # per frame: gain and bias of (pixel * gain + bias) >> 16, (frames, 1, 1) int32, and the adjustment, int64
    if mode == "gain":
        wanted = (2 * TARGET_LEVEL * GAIN_UNIT * frame_px + sums) // xp.maximum(2 * sums, 1)
        adjustments = xp.where(sums > 0, xp.minimum(wanted, MOST_GAIN), GAIN_UNIT)
        gains, biases = adjustments, xp.full_like(sums, GAIN_UNIT // 2)
    else:
        adjustments = (2 * (TARGET_LEVEL * frame_px - sums) + frame_px) // (2 * frame_px)
        gains, biases = xp.full_like(sums, GAIN_UNIT), adjustments * GAIN_UNIT
    return gains.astype(xp.int32)[:, None, None], biases.astype(xp.int32)[:, None, None], adjustments


def scale_images(
    images: Array, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,), device: Device | str = "auto"
) -> Array:
    """Return (images / 255 - mean) / std, (frames, channels, height, width) float32: what a network is fed.

    `mean` and `std` have one value per channel, as the network's weights want them; every channel holds the same grey
    picture. Three float32 operations in this order, so that every device gives the same bits.
    Raises UsageError unless each of 1..16 channels has a mean of 0 or of magnitude 2^-20..2^20 and a std of
    2^-20..2^20: no result is subnormal then, which a GPU may round to zero.
    """
    where = as_device(device)
    xp = where.xp
    means, stds = np.asarray(mean, np.float32), np.asarray(std, np.float32)
    level = np.abs(means)
    if not (
        means.ndim == 1
        and means.shape == stds.shape
        and 1 <= means.size <= 16
        and ((level == 0) | ((level >= SMALLEST_SCALE) & (level <= 1 / SMALLEST_SCALE))).all()
        and ((stds >= SMALLEST_SCALE) & (stds <= 1 / SMALLEST_SCALE)).all()
    ):
        raise UsageError(f"mean {mean} and std {std}: expected 2^-20..2^20 for each of 1..16 channels, or a mean of 0")
    means, stds = xp.asarray(means), xp.asarray(stds)
    unit = where.put(images).astype(xp.float32) / xp.float32(255)
    scaled: Array = (unit[:, None] - means[:, None, None]) / stds[:, None, None]
    return scaled
