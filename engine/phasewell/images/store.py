"""The plate store: create it, write units, open it for reading.

One unit (a well at one time) is two shards, full and 1/8, and one record file, written in this order:
shard, overview, records. The record file is the commit; any crash before it leaves the unit to be written again.
Different processes may write different units at once; nothing is shared but the metadata, changed under a lock.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasewell.config import ForeignConfig
from phasewell.durable import remove_file, replace_file
from phasewell.errors import InputError, SecurityError, UsageError
from phasewell.images import ngff
from phasewell.images.files import (
    contained,
    install_folder,
    locked_folder,
    read_document,
    sweep_partials,
)
from phasewell.images.foreign_metadata import is_foreign
from phasewell.images.metadata import OVERVIEW_FACTOR, PlateMetadata, check_metadata, parse_root, well_path
from phasewell.images.pixels import box_sums, frame_sha256, mean_of_boxes
from phasewell.images.reader import PlateReader, StoreReader
from phasewell.images.records import StoredRecord, encode_records, shard_path, write_records
from phasewell.images.shards import EncodedChunk, encode_chunk, write_encoded_shard, write_shard
from phasewell.plate import Field, FrameKey, FrameRecord, Plate, Unit, parse_well, well_position

PlateMap = dict[str, dict[str, str | float | int | None]]


def create_plate(
    path: Path | str,
    *,
    name: str,
    wells: Sequence[str],
    fields: Sequence[Field],
    times_h: Sequence[float],
    frame_shape: tuple[int, int],
    dtype: str,
    pixel_size_um: float,
    window: tuple[int, int] | None = None,
    codec: Literal["raw", "zstd"] = "raw",
    platemap: PlateMap | None = None,
    provenance: dict[str, str] | None = None,
) -> PlateWriter:
    """Make an empty plate store at `path`, all at once, and return its writer.

    `frame_shape` is (height, width) in pixels; `dtype` is uint8 or uint16 (int32 for a plate of labels);
    `times_h` rises strictly; `window` is needed for uint16. Wells may be spelled A1, a01...; they are kept in plate
    order. Raises UsageError for what cannot be, OutputError when `path` has content or cannot be made.
    """
    meta = check_metadata(
        {
            "name": name,
            "wells": _in_plate_order(wells),
            "fields": [vars(field) for field in fields],
            "times_h": times_h,
            "frame_shape": frame_shape,
            "dtype": str(dtype),
            "pixel_size_um": pixel_size_um,
            "window": window,
            "codec": codec,
            "platemap": _canonical_platemap(platemap or {}),
            "provenance": provenance or {},
        }
    )
    install_folder(Path(path), ngff.plate_documents(meta))
    return PlateWriter(Path(path), meta)


def open_writer(path: Path | str) -> PlateWriter:
    """Return the writer of an existing store, for new units or more times, wells and fields.

    Raises InputError when there is no store or its metadata are damaged, SecurityError when they lead out of it.
    """
    return PlateWriter(Path(path), _read_metadata(Path(path)))


def open_plate(path: Path | str, foreign: ForeignConfig | None = None) -> Plate:
    """Return the plate of a store, or an OME-Zarr plate of another program; nothing is ever written into it.

    `foreign` says what such a plate (OME-Zarr 0.4 or 0.5, fields as images) leaves open: channel, plane, acquisition,
    hours between times, pixel size, window. The digests of its frames are made on first use and kept in the state
    folder. Errors as `open_writer`, and UsageError for options that do not fit.
    """
    root, options = Path(path), foreign or ForeignConfig()
    if is_foreign(root):
        from phasewell.images.foreign import read_foreign

        meta, reader = read_foreign(root, options)
        return _plate(meta, reader)
    meta = _read_metadata(root)
    if options != ForeignConfig():
        given = ", ".join(name for name, value in options if value is not None)
        raise UsageError(f"{root}: a store of phasewell, which says all of itself: leave out foreign.{given}")
    return _plate(meta, StoreReader(root, meta))


def _plate(meta: PlateMetadata, reader: PlateReader) -> Plate:
    return Plate(
        name=meta.name,
        wells=meta.wells,
        fields=tuple(Field(**dict(field)) for field in meta.fields),
        times_h=meta.times_h,
        frame_shape=meta.frame_shape,
        dtype=meta.dtype,
        pixel_size_um=meta.pixel_size_um,
        window=meta.window,
        reader=reader,
        platemap={well: dict(columns) for well, columns in meta.platemap.items()},
        provenance=dict(meta.provenance),
    )


def _read_metadata(root: Path) -> PlateMetadata:
    path = contained(root, "zarr.json")
    try:
        content = read_document(path)
    except FileNotFoundError as error:
        raise InputError(f"{root}: no plate store (no zarr.json); make one with `phasewell ingest`") from error
    meta, ome = parse_root(content, str(path))
    _check_well_paths(root, meta, ome)
    return meta


def _check_well_paths(root: Path, meta: PlateMetadata, ome: dict[str, Any]) -> None:
    """Refuse well paths that leave the store, and plates whose two lists of wells disagree."""
    plate = ome.get("plate")
    wells = plate.get("wells") if isinstance(plate, dict) else None
    found = [str(well.get("path")) if isinstance(well, dict) else "" for well in wells or []]
    for path in found:
        if path.startswith("/") or "\\" in path or ".." in path.split("/"):
            raise SecurityError(f"{root}: well path {path!r} leads out of the store; expected row/column such as B/03")
    if found != [well_path(well) for well in meta.wells]:
        raise InputError(f"{root}: OME-Zarr and phasewell metadata list different wells; restore zarr.json")
    for path in found:
        contained(root, path)


def _in_plate_order(wells: Sequence[str]) -> list[str]:
    names = [parse_well(well) for well in wells]
    if len(set(names)) != len(names):
        raise UsageError(f"wells {', '.join(wells)}: one well is named twice")
    return sorted(names, key=well_position)


def _canonical_platemap(platemap: PlateMap) -> PlateMap:
    return {parse_well(well): dict(columns) for well, columns in platemap.items()}


class PreparedFrame(NamedTuple):
    """One frame ready to be written: its SHA-256, its chunk, and the sums of its 8 x 8 boxes (None for labels)."""

    sha256: str
    chunk: EncodedChunk
    boxes: NDArray[np.uint32] | None


def _complete_record(record: FrameRecord, frame: PreparedFrame | None) -> FrameRecord:
    if record.status not in ("present", "missing", "quarantined"):
        raise UsageError(f"{record.key}: status {record.status!r}; expected present, missing or quarantined")
    if (record.status == "present") != (frame is not None):
        raise UsageError(f"{record.key}: status {record.status} {'without' if frame is None else 'with'} pixels")
    if record.status == "quarantined" and not record.reason:
        raise UsageError(f"{record.key}: a quarantined frame needs a reason")
    if frame is None:
        return replace(record, sha256=None)
    if record.sha256 not in (None, frame.sha256):
        raise UsageError(f"{record.key}: pixels have SHA-256 {frame.sha256}; the record says {record.sha256}")
    return replace(record, sha256=frame.sha256)


class PlateWriter:
    """Writes units into a store, and extends it. Safe in several processes that write different units."""

    def __init__(self, root: Path, meta: PlateMetadata) -> None:
        self.root, self.meta = root, meta

    @property
    def plate(self) -> Plate:
        """The plate as it is now, readable."""
        return _plate(self.meta, StoreReader(self.root, self.meta))

    def unit(self, well: str, time: int) -> Unit:
        """Return the unit of a well and a time index; raises UsageError when the plate lacks it."""
        return self.plate.unit(well, time)

    def write_unit(
        self, unit: Unit, frames: Mapping[str, NDArray[Any]], records: Sequence[FrameRecord] = ()
    ) -> tuple[FrameRecord, ...]:
        """Write all frames of a unit, whole, in place of what was there; return its records in field order.

        `frames` is field name -> (height, width) of the plate's dtype; fields without a frame are not in it.
        `records` may say more (status, reason, source, true hour, flags); a field without a record is present when
        it has a frame and else missing. Digests are computed here; one that a record brings must agree.
        This is also how a unit whose record file is damaged is repaired.
        Raises UsageError for frames and records that do not fit, StorageError when the disk refuses.
        """
        return self.write_prepared(unit, {name: self.prepare(name, pixels) for name, pixels in frames.items()}, records)

    def prepare(self, field: str, pixels: NDArray[Any]) -> PreparedFrame:
        """Hash, encode and shrink one frame for `write_prepared`: the work of a write that threads can share.

        `pixels` is (height, width) of the plate's dtype and must not change any more. Raises UsageError otherwise.
        """
        meta = self.meta
        if pixels.shape != meta.frame_shape or pixels.dtype != meta.dtype:
            raise UsageError(
                f"plate {meta.name} field {field}: {pixels.dtype} {pixels.shape}; "
                f"expected {meta.dtype} {meta.frame_shape}"
            )
        place = divmod(meta.place(field), meta.grid[1])
        boxes = box_sums(pixels, place, OVERVIEW_FACTOR) if meta.has_overview else None
        return PreparedFrame(frame_sha256(pixels), encode_chunk(pixels, meta.shard_format()), boxes)

    def write_prepared(
        self, unit: Unit, frames: Mapping[str, PreparedFrame], records: Sequence[FrameRecord] = ()
    ) -> tuple[FrameRecord, ...]:
        """Write all frames of a unit that `prepare` made ready; arguments, result and errors as `write_unit`."""
        self._check_unit(unit)
        complete = self._complete_records(unit, frames, records)
        encode_records(unit, [StoredRecord(record, None) for record in complete])  # refuse before any pixel is written
        place = self.meta.place
        return self.write_arriving(
            unit, sorted(((r, frames.get(r.key.field)) for r in complete), key=lambda item: place(item[0].key.field))
        )

    def write_arriving(
        self, unit: Unit, arriving: Iterable[tuple[FrameRecord, PreparedFrame | None]]
    ) -> tuple[FrameRecord, ...]:
        """Write a unit whole while its frames are being made; result and errors as `write_unit`.

        `arriving` yields the record of every field, with the prepared frame where there is one, in the order of
        `meta.place`; a frame's pixels are done with when the next is asked for. Nothing is committed, and the old
        unit stays, when it raises.
        """
        meta = self.meta
        self._check_unit(unit)
        path = contained(self.root, shard_path(unit, 0))
        sweep_partials(path.parent)
        made: dict[str, StoredRecord] = {}
        boxes: dict[tuple[int, int], NDArray[np.uint32]] = {}
        chunks = self._chunks(arriving, made, boxes)
        first = next(chunks, None)
        if first is not None:
            write_encoded_shard(path, itertools.chain((first,), chunks), meta.shard_format())
            if meta.has_overview:
                small = mean_of_boxes(boxes, meta.grid, meta.frame_shape, OVERVIEW_FACTOR, np.dtype(meta.dtype))
                write_shard(contained(self.root, shard_path(unit, 1)), [small], meta.shard_format(1))
        stored = [made[name] for name in meta.field_names]
        write_records(self.root, unit, stored)
        if first is None:  # only after the commit: until then the old records describe the old pixels
            for level in (0, 1):
                remove_file(contained(self.root, shard_path(unit, level)))
        return tuple(record for record, _ in stored)

    def _chunks(
        self,
        arriving: Iterable[tuple[FrameRecord, PreparedFrame | None]],
        made: dict[str, StoredRecord],
        boxes: dict[tuple[int, int], NDArray[np.uint32]],
    ) -> Iterator[tuple[int, EncodedChunk]]:
        """Yield (place, chunk) of the frames that are there; collect records and box sums on the way."""
        for record, frame in arriving:
            complete, field = _complete_record(record, frame), record.key.field
            made[field] = StoredRecord(complete, frame.chunk.crc32c if frame else None)
            if frame is not None:
                place = self.meta.place(field)
                if frame.boxes is not None:
                    boxes[divmod(place, self.meta.grid[1])] = frame.boxes
                yield place, frame.chunk

    def update_unit(
        self, unit: Unit, frames: Mapping[str, NDArray[Any]], records: Sequence[FrameRecord] = ()
    ) -> tuple[FrameRecord, ...]:
        """Write late or newly ingested frames into a unit and keep its other fields as they are.

        The whole shard is replaced all the same. Fields that are neither in `frames` nor in `records` keep their
        record and pixels, which are read and checked; one that is damaged becomes quarantined "chunk_damaged".
        Arguments, result and errors as `write_unit`; InputError when the record file is damaged: then give all
        frames to `write_unit`.
        """
        touched = {*frames, *(record.key.field for record in records)}
        kept, old = StoreReader(self.root, self.meta).read_good(unit)
        kept_frames = {field: pixels for field, pixels in kept.items() if field not in touched}
        kept_records = [record for record in old if record.key.field not in touched]
        return self.write_unit(unit, {**kept_frames, **frames}, [*kept_records, *records])

    def _check_unit(self, unit: Unit) -> None:
        expected = self.unit(unit.well, unit.time)
        if unit != expected:
            raise UsageError(f"{unit}: expected {expected}")

    def _complete_records(
        self, unit: Unit, frames: Mapping[str, PreparedFrame], records: Sequence[FrameRecord]
    ) -> tuple[FrameRecord, ...]:
        names = self.meta.field_names
        given = {record.key.field: record for record in records}
        strange = [name for name in (*frames, *given) if name not in names]
        if strange or len(given) != len(records):
            raise UsageError(f"{unit}: fields {strange} unknown, or a field with two records; the plate has {names}")
        complete = []
        for name in names:
            key, frame = FrameKey(*unit[:2], name, unit.time), frames.get(name)
            record = given.get(name) or FrameRecord(key, "missing" if frame is None else "present")
            if record.key != key:
                raise UsageError(f"{unit}: record of {record.key}; expected {key}")
            complete.append(_complete_record(record, frame))
        return tuple(complete)

    def extend(
        self,
        *,
        times_h: Sequence[float] = (),
        wells: Sequence[str] = (),
        fields: Sequence[Field] = (),
        platemap: PlateMap | None = None,
        provenance: dict[str, str] | None = None,
    ) -> None:
        """Add times, wells and fields to the plate; no pixel is touched, and what is there already stays.

        Times must come after the last one (an index is the address of stored frames), fields must have an empty
        place of the existing mosaic; raises UsageError otherwise, LockedError while another process extends.
        """
        with locked_folder(self.root):
            meta = _read_metadata(self.root)
            self.meta = self._extended(meta, times_h, wells, fields, platemap, provenance)
            if self.meta != meta:
                for relative, content in ngff.plate_documents(self.meta).items():  # the root's comes last
                    self._update_document(relative, content)

    def _extended(
        self,
        meta: PlateMetadata,
        times_h: Sequence[float],
        wells: Sequence[str],
        fields: Sequence[Field],
        platemap: PlateMap | None,
        provenance: dict[str, str] | None,
    ) -> PlateMetadata:
        new_times = [float(hour) for hour in times_h if float(hour) not in meta.times_h]
        if new_times and min(new_times) <= meta.times_h[-1]:
            raise UsageError(
                f"plate {meta.name}: hour {min(new_times)} lies before the last, {meta.times_h[-1]}; times can only be "
                "added at the end, so ingest everything into a new store"
            )
        old_fields = [dict(field) for field in meta.fields]
        new_fields = [vars(field) for field in fields if vars(field) not in old_fields]
        document = meta.model_dump() | {
            "times_h": [*meta.times_h, *sorted(set(new_times))],
            "wells": _in_plate_order([*meta.wells, *({parse_well(well) for well in wells} - set(meta.wells))]),
            "fields": [*old_fields, *new_fields],
            "platemap": meta.platemap | _canonical_platemap(platemap or {}),
            "provenance": meta.provenance | (provenance or {}),
        }
        extended = check_metadata(document)
        if extended.grid != meta.grid:
            raise UsageError(
                f"plate {meta.name}: fields {[field['name'] for field in new_fields]} lie outside its mosaic of "
                f"{meta.grid[0]} x {meta.grid[1]} fields; ingest everything into a new store"
            )
        return extended

    def _update_document(self, relative: str, content: bytes) -> None:
        path = contained(self.root, relative)
        try:
            if path.stat().st_size == len(content) and read_document(path) == content:
                return
        except FileNotFoundError:
            pass
        replace_file(path, [content])
