"""What grows in the wells of a simulated plate, and the plan of the plate: everything its frames are made from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phasewell.errors import UsageError
from phasewell.plate import row_name
from phasewell.simulation import difficulty
from phasewell.simulation.chance import Chance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FACTORS = ("vigour", "spreading", "growth")
_FORMATS = ((2, 3), (4, 6), (8, 12), (16, 24))  # rows, columns of 6-, 24-, 96- and 384-well plates
_MEMBER = 11  # channel of a cell's random numbers: of which member of a mixture it is
_STREAM = 0x70686173  # separates our streams from other users of the same seed
_LEAST = {"ln_area_sd": 0.1, "ln_aspect_sd": 0.05, "ln_grain_sd": 0.05, "ln_texture_sd": 0.05, "round_fraction": 0.005}


@dataclass(frozen=True)
class Culture(ABC):
    """The cells of one well: `traits` as named in difficulty.TRAITS, `factors` in the order of FACTORS."""

    name: str
    well: str
    factors: tuple[float, float, float]
    traits: dict[str, float]
    density_per_mm2: float
    level_grey: float
    contrast: float

    @property
    def rapid_share(self) -> float:
        """Share of the cells that belong to the subpopulation of small spindles (difficulty.RAPID)."""
        return 0.0

    @property
    def unspread_area(self) -> float:
        """Area just after seeding, as a share of the spread area."""
        return difficulty.UNSPREAD_AREA

    def cell_traits(self, chance: Chance, ids: NDArray[np.int64]) -> dict[str, Any]:  # noqa: ARG002 - mixtures use them
        """Return the traits of the cells `ids`: numbers where all share them, else arrays (cells,)."""
        return dict(self.traits)

    @property
    @abstractmethod
    def labels(self) -> dict[str, str | int]:
        """What the plate map says of the well."""

    def to_dict(self) -> dict[str, str | int | float]:
        """Return one flat row of truth."""
        row: dict[str, str | int | float] = {"well": self.well, **self.labels}
        row |= {f"factor_{name}": value for name, value in zip(FACTORS, self.factors, strict=True)}
        row |= {f"trait_{name}": value for name, value in self.traits.items()}
        return row | {
            "density_per_mm2": self.density_per_mm2,
            "level_grey": self.level_grey,
            "contrast": self.contrast,
        }


@dataclass(frozen=True)
class Clone(Culture):
    """A clone in its well, and its potency in passages."""

    potency: int

    @property
    def labels(self) -> dict[str, str | int]:
        """Clone and potency."""
        return {"clone": self.name, "potency": self.potency}


@dataclass(frozen=True)
class Line(Culture):
    """A donor line in one of its wells, and the class that its share of rapidly renewing cells gives it."""

    line_class: str
    share: float

    @property
    def rapid_share(self) -> float:
        """Share of small spindles, the same in every well of the line."""
        return self.share

    @property
    def labels(self) -> dict[str, str | int]:
        """Line and class."""
        return {"line": self.name, "class": self.line_class}

    def to_dict(self) -> dict[str, str | int | float]:
        """Return one flat row of truth."""
        return {**super().to_dict(), "rapid_share": self.share}


@dataclass(frozen=True)
class Bulk(Culture):
    """A lot of conventionally processed bulk cells in one of its wells: a mixture of clones, `members` with `shares`.

    `traits` hold what the lot has as a whole, its growth; the rest comes from the member that a cell is of.
    """

    members: tuple[dict[str, float], ...]
    shares: tuple[float, ...]

    @property
    def unspread_area(self) -> float:
        """Bulk cells start as small as clones and spread further."""
        return difficulty.BULK_UNSPREAD_AREA

    def cell_traits(self, chance: Chance, ids: NDArray[np.int64]) -> dict[str, Any]:
        """Return the traits of the member that each cell is of, for life, as arrays (cells,)."""
        import numpy as np

        ends = np.cumsum(self.shares)
        member = np.minimum(np.searchsorted(ends, chance.uniform(_MEMBER, ids), side="right"), len(ends) - 1)
        own = {name: np.array([m[name] for m in self.members])[member] for name in self.members[0]}
        return {**self.traits, **own}

    @property
    def labels(self) -> dict[str, str | int]:
        """The lot; bulk cells have no clone and no potency."""
        return {"lot": self.name}

    def to_dict(self) -> dict[str, Any]:
        """Return one row of truth, with the members and their shares."""
        return {**super().to_dict(), "shares": list(self.shares), "members": [dict(m) for m in self.members]}


@dataclass(frozen=True)
class SimulationPlan:
    """Everything a simulated plate is made from: its frames follow from this alone, one by one, in any order.

    `arguments` are those of the function that planned it, JSON-able, as truth.json keeps them.
    """

    seed: int
    cultures: tuple[Culture, ...]
    n_fields: int
    times_h: tuple[float, ...]
    frame_shape: tuple[int, int]
    pixel_size_um: float
    arguments: dict[str, Any]

    @property
    def wells(self) -> tuple[str, ...]:
        """Wells in plate order."""
        return tuple(culture.well for culture in self.cultures)

    @property
    def clones(self) -> tuple[Clone, ...]:
        """The clones in plate order; none on a plate of lines."""
        return tuple(culture for culture in self.cultures if isinstance(culture, Clone))

    @property
    def bulk(self) -> tuple[Bulk, ...]:
        """The wells of bulk lots in plate order."""
        return tuple(culture for culture in self.cultures if isinstance(culture, Bulk))

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines in plate order, one per well; none on a plate of clones."""
        return tuple(culture for culture in self.cultures if isinstance(culture, Line))

    def culture(self, well: str) -> Culture:
        """Return what grows in a well; raises UsageError when there is none."""
        for culture in self.cultures:
            if culture.well == well:
                return culture
        raise UsageError(f"simulated plate: no well {well!r}; it has {', '.join(self.wells)}")

    def chance(self, *path: int) -> Chance:
        """Return the random stream of a path within this plate."""
        return Chance(_STREAM).at(self.seed & 0xFFFFFFFF, self.seed >> 32, *path)


def lay_out(
    cultures: tuple[Culture, ...], first_hour: float, arguments: dict[str, Any], frame_shape: tuple[int, int]
) -> SimulationPlan:
    """Return the plan of these cultures: a frame of every field each 6 h from `first_hour` on."""
    height, width = (int(side) for side in frame_shape)
    arguments = {**arguments, "frame_shape": [height, width], "pixel_size_um": float(arguments["pixel_size_um"])}
    hours = tuple(first_hour + 6.0 * i for i in range(arguments["times"]))
    size_um = arguments["pixel_size_um"]
    return SimulationPlan(arguments["seed"], cultures, arguments["fields"], hours, (height, width), size_um, arguments)


def check_arguments(
    counts: dict[str, tuple[int, int]],
    fields: int,
    times: int,
    seed: int,
    frame_shape: tuple[int, int],
    pixel_size_um: float,
) -> None:
    """Refuse what no plate can have; `counts` are further counts with the highest of each.

    Raises UsageError naming the argument that is out of range.
    """
    for name, (value, highest) in (counts | {"fields": (fields, 10_000), "times": (times, 1_000)}).items():
        if not 1 <= value <= highest:
            raise UsageError(f"simulate: {name}={value}; expected 1..{highest}")
    if not 0 <= seed < 2**63:
        raise UsageError(f"simulate: seed={seed}; expected 0..2^63 - 1")
    if len(frame_shape) != 2 or not all(16 <= side <= 16384 for side in frame_shape):
        raise UsageError(f"simulate: frame_shape={frame_shape}; expected height and width of 16..16384 px")
    if not 0.2 <= pixel_size_um <= 3.0:
        raise UsageError(f"simulate: pixel_size_um={pixel_size_um}; expected 0.2..3.0, where cells have a shape")


def draw_traits(factors: tuple[float, float, float], rng: np.random.Generator) -> dict[str, float]:
    """Return the traits of a clone or line of some factors: what the factors explain, and its own deviations."""
    traits = {}
    for name, trait in difficulty.TRAITS.items():
        shared = sum(a * b for a, b in zip(trait.loadings, factors, strict=True))
        own = math.sqrt(1 - sum(a * a for a in trait.loadings)) * float(rng.standard_normal())
        traits[name] = max(round(trait.mean + trait.spread * (shared + own), 6), _LEAST.get(name, -math.inf))
    return traits


def name_wells(count: int) -> list[str]:
    """Return the first `count` wells, row by row, of the smallest plate that has as many."""
    rows, columns = next((r, c) for r, c in _FORMATS if r * c >= count)
    return [f"{row_name(i // columns)}{i % columns + 1:02d}" for i in range(rows * columns)][:count]
