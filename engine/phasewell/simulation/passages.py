"""Passages of simulated clones up to their limit: what a ledger of serial passages would say of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from phasewell.simulation.cultures import SimulationPlan

SEEDED_CELLS = 200_000  # a 100-mm dish, paper R
_FIRST = 3  # passage of the cell bank
_COUNTED_TO = 1_000  # cells: what a counter shows
_STREAM = 0x70617373


class Harvest(NamedTuple):
    """One passage of one clone."""

    clone: str
    passage: int
    seeded: int
    harvested: int


def draw_passages(plan: SimulationPlan) -> tuple[Harvest, ...]:
    """Return the passages of every clone, from passage 3 to its potency, where the harvest no longer reaches the seed.

    A dish doubles two to three times at first, and less and less towards the limit; counts vary by 10 %.
    """
    rng = np.random.Generator(np.random.PCG64([plan.seed & 0xFFFFFFFF, plan.seed >> 32, _STREAM]))
    rows = []
    for clone in plan.clones:
        first = 2.6 + 0.25 * clone.factors[2]  # doublings of the first passage, by the clone's growth
        for passage in range(_FIRST, clone.potency + 1):
            noise = float(rng.standard_normal())
            age = (passage - _FIRST) / (clone.potency - _FIRST)
            doublings = max(first * (1 - age * math.sqrt(age)) + 0.14 * noise, 0.3)
            if passage == clone.potency:
                doublings = -0.3 - 0.2 * abs(noise)
            harvested = round(SEEDED_CELLS * math.exp(doublings * math.log(2)) / _COUNTED_TO) * _COUNTED_TO
            rows.append(Harvest(clone.name, passage, SEEDED_CELLS, harvested))
    return tuple(rows)
