"""What a reproduction of paper R works on: moments, clones, potencies and single cells of a finished run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.errors import InputError, UsageError
from phasewell.manifest import digest_json, read_manifest
from phasewell.profiles import FieldMoments
from phasewell.runs.folder.documents import config_of, plate_of
from phasewell.tables.field_moments import read_field_moments
from phasewell.tables.parts import PartFile, read_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from phasewell.manifest import PartEntry
    from phasewell.plate import Plate

    Floats = NDArray[np.float64]

MIN_CLONES = 3
LEDGER_NAME = "passages.csv"
LOT = "lot"  # column of the plate map that marks a well of conventionally processed bulk cells


class UnitCells(NamedTuple):
    """The single cells of one well at one hour: `values` (cells, 12) as DESCRIPTORS, `field` (cells,) positions."""

    values: Floats
    field: NDArray[np.int64]

    def of(self, descriptor: str) -> Floats:
        """Return one descriptor (cells,), NaN where undefined, in the descriptor's unit (areas in px2)."""
        column: Floats = self.values[:, DESCRIPTOR_NAMES.index(descriptor)]
        return column


@dataclass(frozen=True)
class Material:
    """A run as paper R sees it.

    `field_moments` are those of the clones' wells only, in the order of `wells`, over `times_h`; `potency` (wells,) in
    units of the target, `clones` (wells,) names. `lots` are the wells of conventionally processed bulk cells by well,
    empty where the plate map has no column `lot`; `bulk_moments` are theirs, None without such a well.
    """

    run: Path
    plate: Plate = field(repr=False)
    target: str
    field_moments: FieldMoments = field(repr=False)
    clones: tuple[str, ...]
    potency: Floats
    lots: Mapping[str, str]
    bulk_moments: FieldMoments | None = field(repr=False)
    parts: Mapping[tuple[str, float], PartFile] = field(repr=False)  # (well, hour)
    ledger: Path | None  # CSV of passages (R28)
    sha256: str

    @property
    def wells(self) -> tuple[str, ...]:
        """The wells of clones with a potency, in plate order."""
        return self.field_moments.wells

    @property
    def times_h(self) -> tuple[float, ...]:
        """The hours that take part, from the first to the last of the scale."""
        return self.field_moments.times_h

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields of a well."""
        return self.field_moments.fields

    @property
    def pixel_size_um(self) -> float:
        """Side of a pixel."""
        return self.field_moments.pixel_size_um

    @property
    def is_simulated(self) -> bool:
        """Whether the plate was made by a program."""
        return "simulated" in self.plate.provenance

    @property
    def targets(self) -> dict[str, float]:
        """Potency by well."""
        return dict(zip(self.wells, self.potency.tolist(), strict=True))

    @property
    def groups(self) -> dict[str, str]:
        """Clone by well."""
        return dict(zip(self.wells, self.clones, strict=True))

    def cells(self, well: str, time_h: float) -> UnitCells:
        """Return the single cells of a well of clones or lots at an hour; one file is read and its digest checked.

        A well without a part at that hour has no cells. Raises InputError for a damaged part.
        """
        part = self.parts.get((well, time_h))
        if part is None:
            return UnitCells(np.empty((0, len(DESCRIPTOR_NAMES))), np.empty(0, np.int64))
        nested: Any = read_part(part, ("cells",)).column("cells").combine_chunks()
        flat = nested.flatten()
        values = np.column_stack(
            [flat.field(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in DESCRIPTOR_NAMES]
        )
        return UnitCells(values, np.asarray(nested.value_parent_indices(), np.int64))

    def to_dict(self) -> dict[str, Any]:
        """Return clones, hours, counts and digest as one JSON document."""
        plate, cells = self.plate, self.field_moments.n_cells
        rows = zip(self.wells, self.clones, self.potency.tolist(), cells.sum(axis=2).tolist(), strict=True)
        return {
            "plate": plate.name,
            "provenance": dict(plate.provenance),
            "simulated": self.is_simulated,
            "run": self.run.name,
            "target": self.target,
            "pixel_size_um": self.pixel_size_um,
            "frame_px": list(plate.frame_shape),
            "times_h": list(self.times_h),
            "n_fields": len(self.fields),
            "clones": [{"well": w, "clone": c, "potency": p, "n_cells": n} for w, c, p, n in rows],
            "lots": [{"well": well, "lot": lot} for well, lot in self.lots.items()],
            "frames_expected": int(self.field_moments.measured.size),
            "frames_measured": int(self.field_moments.measured.sum()),
            "sha256": self.sha256,
        }


def read_material(
    run: Path | str,
    last_h: float = 90.0,
    target: str | None = None,
    group: str | None = None,
    ledger: Path | str | None = None,
) -> Material:
    """Return what paper R needs of a finished run: wells with a target are clones, wells with a `lot` are bulk cells.

    `target` and `group` name columns of the plate map (None: those of the run's configuration); hours after `last_h`
    take no part (paper R uses 6 to 90 h of 120). `ledger` is a CSV of passages; None takes passages.csv of the plate
    store where there is one. Raises InputError for an unfinished run, fewer than 3 clones and a
    damaged part; UsageError when no hour is left, or a clone's well names no clone or no number.
    """
    folder = Path(run)
    manifest, config, plate = read_manifest(folder), config_of(folder), plate_of(folder)
    target, group = target or config.model.target, group or config.model.group
    entries = [entry for entry in manifest.parts if entry.stage == "cells"]
    found = [well for well in dict.fromkeys(entry.well for entry in entries) if well in plate.platemap]
    clones = [well for well in found if plate.platemap[well].get(target) is not None]
    lots = {w: str(plate.platemap[w][LOT]) for w in found if w not in clones and plate.platemap[w].get(LOT) is not None}
    names, potency = _labels(plate, clones, target, group)
    hours = [plate.times_h[time] for time in sorted({entry.time for entry in entries})]
    if not any(hour <= last_h for hour in hours):
        raise UsageError(f"{folder}: no hour up to {last_h:g} h; it has {', '.join(f'{h:g}' for h in hours)} h")
    if len(set(names)) < MIN_CLONES:
        raise InputError(
            f"{folder}: {len(set(names))} clones with a {target!r} in the plate map; expected at least {MIN_CLONES}"
        )
    entries = [entry for entry in entries if plate.times_h[entry.time] <= last_h]
    own = [_part(folder, entry) for well in clones for entry in entries if entry.well == well]
    bulk = [_part(folder, entry) for well in lots for entry in entries if entry.well == well]
    beside = config.plate.store / LEDGER_NAME
    passages = Path(ledger) if ledger is not None else beside if beside.is_file() else None
    labels = [clones, list(names), potency.tolist(), lots, last_h, passages.read_text("utf-8") if passages else None]
    return Material(
        run=folder,
        plate=plate,
        target=target,
        field_moments=read_field_moments(own),
        clones=names,
        potency=potency,
        lots=lots,
        bulk_moments=read_field_moments(bulk) if bulk else None,
        parts={(part.well, plate.times_h[part.time]): part for part in (*own, *bulk)},
        ledger=passages,
        sha256=digest_json([[part.sha256 for part in (*own, *bulk)], labels]),
    )


def _labels(plate: Plate, wells: list[str], target: str, group: str) -> tuple[tuple[str, ...], Floats]:
    names, potency = [], []
    for well in wells:
        row = plate.platemap[well]
        if row.get(group) is None:
            raise UsageError(f"plate {plate.name}: well {well} has a {target!r} but no {group!r} in the plate map")
        try:
            potency.append(float(row[target]))  # type: ignore[arg-type]  # not None: the wells were chosen so
        except ValueError as error:
            raise UsageError(f"plate {plate.name}: well {well}: {target} {row[target]!r} is no number") from error
        names.append(str(row[group]))
    return tuple(names), np.array(potency)


def _part(folder: Path, entry: PartEntry) -> PartFile:
    return PartFile(folder / entry.path, entry.well, entry.time, entry.key[:32], entry.sha256)
