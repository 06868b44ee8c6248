"""The numbers of a plate per well and hour that heat maps, growth curves and the well table show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import DESCRIPTORS
from phasewell.profiles import FieldMoments, merge_moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]  # one entry per frame, floats with NaN for null

UNITS = {"px2": "px²", "px": "px", "level": "grey levels", "level2": "grey levels²", "1": "no unit"}


@dataclass(frozen=True)
class Measure:
    """One number per well and hour: (wells, hours) float64, NaN where nothing was measured."""

    key: str
    title: str
    unit: str
    values: NDArray[np.float64]
    from_zero: bool = False  # colour scales of counts and shares start at 0

    @property
    def label(self) -> str:
        """The title with its unit, such as `Area, mean (px²)`."""
        return f"{self.title} ({self.unit})"


def field_measures(moments: FieldMoments) -> tuple[Measure, ...]:
    """Return cells per field, cells, fields measured, and mean and SD of every descriptor over pooled cells.

    SD has ddof 1 and is NaN for fewer than two cells.
    """
    measured = moments.measured.sum(axis=2)
    cells = np.where(moments.measured, moments.n_cells, 0).sum(axis=2)
    per_field = np.where(measured > 0, cells / np.maximum(measured, 1), np.nan)
    found = [
        Measure("cells_per_field", "Cells per field", "cells / field", per_field, from_zero=True),
        Measure("cells", "Cells", "cells", np.where(measured > 0, cells, np.nan), from_zero=True),
        Measure("fields", "Fields measured", "fields", measured.astype(np.float64), from_zero=True),
    ]
    pooled = merge_moments(moments.moments, axis=2)
    for i, descriptor in enumerate(DESCRIPTORS):
        n, mean, m2 = pooled.n[..., i], pooled.mean[..., i], pooled.m2[..., i]
        sd = np.sqrt(m2 / np.maximum(n - 1, 1))
        unit, title = UNITS[descriptor.unit], descriptor.title
        found.append(Measure(f"{descriptor.name}_mean", f"{title}, mean", unit, np.where(n > 0, mean, np.nan)))
        found.append(Measure(f"{descriptor.name}_SD", f"{title}, SD", unit, np.where(n > 1, sd, np.nan)))
    return tuple(found)


def frame_measures(columns: Columns, wells: tuple[str, ...], n_times: int) -> tuple[Measure, ...]:
    """Return confluence and the share of frames that are quarantined and missing, per well and hour, in percent.

    `columns` needs well, time, status and may have confluence.
    """
    shape = (len(wells), n_times)
    where = well_hour_index(columns, wells, n_times)
    total = np.bincount(where, minlength=len(wells) * n_times).astype(np.float64)
    found = []
    if "confluence" in columns:
        confluence = np.asarray(columns["confluence"], dtype=np.float64)
        valid = np.isfinite(confluence)
        sums = np.bincount(where[valid], weights=confluence[valid], minlength=len(total))
        counts = np.bincount(where[valid], minlength=len(total))
        mean = np.where(counts > 0, 100 * sums / np.maximum(counts, 1), np.nan)
        found.append(Measure("confluence", "Confluence", "% of the frame", mean.reshape(shape), from_zero=True))
    for status in ("quarantined", "missing"):
        lost = np.bincount(where[columns["status"] == status], minlength=len(total))
        share = np.where(total > 0, 100 * lost / np.maximum(total, 1), np.nan)
        found.append(Measure(status, f"Frames {status}", "% of frames", share.reshape(shape), from_zero=True))
    return tuple(found)


def well_hour_index(columns: Columns, wells: tuple[str, ...], n_times: int) -> NDArray[np.int64]:
    """Return for every frame its index in a flattened (wells, hours) grid."""
    position = {well: i for i, well in enumerate(wells)}
    well_index = np.array([position[str(well)] for well in columns["well"]], dtype=np.int64)
    return well_index * n_times + np.asarray(columns["time"], dtype=np.int64)


def field_spread(moments: FieldMoments) -> NDArray[np.float64]:
    """Return the SD (ddof 1) of cells per field over the measured fields, (wells, hours), NaN below two fields."""
    counts = np.where(moments.measured, moments.n_cells, np.nan)
    n = moments.measured.sum(axis=2)
    mean = np.nansum(counts, axis=2) / np.maximum(n, 1)
    squares = np.nansum((counts - mean[..., None]) ** 2, axis=2)
    return np.where(n > 1, np.sqrt(squares / np.maximum(n - 1, 1)), np.nan)


def shown_time(cells_per_field: NDArray[np.float64]) -> int:
    """Return the last of the time indices at which the most wells were measured."""
    measured = np.isfinite(cells_per_field).sum(axis=0)
    return int(np.flatnonzero(measured == measured.max())[-1])
