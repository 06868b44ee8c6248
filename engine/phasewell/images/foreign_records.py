"""What is known of the frames of a foreign plate: made on first use by reading them, kept outside of the plate.

A sidecar file per unit holds the SHA-256 of every frame's pixels and a stamp of the files they came from; when the
files change, the unit is read again. It is a memory only: removed, it is made anew with the same content.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from phasewell.durable import replace_file
from phasewell.errors import InputError, StorageError
from phasewell.images.files import read_document
from phasewell.images.foreign_arrays import ChunkProblem
from phasewell.images.foreign_metadata import ForeignImage
from phasewell.images.metadata import PlateMetadata, parse_json
from phasewell.images.pixels import frame_sha256
from phasewell.manifest import canonical_json, digest_json
from phasewell.plate import FrameKey, FrameRecord, Unit
from phasewell.state import state_folder

VERSION = 1  # raise when the same files would give other records
_READERS = 4  # threads that hash the frames of one unit
Images = dict[tuple[str, str], ForeignImage]


def sidecar_folder(root: Path, images: Images) -> Path:
    """Return where the records of a plate lie: one folder per plate, channel and plane, in the state folder."""
    chosen = [[*key, image.channel, image.plane] for key, image in sorted(images.items())]
    identity = digest_json([VERSION, os.path.realpath(root), chosen])
    return state_folder() / "foreign" / identity[:32]


def load_foreign_records(folder: Path, meta: PlateMetadata, images: Images, unit: Unit) -> tuple[FrameRecord, ...]:
    """Return one record per field, from the sidecar where its files are unchanged, else by reading every frame.

    Raises StorageError when the sidecar cannot be written; set PHASEWELL_STATE to a folder that can be.
    """
    path = folder / f"{unit.well}-t{unit.time:05d}.json"
    fields = meta.field_names
    stamps = [_stamp(images.get((unit.well, field)), unit.time) for field in fields]
    kept = _parse(path, unit, fields, stamps)
    if kept is not None:
        return kept
    with ThreadPoolExecutor(min(_READERS, len(os.sched_getaffinity(0))), "foreign") as pool:
        records = tuple(pool.map(lambda field: look_at(images, unit, field), fields))
    document = {
        "version": VERSION,
        "unit": list(unit),
        "frames": [
            [record.key.field, record.status, record.reason, record.sha256, record.source, stamp]
            for record, stamp in zip(records, stamps, strict=True)
        ],
    }
    try:
        replace_file(path, [canonical_json(document | {"sha256": digest_json(document)})])
    except StorageError as error:
        raise StorageError(
            f"{error}; it holds the digests of the frames of {meta.name}, set PHASEWELL_STATE to a folder for them"
        ) from error
    return records


def look_at(images: Images, unit: Unit, field: str) -> FrameRecord:
    """Return the record of one frame by reading it: present with its digest, quarantined with a reason, or missing."""
    image, key = images.get((unit.well, field)), FrameKey(*unit[:2], field, unit.time)
    if image is None or (image.array is None and image.problem is None):
        return FrameRecord(key, "missing")
    if image.problem is not None:
        return FrameRecord(key, "quarantined", image.problem[0], None, image.folder)
    if image.array is None or unit.time >= image.n_times:
        return FrameRecord(key, "missing")
    try:
        pixels = image.array.read(image.leading(unit.time))
    except ChunkProblem as problem:
        if problem.reason == "absent":  # never zeros, whatever the fill value is
            return FrameRecord(key, "missing")
        return FrameRecord(key, "quarantined", problem.reason, None, image.folder)
    return FrameRecord(key, "present", None, frame_sha256(pixels), image.folder)


def _stamp(image: ForeignImage | None, time: int) -> str | None:
    """Return a digest of names, sizes and times of the files that hold a frame; None when no file could."""
    if image is None or image.array is None or image.problem is not None or time >= image.n_times:
        return None if image is None or image.problem is None else digest_json(image.problem)
    seen: list[Any] = [image.array.written_ns]
    for path in image.array.files(image.leading(time)):
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            seen.append([str(path), None])
        else:
            seen.append([str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns])
    return digest_json(seen)


def _parse(
    path: Path, unit: Unit, fields: Sequence[str], stamps: Sequence[str | None]
) -> tuple[FrameRecord, ...] | None:
    """Return the records of a sidecar that is whole and of these files; None otherwise."""
    try:
        document = parse_json(read_document(path), str(path))
        digest = document.pop("sha256", None)
        if digest_json(document) != digest or document["version"] != VERSION or document["unit"] != list(unit):
            return None
        frames = document["frames"]
        if [(frame[0], frame[5]) for frame in frames] != list(zip(fields, stamps, strict=True)):
            return None
        return tuple(
            FrameRecord(FrameKey(*unit[:2], field, unit.time), status, reason, sha256, source)
            for field, status, reason, sha256, source, _ in frames
        )
    except (FileNotFoundError, InputError, KeyError, TypeError, ValueError, IndexError):
        return None
