"""Frames with a given number of cells for the kernel benchmarks: ellipses with a rim, a halo and texture, seeded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

PIXEL_SIZE_UM = 1.34  # the largest for which the screen's published cell numbers and sizes fit each other
SIDE_PX = 1000
_STAMP_HALF_PX = 24


def make_frames(cells: int, count: int = 8, seed: int = 0) -> NDArray[np.uint8]:
    """Return (count, 1000, 1000) uint8 frames with `cells` cells each, which do not touch.

    Cells sit on a jittered grid, so that the number that segmentation finds is known; where the grid is narrow they
    are smaller: about 550 px after segmentation with 150 cells, 320 px with 600. Grain of the camera: SD 2.5 grey
    levels. These frames are for speed; they say nothing about accuracy on real phase contrast.
    """
    return np.stack([_draw_frame(cells, np.random.default_rng((seed, cells, index))) for index in range(count)])


def _draw_frame(cells: int, chance: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    frame = 120.0 + 18.0 * (x - 0.5) - 14.0 * (y - 0.5) + chance.normal(0, 2.5, (SIDE_PX, SIDE_PX))
    columns = int(np.ceil(np.sqrt(cells)))
    margin, pitch = 30, (SIDE_PX - 60) / columns
    places = chance.permutation(columns * columns)[:cells]
    long_px = min(13.5, 0.275 * pitch)
    jitter = max(0.0, pitch / 2 - 19.0)
    grain = ndimage.gaussian_filter(chance.normal(0, 1, (256, 256)), 1.2, mode="wrap")
    grain *= 13.0 / grain.std()
    for place in places:
        shift = chance.uniform(-jitter, jitter, 2)
        centre = margin + pitch * (np.array(divmod(int(place), columns)) + 0.5) + shift
        _stamp_cell(frame, centre, long_px * chance.uniform(0.9, 1.1), grain, chance)
    clipped: NDArray[np.uint8] = np.clip(frame + 0.5, 0, 255).astype(np.uint8)
    return clipped


def _stamp_cell(
    frame: NDArray[np.float64],
    centre: NDArray[np.float64],
    long_px: float,
    grain: NDArray[np.float64],
    chance: np.random.Generator,
) -> None:
    top, left = (int(c) - _STAMP_HALF_PX for c in centre)
    y, x = np.mgrid[: 2 * _STAMP_HALF_PX + 1, : 2 * _STAMP_HALF_PX + 1]
    dy, dx = y + top - centre[0], x + left - centre[1]
    angle = chance.uniform(0, np.pi)
    short_px = chance.uniform(0.62, 0.85) * long_px
    u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    depth = (1 - np.hypot(u / long_px, v / short_px)) * short_px  # px inside the outline
    inside = depth > 0
    row, column = chance.integers(0, 256 - 2 * _STAMP_HALF_PX - 1, 2)
    patch = grain[row : row + y.shape[0], column : column + y.shape[1]]
    halo, rim = 22.0 * np.exp(-((depth + 2.0) ** 2) / 4), -24.0 * np.exp(-((depth - 1.5) ** 2) / 3)
    change = halo + rim + np.where(inside, patch - 6.0, 0.0)
    near = frame[max(top, 0) : top + y.shape[0], max(left, 0) : left + y.shape[1]]
    near += change[max(-top, 0) :, max(-left, 0) :][: near.shape[0], : near.shape[1]]
