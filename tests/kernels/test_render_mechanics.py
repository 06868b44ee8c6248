"""The render kernel's door: what it refuses, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell.simulation import plan_plate
from phasewell.simulation.drawing import draw_field
from phasewell.simulation.optics import optics, texture_tile
from phasewell.simulation.population import populate
from phasewell_kernels import cpu

NAMES = ("frames", "offsets", "cells", "outlines", "profiles", "texture", "mottle", "reach", "profile_scale")
NAMES += ("pixels", "labels")


def arguments() -> dict[str, Any]:
    plan = plan_plate(clones=1, fields=1, times=1, seed=3, frame_shape=(40, 60))
    clone, chance, tables = plan.clones[0], plan.chance(0, 0), optics(0.87)
    drawing = draw_field(plan, clone, chance, 0, populate(plan, clone, chance, 0))
    offsets = np.array([0, len(drawing.cells)])
    images = np.empty((1, 40, 60), np.uint8), np.empty((1, 40, 60), np.int32)
    values = (drawing.frame[None], offsets, drawing.cells, drawing.outlines, tables.profiles, texture_tile())
    return dict(zip(NAMES, (*values, tables.mottle, tables.reach, tables.profile_scale, *images), strict=True))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("reach", "profile_scale")])
def test_no_array_is_converted(name: str) -> None:
    good = arguments()
    cpu.render_frames(**good)
    with pytest.raises(TypeError):
        cpu.render_frames(**{**good, name: good[name].astype(np.float64)})
    strided = np.repeat(good[name], 2, axis=-1)[..., ::2]
    if strided.shape[-1] > 1:
        with pytest.raises(TypeError):
            cpu.render_frames(**{**good, name: strided})


def change_cell(column: int, value: int) -> dict[str, Any]:
    good = arguments()
    good["cells"][-1, column] = value
    return good


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda: change_cell(4, 0), "half_length"),
        (lambda: change_cell(5, 1 << 30), "knot_scale"),
        (lambda: change_cell(10, 4), "kind"),
        (lambda: change_cell(10, -1), "kind"),
        (lambda: change_cell(11, -1), "label"),
        (lambda: change_cell(2, 20000), "Q14"),
        (lambda: change_cell(9, 5000), "bounding box"),
        (lambda: change_cell(12, 1 << 20), "amplitude"),
        (lambda: {**arguments(), "reach": -1}, "reach"),
        (lambda: {**arguments(), "profile_scale": 0}, "profile_scale"),
        (lambda: {**arguments(), "offsets": np.array([0, 1])}, "offsets"),
        (lambda: {**arguments(), "labels": np.empty((1, 40, 61), np.int32)}, "shape"),
        (lambda: {**arguments(), "labels": np.empty((2, 40, 60), np.int32)}, "one image per frame"),
        (lambda: {**arguments(), "outlines": arguments()["outlines"][1:]}, "one outline per cell"),
    ],
)
def test_values_out_of_range_are_named(changed: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cpu.render_frames(**changed())
