"""Frames and truth labels of a simulated plate, one unit or one field at a time, from the plan alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from phasewell_kernels import cpu

from phasewell.errors import UsageError
from phasewell.simulation.drawing import draw_field
from phasewell.simulation.optics import optics, texture_tile
from phasewell.simulation.population import populate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from phasewell.simulation.cultures import SimulationPlan


def render_unit(
    plan: SimulationPlan, well: str, time: int, fields: Iterable[int] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Render the fields of one well at a time index: pixels (fields, height, width) uint8 and truth labels int32.

    `fields` are indices, all by default. A label names one cell, 0 is background or debris; where cells overlap,
    the one on top owns the pixel, so a label may be absent or in pieces. Cells cut by the frame are kept.
    Any frame can be had alone, in any order, with the same bits on every machine. Releases the GIL while drawing.
    Raises UsageError for a well, time or field that the plan lacks.
    """
    chosen = tuple(range(plan.n_fields) if fields is None else fields)
    if not 0 <= time < len(plan.times_h):
        raise UsageError(f"simulated plate: no time {time}; expected 0..{len(plan.times_h) - 1}")
    if not all(0 <= field < plan.n_fields for field in chosen):
        raise UsageError(f"simulated plate: fields {chosen}; expected indices of 0..{plan.n_fields - 1}")
    culture, position = plan.culture(well), plan.wells.index(well)
    drawings = []
    for field in chosen:
        chance = plan.chance(position, field)
        drawings.append(draw_field(plan, culture, chance, time, populate(plan, culture, chance, time)))
    pixels = np.empty((len(chosen), *plan.frame_shape), np.uint8)
    labels = np.empty(pixels.shape, np.int32)
    if not chosen:
        return pixels, labels
    tables = optics(plan.pixel_size_um)
    offsets = np.cumsum([0, *(len(drawing.cells) for drawing in drawings)], dtype=np.int64)
    cpu.render_frames(
        np.stack([drawing.frame for drawing in drawings]),
        offsets,
        np.concatenate([drawing.cells for drawing in drawings]),
        np.concatenate([drawing.outlines for drawing in drawings]),
        tables.profiles,
        texture_tile(),
        tables.mottle,
        tables.reach,
        tables.profile_scale,
        pixels,
        labels,
    )
    return pixels, labels
