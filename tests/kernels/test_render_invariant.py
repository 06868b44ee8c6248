"""What must hold of rendered frames whatever the cells: order, borders, batches."""

from __future__ import annotations

import numpy as np
from phasewell.simulation import plan_plate, render_unit
from phasewell.simulation.drawing import Drawing, draw_field
from phasewell.simulation.optics import optics, texture_tile
from phasewell.simulation.population import populate
from phasewell_kernels import cpu


def draw(seed: int = 5, shape: tuple[int, int] = (200, 300)) -> Drawing:
    plan = plan_plate(clones=1, fields=1, times=15, seed=seed, frame_shape=shape)
    chance = plan.chance(0, 0)
    return draw_field(plan, plan.clones[0], chance, 14, populate(plan, plan.clones[0], chance, 14))


def render(drawing: Drawing, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    tables = optics(0.87)
    pixels, labels = np.empty((1, *shape), np.uint8), np.empty((1, *shape), np.int32)
    cpu.render_frames(
        drawing.frame[None], np.array([0, len(drawing.cells)]), drawing.cells, drawing.outlines, tables.profiles,
        texture_tile(), tables.mottle, tables.reach, tables.profile_scale, pixels, labels,
    )  # fmt: skip
    return pixels[0], labels[0]


def test_borders_clip_and_nothing_else() -> None:
    drawing = draw()
    whole = render(drawing, (200, 300))[1]
    for top, left, height, width in ((37, 51, 100, 120), (0, 1, 1, 299), (150, 270, 50, 30)):
        cells = drawing.cells.copy()
        cells[:, 0] -= top * 16
        cells[:, 1] -= left * 16
        cells[:, [6, 8]] -= top
        cells[:, [7, 9]] -= left
        part = render(drawing._replace(cells=cells), (height, width))[1]
        np.testing.assert_array_equal(part, whole[top : top + height, left : left + width])


def test_a_wider_bounding_box_changes_nothing() -> None:
    drawing = draw()
    wide = drawing.cells.copy()
    wide[:, [6, 7]] -= 100
    wide[:, [8, 9]] += 100
    before, after = render(drawing, (200, 300)), render(drawing._replace(cells=wide), (200, 300))
    np.testing.assert_array_equal(before[1], after[1])
    np.testing.assert_array_equal(before[0], after[0])


def test_the_last_cell_lies_on_top() -> None:
    drawing = draw()
    labels = render(drawing, (200, 300))[1]
    last = int(drawing.cells[:, 11].max())
    alone = Drawing(drawing.frame, drawing.cells[-1:], drawing.outlines[-1:])
    moved = alone.cells.copy()
    moved[:, :2] = (100 * 16, 150 * 16)
    moved[:, 6:10] = (0, 0, 200, 300)
    on_top = Drawing(
        drawing.frame, np.concatenate((drawing.cells, moved)), np.concatenate((drawing.outlines, alone.outlines))
    )
    expected = render(alone._replace(cells=moved), (200, 300))[1] == last
    got = render(on_top, (200, 300))[1]
    assert expected.any()
    assert (got[expected] == last).all()
    np.testing.assert_array_equal(got[~expected], labels[~expected])


def test_debris_has_no_truth_but_is_seen() -> None:
    drawing = draw()
    debris = drawing.cells[:, 11] == 0
    assert debris.any()
    only = Drawing(drawing.frame, drawing.cells[debris], drawing.outlines[debris])
    none = Drawing(drawing.frame, drawing.cells[:0], drawing.outlines[:0])
    assert not render(only, (200, 300))[1].any()
    assert (render(only, (200, 300))[0] != render(none, (200, 300))[0]).any()


def test_a_field_is_the_same_alone_and_in_a_batch() -> None:
    plan = plan_plate(clones=2, fields=3, times=2, seed=9, frame_shape=(80, 130))
    pixels, labels = render_unit(plan, "A02", 1)
    for field in (2, 0, 1):
        alone = render_unit(plan, "A02", 1, [field])
        np.testing.assert_array_equal(alone[0][0], pixels[field])
        np.testing.assert_array_equal(alone[1][0], labels[field])
