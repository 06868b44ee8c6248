"""Label images kept beside the tables, for the report and for eyes: a plate of int32 frames, `labels.zarr`.

Each record names the content key of the part it was made with, so labels of another configuration are never taken
for those of this one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phasewell.errors import InputError, UsageError
from phasewell.manifest import LABELS_NAME
from phasewell.plate import FrameKey, FrameRecord, Plate
from phasewell.runs.folder.unit_plan import UnitPlan


def prepare_labels(folder: Path, plate: Plate) -> None:
    """Make or extend the label store of a run. Only under the run's lock.

    A store that does not fit the plate any more, or was never finished, is derived data and is made anew.
    """
    from phasewell.images import create_plate, open_writer

    path = folder / LABELS_NAME
    for partial in path.rglob("*.partial"):  # of writers that were killed
        partial.unlink(missing_ok=True)
    if path.exists():
        try:
            writer = open_writer(path)
            if (writer.plate.name, writer.plate.frame_shape) == (plate.name, plate.frame_shape):
                writer.extend(times_h=plate.times_h, wells=plate.wells, fields=plate.fields)
                return
        except (InputError, UsageError):
            pass
        shutil.rmtree(path)
    create_plate(
        path,
        name=plate.name,
        wells=plate.wells,
        fields=plate.fields,
        times_h=plate.times_h,
        frame_shape=plate.frame_shape,
        dtype="int32",
        pixel_size_um=plate.pixel_size_um,
        codec="zstd",
    )


def keep_labels(folder: Path, plate: Plate, planned: UnitPlan, labels: Mapping[str, Any]) -> None:
    """Commit the label images of one unit, by field name, (height, width) int32 each."""
    from phasewell.images import open_writer

    writer = open_writer(folder / LABELS_NAME)
    unit = plate.unit(planned.well, planned.time)
    records = [
        FrameRecord(
            FrameKey(unit.plate, unit.well, field.name, unit.time),
            "present" if field.name in labels else "missing",
            source=_source(planned),
        )
        for field in plate.fields
    ]
    writer.write_unit(unit, labels, records)


class KeptLabels:
    """What the label store of a run folder holds; there may be none."""

    def __init__(self, folder: Path) -> None:
        from phasewell.images import open_plate

        try:
            self._plate: Plate | None = open_plate(folder / LABELS_NAME)
        except InputError:
            self._plate = None

    def holds(self, planned: UnitPlan) -> bool:
        """True when the unit's labels were made with its key, or none are wanted."""
        if not planned.label_fields:
            return True
        if self._plate is None:
            return False
        try:
            records = self._plate.records(planned.well, planned.time)
        except (InputError, UsageError):
            return False
        kept = {record.key.field for record in records if record.source == _source(planned)}
        return len(kept) == len(records)


def _source(planned: UnitPlan) -> str:
    return f"{len(planned.label_fields)} fields, key {planned.key}"  # always the first ones: their number names them
