"""How the size of cells is distributed in each well: a smooth density of the logarithm of area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phasewell.populations import estimate_density

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID_POINTS = 56
LEAST_CELLS = 10
"""Below this number of cells a smooth curve would say more than is known; none is drawn."""


@dataclass(frozen=True)
class SizeDensity:
    """Density of log10 area of one well at one hour: `values` (points,) per decade, over the common grid."""

    well: str
    time_h: float
    n_cells: int
    values: NDArray[np.float64]


@dataclass(frozen=True)
class SizeDensities:
    """The densities of a plate over one grid: `area_px2` (points,), equally spaced in log10."""

    area_px2: NDArray[np.float64]
    curves: tuple[SizeDensity, ...]


def size_densities(area_px2: Mapping[tuple[str, float], NDArray[np.float64]]) -> SizeDensities | None:
    """Return the densities by (well, hour) over a grid from the 0.1st to the 99.9th percentile of all areas.

    Source of rule and scale: paper R, figure of cell size. None where no well has `LEAST_CELLS` cells.
    """
    logs = {key: np.log10(values[np.isfinite(values) & (values > 0)]) for key, values in area_px2.items()}
    known = {key: values for key, values in logs.items() if len(values) >= LEAST_CELLS}
    if not known:
        return None
    low, high = np.quantile(np.concatenate(list(known.values())), (0.001, 0.999))
    grid = np.linspace(low - 0.1, high + 0.1, GRID_POINTS)
    curves = [SizeDensity(well, hour, len(v), estimate_density(v, grid=grid).y) for (well, hour), v in known.items()]
    return SizeDensities(10.0**grid, tuple(curves))


def by_well_and_hour(
    wells: Sequence[str | None], values: NDArray[np.float64], hour: float
) -> dict[tuple[str, float], NDArray[np.float64]]:
    """Return one hour's values parted by well; `wells` has one name per value."""
    names, codes = np.unique(np.asarray(wells, dtype=object).astype(str), return_inverse=True)
    return {(str(name), hour): values[codes == i] for i, name in enumerate(names)}
