"""Where the fields of a well lie in its mosaic: by stage position where that gives a grid, else row by row."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import replace

from phasewell.errors import UsageError
from phasewell.images.metadata import arrange_fields
from phasewell.plate import Field

Position = tuple[float, float]  # x, y in um
_MAX_SPARSENESS = 2  # a grid with more than this many places per field is no grid


def arrange(
    names: Iterable[str], positions: Mapping[str, Position], step_um: Position, y_up: bool
) -> tuple[Field, ...]:
    """Return the fields in the order of `names`, placed in a mosaic.

    `positions` are stage positions, where known; `step_um` (x, y) is the size of a frame: positions closer than half
    of it share a column or a row. `y_up`: the stage's y axis points up, rows count down.
    """
    ordered = tuple(names)
    plain = tuple(
        replace(place, x_um=positions[place.name][0], y_um=positions[place.name][1])
        if place.name in positions
        else place
        for place in arrange_fields(ordered)
    )
    if set(positions) < set(ordered):
        return plain
    columns = _ranks([positions[name][0] for name in ordered], step_um[0] / 2)
    rows = _ranks([-positions[name][1] if y_up else positions[name][1] for name in ordered], step_um[1] / 2)
    places = set(zip(rows, columns, strict=True))
    n_places = (1 + max(rows)) * (1 + max(columns))
    if len(places) < len(ordered) or n_places > _MAX_SPARSENESS * len(ordered):
        return plain
    return tuple(
        replace(place, row=row, column=column) for place, row, column in zip(plain, rows, columns, strict=True)
    )


def _ranks(values: list[float], tolerance: float) -> list[int]:
    """Return for each value the rank of its cluster; a cluster ends where the next value is further than tolerance."""
    ranks: dict[float, int] = {}
    rank, last = -1, None
    for value in sorted(values):
        if last is None or value - last > tolerance:
            rank += 1
        ranks[value] = rank
        last = value
    return [ranks[value] for value in values]


def relative_positions(by_well: Mapping[str, Mapping[str, Position]], names: Iterable[str]) -> dict[str, Position]:
    """Return one position per field that holds for all wells: the median distance from a field that they share.

    `by_well` is well -> field -> stage position. Fields that no well has together with the others are left out.
    """
    ordered = [name for name in names if any(name in fields for fields in by_well.values())]
    if not ordered:
        return {}
    reference = max(
        ordered, key=lambda name: (sum(name in fields for fields in by_well.values()), -ordered.index(name))
    )
    shared = [fields for fields in by_well.values() if reference in fields]
    centre = shared[0][reference]
    positions = {}
    for name in ordered:
        offsets = [
            (fields[name][0] - fields[reference][0], fields[name][1] - fields[reference][1])
            for fields in shared
            if name in fields
        ]
        if offsets:
            x, y = (statistics.median(offset[axis] for offset in offsets) for axis in (0, 1))
            positions[name] = (round(centre[0] + x, 6), round(centre[1] + y, 6))
    return positions


def extend_fields(stored: tuple[Field, ...], new: Iterable[str]) -> tuple[Field, ...]:
    """Return stored fields and new ones on free places of the mosaic; raises UsageError when there are too few."""
    rows, columns = 1 + max(place.row for place in stored), 1 + max(place.column for place in stored)
    taken = {(place.row, place.column) for place in stored}
    free = [(row, column) for row in range(rows) for column in range(columns) if (row, column) not in taken]
    names = [name for name in new if name not in {place.name for place in stored}]
    if len(names) > len(free):
        raise UsageError(
            f"fields {', '.join(names)}: the plate's mosaic of {rows} x {columns} has {len(free)} free places; "
            "ingest everything into a new store"
        )
    return (*stored, *(Field(name, *place) for name, place in zip(names, free, strict=False)))
