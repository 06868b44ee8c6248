"""From populations to what the kernel draws: outlines, optical kinds and fixed-point parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from phasewell_kernels import cpu

from phasewell.simulation import difficulty
from phasewell.simulation.chance import COSINE_Q14, SINE_Q14, TURN, Chance, exp
from phasewell.simulation.optics import DEBRIS, PALE, REACH_UM, ROUND, SPREAD, TEXTURE_GRAIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.simulation.cultures import Culture, SimulationPlan
    from phasewell.simulation.population import Population

_CURVE_UPPER, _CURVE_LOWER, _PEAK_UPPER, _PEAK_LOWER, _LOPSIDED, _BEND, _AMPLITUDE, _PLATEAU = range(20, 28)
_OFFSET_V, _OFFSET_U, _NUCLEUS = range(28, 31)
_JUNK_Y, _JUNK_X, _JUNK_KIND, _JUNK_SIZE, _JUNK_ANGLE = range(40, 45)
_NOISE_PER_UNIT = 16 * 256 / 147.8  # Q8 of Q4 grey over the SD of four summed bytes


class Drawing(NamedTuple):
    """The arguments of the kernel for one field, see render.cuh: debris first, then cells, round ones on top."""

    frame: NDArray[np.int32]
    cells: NDArray[np.int32]
    outlines: NDArray[np.int16]


class _Objects(NamedTuple):
    y_um: NDArray[np.float64]
    x_um: NDArray[np.float64]
    angle: NDArray[np.int64]
    area_um2: NDArray[np.float64]
    aspect: NDArray[np.float64]
    grain_um: NDArray[np.float64]
    texture_grey: NDArray[np.float64]
    contrast: NDArray[np.float64]
    kind: NDArray[np.int64]
    label: NDArray[np.int64]
    ids: NDArray[np.int64]  # address of further random numbers


def draw_field(plan: SimulationPlan, culture: Culture, chance: Chance, time: int, population: Population) -> Drawing:
    """Return what the kernel needs for one field at a time index. Labels count cells in drawing order from 1."""
    order = np.argsort(population.dividing, kind="stable")  # spread cells, then round ones on top of them
    cells = _Objects(
        population.y_um[order],
        population.x_um[order],
        population.angle[order],
        population.area_um2[order],
        population.aspect[order],
        population.grain_um[order],
        population.texture_grey[order],
        population.contrast[order],
        kind=np.where(population.dividing[order], ROUND, SPREAD),
        label=np.arange(1, len(order) + 1),
        ids=order.astype(np.int64),
    )
    parts = [_scatter_debris(plan, chance, time), cells]
    objects = _Objects(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    outlines, half_length, half_breadth = _trace_outlines(objects, chance, plan.pixel_size_um)
    return Drawing(
        _set_frame(culture, chance, time),
        _set_cells(objects, chance, plan.pixel_size_um, half_length, half_breadth, outlines),
        outlines,
    )


def _scatter_debris(plan: SimulationPlan, chance: Chance, time: int) -> _Objects:
    """Return small dark debris and pale remnants; they drift, and they are nobody's truth (label 0)."""
    height, width = (side * plan.pixel_size_um for side in plan.frame_shape)
    ids = np.arange(round(difficulty.DEBRIS_PER_MM2 * height * width / 1e6 * 2)) + 500_000
    ids = ids[chance.uniform(_JUNK_KIND + 100, ids) < 0.5]
    pale = chance.uniform(_JUNK_KIND, ids) < 0.2
    size = chance.uniform(_JUNK_SIZE, ids)
    area = np.where(pale, 150.0 + 350.0 * size, 8.0 + 40.0 * size * size)
    zeros = np.zeros(len(ids))
    return _Objects(
        y_um=(chance.uniform(_JUNK_Y, ids) + 0.01 * time * chance.normal(_JUNK_Y + 60, ids)) % 1.0 * height,
        x_um=(chance.uniform(_JUNK_X, ids) + 0.01 * time * chance.normal(_JUNK_X + 60, ids)) % 1.0 * width,
        angle=(chance.bits(_JUNK_ANGLE, ids) % np.uint32(TURN)).astype(np.int64),
        area_um2=area,
        aspect=np.where(pale, 1.6, 1.3) + zeros,
        grain_um=zeros + 2.5,
        texture_grey=np.where(pale, 26.0, 0.0),
        contrast=zeros + 1.0,
        kind=np.where(pale, PALE, DEBRIS),
        label=np.zeros(len(ids), np.int64),
        ids=ids,
    )


def _trace_outlines(
    objects: _Objects, chance: Chance, pixel_size_um: float
) -> tuple[NDArray[np.int16], NDArray[np.int64], NDArray[np.int64]]:
    """Return outlines (n, KNOTS, 4), half lengths and half breadths in Q4 px.

    A side of a spread cell is w(a) = 1 - a + t a (1 - a) over the relative distance a from its peak: t = 1 is a
    parabola, 0 a triangle, < 0 a spindle with thin tails. Two sides of different t and peak give spindles,
    triangles and kites. Round objects are ellipses.
    """
    ids, smooth = objects.ids, (objects.kind == ROUND) | (objects.kind == DEBRIS)
    knots = cpu.KNOTS
    s = (np.arange(knots) * 2 / (knots - 1) - 1.0)[None, :]
    sides, curves = [], []
    for curve, peak in ((_CURVE_UPPER, _PEAK_UPPER), (_CURVE_LOWER, _PEAK_LOWER)):
        t = (1.8 * chance.uniform(curve, ids) - 0.9)[:, None]
        middle = (1.2 * chance.uniform(peak, ids) - 0.6)[:, None]
        a = np.abs(s - middle) / (1 + np.where(s > middle, -middle, middle))
        side = 1 - a + t * a * (1 - a)
        for _ in range(3):  # no cell has sharp corners at its flanks
            side[:, 1:-1] = (side[:, :-2] + 2 * side[:, 1:-1] + side[:, 2:]) / 4
        sides.append(np.where(smooth[:, None], np.sqrt(1 - s * s), side))
        curves.append(np.where(smooth, math.pi / 2, 1 + t[:, 0] / 3))  # integral of the side over s
    lopsided = np.where(smooth, 0.0, 0.7 * chance.uniform(_LOPSIDED, ids) - 0.35)
    bend = np.where(smooth, 0.0, 0.35 * chance.normal(_BEND, ids).clip(-2, 2))
    unit = (1 + lopsided) * curves[0] + (1 - lopsided) * curves[1]  # area of the outline with half axes of 1
    breadth = np.sqrt(objects.area_um2 / (objects.aspect * unit)) / pixel_size_um * 16
    half_length = np.rint(breadth * objects.aspect).astype(np.int64).clip(16, 16384)
    centre = (bend * breadth)[:, None] * (1 - s * s)
    upper = centre + ((1 + lopsided) * breadth)[:, None] * sides[0]
    lower = centre - ((1 - lopsided) * breadth)[:, None] * sides[1]
    outlines = np.empty((len(ids), knots, 4), np.int16)
    spacing = (half_length * 2 / (knots - 1))[:, None]
    for side, edge in ((0, upper), (1, lower)):
        rise = np.empty_like(edge)
        rise[:, 1:-1] = (edge[:, 2:] - edge[:, :-2]) / 2
        rise[:, 0], rise[:, -1] = edge[:, 1] - edge[:, 0], edge[:, -1] - edge[:, -2]
        slope = rise / spacing
        outlines[:, :, side] = np.rint(edge)
        outlines[:, :, 2 + side] = np.rint(256 / np.sqrt(1 + slope * slope))
    return outlines, half_length, np.rint(breadth).astype(np.int64)


def _set_cells(
    objects: _Objects,
    chance: Chance,
    pixel_size_um: float,
    half_length: NDArray[np.int64],
    half_breadth: NDArray[np.int64],
    outlines: NDArray[np.int16],
) -> NDArray[np.int32]:
    ids, kind = objects.ids, objects.kind
    q4 = 16 / pixel_size_um
    y, x = (np.rint(um * q4).astype(np.int64) for um in (objects.y_um, objects.x_um))
    cosine, sine = COSINE_Q14[objects.angle], SINE_Q14[objects.angle]
    reach = round(REACH_UM * q4)
    along = half_length + reach
    across = np.abs(outlines[:, :, :2].astype(np.int64)).max(axis=(1, 2)) + reach
    tall = (np.abs(sine) * along + np.abs(cosine) * across) >> 14
    wide = (np.abs(cosine) * along + np.abs(sine) * across) >> 14
    plateau = np.where(kind == SPREAD, 4 * chance.normal(_PLATEAU, ids), 0.0)
    nucleus = np.where(kind == SPREAD, 0.5 + 0.2 * chance.normal(_NUCLEUS, ids), 0.45).clip(0.3, 0.9) * half_breadth
    nucleus = np.maximum(nucleus, 40.0)  # 2.5 px
    dent = np.select([kind == SPREAD, kind == ROUND], [-9.0, -60.0], 0.0)
    offsets = (chance.bits(channel, ids).astype(np.int64) % cpu.TEXTURE_SIDE for channel in (_OFFSET_V, _OFFSET_U))
    amplitude = objects.contrast * np.where(kind == ROUND, 1.0, exp(0.1 * chance.normal(_AMPLITUDE, ids))) * 256
    upper, lower = outlines[:, :, 0].astype(np.int64), outlines[:, :, 1].astype(np.int64)
    u = half_length[:, None] * (2 * np.arange(cpu.KNOTS) - (cpu.KNOTS - 1)) // (cpu.KNOTS - 1)
    columns = (
        y, x, cosine, sine, half_length, (8192 << 9) // half_length,
        (y - tall) // 16 - 1, (x - wide) // 16 - 1, (y + tall) // 16 + 3, (x + wide) // 16 + 3,
        kind, objects.label, amplitude, plateau * 16, objects.texture_grey * 16,
        TEXTURE_GRAIN * pixel_size_um / objects.grain_um * 256, *offsets,
        np.where(kind == SPREAD, 0.15 * half_length * chance.normal(_NUCLEUS + 60, ids), 0.0),
        (64 << 16) / (nucleus * nucleus), dent * 16, upper.max(axis=1), lower.min(axis=1),
        *((sign * u + edge).max(axis=1) for edge, sign in ((upper, 1), (-lower, 1), (upper, -1), (-lower, -1))),
    )  # fmt: skip
    return np.ascontiguousarray(np.rint(np.column_stack(columns)).astype(np.int32))


def _set_frame(culture: Culture, chance: Chance, time: int) -> NDArray[np.int32]:
    still, now = np.arange(5) + 900_000, np.arange(4) + 900_100 + 10 * time
    tilt = difficulty.BACKGROUND_SLOPE_GREY * chance.normal(0, still)
    flicker = chance.normal(0, now)
    bits = chance.bits(1, now).astype(np.int64)
    bend = difficulty.BACKGROUND_BEND_GREY
    values = (
        (culture.level_grey + 0.7 * flicker[0]) * 16,
        (tilt[0] + 0.3 * flicker[1]) * 16,
        (tilt[1] + 0.3 * flicker[2]) * 16,
        bend * 16,
        bend * 16,
        difficulty.MOTTLE_GREY * 16,
        bits[0] % cpu.TEXTURE_SIDE,
        bits[1] % cpu.TEXTURE_SIDE,
        difficulty.CAMERA_NOISE_GREY * _NOISE_PER_UNIT,
    )
    noise_key = chance.bits(2, now)[:1].view(np.int32)
    return np.concatenate((np.rint(np.array(values)).astype(np.int32), noise_key))
