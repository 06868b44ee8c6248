"""Where the cells of a field are at an hour, and what each of them is: positions, sizes, shapes, texture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phasewell.simulation import difficulty
from phasewell.simulation.chance import COSINE_Q14, SINE_Q14, TURN, Chance, exp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.simulation.cultures import Culture, SimulationPlan

_MARGIN_UM = 60.0  # cells live this far beyond the frame, so that borders cut some of them
_UM = 16  # positions are integers of 1/16 um while cells push each other
_DAUGHTER_UM = 12.0  # distance of a daughter from its mother at birth
_CROWDING = 1.05  # cells closer than this share of their summed radii push each other apart
_ROUNDS = 8  # of pushing

# channels of a cell's random numbers
_PLACE_Y, _PLACE_X, _MOTHER, _ANGLE, _TURNING, _AREA, _ASPECT, _GRAIN, _TEXTURE, _CONTRAST, _RAPID = range(11)
_STEP_Y, _STEP_X, _DIVIDING = 100, 2_000, 4_000  # + time index


class Population(NamedTuple):
    """The cells of one field at one hour, one row per cell in order of birth; all arrays (cells,)."""

    y_um: NDArray[np.float64]  # centre, from the first pixel's corner
    x_um: NDArray[np.float64]
    angle: NDArray[np.int64]  # of the long axis, TURN steps a turn
    area_um2: NDArray[np.float64]
    aspect: NDArray[np.float64]
    grain_um: NDArray[np.float64]  # size of a texture grain
    texture_grey: NDArray[np.float64]  # grey levels at full value of the texture tile
    contrast: NDArray[np.float64]  # of halo and rim, 1 = typical
    dividing: NDArray[np.bool_]  # round and bright at this hour
    rapid: NDArray[np.bool_]  # of the subpopulation of small spindles


def populate(plan: SimulationPlan, culture: Culture, chance: Chance, time: int) -> Population:
    """Return the cells of the field that `chance` belongs to, at a time index."""
    y, x = _places(plan, culture, chance, time)
    ids = np.arange(len(y))
    traits, hour = culture.cell_traits(chance, ids), plan.times_h[time]
    dividing = chance.uniform(_DIVIDING + time, ids) < traits["round_fraction"]
    unspread = math.exp(-(hour - difficulty.FIRST_HOUR) / difficulty.SPREADING_HOURS)
    spread = 1 - (1 - culture.unspread_area) * unspread
    late = traits["late_spreading"] * min(max((hour - 30.0) / 60.0, 0.0), 2.0)
    rapid, shift = _rapid(culture, chance, ids), difficulty.RAPID
    area = spread * exp(
        traits["ln_area_um2"] + late - 7.0 + shift.area * rapid + traits["ln_area_sd"] * chance.normal(_AREA, ids)
    )
    area *= math.exp(7.0)
    ln_aspect = traits["ln_aspect"] - 0.25 * unspread + shift.aspect * rapid
    aspect = exp(ln_aspect + traits["ln_aspect_sd"] * chance.normal(_ASPECT, ids))
    grain = exp(traits["ln_grain_um"] + traits["ln_grain_sd"] * chance.normal(_GRAIN, ids))
    ln_texture = traits["ln_texture"] - 4.0 + shift.texture * rapid
    texture = math.exp(4.0) * exp(ln_texture + traits["ln_texture_sd"] * chance.normal(_TEXTURE, ids))
    turning = np.rint(12 * time * chance.normal(_TURNING, ids)).astype(np.int64)
    angle = (chance.bits(_ANGLE, ids).astype(np.int64) + turning) % TURN
    contrast = culture.contrast * exp(shift.contrast * rapid + 0.22 * chance.normal(_CONTRAST, ids))
    area = np.where(dividing, 0.32 * area, area).clip(120.0, 20_000.0)
    aspect = np.where(dividing, 1.06, aspect.clip(1.15, 9.0))
    y, x = _push_apart(y, x, np.rint(np.sqrt(area / math.pi) * _UM).astype(np.int64))
    margin = _MARGIN_UM
    y_um, x_um = y / _UM - margin, x / _UM - margin
    return Population(y_um, x_um, angle, area, aspect, grain, texture, contrast, dividing, rapid)


def _rapid(culture: Culture, chance: Chance, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which cells are of the rapidly renewing subpopulation, for life."""
    if not culture.rapid_share:
        return np.zeros(len(ids), np.bool_)
    colonies = float(exp(difficulty.FIELD_RAPID_SHARE_SD * chance.normal(0, np.array([1 << 21])))[0])
    return chance.uniform(_RAPID, ids) < culture.rapid_share * colonies


def _places(
    plan: SimulationPlan, culture: Culture, chance: Chance, time: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Walk from the first hour to `time`: founders, then daughters beside their mothers, everyone drifting."""
    sides_um = [side * plan.pixel_size_um + 2 * _MARGIN_UM for side in plan.frame_shape]
    height, width = (round(side * _UM) for side in sides_um)
    crowd = float(exp(difficulty.FIELD_DENSITY_SD * chance.normal(0, np.array([1 << 20])))[0])
    founders = culture.density_per_mm2 * crowd * sides_um[0] * sides_um[1] / 1e6
    span = difficulty.LAST_HOUR - difficulty.FIRST_HOUR
    grown = [culture.traits["ln_fold_growth"] * (h - difficulty.FIRST_HOUR) / span for h in plan.times_h[: time + 1]]
    counts = [max(round(founders * math.exp(g)), 1) for g in grown]
    ids = np.arange(max(counts))
    y = (chance.uniform(_PLACE_Y, ids) * height).astype(np.int64)
    x = (chance.uniform(_PLACE_X, ids) * width).astype(np.int64)
    mother_bits = chance.bits(_MOTHER, ids)
    directions = chance.bits(_ANGLE, ids) % np.uint32(TURN)
    distance = round(_DAUGHTER_UM * _UM)
    n = counts[0]
    for step in range(1, time + 1):
        born = ids[n : counts[step]]
        mothers = (mother_bits[born] % np.uint32(n)).astype(np.int64)
        y[born] = y[mothers] + ((distance * SINE_Q14[directions[born]]) >> 14)
        x[born] = x[mothers] + ((distance * COSINE_Q14[directions[born]]) >> 14)
        n = max(n, counts[step])
        stride = difficulty.MOTILITY_UM * _UM * math.sqrt((plan.times_h[step] - plan.times_h[step - 1]) / 6.0)
        y[:n] = (y[:n] + np.rint(stride * chance.normal(_STEP_Y + step, ids[:n])).astype(np.int64)) % height
        x[:n] = (x[:n] + np.rint(stride * chance.normal(_STEP_X + step, ids[:n])).astype(np.int64)) % width
    return y[:n], x[:n]


def _push_apart(
    y: NDArray[np.int64], x: NDArray[np.int64], radius: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move crowded neighbours apart; integer sums, so that the order of pairs cannot matter. Units: 1/16 um."""
    from scipy.spatial import cKDTree

    if len(y) < 2:
        return y, x
    reach = 2.0 * _CROWDING * float(radius.max())
    for _ in range(_ROUNDS):
        pairs = cKDTree(np.column_stack((y, x)).astype(np.float64)).query_pairs(reach, output_type="ndarray")
        a, b = pairs[:, 0], pairs[:, 1]
        dy, dx = y[b] - y[a], x[b] - x[a]
        distance = np.maximum(np.sqrt((dy * dy + dx * dx).astype(np.float64)).astype(np.int64), 1)
        wanted = (radius[a] + radius[b]) * round(_CROWDING * 256) // 256
        push = np.maximum(wanted - distance, 0)
        move_y, move_x = push * dy // (distance * 3), push * dx // (distance * 3)
        moves_y, moves_x = np.zeros_like(y), np.zeros_like(x)
        for who, sign in ((a, -1), (b, 1)):
            np.add.at(moves_y, who, sign * move_y)
            np.add.at(moves_x, who, sign * move_x)
        y, x = y + moves_y, x + moves_x
    return y, x
