"""Which clones a simulated plate holds: latent factors, traits, potency and well of each, from one seed."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from phasewell.simulation import difficulty
from phasewell.simulation.bulk import draw_bulk
from phasewell.simulation.cultures import Clone, SimulationPlan, check_arguments, draw_traits, lay_out, name_wells


def plan_plate(
    clones: int = 15,
    fields: int = 64,
    times: int = 15,
    seed: int = 0,
    frame_shape: tuple[int, int] = (1000, 1000),
    pixel_size_um: float = 0.87,
    bulk_lots: int = 0,
    bulk_wells: int = 3,
) -> SimulationPlan:
    """Return the plan of a plate with one clone per well and a frame every 6 h from 6 h on.

    `frame_shape` is (height, width) in px. After the clones stand `bulk_lots` lots of conventionally processed bulk
    cells, each in `bulk_wells` wells (paper R: 9 lots in 3 wells); they change nothing in the clones, whose wells may
    have other names on a larger plate. Raises UsageError naming the argument that is out of range.
    """
    counts = {"clones": (clones, 384)}
    if bulk_lots:
        wells = clones + bulk_lots * bulk_wells
        counts |= {
            "bulk_lots": (bulk_lots, 384),
            "bulk_wells": (bulk_wells, 384),
            "clones + lots x wells": (wells, 384),
        }
    check_arguments(counts, fields, times, seed, frame_shape, pixel_size_um)
    names = name_wells(clones + bulk_lots * bulk_wells)
    drawn = _draw_clones(clones, names, np.random.Generator(np.random.PCG64(seed)))
    arguments = {"clones": clones, "fields": fields, "times": times, "seed": seed, "pixel_size_um": pixel_size_um}
    if not bulk_lots:
        return lay_out(drawn, difficulty.FIRST_HOUR, arguments, frame_shape)
    bulk = draw_bulk(bulk_lots, names[clones:], seed)
    arguments |= {"bulk_lots": bulk_lots, "bulk_wells": bulk_wells}
    return lay_out((*drawn, *bulk), difficulty.FIRST_HOUR, arguments, frame_shape)


def _draw_clones(count: int, wells: list[str], rng: np.random.Generator) -> tuple[Clone, ...]:
    # vigour takes the normal quantiles in random order, so that every plate spans the potencies; the rest is free
    quantiles = [NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]
    scale = math.sqrt(math.fsum(q * q for q in quantiles) / count) or 1.0
    vigour = [quantiles[i] / scale for i in rng.permutation(count)]
    clones = []
    for i in range(count):
        spreading, growth = (round(float(z), 6) for z in rng.standard_normal(2))
        factors = (round(vigour[i], 6), spreading, growth)
        traits = draw_traits(factors, rng)
        noise = rng.standard_normal(4)
        explained = sum(a * b for a, b in zip(difficulty.POTENCY_WEIGHTS, factors, strict=False))
        passages = difficulty.POTENCY_MEAN + difficulty.POTENCY_SD * explained + difficulty.LINK_NOISE_SD * noise[0]
        lowest, highest = difficulty.POTENCY_RANGE
        clones.append(
            Clone(
                name=f"clone{i + 1:02d}",
                well=wells[i],
                potency=min(max(round(float(passages)), lowest), highest),
                factors=factors,
                traits=traits,
                density_per_mm2=round(
                    difficulty.DENSITY_PER_MM2 * math.exp(difficulty.DENSITY_SD * float(noise[1])), 6
                ),
                level_grey=round(difficulty.BACKGROUND_GREY + difficulty.WELL_LEVEL_SD * float(noise[2]), 6),
                contrast=round(math.exp(difficulty.WELL_CONTRAST_SD * float(noise[3])), 6),
            )
        )
    return tuple(clones)
