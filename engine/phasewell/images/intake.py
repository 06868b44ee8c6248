"""One unit of an ingest: decode its files, compare with what the store has, write the shard when something changed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from phasewell.errors import InputError
from phasewell.images.decode import Decoded, DecodeJob, DecodePool
from phasewell.images.files import contained
from phasewell.images.metadata import well_path
from phasewell.images.pixels import frame_sha256
from phasewell.images.reader import CHUNK_DAMAGED, StoreReader
from phasewell.images.records import shard_path
from phasewell.images.scans import PlannedFrame
from phasewell.images.store import PlateWriter
from phasewell.manifest import digest_json
from phasewell.plate import FrameRecord, Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RULES = 1  # raise when the same files would give other records or pixels


@dataclass(frozen=True)
class UnitPlan:
    """The frames that a source delivers for one unit."""

    unit: Unit
    frames: tuple[PlannedFrame, ...]


@dataclass(frozen=True)
class UnitOutcome:
    """What became of a unit: its frames with the reasons found while decoding, and whether the shard was written."""

    frames: tuple[PlannedFrame, ...]
    written: bool


@dataclass(frozen=True)
class _Taken:
    """One decoded frame beside its plan."""

    frame: PlannedFrame
    record: FrameRecord
    pixels: NDArray[Any] | None


class Intake:
    """Takes units into a store. Units may be finished in different threads; one unit is one task's."""

    def __init__(self, writer: PlateWriter, pool: DecodePool) -> None:
        self.writer, self.pool = writer, pool
        reader = writer.plate.reader
        assert isinstance(reader, StoreReader)  # what a writer's plate has
        self.reader = reader

    def start(self, plan: UnitPlan) -> list[Future[Decoded] | None]:
        """Queue the unit's files for decoding; None for frames that are unusable by their header."""
        return [self.pool.submit(self._job(frame)) if _needs_decoding(frame) else None for frame in plan.frames]

    def _job(self, frame: PlannedFrame) -> DecodeJob:
        return DecodeJob(frame.candidate.entry.file.path, self.writer.meta.frame_shape, self.writer.meta.dtype)

    def is_unchanged(self, plan: UnitPlan) -> bool:
        """Whether exactly these files (name, size, times) made what the store has, so that none need be opened."""
        path = contained(self.reader.root, _fingerprint_path(plan.unit))
        try:
            known = path.read_text("ascii", "replace")
            shard = contained(self.reader.root, shard_path(plan.unit, 0))
            records = self.reader.read_records(plan.unit)
        except (OSError, InputError):
            return False
        present = any(record.status == "present" for record in records)
        return known == self._fingerprint(plan, records) and (shard.exists() or not present)

    def _fingerprint(self, plan: UnitPlan, records: Sequence[FrameRecord]) -> str:
        """Digest the files that were used and the records that they led to."""
        files = [
            [frame.key.field, frame.reason, frame.time_h, list(frame.flags), *map(_stamp, _files_of(frame))]
            for frame in plan.frames
        ]
        kept = [[record.key.field, record.status, record.reason, record.sha256] for record in records]
        return digest_json([_RULES, self.writer.meta.dtype, list(self.writer.meta.frame_shape), files, kept])

    def recall(self, plan: UnitPlan) -> UnitOutcome:
        """Return the outcome of an unchanged unit from its records."""
        records = {record.key.field: record for record in self.reader.read_records(plan.unit)}
        frames = []
        for frame in plan.frames:
            record = records[frame.key.field]
            reason = record.reason if record.status == "quarantined" else None
            detail = frame.detail if frame.reason == reason else "as found at an earlier ingest"
            frames.append(replace(frame, reason=reason, detail=detail if reason else "", flags=record.flags))
        return UnitOutcome(tuple(frames), False)

    def finish(self, plan: UnitPlan, decoding: Sequence[Future[Decoded] | None]) -> UnitOutcome:
        """Wait for the unit's files, merge them with what the store has, and commit; one shard write at most."""
        taken = [_take(frame, job.result() if job else None) for frame, job in zip(plan.frames, decoding, strict=True)]
        stored = self._stored(plan.unit)
        records: dict[str, FrameRecord] = dict(stored)
        changed = not stored
        for item in taken:
            field, known = item.record.key.field, stored.get(item.record.key.field)
            if known is None or not (_says_the_same(known, item) or _outlives(known, item)):
                records[field], changed = item.record, True
        if changed:
            self._write(plan.unit, taken, records)
        frames = tuple(item.frame for item in taken)
        self._remember(plan, frames)
        return UnitOutcome(frames, changed)

    def _remember(self, plan: UnitPlan, frames: Sequence[PlannedFrame]) -> None:
        """Keep the digest of the files that made this unit, unless the store kept an older frame in place of one."""
        records = self.reader.read_records(plan.unit)
        reasons = {record.key.field: record.reason for record in records}
        if any(reasons[frame.key.field] != frame.reason for frame in frames):
            return
        with contextlib.suppress(OSError):  # without it the next ingest decodes again, and finds the same
            path = contained(self.reader.root, _fingerprint_path(plan.unit))
            path.parent.mkdir(exist_ok=True)
            path.write_text(self._fingerprint(plan, records), "ascii")

    def _stored(self, unit: Unit) -> dict[str, FrameRecord]:
        """Return the records of frames that the store has, damaged ones as such; none when it has no such unit."""
        try:
            records = self.reader.read_unit(unit)[1]
        except InputError:  # the record file is damaged: the unit is written anew from the source
            return {}
        return {record.key.field: record for record in records if record.status != "missing"}

    def _write(self, unit: Unit, taken: Sequence[_Taken], records: dict[str, FrameRecord]) -> None:
        pixels = {item.record.key.field: item.pixels for item in taken if item.pixels is not None}
        frames: dict[str, NDArray[Any]] = {}
        for field, record in records.items():
            if record.status != "present":
                continue
            if field in pixels:
                frames[field] = pixels[field]
            else:
                frames[field] = self.reader.read_raw(unit, (field,))[0][0]
        self.writer.write_unit(unit, frames, tuple(records.values()))


def _needs_decoding(frame: PlannedFrame) -> bool:
    """Usable frames; and floating-point ones, to tell NaN from a wrong type."""
    header = frame.candidate.header
    is_float = frame.reason == "wrong_dtype" and header is not None and header.dtype.startswith("float")
    return frame.reason is None or is_float


def _take(frame: PlannedFrame, decoded: Decoded | None) -> _Taken:
    if decoded is not None and decoded.reason is not None:
        frame = replace(frame, reason=decoded.reason, detail=decoded.detail)
    flags = tuple(dict.fromkeys((*frame.flags, *(decoded.flags if decoded else ()))))
    frame = replace(frame, flags=flags)
    pixels = decoded.pixels if decoded is not None and frame.reason is None else None
    status = "present" if pixels is not None else "quarantined"
    record = FrameRecord(frame.key, status, frame.reason, None, frame.candidate.name, frame.time_h, flags)
    return _Taken(frame, record, pixels)


def _says_the_same(known: FrameRecord, item: _Taken) -> bool:
    """Whether a stored frame has these pixels already, or is quarantined for this reason already."""
    if known.status == "present" and item.pixels is not None:
        return known.sha256 == frame_sha256(item.pixels)
    if known.reason == CHUNK_DAMAGED:
        return False
    return known.status == item.record.status == "quarantined" and known.reason == item.record.reason


def _outlives(known: FrameRecord, item: _Taken) -> bool:
    """Whether a good stored frame stays: a later copy that cannot be read does not undo it; a contradiction does."""
    return known.status == "present" and item.pixels is None and item.record.reason != "duplicate_conflict"


def _files_of(frame: PlannedFrame) -> list[Any]:
    return [c.entry.file for c in (frame.candidate, *frame.duplicates, *frame.rejected)]


def _stamp(file: Any) -> list[Any]:
    return [file.name.encode("utf-8", "surrogateescape").hex(), file.size, file.mtime_ns, file.ctime_ns]


def _fingerprint_path(unit: Unit) -> str:
    """Where the digest of a unit's source files lies; it speeds up the next ingest and is part of no plate digest."""
    return f"{well_path(unit.well)}/0/0/sources/{unit.time}.sha256"
