"""From a source folder to the frames of one plate: which file is which frame, and which cannot be one, and why.

Reads names, indices and headers; no pixels. `scan` shows the outcome, `ingest` carries it out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from phasewell.errors import InputError, UsageError
from phasewell.images.decode import digest_file, inspect_file
from phasewell.images.descriptions import NO_METADATA, ImageMetadata, read_metadata
from phasewell.images.headers import BadImageError, ImageHeader
from phasewell.images.layouts import Entry, LayoutOptions, Listing, list_source
from phasewell.images.layouts.folder import Ignored, printable, walk_source
from phasewell.images.layouts.imagexpress import choose
from phasewell.images.platemap import PlateMap, read_platemap
from phasewell.names import one_line, stored_name
from phasewell.plate import parse_well

DTYPES = ("uint8", "uint16")
SAME_PIXEL_SIZE = 1e-3  # relative; 0.87 and 0.8708 are one pixel size written with fewer digits


@dataclass(frozen=True)
class SourceOptions:
    """What the caller says about a source; see `scan` for the meaning of each."""

    layout: str = "auto"
    names: LayoutOptions = field(default_factory=LayoutOptions)
    plate: str | None = None
    channel: str | None = None
    plane: str | None = None
    pixel_size_um: float | None = None
    pixel_size_from: str = "given by the caller"
    interval_h: float | None = None
    first_time_h: float | None = None
    wells: tuple[str, ...] = ()
    frame_shape: tuple[int, int] | None = None
    dtype: str | None = None
    platemap: Path | PlateMap | None = None
    name: str | None = None


def make_options(
    layout: str,
    pattern: str | None,
    table: Path | str | None,
    columns: dict[str, str] | None,
    well_names: dict[str, str] | None,
    wells: Sequence[str],
    platemap: Path | str | PlateMap | None,
    **others: Any,
) -> SourceOptions:
    """Return the options of `scan` and `ingest` from their arguments; `others` are taken as they are."""
    return SourceOptions(
        layout=layout,
        names=LayoutOptions(pattern, Path(table) if table is not None else None, columns or {}, well_names or {}),
        wells=tuple(parse_well(well) for well in wells),
        platemap=Path(platemap) if isinstance(platemap, str) else platemap,
        **others,
    )


@dataclass(frozen=True)
class Candidate:
    """One file on its way to be a frame. `problem` is (reason, detail) once it cannot be one."""

    entry: Entry
    header: ImageHeader | None = None
    metadata: ImageMetadata = NO_METADATA
    problem: tuple[str, str] | None = None
    flags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name below the source, printable."""
        return printable(self.entry.file.name)

    @property
    def pixel_size(self) -> tuple[float, str] | None:
        """(um per pixel, where that is written), from the index or table first, then from the image itself."""
        for size, source in (
            (self.entry.pixel_size_um, self.entry.pixel_size_source),
            (self.metadata.pixel_size_um, self.metadata.source),
        ):
            if size is not None:
                return size, source or "metadata"
        return None


@dataclass(frozen=True)
class Survey:
    """The files of one plate, one channel and one plane, checked by their headers."""

    root: Path
    listing: Listing
    plate_name: str
    channel: str | None
    plane: str | None
    candidates: tuple[Candidate, ...]
    ignored: tuple[Ignored, ...]
    frame_shape: tuple[int, int] | None  # None when no header could be read
    dtype: str | None
    pixel_size_um: float | None
    pixel_size_source: str | None
    platemap: PlateMap
    announced: dict[str, int]
    notes: tuple[str, ...]


def survey_source(source: Path | str, options: SourceOptions) -> Survey:
    """Return what a source holds for one plate.

    Raises InputError (65) for a folder without images, a missing or contradicting pixel size; UsageError (64) when
    several plates, channels or planes are there and none is chosen.
    """
    folder = walk_source(source)
    listing = list_source(folder, options.layout, options.names)
    ignored = [*folder.ignored, *listing.ignored]
    ignored += [Ignored(name, "name does not match the layout") for name in listing.unmatched]
    entries, plate, _ = _select("plate", listing.entries, options.plate, {}, ignored)
    entries, channel, _ = _select("channel", entries, options.channel, listing.channel_names, ignored)
    entries, plane, _ = _select("plane", entries, options.plane, {}, ignored)
    candidates = [_inspect(entry) for entry in entries]
    candidates, copies = _leave_out_copies(candidates)
    ignored += copies
    shape, dtype = _majority(candidates, options)
    candidates = [_check_geometry(candidate, shape, dtype) for candidate in candidates]
    if not any(candidate.problem is None for candidate in candidates):
        raise InputError(nothing_usable(folder.root, candidates, ignored))
    size, size_source = _pixel_size([c for c in candidates if c.problem is None], options)
    platemap = options.platemap if isinstance(options.platemap, dict) else {}
    if isinstance(options.platemap, str | Path):
        platemap = read_platemap(options.platemap)
    return Survey(
        root=folder.root,
        listing=listing,
        plate_name=options.name or _plate_name(plate, listing, folder.root),
        channel=channel,
        plane=plane,
        candidates=tuple(candidates),
        ignored=tuple(ignored),
        frame_shape=shape,
        dtype=dtype,
        pixel_size_um=size,
        pixel_size_source=size_source,
        platemap=platemap,
        announced=listing.announced.get(plate or "", {}),
        notes=(*listing.notes, *_announcement(listing.announced.get(plate or "", {}), candidates)),
    )


def nothing_usable(root: Path, candidates: Iterable[Candidate], ignored: Iterable[Ignored]) -> str:
    """Return the message for a source without a single usable frame: every reason with its count."""
    reasons = Counter(candidate.problem[0] for candidate in candidates if candidate.problem)
    reasons += Counter(item.reason for item in ignored)
    shown = ", ".join(f"{count} x {reason}" for reason, count in sorted(reasons.items())) or "the folder is empty"
    return f"source {root}: no usable image ({shown}); check the folder and the layout"


def _select(
    kind: str, entries: Iterable[Entry], wanted: str | None, names: Mapping[str, str], ignored: list[Ignored]
) -> tuple[list[Entry], str | None, set[str]]:
    entries = list(entries)
    ids = {value for entry in entries if (value := getattr(entry, kind)) is not None}
    if wanted is None and len(ids) > 1:
        shown = ", ".join(one_line(f"{i} ({names[i]})" if i in names else i) for i in sorted(ids, key=natural_key))
        raise UsageError(f"{kind}: the source has {len(ids)}: {shown}; choose one with {kind}=")
    if not ids:
        if wanted is not None:
            raise UsageError(f"{kind} {wanted!r}: this source names no {kind}; leave it out")
        return entries, None, ids
    chosen = choose(kind, wanted, ids, dict(names)) if wanted is not None else next(iter(ids))
    kept = [entry for entry in entries if getattr(entry, kind) in (chosen, None)]
    ignored += [
        Ignored(entry.file.name, f"other {kind}") for entry in entries if getattr(entry, kind) not in (chosen, None)
    ]
    return kept, chosen, ids


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that counts: s2 comes before s10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts)


def _inspect(entry: Entry) -> Candidate:
    if entry.problem is not None:
        return Candidate(entry, problem=entry.problem, flags=entry.flags)
    if entry.file.problem is not None:
        return Candidate(entry, problem=(entry.file.problem, "not a regular file"), flags=entry.flags)
    try:
        header = inspect_file(entry.file.path, entry.page)
    except BadImageError as error:
        return Candidate(entry, problem=(error.reason, error.detail), flags=entry.flags)
    metadata = read_metadata(header)
    header = replace(header, segments=(), description="")  # kilobytes a file, of a hundred thousand files
    return Candidate(entry, header, metadata, flags=(*entry.flags, *metadata.flags))


def _leave_out_copies(candidates: list[Candidate]) -> tuple[list[Candidate], list[Ignored]]:
    """Take out files whose own metadata name another time point where the same bytes lie already.

    ImageXpress fills the folders of time points at which a channel was skipped with copies of the last picture.
    """
    by_place: dict[tuple[str | None, str, int | None], list[Candidate]] = {}
    for candidate in candidates:
        by_place.setdefault((candidate.entry.well, candidate.entry.field, candidate.entry.time), []).append(candidate)
    kept: list[Candidate] = []
    copies: list[Ignored] = []
    for candidate in candidates:
        own = candidate.metadata.time_point
        if own is None or candidate.entry.time is None or own == candidate.entry.time:
            kept.append(candidate)
            continue
        originals = by_place.get((candidate.entry.well, candidate.entry.field, own), [])
        if any(_same_bytes(candidate, original) for original in originals):
            copies.append(Ignored(candidate.entry.file.name, f"copy of time {own}: the channel was skipped"))
        else:
            kept.append(replace(candidate, flags=(*candidate.flags, "time_differs_from_metadata")))
    return kept, copies


def _same_bytes(first: Candidate, second: Candidate) -> bool:
    if first.entry.file.size != second.entry.file.size:
        return False
    try:
        return digest_file(first.entry.file.path) == digest_file(second.entry.file.path)
    except BadImageError:
        return False


def _majority(candidates: list[Candidate], options: SourceOptions) -> tuple[tuple[int, int] | None, str | None]:
    """Return the frame size and dtype that most headers have; of equal counts the larger frame, then the deeper pixel.

    What the caller or the store says goes first.
    """
    shape, dtype = options.frame_shape, options.dtype
    if dtype is not None and dtype not in DTYPES:
        raise UsageError(f"dtype {dtype!r}: expected uint8 or uint16")
    counts = Counter(
        (c.header.shape, c.header.dtype)
        for c in candidates
        if c.header is not None and c.problem is None and c.header.dtype in DTYPES
        and shape in (None, c.header.shape) and dtype in (None, c.header.dtype)
    )  # fmt: skip
    if counts:
        (found_shape, found_dtype), _ = max(counts.items(), key=lambda item: (item[1], item[0][0], len(item[0][1])))
        return shape or found_shape, dtype or found_dtype
    return shape, dtype


def _check_geometry(candidate: Candidate, shape: tuple[int, int] | None, dtype: str | None) -> Candidate:
    header = candidate.header
    if candidate.problem is not None or header is None:
        return candidate
    if shape is not None and header.shape != shape:
        return replace(candidate, problem=("wrong_size", f"{_size(header.shape)}; expected {_size(shape)}"))
    if header.dtype != dtype:
        return replace(candidate, problem=("wrong_dtype", f"{header.dtype}; expected {dtype or 'uint8 or uint16'}"))
    return candidate


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"


def _pixel_size(usable: list[Candidate], options: SourceOptions) -> tuple[float, str]:
    given = options.pixel_size_um
    if given is not None and not 0 < given < 1e6:
        raise UsageError(f"pixel_size_um {given}: expected um per pixel, above 0")
    found: list[tuple[float, str, str]] = []
    for candidate in usable:
        if candidate.pixel_size is None:
            continue
        size, source = candidate.pixel_size
        if not any(abs(size - other) <= SAME_PIXEL_SIZE * other for other, _, _ in found):
            found.append((size, source, candidate.name))
    shown = " and ".join(f"{size:g} um ({source}, {name})" for size, source, name in found)
    if len(found) > 1:
        raise InputError(f"pixel size: {shown} contradict each other; ingest each part into its own plate")
    if given is None and not found:
        raise InputError(
            f"pixel size: none of {len(usable)} images says it; give pixel_size_um, the um per pixel at the sample"
        )
    if given is None:
        return found[0][:2]
    if found and abs(given - found[0][0]) > SAME_PIXEL_SIZE * found[0][0]:
        said = f"{given:g} um ({options.pixel_size_from})"
        raise InputError(f"pixel size: {said} and {shown} contradict each other; correct the wrong one")
    return given, options.pixel_size_from + (f", confirmed by {found[0][1]}" if found else "")


def _plate_name(plate: str | None, listing: Listing, root: Path) -> str:
    name = plate or listing.plate_name or stored_name(root.resolve().name) or "plate"
    return name.replace("/", "_")


def _announcement(announced: Mapping[str, int], candidates: list[Candidate]) -> list[str]:
    entries = [candidate.entry for candidate in candidates]
    found = {
        "times": len({entry.time for entry in entries}),
        "wells": len({entry.well for entry in entries}),
        "fields": len({entry.field for entry in entries}),
    }
    return [
        f"the source announces {announced[name]} {name}, {count} are there"
        for name, count in found.items()
        if name in announced and announced[name] != count
    ]
