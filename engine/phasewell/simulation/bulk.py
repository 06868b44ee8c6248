"""Lots of conventionally processed bulk cells: mixtures of clones that spread further and grow less (paper R)."""

from __future__ import annotations

import math

import numpy as np

from phasewell.simulation import difficulty
from phasewell.simulation.cultures import Bulk, draw_traits

_STREAM = 0x62756C6B  # a plate's clones are the same with and without lots


def draw_bulk(lots: int, wells: list[str], seed: int) -> tuple[Bulk, ...]:
    """Return the wells of `lots` lots, the same number of wells for each, in the order of `wells`."""
    rng = np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFF, seed >> 32, _STREAM]))
    each = len(wells) // lots
    drawn = []
    for lot in range(lots):
        shift, growth = difficulty.BULK_LOT_SD * rng.standard_normal(), rng.standard_normal()
        weights = np.exp(difficulty.BULK_SHARE_SD * rng.standard_normal(difficulty.BULK_MEMBERS))
        shares = tuple(round(float(share), 6) for share in weights / weights.sum())
        ln_fold = difficulty.BULK_LN_FOLD_GROWTH + difficulty.BULK_LN_FOLD_SD * float(growth)
        members = tuple(_draw_member(rng, float(shift), ln_fold) for _ in shares)
        for well in wells[lot * each : (lot + 1) * each]:
            noise = rng.standard_normal(3)
            drawn.append(_seed_well(f"lot{lot + 1}", well, ln_fold, members, shares, noise))
    return tuple(drawn)


def _draw_member(rng: np.random.Generator, shift: float, ln_fold: float) -> dict[str, float]:
    vigour, spreading, growth = (round(float(z), 6) for z in rng.standard_normal(3))
    traits = draw_traits((vigour, spreading, growth), rng)
    traits["ln_area_um2"] = round(traits["ln_area_um2"] + difficulty.BULK_LN_AREA + shift, 6)
    slower = max(ln_fold, 0.1) / difficulty.TRAITS["ln_fold_growth"].mean
    traits["round_fraction"] = round(traits["round_fraction"] * slower, 6)
    del traits["ln_fold_growth"]  # a lot grows as one
    return traits


def _seed_well(
    name: str,
    well: str,
    ln_fold: float,
    members: tuple[dict[str, float], ...],
    shares: tuple[float, ...],
    noise: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Bulk:
    return Bulk(
        name=name,
        well=well,
        factors=(0.0, 0.0, 0.0),
        traits={"ln_fold_growth": round(ln_fold, 6)},
        density_per_mm2=round(difficulty.BULK_DENSITY_PER_MM2 * math.exp(difficulty.DENSITY_SD * float(noise[0])), 6),
        level_grey=round(difficulty.BACKGROUND_GREY + difficulty.WELL_LEVEL_SD * float(noise[1]), 6),
        contrast=round(math.exp(difficulty.WELL_CONTRAST_SD * float(noise[2])), 6),
        members=members,
        shares=shares,
    )
