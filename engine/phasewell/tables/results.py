"""The results of a finished run, read through its manifest only and checked against its digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from phasewell.config import ForeignConfig
from phasewell.errors import InputError, SecurityError, UsageError
from phasewell.manifest import PartEntry, RunManifest, read_manifest
from phasewell.profiles import FieldMoments
from phasewell.tables.field_moments import read_field_moments
from phasewell.tables.parts import PartFile, read_part
from phasewell.tables.profile_file import PROFILE_FILE
from phasewell.tables.schema import TABLES, arrow_schema
from phasewell.tables.score_parts import spread_scores
from phasewell.tables.unnesting import unnest_cells, unnest_moments
from phasewell.tables.well_scores import SCORE_FILES

REMEDY = "run `phasewell run` again: it makes only what is missing or damaged"


@dataclass(frozen=True)
class PlateInfo:
    """What the parts of a run say of its plate.

    `store` is the plate's path as run.json gives it, None without it; `foreign` is how it is read.
    """

    name: str
    wells: tuple[str, ...]
    fields: tuple[str, ...]
    times: tuple[int, ...]  # indices of the plate's time grid
    times_h: tuple[float, ...]
    pixel_size_um: float
    digest: str
    store: Path | None
    foreign: ForeignConfig = field(default_factory=ForeignConfig)


@dataclass(frozen=True)
class Results:
    """A finished run. Nothing is read but what the manifest names, and every byte is checked before it is used."""

    folder: Path
    manifest: RunManifest

    @cached_property
    def plate_info(self) -> PlateInfo:
        """Wells, fields, hours and pixel size; reads one part per time."""
        entries = self._entries("cells")
        first = {entry.time: entry for entry in reversed(entries)}
        hours: dict[int, float] = {}
        fields: tuple[str, ...] = ()
        pixel_size_um = float("nan")
        for time in sorted(first):
            table = self.read_entry(first[time], ("field", "time_h"))
            hours[time] = float(table.column("time_h")[0].as_py())
            fields = fields or tuple(str(name) for name in table.column("field").to_pylist())
            pixel_size_um = float(table.schema.metadata[b"pixel_size_um"])
        store, foreign = self._source()
        return PlateInfo(
            name=self.manifest.plate,
            wells=tuple(dict.fromkeys(entry.well for entry in entries)),
            fields=fields,
            times=tuple(hours),
            times_h=tuple(hours.values()),
            pixel_size_um=pixel_size_um,
            digest=self.manifest.plate_digest,
            store=store,
            foreign=foreign,
        )

    def frames(self) -> pa.Table:
        """Return the table `frames`: one row per field and time of every well, in plate order."""
        return pa.concat_tables([arrow_schema("frames").empty_table(), *self.frame_batches()])

    def cells(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the table `cells`, one row per cell in plate order; `columns` limits it.

        A plate has millions of cells: `cell_batches` gives them well by well.
        """
        schema = _subset("cells", columns)
        return pa.concat_tables([schema.empty_table(), *self.cell_batches(columns)])

    def field_moments(self) -> FieldMoments:
        """Return n, mean and M2 of every descriptor, field, hour and well."""
        return read_field_moments([self._part(entry) for entry in self._entries("cells")])

    def profile(self) -> pa.Table | None:
        """Return the table `profiles` of the run's configured profile; None when the run made none."""
        if PROFILE_FILE not in self.manifest.files:
            return None
        stored = pq.read_table(pa.BufferReader(self.read_file(PROFILE_FILE)))
        info = self.plate_info
        index: dict[Any, int] = {hour: time for time, hour in zip(info.times, info.times_h, strict=True)}
        data: dict[str, Any] = {name: stored.column(name) for name in stored.column_names}
        data["descriptor_unit"] = data.pop("unit")
        data["plate"] = pa.repeat(info.name, stored.num_rows)
        data["time"] = pa.array([index[hour] for hour in stored.column("time_h").to_pylist()], pa.int32())
        return pa.table({c.name: data[c.name] for c in TABLES["profiles"]}, schema=arrow_schema("profiles"))

    def frame_batches(self) -> Iterator[pa.Table]:
        """Yield the rows of the table `frames`, one batch per part, in plate order."""
        schema = arrow_schema("frames")
        for entry in self._entries("cells"):
            table = self.read_entry(entry, schema.names)
            yield pa.table([table.column(name).cast(schema.field(name).type) for name in schema.names], schema=schema)

    def cell_batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of the table `cells`, one batch per part, in plate order."""
        schema = _subset("cells", columns)
        keys: list[str] = [name for name in ("plate", "well", "field", "time", "time_h") if name in schema.names]
        for entry in self._entries("cells"):
            table = self.read_entry(entry, [*keys, "cells"])
            parent, data = unnest_cells(table)
            data |= {name: table.column(name).take(parent) for name in keys}
            yield pa.table([data[name] for name in schema.names], schema=schema)

    def moment_batches(self) -> Iterator[pa.Table]:
        """Yield the rows of the table `moments` (processed frames x descriptors), one batch per part."""
        schema = arrow_schema("moments")
        keys = ("plate", "well", "field", "time", "time_h")
        for entry in self._entries("cells"):
            table = self.read_entry(entry, (*keys, "status", "n", "mean", "m2"))
            rows, data = unnest_moments(table)
            data |= {name: table.column(name).take(rows) for name in keys}
            yield pa.table({name: data[name] for name in schema.names}, schema=schema)

    def scores(self) -> pa.Table:
        """Return the table `scores`: one row per field, time and class of every well; empty where no model was used."""
        return pa.concat_tables([arrow_schema("scores").empty_table(), *self.score_batches()])

    def score_batches(self) -> Iterator[pa.Table]:
        """Yield the rows of the table `scores`, one batch per part, in plate order."""
        schema = arrow_schema("scores")
        for entry in self._entries("scores"):
            yield spread_scores(self.read_entry(entry), schema)

    def pooled_scores(self, name: str) -> pa.Table | None:
        """Return the table `well_scores` or `hour_scores`; None where no model was used."""
        file = SCORE_FILES[name]
        if file not in self.manifest.files:
            return None
        stored = pq.read_table(pa.BufferReader(self.read_file(file)))
        if stored.schema.names != arrow_schema(name).names:
            raise InputError(f"{self.folder / file}: its columns are not those of this version; {REMEDY}")
        return stored.cast(arrow_schema(name))

    def read_file(self, name: str) -> bytes:
        """Return the bytes of one of the run's other files; raises InputError when they are not the committed ones."""
        if name not in self.manifest.files:
            raise InputError(f"{self.folder}: the manifest names no file {name}; {REMEDY}")
        path = self._inside(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
        if hashlib.sha256(data).hexdigest() != self.manifest.files[name]:
            raise InputError(f"{path}: is not the file that was committed; {REMEDY}")
        return data

    def read_entry(self, entry: PartEntry, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one part of the manifest after checking its digest; raises InputError when it is damaged."""
        return read_part(self._part(entry), columns)

    def check_entry(self, entry: PartEntry) -> None:
        """Check the digest of one part of the manifest; raises InputError when it is damaged."""
        read_part(self._part(entry), ())

    def _entries(self, stage: str) -> list[PartEntry]:
        return [entry for entry in self.manifest.parts if entry.stage == stage]

    def _part(self, entry: PartEntry) -> PartFile:
        path = self._inside(entry.path)
        if not path.is_file():
            raise InputError(f"part {path}: the manifest names it, but it is not there; {REMEDY}")
        return PartFile(path, entry.well, entry.time, entry.key[:32], entry.sha256)

    def _inside(self, name: str) -> Path:
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise SecurityError(f"{self.folder}: its manifest names {name!r}, which is outside the run; not read")
        return path

    def _source(self) -> tuple[Path | None, ForeignConfig]:
        try:
            config = json.loads((self.folder / "run.json").read_bytes())["config"]
            return Path(config["plate"]["store"]), ForeignConfig.model_validate(config.get("foreign", {}))
        except (OSError, ValueError, KeyError, TypeError):
            return None, ForeignConfig()


def open_results(run_dir: Path | str) -> Results:
    """Return the results of a finished run; reads its manifest only.

    Raises InputError when the run is not finished or its manifest is damaged.
    """
    folder = Path(run_dir)
    return Results(folder, read_manifest(folder))


def _subset(table: str, columns: Sequence[str] | None) -> pa.Schema:
    schema = arrow_schema(table)
    if columns is None:
        return schema
    if unknown := [name for name in columns if name not in schema.names]:
        raise UsageError(f"{table}: no column {', '.join(unknown)}; it has {', '.join(schema.names)}")
    return pa.schema([schema.field(name) for name in columns])
