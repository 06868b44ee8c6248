"""One row per well: the profile as a matrix, and what the plate map says, as other programs want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from phasewell.plate import Plate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.tables.results import Results


class ProfileColumn(NamedTuple):
    """One column of the matrix: a statistic of a descriptor at a nominal hour."""

    descriptor: str
    statistic: str
    time_h: float
    unit: str

    def __str__(self) -> str:
        return f"{self.descriptor}_{self.statistic}_{hour_name(self.time_h)}"


def hour_name(time_h: float) -> str:
    """Return an hour as it stands in a column's name, such as `6h`; different hours of a grid have different names."""
    return f"{time_h:.6f}".rstrip("0").rstrip(".") + "h"


@dataclass(frozen=True)
class WellMatrix:
    """The profile of a run: `values` (wells, columns) float64, NaN where undefined."""

    wells: tuple[str, ...]
    columns: tuple[ProfileColumn, ...]
    values: NDArray[np.float64]


def well_matrix(results: Results) -> WellMatrix | None:
    """Return the committed profile in wide form, columns in the order of the profile; None when the run made none."""
    profile = results.profile()
    if profile is None:
        return None
    parts = [profile.column(name).to_pylist() for name in ("descriptor", "statistic", "time_h", "descriptor_unit")]
    every = [ProfileColumn(*row) for row in zip(*parts, strict=True)]
    columns = tuple(dict.fromkeys(every))
    names: list[Any] = profile.column("well").to_pylist()
    wells = tuple(dict.fromkeys(names))
    row_of, column_of = {well: i for i, well in enumerate(wells)}, {column: i for i, column in enumerate(columns)}
    values = np.full((len(wells), len(columns)), np.nan)
    numbers = profile.column("value").to_numpy(zero_copy_only=False)
    values[[row_of[well] for well in names], [column_of[column] for column in every]] = numbers
    return WellMatrix(wells, columns, values)


def annotation_columns(plate: Plate | None, wells: Sequence[str]) -> dict[str, pa.Array[Any]]:
    """Return the columns of the plate map, one value per well in `wells`; none where the plate store was not given.

    A column of whole numbers is int64, of numbers float64, any other text; what the map leaves open is null.
    """
    if plate is None:
        return {}
    names = dict.fromkeys(name for well in plate.wells for name in plate.platemap.get(well, {}))
    return {name: _typed([plate.platemap.get(well, {}).get(name) for well in wells]) for name in names}


def _typed(values: list[str | float | int | None]) -> pa.Array[Any]:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int) and abs(value) < 1 << 63 for value in known):
        return pa.array(values, pa.int64())
    if known and all(isinstance(value, int | float) for value in known):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())
