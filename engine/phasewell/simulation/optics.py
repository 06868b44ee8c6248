"""What phase contrast makes of a cell's outline, and the periodic texture tile, as integer tables for the kernel."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from phasewell_kernels import cpu

from phasewell.simulation.chance import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPREAD, ROUND, DEBRIS, PALE = range(4)  # kinds of objects: rows of the profile table

REACH_UM = 11.0  # the halo is back at background there
_MOTTLE_UM = 3.6  # grains of the background: neighbouring pixels of 0.87 um correlate by 0.84
DEPTH_UM = 13.0  # deeper inside, the profile stays as it is

# grey levels over the signed distance to the outline in um (> 0 inside), at contrast 1. Spread cells as measured
# around hand outlines: crest just outside, dark rim inside, nothing beyond 10 um. Round cells act as lenses.
_PROFILES: dict[int, tuple[tuple[float, float], ...]] = {
    SPREAD: ((-11, 0), (-8.5, -1), (-6.5, 3), (-4.5, 13), (-2.6, 36), (-1.0, 58), (0.2, 36), (1.3, -10), (2.4, -46),
             (3.8, -42), (5.5, -26), (8.0, -16), (13.0, -10)),
    ROUND: ((-11, 0), (-8.5, -3), (-6.5, -9), (-4.5, 6), (-2.5, 52), (-0.8, 70), (0.6, -20), (1.8, -45), (3.0, 40),
            (4.5, 128), (7.0, 150), (13.0, 140)),
    DEBRIS: ((-11, 0), (-5, 0), (-2.5, 12), (-1.0, 26), (0.0, 6), (1.0, -45), (3.0, -70), (13.0, -70)),
    PALE: ((-11, 0), (-4, 0), (-2.0, 5), (-0.5, 9), (1.0, -4), (3.0, -7), (13.0, -5)),
}  # fmt: skip


class Optics(NamedTuple):
    """Tables of render.cuh for one pixel size.

    profiles (kinds, samples) int16 in Q4 grey, mottle (side, width) int8, reach in Q4 px, scale in Q16.
    """

    profiles: NDArray[np.int16]
    mottle: NDArray[np.int8]
    reach: int
    profile_scale: int


@functools.cache
def optics(pixel_size_um: float) -> Optics:
    """Return the profile tables for a pixel size; lengths of the optics are in um, so halos scale with it."""
    samples = cpu.PROFILE_SAMPLES
    distance = np.arange(samples) * ((REACH_UM + DEPTH_UM) / samples) - REACH_UM
    rows = [np.interp(distance, *np.array(_PROFILES[kind], np.float64).T) for kind in sorted(_PROFILES)]
    profiles = np.rint(np.array(rows) * 16).astype(np.int16)
    profiles.flags.writeable = False
    depth_q4 = (REACH_UM + DEPTH_UM) / pixel_size_um * 16
    return Optics(
        profiles, _mottle(pixel_size_um), round(REACH_UM / pixel_size_um * 16), round(samples * 65536 / depth_q4)
    )


TEXTURE_GRAIN = 8  # samples per grain of the dominant octave


@functools.cache
def texture_tile() -> NDArray[np.int8]:
    """Return the periodic texture of cells (side, side) int8, SD about 40: grains of TEXTURE_GRAIN samples and more."""
    return _grains(TEXTURE_GRAIN, 0x51ED2701, (5, 4, 3))


def _mottle(pixel_size_um: float) -> NDArray[np.int8]:
    """Return the mottling of the background at 1 sample per px; its grains are the power of two next to 3.6 um."""
    spacing = min((2, 4, 8, 16), key=lambda candidate: abs(candidate * pixel_size_um - _MOTTLE_UM))
    tile = _grains(spacing, 0x2545F491, (5, 3, 2))
    return np.ascontiguousarray(np.pad(tile, ((0, 0), (0, cpu.MOTTLE_WIDTH - cpu.TEXTURE_SIDE)), mode="wrap"))


def _grains(spacing: int, key: int, weights: tuple[int, ...]) -> NDArray[np.int8]:
    """Return periodic value noise of octaves of rising grain size, hashed and interpolated in integers."""
    side = cpu.TEXTURE_SIDE
    total = np.zeros((side, side), np.int64)
    for octave, weight in enumerate(weights):
        step = spacing << octave
        knots = side // step
        words = mix(np.arange(knots * knots, dtype=np.uint32) + np.uint32(key + octave * 7919))
        values = (words >> np.uint32(20)).astype(np.int64).reshape(knots, knots) - 2048  # 12 bit
        for axis in (0, 1):
            values = _upsample(values, step, axis)
        total += weight * values
    total -= total.sum() // total.size
    squares = int((total * total).sum()) // total.size
    return (total * 40 // max(math.isqrt(squares), 1)).clip(-127, 127).astype(np.int8)


def _upsample(values: NDArray[np.int64], spacing: int, axis: int) -> NDArray[np.int64]:
    """Interpolate periodically along an axis with the weights 3 t^2 - 2 t^3 in Q12."""
    t = np.arange(spacing)
    weights = (3 * t * t * spacing - 2 * t * t * t) * 4096 // spacing**3
    values = np.moveaxis(values, axis, -1)[..., None]
    following = np.roll(values, -1, axis=-2)
    fine = values + (((following - values) * weights) >> 12)
    return np.moveaxis(fine.reshape(*fine.shape[:-2], -1), -1, axis)
