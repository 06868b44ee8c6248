"""Which donor lines a simulated plate holds: class, share of rapidly renewing cells, traits and wells of each."""

from __future__ import annotations

import math

import numpy as np

from phasewell.errors import UsageError
from phasewell.simulation import difficulty
from phasewell.simulation.cultures import Line, SimulationPlan, check_arguments, draw_traits, lay_out, name_wells

CLASSES = ("low", "high")
"""Of lines; the positive class is the last."""
_STREAM = 0x6C696E65  # lines and clones of one seed have nothing in common


def plan_lines(
    lines: int = 8,
    wells: int = 1,
    fields: int = 64,
    times: int = 5,
    seed: int = 0,
    frame_shape: tuple[int, int] = (904, 1224),
    pixel_size_um: float = 0.87,
) -> SimulationPlan:
    """Return the plan of a plate of donor lines of two classes, half of each, and a frame every 6 h from 24 h on.

    `wells` is the number of wells of a line; `frame_shape` is (height, width) in px, by default that of paper K (K1).
    A line differs from every other line, of its own class as well, in all the traits in which clones differ; classes
    differ in the share of small spindles alone (difficulty.RAPID). Raises UsageError naming the argument that is out
    of range, and for an odd number of lines.
    """
    counts = {"lines": (lines, 384), "wells": (wells, 384), "lines x wells": (lines * wells, 384)}
    check_arguments(counts, fields, times, seed, frame_shape, pixel_size_um)
    if lines % 2:
        raise UsageError(f"simulate: lines={lines}; expected an even number: half of the lines are of each class")
    drawn = _draw_lines(lines, wells, np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFF, seed >> 32, _STREAM])))
    arguments = {"lines": lines, "wells": wells, "fields": fields, "times": times, "seed": seed}
    return lay_out(drawn, difficulty.LINE_FIRST_HOUR, {**arguments, "pixel_size_um": pixel_size_um}, frame_shape)


def _draw_lines(count: int, wells_per_line: int, rng: np.random.Generator) -> tuple[Line, ...]:
    names = iter(name_wells(count * wells_per_line))
    classes = [CLASSES[i % 2] for i in rng.permutation(count)]
    digits = max(len(str(count)), 2)
    cultures = []
    for i, line_class in enumerate(classes):
        vigour, spreading, growth = (round(float(z), 6) for z in rng.standard_normal(3))
        factors = (vigour, spreading, growth)
        traits = draw_traits(factors, rng)
        day = rng.standard_normal(4)  # one line is seeded and photographed on one day
        share = difficulty.RAPID_SHARE[line_class] * math.exp(difficulty.RAPID_SHARE_SD * float(day[0]))
        for _ in range(wells_per_line):
            noise = rng.standard_normal(3)
            ln_density = difficulty.LINE_DENSITY_SD * day[1] + difficulty.DENSITY_SD * noise[0]
            level = difficulty.LINE_LEVEL_SD * day[2] + difficulty.WELL_LEVEL_SD * noise[1]
            ln_contrast = difficulty.LINE_CONTRAST_SD * day[3] + difficulty.WELL_CONTRAST_SD * noise[2]
            cultures.append(
                Line(
                    name=f"line{i + 1:0{digits}d}",
                    well=next(names),
                    factors=factors,
                    traits=traits,
                    density_per_mm2=round(difficulty.LINE_DENSITY_PER_MM2 * math.exp(float(ln_density)), 6),
                    level_grey=round(difficulty.BACKGROUND_GREY + float(level), 6),
                    contrast=round(math.exp(float(ln_contrast)), 6),
                    line_class=line_class,
                    share=round(share, 6),
                )
            )
    return tuple(cultures)
