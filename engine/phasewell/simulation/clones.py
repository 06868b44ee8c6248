"""Which clones a simulated plate holds: latent factors, traits, potency and well of each, from one seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from phasewell.errors import UsageError
from phasewell.plate import row_name
from phasewell.simulation import difficulty
from phasewell.simulation.chance import Chance

FACTORS = ("vigour", "spreading", "growth")
_FORMATS = ((2, 3), (4, 6), (8, 12), (16, 24))  # rows, columns of 6-, 24-, 96- and 384-well plates
_STREAM = 0x70686173  # separates our streams from other users of the same seed


@dataclass(frozen=True)
class Clone:
    """One clone in its well: `traits` as named in difficulty.TRAITS, `factors` in the order of FACTORS."""

    name: str
    well: str
    potency: int
    factors: tuple[float, float, float]
    traits: dict[str, float]
    density_per_mm2: float
    level_grey: float
    contrast: float

    def to_dict(self) -> dict[str, str | int | float]:
        """Return one flat row of truth."""
        row: dict[str, str | int | float] = {"clone": self.name, "well": self.well, "potency": self.potency}
        row |= {f"factor_{name}": value for name, value in zip(FACTORS, self.factors, strict=True)}
        row |= {f"trait_{name}": value for name, value in self.traits.items()}
        return row | {
            "density_per_mm2": self.density_per_mm2,
            "level_grey": self.level_grey,
            "contrast": self.contrast,
        }


@dataclass(frozen=True)
class SimulationPlan:
    """Everything a simulated plate is made from: its frames follow from this alone, one by one, in any order."""

    seed: int
    clones: tuple[Clone, ...]
    n_fields: int
    times_h: tuple[float, ...]
    frame_shape: tuple[int, int]
    pixel_size_um: float

    @property
    def wells(self) -> tuple[str, ...]:
        """Wells in plate order."""
        return tuple(clone.well for clone in self.clones)

    def clone(self, well: str) -> Clone:
        """Return the clone of a well; raises UsageError when there is none."""
        for clone in self.clones:
            if clone.well == well:
                return clone
        raise UsageError(f"simulated plate: no well {well!r}; it has {', '.join(self.wells)}")

    def chance(self, *path: int) -> Chance:
        """Return the random stream of a path within this plate."""
        return Chance(_STREAM).at(self.seed & 0xFFFFFFFF, self.seed >> 32, *path)


def plan_plate(
    clones: int = 15,
    fields: int = 64,
    times: int = 15,
    seed: int = 0,
    frame_shape: tuple[int, int] = (1000, 1000),
    pixel_size_um: float = 0.87,
) -> SimulationPlan:
    """Return the plan of a plate with one clone per well and a frame every 6 h from 6 h on.

    `frame_shape` is (height, width) in px. Raises UsageError naming the argument that is out of range.
    """
    for name, value, highest in (("clones", clones, 384), ("fields", fields, 10_000), ("times", times, 1_000)):
        if not 1 <= value <= highest:
            raise UsageError(f"simulate: {name}={value}; expected 1..{highest}")
    if not 0 <= seed < 2**63:
        raise UsageError(f"simulate: seed={seed}; expected 0..2^63 - 1")
    if len(frame_shape) != 2 or not all(16 <= side <= 16384 for side in frame_shape):
        raise UsageError(f"simulate: frame_shape={frame_shape}; expected height and width of 16..16384 px")
    if not 0.2 <= pixel_size_um <= 3.0:
        raise UsageError(f"simulate: pixel_size_um={pixel_size_um}; expected 0.2..3.0, where cells have a shape")
    drawn = _draw_clones(clones, np.random.Generator(np.random.PCG64(seed)))
    hours = tuple(6.0 * (i + 1) for i in range(times))
    height, width = frame_shape
    return SimulationPlan(seed, drawn, fields, hours, (int(height), int(width)), float(pixel_size_um))


def _draw_clones(count: int, rng: np.random.Generator) -> tuple[Clone, ...]:
    # vigour takes the normal quantiles in random order, so that every plate spans the potencies; the rest is free
    quantiles = [NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]
    scale = math.sqrt(math.fsum(q * q for q in quantiles) / count) or 1.0
    vigour = [quantiles[i] / scale for i in rng.permutation(count)]
    wells = _name_wells(count)
    clones = []
    for i in range(count):
        factors = (round(vigour[i], 6), *(round(float(z), 6) for z in rng.standard_normal(2)))
        traits = {}
        for name, trait in difficulty.TRAITS.items():
            shared = sum(a * b for a, b in zip(trait.loadings, factors, strict=True))
            own = math.sqrt(1 - sum(a * a for a in trait.loadings)) * float(rng.standard_normal())
            traits[name] = round(trait.mean + trait.spread * (shared + own), 6)
        for name, least in (
            ("ln_area_sd", 0.1),
            ("ln_aspect_sd", 0.05),
            ("ln_grain_sd", 0.05),
            ("ln_texture_sd", 0.05),
        ):
            traits[name] = max(traits[name], least)
        traits["round_fraction"] = max(traits["round_fraction"], 0.005)
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


def _name_wells(count: int) -> list[str]:
    rows, columns = next((r, c) for r, c in _FORMATS if r * c >= count)
    return [f"{row_name(i // columns)}{i % columns + 1:02d}" for i in range(rows * columns)][:count]
