"""The render kernel against its formula written again in NumPy, whole frames at once: bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phasewell.simulation.optics import optics, texture_tile
from phasewell_kernels import cpu

CELL = tuple(
    """y x cosine sine half_length knot_scale top left bottom right kind label amplitude plateau texture_amplitude
    texture_scale texture_v texture_u nucleus_u nucleus_scale nucleus_amplitude upper_most lower_most
    most_pp most_pm most_mp most_mm""".split()  # noqa: SIM905
)
FRAME = tuple(
    "level slope_y slope_x bend_y bend_x mottle_amplitude mottle_v mottle_u noise noise_key".split()  # noqa: SIM905
)


def hash32(x: Any) -> Any:
    x = x & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)


def draw_cell(c: dict[str, int], outline: Any, tables: Any, texture: Any, images: Any) -> None:
    body, halo, owner = images
    height, width = body.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    dy, dx = y * 16 - c["y"], x * 16 - c["x"]
    u, v = (dx * c["cosine"] + dy * c["sine"]) >> 14, (dy * c["cosine"] - dx * c["sine"]) >> 14
    place = np.clip(((u + c["half_length"]) * c["knot_scale"]) >> 10, 0, (cpu.KNOTS - 1) * 256 - 1)
    here, following, part = outline[place >> 8], outline[(place >> 8) + 1], (place & 255)[..., None]
    upper, lower, upper_cosine, lower_cosine = np.moveaxis(here + (((following - here) * part) >> 8), -1, 0)
    diagonals = [c["most_pp"] - u - v, c["most_mm"] + u + v, c["most_pm"] - u + v, c["most_mp"] + u - v]
    box = [c["half_length"] - np.abs(u), c["upper_most"] - v, v - c["lower_most"]]
    sides = [((upper - v) * upper_cosine) >> 8, ((v - lower) * lower_cosine) >> 8]
    distance = np.minimum.reduce([*box, *sides, (np.minimum.reduce(diagonals) * 181) >> 8])
    place = np.clip(((distance + tables.reach) * tables.profile_scale) >> 16, 0, cpu.PROFILE_SAMPLES - 1)
    optical = (tables.profiles[c["kind"]].astype(np.int64)[place] * c["amplitude"]) >> 8
    tv = ((v * c["texture_scale"]) >> 12) + c["texture_v"]
    tu = ((u * c["texture_scale"]) >> 12) + c["texture_u"]
    grain = texture[tv & (cpu.TEXTURE_SIDE - 1), tu & (cpu.TEXTURE_SIDE - 1)]
    squares = np.clip(u - c["nucleus_u"], -1023, 1023) ** 2 + np.clip(v, -1023, 1023) ** 2
    depth = 64 - np.minimum((squares * c["nucleus_scale"]) >> 16, 255)
    nucleus = np.where(depth > 0, c["nucleus_amplitude"], np.where(depth > -24, -c["nucleus_amplitude"], 0))
    inside_grey = optical + c["plateau"] + ((c["texture_amplitude"] * grain) >> 7) + nucleus
    near = (y >= c["top"]) & (y < c["bottom"]) & (x >= c["left"]) & (x < c["right"]) & (distance + tables.reach >= 0)
    inside, outside = near & (distance >= 0), near & (distance < 0)
    body[inside], owner[inside] = inside_grey[inside], c["label"]
    spread = np.where((halo > 0) | (optical > 0), np.maximum(halo, optical), np.minimum(halo, optical))
    halo[:] = np.where(inside, halo >> 2, np.where(outside, spread, halo))


def render(frame: Any, cells: Any, outlines: Any, tables: Any, shape: tuple[int, int]) -> tuple[Any, Any]:
    f = dict(zip(FRAME, (int(value) for value in frame), strict=True))
    texture = texture_tile().astype(np.int64)
    images = tuple(np.zeros(shape, np.int64) for _ in range(3))
    for row, outline in zip(cells, outlines, strict=True):
        named = dict(zip(CELL, (int(value) for value in row), strict=True))
        draw_cell(named, outline.astype(np.int64), tables, texture, images)
    body, halo, owner = images
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    step = (1024 << 14) // max(shape)
    py, px = ((2 * y - height) * step) >> 15, ((2 * x - width) * step) >> 15
    plane = (f["slope_y"] * py + f["slope_x"] * px) >> 9
    bowl = (f["bend_y"] * ((py * py) >> 9) + f["bend_x"] * ((px * px) >> 9)) >> 9
    side = cpu.TEXTURE_SIDE
    grain = tables.mottle.astype(np.int64)[(y + f["mottle_v"]) % side, (x + f["mottle_u"]) % side]
    bits = hash32((y * width + x) ^ (f["noise_key"] & 0xFFFFFFFF))
    noise = sum((bits >> shift) & 255 for shift in (0, 8, 16, 24)) - 510
    shade = np.where(owner > 0, (halo * 5) >> 3, halo)
    grey = (
        f["level"] + plane + bowl + ((f["mottle_amplitude"] * grain) >> 7) + ((f["noise"] * noise) >> 8) + body + shade
    )
    return np.clip((grey + 8) >> 4, 0, 255).astype(np.uint8), owner.astype(np.int32)


def test_names_cover_the_kernel_structures() -> None:
    assert (len(CELL), len(FRAME)) == (cpu.CELL_FIELDS, cpu.FRAME_FIELDS)


@pytest.mark.parametrize(("time", "shape"), [(0, (90, 150)), (7, (131, 257)), (14, (64, 128))])
def test_simulated_fields_equal_the_formula(time: int, shape: tuple[int, int]) -> None:
    from phasewell.simulation import plan_plate, render_unit
    from phasewell.simulation.drawing import draw_field
    from phasewell.simulation.population import populate

    plan = plan_plate(clones=3, fields=2, times=15, seed=11, frame_shape=shape)
    clone, chance = plan.clones[1], plan.chance(1, 1)
    drawing = draw_field(plan, clone, chance, time, populate(plan, clone, chance, time))
    pixels, labels = render(drawing.frame, drawing.cells, drawing.outlines, optics(plan.pixel_size_um), shape)
    kernel_pixels, kernel_labels = render_unit(plan, clone.well, time, [1])
    np.testing.assert_array_equal(kernel_labels[0], labels)
    np.testing.assert_array_equal(kernel_pixels[0], pixels)
    assert labels.max() > 0


@pytest.mark.parametrize("seed", range(6))
def test_any_parameters_equal_the_formula(seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    tables, shape, n = optics(0.87), (70, 141), 9
    ranges = dict.fromkeys(CELL, (-300, 300)) | {
        "y": (-400, 1600), "x": (-400, 2700), "half_length": (16, 600), "top": (-90, 60), "left": (-90, 120),
        "bottom": (0, 160), "right": (0, 230), "kind": (0, 4), "label": (0, 9), "amplitude": (0, 600),
        "texture_scale": (0, 2000), "texture_amplitude": (0, 1500), "nucleus_scale": (0, 4000),
    }  # fmt: skip
    cells = np.array([[rng.integers(*ranges[name]) for name in CELL] for _ in range(n)], np.int32)
    angle = rng.uniform(0, 2 * np.pi, n)
    cells[:, 2], cells[:, 3] = np.rint(16384 * np.cos(angle)), np.rint(16384 * np.sin(angle))
    cells[:, 5] = (8192 << 9) // cells[:, 4]
    cells[:, 21], cells[:, 22] = 200, -250
    cells[:, 23:27] = 400
    outlines = rng.integers(-250, 250, (n, cpu.KNOTS, 4), np.int16)
    outlines[:, :, 2:] = rng.integers(20, 257, (n, cpu.KNOTS, 2))
    frame = rng.integers([1500, *[-200] * 4, 0, 0, 0, 0, -(2**31)], [2000, *[200] * 4, 400, 256, 256, 90, 2**31 - 1])
    frames = frame.astype(np.int32)[None]
    pixels, labels = np.empty((1, *shape), np.uint8), np.empty((1, *shape), np.int32)
    arguments = (tables.profiles, texture_tile(), tables.mottle, tables.reach, tables.profile_scale, pixels, labels)
    cpu.render_frames(frames, np.array([0, n]), cells, outlines, *arguments)
    expected = render(frames[0], cells, outlines, tables, shape)
    np.testing.assert_array_equal(labels[0], expected[1])
    np.testing.assert_array_equal(pixels[0], expected[0])
