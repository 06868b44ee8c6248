"""Plates with given frames, written as ingest writes them: what the benchmarks of whole runs read."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from phasewell.images import create_plate
from phasewell.plate import Field, Plate

HOURS_BETWEEN = 6


def store_frames(
    path: Path,
    frames_of: Callable[[int, int, int], NDArray[Any]],
    wells: int,
    times: int,
    fields: int,
    frame_shape: tuple[int, int],
    pixel_size_um: float,
) -> Plate:
    """Write a plate of uint8 frames, raw chunks, one shard a well and time, and return it.

    `frames_of(well, time, field)` returns a frame of `frame_shape` (height, width).
    """
    columns = math.isqrt(fields - 1) + 1
    places = tuple(Field(f"f{i + 1:02d}", *divmod(i, columns)) for i in range(fields))
    writer = create_plate(
        path,
        name=path.stem,
        wells=[f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}" for i in range(wells)],
        fields=places,
        times_h=[float(HOURS_BETWEEN * (i + 1)) for i in range(times)],
        frame_shape=frame_shape,
        dtype="uint8",
        pixel_size_um=pixel_size_um,
    )
    for unit in writer.plate.units():
        well = writer.plate.wells.index(unit.well)
        writer.write_unit(unit, {place.name: frames_of(well, unit.time, i) for i, place in enumerate(places)})
    return writer.plate
