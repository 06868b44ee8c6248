"""How cell areas are distributed: medians, means and spread of the cells above 200 px, and their density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phasewell.populations.density import Density, estimate_density
from phasewell.populations.round_cells import SMALL_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_CELLS = 20  # below this a density shows the kernel, not the population


@dataclass(frozen=True)
class Sizes:
    """Areas of one population above 200 px. `n` counts these, `n_all` all cells; undefined numbers are NaN.

    `median_um2` and `mean_um2` are of the area, `mean_log10` and `sd_log10` (ddof 1) of log10 of the area in um2;
    `density` is over log10 of the area in um2, None for fewer than 20 cells.
    """

    n: int
    n_all: int
    median_um2: float
    mean_um2: float
    mean_log10: float
    sd_log10: float
    density: Density | None

    @property
    def small_share(self) -> float:
        """Share of the cells that are 200 px or smaller and left out; NaN without cells."""
        return (self.n_all - self.n) / self.n_all if self.n_all else float("nan")


def measure_sizes(
    area_px: Floats, pixel_size_um: float, grid: Floats | None = None, bandwidth: float | None = None
) -> Sizes:
    """Return the sizes of the cells with areas (cells,) in px; `grid` is of log10 um2, as `estimate_density` takes it.

    Source: paper R, figures 3a and 3c: log10, Gaussian kernel, cells above 200 px only. The limit is in px, as the
    paper gives it, whatever the pixel size; areas are in um2.
    """
    area_px = np.asarray(area_px, np.float64)
    area_px = area_px[np.isfinite(area_px)]
    kept = area_px[area_px > SMALL_PX] * pixel_size_um**2
    undefined = float("nan")
    if not len(kept):
        return Sizes(0, len(area_px), undefined, undefined, undefined, undefined, None)
    logs = np.log10(kept)
    density = estimate_density(logs, grid=grid, bandwidth=bandwidth) if len(kept) >= FEWEST_CELLS else None
    sd = float(logs.std(ddof=1)) if len(kept) > 1 else undefined
    return Sizes(len(kept), len(area_px), float(np.median(kept)), float(kept.mean()), float(logs.mean()), sd, density)
