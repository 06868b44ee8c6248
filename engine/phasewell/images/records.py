"""Record files: what is known of every frame of one unit. A unit is committed when its record file is in place.

A record file holds canonical JSON and its SHA-256, and for every present frame the crc32c of its stored chunk.
That checksum ties the record to the pixels: when a writer is killed after it replaced a shard and before it replaced
the records, the frames that changed no longer match and count as damaged until the unit is written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from phasewell.durable import replace_file
from phasewell.errors import InputError, UsageError
from phasewell.images.files import contained, read_document
from phasewell.images.metadata import PlateMetadata, explain, parse_json, well_path
from phasewell.manifest import canonical_json, digest_json
from phasewell.names import stored_name
from phasewell.plate import FrameKey, FrameRecord, Unit

VERSION = 1


class StoredRecord(NamedTuple):
    """A frame's record and the crc32c of its stored chunk; None where there is no chunk."""

    record: FrameRecord
    checksum: int | None


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    field: str
    status: Literal["present", "missing", "quarantined"]
    reason: str | None = None
    sha256: str | None = None
    source: str | None = None
    time_h: float | None = None
    flags: list[str] = []
    crc32c: int | None = None

    @model_validator(mode="after")
    def _check(self) -> _Entry:
        if (self.status == "present") != (self.sha256 is not None) or (self.sha256 is None) != (self.crc32c is None):
            raise ValueError(f"field {self.field}: sha256 and crc32c exist exactly when the frame is present")
        if self.status == "quarantined" and not self.reason:
            raise ValueError(f"field {self.field}: a quarantined frame needs a reason")
        return self


def records_path(unit: Unit) -> str:
    """Return the path of a unit's record file in the store; it lies beside the shards of the full level."""
    return f"{well_path(unit.well)}/0/0/records/{unit.time}.json"


def shard_path(unit: Unit, level: int) -> str:
    """Return the path of a unit's shard in the store (Zarr key c/<time>/0/0/0 of the level's array)."""
    return f"{well_path(unit.well)}/0/{level}/c/{unit.time}/0/0/0"


def write_records(root: Path, unit: Unit, stored: Sequence[StoredRecord]) -> None:
    """Commit the records of a unit atomically."""
    replace_file(contained(root, records_path(unit)), [encode_records(unit, stored)])


def encode_records(unit: Unit, stored: Sequence[StoredRecord]) -> bytes:
    """Return the content of a record file; raises UsageError for what JSON cannot hold."""
    document: dict[str, Any] = {
        "version": VERSION,
        "well": unit.well,
        "time": unit.time,
        "frames": [
            {
                "field": record.key.field,
                "status": record.status,
                "reason": record.reason,
                "sha256": record.sha256,
                "source": None if record.source is None else stored_name(record.source),
                "time_h": None if record.time_h is None else float(record.time_h),
                "flags": list(record.flags),
                "crc32c": checksum,
            }
            for record, checksum in stored
        ],
    }
    try:
        return canonical_json(document | {"sha256": digest_json(document)})
    except ValueError as error:  # NaN, or text that is no Unicode
        raise UsageError(f"{unit}: records cannot be written as JSON ({error})") from error


def load_records(root: Path, meta: PlateMetadata, unit: Unit) -> tuple[StoredRecord, ...]:
    """Return one stored record per field of the plate, in field order.

    Without a record file the unit was never committed and every field is missing, whatever else lies there; so is a
    field that was added after the unit was written. Raises InputError for a damaged file.
    """
    path = contained(root, records_path(unit))
    try:
        content = read_document(path)
    except FileNotFoundError:
        found: Mapping[str, StoredRecord] = {}
    else:
        found = _parse(content, meta, unit, path)
    return tuple(
        found.get(name) or StoredRecord(FrameRecord(FrameKey(unit.plate, unit.well, name, unit.time), "missing"), None)
        for name in meta.field_names
    )


def _parse(content: bytes, meta: PlateMetadata, unit: Unit, path: Path) -> dict[str, StoredRecord]:
    remedy = f"{unit}: ingest this well and time again"
    document = parse_json(content, str(path))
    digest = document.pop("sha256", None)
    try:
        same = digest_json(document) == digest and canonical_json(document | {"sha256": digest}) == content
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise InputError(f"{path}: records do not match their SHA-256: damaged; {remedy}")
    if (document.get("version"), document.get("well"), document.get("time")) != (VERSION, unit.well, unit.time):
        raise InputError(f"{path}: records of another unit or version; {remedy}")
    stored = {}
    try:
        for item in document["frames"]:
            entry = _Entry.model_validate(item)
            key = FrameKey(unit.plate, unit.well, entry.field, unit.time)
            record = FrameRecord(
                key, entry.status, entry.reason, entry.sha256, entry.source, entry.time_h, tuple(entry.flags)
            )
            stored[entry.field] = StoredRecord(record, entry.crc32c)
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}; {remedy}") from error
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: no list of frames; {remedy}") from error
    if not stored.keys() <= set(meta.field_names):
        raise InputError(f"{path}: records of fields that the plate lacks; {remedy}")
    return stored
