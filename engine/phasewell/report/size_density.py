"""How the size of cells is distributed in each well: a smooth density of the logarithm of area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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


def bandwidth(values: NDArray[np.float64]) -> float:
    """Return R's rule nrd0: 0.9 min(SD, IQR / 1.34) n^-1/5, with SD alone where the quartiles are equal."""
    sd = float(values.std(ddof=1))
    low, high = np.quantile(values, (0.25, 0.75))
    spread = min(sd, float(high - low) / 1.34) or sd or 1.0
    return float(0.9 * spread * len(values) ** -0.2)


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
    curves = [SizeDensity(well, hour, len(v), _density(v, grid)) for (well, hour), v in known.items()]
    return SizeDensities(10.0**grid, tuple(curves))


def _density(values: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian kernel density at the grid, from counts in bins a fifth of the bandwidth wide."""
    width = bandwidth(values)
    step = width / 5
    start = values.min()
    counts = np.bincount(np.rint((values - start) / step).astype(np.int64)).astype(np.float64)
    centres = start + step * np.arange(len(counts))
    filled = counts > 0
    distance = (grid[:, None] - centres[None, filled]) / width
    kernel = np.exp(-0.5 * distance**2) @ counts[filled]
    density: NDArray[np.float64] = kernel / (len(values) * width * np.sqrt(2 * np.pi))
    return density


def by_well_and_hour(
    wells: Sequence[str | None], values: NDArray[np.float64], hour: float
) -> dict[tuple[str, float], NDArray[np.float64]]:
    """Return one hour's values parted by well; `wells` has one name per value."""
    names, codes = np.unique(np.asarray(wells, dtype=object).astype(str), return_inverse=True)
    return {(str(name), hour): values[codes == i] for i, name in enumerate(names)}
