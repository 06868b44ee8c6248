"""Is a plate store whole? Its metadata against OME-Zarr 0.5, every checksum of every shard, and what is missing."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from phasewell.config import ForeignConfig
from phasewell.durable import find_temporaries
from phasewell.errors import InputError, SecurityError
from phasewell.images.files import contained, read_document
from phasewell.images.metadata import parse_json
from phasewell.images.ngff import plate_documents
from phasewell.images.pixels import frame_sha256
from phasewell.images.reader import StoreReader, check_array
from phasewell.images.records import shard_path
from phasewell.images.store import open_plate
from phasewell.images.stored_unit import CHUNK_DAMAGED
from phasewell.manifest import canonical_json
from phasewell.names import one_line
from phasewell.plate import FrameKey, FrameRecord, Plate, Unit

_MOST_LINES = 10  # of one kind, in the text


@dataclass(frozen=True)
class ValidationReport:
    """What `validate_plate` found. `is_valid` is False when anything is damaged or is no OME-Zarr; a hole is no fault.

    `damaged` lists frames whose stored pixels fail; `problems` everything else that is wrong, in plain words;
    `uncommitted` units whose shard has no records, and `partial_files` what a killed writer left: both harmless.
    """

    store: str
    plate: str
    is_valid: bool
    ome_zarr: str  # "valid", or what ome-zarr-models says
    n_expected: int
    n_present: int
    n_missing: int
    n_quarantined: int
    n_damaged: int
    quarantined: dict[str, int] = field(default_factory=dict)  # reason -> frames
    damaged: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    uncommitted: tuple[str, ...] = ()
    partial_files: tuple[str, ...] = ()
    digest: str | None = None  # None when records are damaged
    version: str = "0.5"  # of OME-Zarr
    foreign: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON document of the report."""
        return asdict(self)

    def to_text(self) -> str:
        """Return the report for a terminal: the verdict, the counts, and at most ten of everything that is wrong."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.quarantined.items())
        lines = [
            f"plate {one_line(self.plate)}: {'valid' if self.is_valid else 'NOT VALID'} ({self.store})",
            f"OME-Zarr {self.version}{' of another program' if self.foreign else ''}: {self.ome_zarr}",
            f"frames: {self.n_present} of {self.n_expected} present, {self.n_missing} missing, "
            f"{self.n_quarantined} quarantined{f' ({reasons})' if reasons else ''}, {self.n_damaged} damaged",
            *_first(
                self.damaged, "damaged: {}; " + ("restore it" if self.foreign else "ingest its well and time again")
            ),
            *_first(self.problems, "problem: {}"),
            *_first(self.uncommitted, "not committed: {}; its ingest was interrupted, run it again"),
            *_first(self.partial_files, "left by a killed writer, swept by the next write: {}"),
        ]
        return "\n".join([*lines, f"digest: {self.digest or 'none, records are damaged'}"])


def _first(items: tuple[str, ...], template: str) -> list[str]:
    lines = [template.format(item) for item in items[:_MOST_LINES]]
    return lines + ([f"... and {len(items) - _MOST_LINES} more"] if len(items) > _MOST_LINES else [])


def validate_plate(
    path: Path | str, progress: Callable[[int, int], None] | None = None, foreign: ForeignConfig | None = None
) -> ValidationReport:
    """Read every byte of a plate store and report; nothing is written or repaired.

    `progress` is called with (units done, units). A plate of another program (see `open_plate` for `foreign`) is
    compared with the digests that were made on its first use. Raises InputError or SecurityError when the store
    cannot be opened.
    """
    plate = open_plate(path, foreign)
    reader = plate.reader
    if not isinstance(reader, StoreReader):
        return _validate_foreign(plate, path, progress)
    tally = _Tally()
    problems: list[str] = []
    uncommitted: list[str] = []
    leftovers: list[str] = []
    units = list(plate.units())
    problems += _document_problems(reader, plate)
    for done, unit in enumerate(units, start=1):
        records, found = _check_unit(reader, unit)
        problems += found
        tally.add(records)
        shard = contained(reader.root, shard_path(unit, 0))
        leftovers += [str(path.relative_to(reader.root)) for path in find_temporaries(shard.parent)]
        if shard.exists() and not any(before.status == "present" for before, _ in records):
            uncommitted.append(str(unit))
        if progress:
            progress(done, len(units))
    report = _report(plate, path, tally, check_ome_zarr(reader.root))
    return replace(
        report,
        is_valid=report.is_valid and not problems,
        problems=tuple(problems),
        uncommitted=tuple(uncommitted),
        partial_files=tuple(leftovers),
    )


def _validate_foreign(plate: Plate, path: Path | str, progress: Callable[[int, int], None] | None) -> ValidationReport:
    from phasewell.images.foreign import ForeignReader

    reader = plate.reader
    assert isinstance(reader, ForeignReader)  # the other kind that open_plate makes
    tally = _Tally()
    units = list(plate.units())
    for done, unit in enumerate(units, start=1):
        tally.add(zip(reader.read_records(unit), reader.read_good(unit)[1], strict=True))
        if progress:
            progress(done, len(units))
    report = _report(plate, path, tally, check_ome_zarr(reader.root, reader.version))
    # a frame that could not be read when its digest was made is no finding of an ingest: the plate itself has it
    return replace(report, is_valid=report.is_valid and not report.n_quarantined, version=reader.version, foreign=True)


@dataclass
class _Tally:
    """What became of the frames read so far."""

    counts: Counter[str] = field(default_factory=Counter)  # present, missing, quarantined, damaged
    reasons: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)

    def add(self, records: Iterable[tuple[FrameRecord, FrameRecord]]) -> None:
        """Count (record as stored, record after reading its pixels) of one unit."""
        for stored, now in records:
            self.counts["damaged" if now != stored else now.status] += 1
            if now != stored:
                self.damaged.append(str(now.key))
            elif now.status == "quarantined":
                self.reasons[str(now.reason)] += 1


def _report(plate: Plate, path: Path | str, tally: _Tally, ome_zarr: str) -> ValidationReport:
    return ValidationReport(
        store=str(path),
        plate=plate.name,
        is_valid=not tally.damaged and ome_zarr == "valid",
        ome_zarr=ome_zarr,
        n_expected=plate.n_frames_expected,
        n_present=tally.counts["present"],
        n_missing=tally.counts["missing"],
        n_quarantined=tally.counts["quarantined"],
        n_damaged=tally.counts["damaged"],
        quarantined=dict(sorted(tally.reasons.items())),
        damaged=tuple(tally.damaged),
        digest=_digest_if_readable(plate),
    )


def _digest_if_readable(plate: Plate) -> str | None:
    try:
        return plate_digest(plate)
    except InputError:
        return None


def _document_problems(reader: StoreReader, plate: Plate) -> list[str]:
    """Return what differs in the metadata of the wells, which only other readers look at, and of their arrays."""
    problems = []
    for well in plate.wells:
        for level in (0, 1) if reader.meta.has_overview else (0,):
            try:
                check_array(reader.root, reader.meta, well, level)
            except (InputError, SecurityError) as error:
                problems.append(str(error))
    for relative, content in plate_documents(reader.meta).items():
        path = contained(reader.root, relative)
        expected = parse_json(content, str(path)).get("attributes", {}).get("ome")
        try:
            attributes = parse_json(read_document(path), str(path)).get("attributes")
        except (FileNotFoundError, InputError) as error:
            problems.append(f"{path}: {error}")
            continue
        if expected is not None and (not isinstance(attributes, dict) or attributes.get("ome") != expected):
            problems.append(f"{path}: OME-Zarr metadata differ from the plate's; restore it, or ingest again")
    return problems


def _check_unit(reader: StoreReader, unit: Unit) -> tuple[list[tuple[FrameRecord, FrameRecord]], list[str]]:
    """Return ((record as stored, record after reading its pixels) per field, what is wrong besides the frames)."""
    try:
        before = reader.read_records(unit)
        frames, after = reader.read_good(unit)
    except (InputError, SecurityError) as error:  # nothing is known of any field: all count as damaged
        keys = [FrameKey(*unit[:2], name, unit.time) for name in reader.meta.field_names]
        lost = [(FrameRecord(key, "present"), FrameRecord(key, "quarantined", CHUNK_DAMAGED)) for key in keys]
        return lost, [str(error)]
    pairs = [(stored, _check_digest(now, frames.get(now.key.field))) for stored, now in zip(before, after, strict=True)]
    try:
        reader.read_overview(unit)
    except InputError as error:
        return pairs, [str(error)]
    return pairs, []


def _check_digest(record: FrameRecord, pixels: NDArray[Any] | None) -> FrameRecord:
    if pixels is None or frame_sha256(pixels) == record.sha256:
        return record
    return replace(record, status="quarantined", reason=CHUNK_DAMAGED, sha256=None)


def check_ome_zarr(root: Path, version: Literal["0.4", "0.5"] = "0.5") -> str:
    """Return "valid" when ome-zarr-models accepts the store as an OME-Zarr plate of this version, else what it says."""
    import zarr
    from ome_zarr_models import open_ome_zarr

    try:
        with warnings.catch_warnings(action="error"):
            model = open_ome_zarr(zarr.open_group(str(root), mode="r"), version=version)
    except (ValueError, KeyError, TypeError, RuntimeError, OSError, Warning) as error:
        return f"{type(error).__name__}: {error}"
    return "valid" if type(model).__name__ == "HCS" else f"a {type(model).__name__}, not a plate"


def plate_digest(plate: Plate) -> str:
    """Return the SHA-256 of what a plate is: its metadata and all frame records.

    Where the frames came from, how they are encoded and file times do not enter: the same frames under the same
    addresses are the same plate. Raises InputError for damaged records.
    """
    digest = hashlib.sha256()
    digest.update(
        canonical_json(
            {
                "name": plate.name,
                "wells": plate.wells,
                "fields": [vars(item) for item in plate.fields],
                "times_h": plate.times_h,
                "frame_shape": plate.frame_shape,
                "dtype": plate.dtype,
                "pixel_size_um": plate.pixel_size_um,
                "window": plate.window,
                "platemap": plate.platemap,
                "provenance": plate.provenance,
            }
        )
    )
    for unit in plate.units():
        digest.update(
            canonical_json(
                [
                    [*record.key, record.status, record.reason, record.sha256, record.time_h, record.flags]
                    for record in plate.reader.read_records(unit)
                ]
            )
        )
    return digest.hexdigest()
