"""One unit of an ingest: read its files, compare with what the store has, write the shard when something changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from phasewell.errors import InputError
from phasewell.images.decode import Decoded, DecodeJob, DecodePool
from phasewell.images.files import contained
from phasewell.images.metadata import well_path
from phasewell.images.plain import read_frame
from phasewell.images.reader import StoreReader
from phasewell.images.records import shard_path
from phasewell.images.scans import PlannedFrame
from phasewell.images.store import PlateWriter, PreparedFrame
from phasewell.images.stored_unit import CHUNK_DAMAGED
from phasewell.manifest import digest_json
from phasewell.plate import FrameKey, FrameRecord, Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLANK = "blank"  # the flag of a stored frame whose pixels all have one value
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
class TakenFrame:
    """One frame beside its plan: what was found in its file, ready to be written; None when it is unusable."""

    frame: PlannedFrame
    record: FrameRecord
    prepared: PreparedFrame | None
    pixels: NDArray[Any] | None  # the memory behind it


class Intake:
    """Takes units into a store. Units may be finished in different threads; one unit is one task's."""

    def __init__(self, writer: PlateWriter, pool: DecodePool) -> None:
        self.writer, self.pool = writer, pool
        self._free: list[NDArray[Any]] = []
        reader = writer.plate.reader
        assert isinstance(reader, StoreReader)  # what a writer's plate has
        self.reader = reader

    def start(self, plan: UnitPlan) -> dict[str, Future[TakenFrame]]:
        """Queue the unit's files: each is read or decoded, hashed and encoded on one of the pool's threads.

        Returns the outcomes by field, in the order in which the shard takes them.
        """
        place = self.writer.meta.place
        frames = sorted(plan.frames, key=lambda frame: place(frame.key.field))
        return {frame.key.field: self.pool.call(self._take, frame) for frame in frames}

    def _take(self, frame: PlannedFrame) -> TakenFrame:
        decoded = None
        if _needs_decoding(frame):
            meta, candidate = self.writer.meta, frame.candidate
            entry = candidate.entry
            job = DecodeJob(entry.file.path, meta.frame_shape, meta.dtype, entry.page)
            decoded = read_frame(job, candidate.header, self.pool, self._free_memory())
        if decoded is not None and decoded.pixels is not None and is_blank(decoded.pixels):
            decoded = replace(decoded, flags=(*decoded.flags, BLANK))
        frame = _judge(frame, decoded)
        pixels = decoded.pixels if decoded is not None and frame.reason is None else None
        prepared = None if pixels is None else self.writer.prepare(frame.key.field, pixels)
        status = "quarantined" if prepared is None else "present"
        record = FrameRecord(frame.key, status, frame.reason, None, frame.candidate.name, frame.time_h, frame.flags)
        return TakenFrame(frame, record, prepared, pixels)

    def _free_memory(self) -> NDArray[Any] | None:
        """Return the array of a frame that was written; fresh memory would cost the system a page at a time."""
        try:
            return self._free.pop()
        except IndexError:
            return None

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

    def finish(self, plan: UnitPlan, taking: Mapping[str, Future[TakenFrame]]) -> UnitOutcome:
        """Wait for the unit's files, merge them with what the store has, and commit; one shard write at most."""
        stored = self._stored(plan.unit)
        if not stored:
            taken = self._write_new(plan.unit, taking)
            changed = True
        else:
            taken = {field: job.result() for field, job in taking.items()}
            changed = self._merge(plan.unit, taken, stored)
        frames = tuple(taken[frame.key.field].frame for frame in plan.frames)
        self._remember(plan, frames)
        return UnitOutcome(frames, changed)

    def _write_new(self, unit: Unit, taking: Mapping[str, Future[TakenFrame]]) -> dict[str, TakenFrame]:
        """Write a unit of which the store has nothing, each frame as soon as it is there and in cache."""
        taken: dict[str, TakenFrame] = {}

        def arriving() -> Iterator[tuple[FrameRecord, PreparedFrame | None]]:
            for field, job in taking.items():
                item = job.result()
                yield item.record, item.prepared
                taken[field] = replace(item, prepared=None, pixels=None)
                if item.pixels is not None:
                    self._free.append(item.pixels)
            for field in self.writer.meta.field_names:
                if field not in taking:
                    yield FrameRecord(FrameKey(*unit[:2], field, unit.time), "missing"), None

        self.writer.write_arriving(unit, arriving())
        return taken

    def _merge(self, unit: Unit, taken: Mapping[str, TakenFrame], stored: dict[str, FrameRecord]) -> bool:
        """Write the unit again when a file says otherwise than the store; return whether one did."""
        records, changed = dict(stored), False
        for field, item in taken.items():
            known = stored.get(field)
            if known is None or not (_says_the_same(known, item) or _outlives(known, item)):
                records[field], changed = item.record, True
        if changed:
            self._write(unit, taken, records)
        return changed

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

    def _write(self, unit: Unit, taken: Mapping[str, TakenFrame], records: dict[str, FrameRecord]) -> None:
        prepared = {field: item.prepared for field, item in taken.items() if item.prepared is not None}
        frames: dict[str, PreparedFrame] = {}
        for field, record in records.items():
            if record.status == "present":
                frames[field] = prepared.get(field) or self._stored_frame(unit, field)
        self.writer.write_prepared(unit, frames, tuple(records.values()))

    def _stored_frame(self, unit: Unit, field: str) -> PreparedFrame:
        return self.writer.prepare(field, self.reader.read_raw(unit, (field,))[0][0])


def is_blank(pixels: NDArray[Any]) -> bool:
    """Whether all pixels (height, width) have one value; one row tells for almost every real frame."""
    first = pixels[0, 0]
    return bool((pixels[0] == first).all() and (pixels == first).all())


def _needs_decoding(frame: PlannedFrame) -> bool:
    """Usable frames; and floating-point ones, to tell NaN from a wrong type."""
    header = frame.candidate.header
    is_float = frame.reason == "wrong_dtype" and header is not None and header.dtype.startswith("float")
    return frame.reason is None or is_float


def _judge(frame: PlannedFrame, decoded: Decoded | None) -> PlannedFrame:
    """Return the plan with the reason and the flags that reading the file added."""
    if decoded is None:
        return replace(frame, flags=tuple(dict.fromkeys(frame.flags)))
    flags = tuple(dict.fromkeys((*frame.flags, *decoded.flags)))
    if decoded.reason is None:
        return replace(frame, flags=flags)
    return replace(frame, reason=decoded.reason, detail=decoded.detail, flags=flags)


def _says_the_same(known: FrameRecord, item: TakenFrame) -> bool:
    """Whether a stored frame has these pixels already, or is quarantined for this reason already."""
    if known.status == "present" and item.prepared is not None:
        return known.sha256 == item.prepared.sha256
    if known.reason == CHUNK_DAMAGED:
        return False
    return known.status == item.record.status == "quarantined" and known.reason == item.record.reason


def _outlives(known: FrameRecord, item: TakenFrame) -> bool:
    """Whether a good stored frame stays: a later copy that cannot be read does not undo it; a contradiction does."""
    return known.status == "present" and item.prepared is None and item.record.reason != "duplicate_conflict"


def _files_of(frame: PlannedFrame) -> list[Any]:
    return [c.entry.file for c in (frame.candidate, *frame.duplicates, *frame.rejected)]


def _stamp(file: Any) -> list[Any]:
    return [file.name.encode("utf-8", "surrogateescape").hex(), file.size, file.mtime_ns, file.ctime_ns]


def _fingerprint_path(unit: Unit) -> str:
    """Where the digest of a unit's source files lies; it speeds up the next ingest and is part of no plate digest."""
    return f"{well_path(unit.well)}/0/0/sources/{unit.time}.sha256"
