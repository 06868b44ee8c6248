"""Cells resampled within one well, hour and choice of fields: how far chance in the cells moves a profile (R25).

This is the bootstrap of the PCA clouds. It leaves the fields as they are; the bootstrap of the models resamples
fields and leaves the cells as they are (`potency.draw_fields`). The two answer different questions and are never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phasewell.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clouds:
    """Means and SDs (ddof 1) of resampled cells, (draws, descriptors), and of the cells themselves, (descriptors,).

    `n_cells` cells were resampled; values are NaN where fewer than one (mean) or two (SD) cells have the descriptor.
    """

    mean: Floats
    sd: Floats
    real_mean: Floats
    real_sd: Floats
    n_cells: int

    @property
    def rows(self) -> Floats:
        """Columns of a profile at one hour, (draws, 2 x descriptors): mean and SD of each descriptor in turn."""
        return np.stack((self.mean, self.sd), axis=-1).reshape(len(self.mean), -1)

    @property
    def real_row(self) -> Floats:
        """The same of the cells themselves, (2 x descriptors,)."""
        return np.stack((self.real_mean, self.real_sd), axis=-1).ravel()


def bootstrap_cells(values: Floats, draws: int, rng: np.random.Generator) -> Clouds:
    """Resample cells (cells, descriptors) with replacement `draws` times and recompute mean and SD of each.

    All descriptors of a cell stay together. NaN (an undefined descriptor) enters neither mean nor SD. Raises UsageError
    for values of another shape and for less than one draw.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or draws < 1:
        raise UsageError(
            f"bootstrap of cells: values {values.shape}, draws {draws}; expected cells x descriptors, 1 up"
        )
    n = len(values)
    defined = np.isfinite(values)
    counts = np.ones((draws + 1, n))  # the last row is the cells as they are
    for draw in range(draws if n else 0):
        counts[draw] = np.bincount(rng.integers(0, n, n), minlength=n)
    here = defined.sum(axis=0)
    centre = np.where(defined, values, 0.0).sum(axis=0) / np.maximum(here, 1)
    off = np.where(defined, values - centre, 0.0)  # about the mean no digits are lost in the squares
    size = counts @ defined
    total, squares = counts @ off, counts @ (off * off)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = centre + total / size
        sd = np.sqrt(np.maximum(squares - total * total / size, 0.0) / (size - 1.0))
    mean, sd = np.where(size > 0, mean, np.nan), np.where(size > 1, sd, np.nan)
    return Clouds(mean[:-1], sd[:-1], mean[-1], sd[-1], n)
