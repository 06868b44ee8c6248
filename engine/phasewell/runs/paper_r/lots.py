"""Lots: what is compared and tested. A clone is a lot, and so is a lot of bulk cells; wells of one lot are pooled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.runs.paper_r.material import Material

    Floats = NDArray[np.float64]

CLONES, BULK = "clones", "bulk lots"


@dataclass(frozen=True)
class Lots:
    """One group of lots: `wells` by lot, in plate order."""

    group: str
    wells: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lots."""
        return tuple(self.wells)

    def mean(self, wells: tuple[str, ...], values: Floats) -> Floats:
        """Return the mean over the wells of each lot of values (wells,), (lots,); NaN where a lot has none defined."""
        place = {well: i for i, well in enumerate(wells)}
        found = []
        for own in self.wells.values():
            numbers = values[[place[well] for well in own]]
            numbers = numbers[np.isfinite(numbers)]
            found.append(float(numbers.mean()) if len(numbers) else math.nan)
        return np.array(found)


def clone_lots(material: Material) -> Lots:
    """Return the clones of the material with their wells."""
    return _lots(CLONES, dict(zip(material.wells, material.clones, strict=True)))


def bulk_lots(material: Material) -> Lots:
    """Return the lots of bulk cells with their wells; no lot where the plate holds none."""
    return _lots(BULK, material.lots)


def clone_potency(material: Material) -> Floats:
    """Return the potency of every clone, (clones,), in the order of `clone_lots`."""
    return clone_lots(material).mean(material.wells, material.potency)


def _lots(group: str, lot_of: Mapping[str, str]) -> Lots:
    wells: dict[str, list[str]] = {}
    for well, lot in lot_of.items():
        wells.setdefault(lot, []).append(well)
    return Lots(group, {lot: tuple(own) for lot, own in wells.items()})


def listed(values: Any, digits: int = 6) -> Any:
    """Return an array or number as plain JSON: lists of floats of `digits` significant digits, None for no number."""
    if isinstance(values, int | np.integer):
        return int(values)
    if isinstance(values, float | np.floating):
        return float(f"{values:.{digits}g}") if math.isfinite(values) else None
    return [listed(value, digits) for value in values]
