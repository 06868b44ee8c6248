"""From parts to the moments of every field: wells x hours x fields x descriptors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from phasewell.cells import DEFINITIONS_ID, DESCRIPTORS
from phasewell.errors import InputError
from phasewell.profiles import FieldMoments, Moments
from phasewell.tables.parts import PartFile, read_part

_COLUMNS = ("field", "time_h", "status", "n_cells", "n", "mean", "m2")


def read_field_moments(parts: Sequence[PartFile]) -> FieldMoments:
    """Return the moments of a rectangle of units from their `cells` parts, in the order given for wells.

    Times are put in order. A well and time without a part counts as not measured.
    Raises InputError for a damaged part and for parts that differ in fields, hours, pixel size or definitions.
    """
    if not parts:
        raise InputError("no parts: the run has no finished unit")
    wells = tuple(dict.fromkeys(part.well for part in parts))
    times = sorted({part.time for part in parts})
    hours: dict[int, float] = {}
    fields: list[str] = []
    pixel_sizes: set[float] = set()
    shape = (len(wells), len(times))
    rows: dict[tuple[int, int], tuple[NDArray[np.bool_], NDArray[np.int64], Moments]] = {}
    for part in parts:
        table = read_part(part, _COLUMNS)
        metadata = table.schema.metadata
        names = [str(name) for name in table.column("field").to_pylist()]
        time_h = table.column("time_h")[0].as_py()
        fields = fields or names
        if names != fields or hours.setdefault(part.time, time_h) != time_h:
            raise InputError(f"part {part.path}: its fields or its hour differ from those of the other parts")
        if metadata[b"definitions"].decode() != DEFINITIONS_ID:
            raise InputError(f"part {part.path}: made with other descriptor definitions than {DEFINITIONS_ID}")
        pixel_sizes.add(float(metadata[b"pixel_size_um"]))
        measured = np.array([status == "processed" for status in table.column("status").to_pylist()])
        n_cells = np.array([n or 0 for n in table.column("n_cells").to_pylist()], np.int64)
        arrays = [_dense(table.column(name).to_pylist()) for name in ("n", "mean", "m2")]
        moments = Moments(arrays[0].astype(np.int64), arrays[1], arrays[2])
        rows[wells.index(part.well), times.index(part.time)] = (measured, n_cells, moments)
    if len(pixel_sizes) != 1:
        raise InputError(f"parts with different pixel sizes {sorted(pixel_sizes)} um: they are not of one plate")
    full = (*shape, len(fields))
    measured, n_cells = np.zeros(full, bool), np.zeros(full, np.int64)
    deep = (*full, len(DESCRIPTORS))
    total = Moments(np.zeros(deep, np.int64), np.zeros(deep), np.zeros(deep))
    for place, (unit_measured, unit_cells, unit_moments) in rows.items():
        measured[place], n_cells[place] = unit_measured, unit_cells
        for whole, piece in zip(total, unit_moments, strict=True):
            whole[place] = piece
    times_h = tuple(hours[time] for time in times)
    return FieldMoments(wells, times_h, tuple(fields), total, n_cells, measured, pixel_sizes.pop())


def _dense(values: list[list[float] | None]) -> NDArray[np.float64]:
    """Return (fields, descriptors); what was not measured is 0, as in Moments."""
    return np.array([value or [0.0] * len(DESCRIPTORS) for value in values])
