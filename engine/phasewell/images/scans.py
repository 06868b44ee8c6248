"""A dry run of `ingest`: what a source folder would give, and everything that is wrong with it, from headers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phasewell.errors import UsageError
from phasewell.images.decode import digest_file
from phasewell.images.headers import BadImageError
from phasewell.images.layouts.folder import printable
from phasewell.images.mosaic import Position, arrange, extend_fields, relative_positions
from phasewell.images.platemap import PlateMap, question_columns
from phasewell.images.survey import Candidate, SourceOptions, Survey, make_options, natural_key, survey_source
from phasewell.images.timegrid import Moment, TimeGrid, make_grid, place_scans, true_hour
from phasewell.plate import Field, FrameKey, Plate, parse_well, well_position


@dataclass(frozen=True)
class PlannedFrame:
    """One frame that the source delivers: the file that is used, or the reason why none can be."""

    key: FrameKey
    candidate: Candidate  # the file that is used, or the first of those that cannot be
    reason: str | None = None
    detail: str = ""
    time_h: float | None = None
    flags: tuple[str, ...] = ()
    duplicates: tuple[Candidate, ...] = ()  # further files with the same bytes
    rejected: tuple[Candidate, ...] = ()  # further files for this key that are unusable


@dataclass(frozen=True)
class Scan:
    """What a source holds for one plate. `frames` is in plate order; `unplaced` are files without a usable address."""

    survey: Survey = field(repr=False)
    wells: tuple[str, ...]
    fields: tuple[Field, ...]
    grid: TimeGrid
    frames: tuple[PlannedFrame, ...] = field(repr=False)
    unplaced: tuple[Candidate, ...] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def n_expected(self) -> int:
        """Wells x fields x times."""
        return len(self.wells) * len(self.fields) * len(self.grid.hours)

    @property
    def usable(self) -> tuple[PlannedFrame, ...]:
        """Frames whose header is right."""
        return tuple(frame for frame in self.frames if frame.reason is None)

    @property
    def missing(self) -> tuple[FrameKey, ...]:
        """Frames of the grid that no file delivers, in plate order."""
        there = {frame.key for frame in self.frames}
        plate = self.survey.plate_name
        keys = (
            FrameKey(plate, well, place.name, time)
            for well in self.wells
            for time in range(len(self.grid.hours))
            for place in self.fields
        )
        return tuple(key for key in keys if key not in there)

    @property
    def quarantined(self) -> tuple[dict[str, Any], ...]:
        """Every unusable file once: file, reason, detail, and its key where it has one."""
        rows = [_quarantine_row(c, c.problem or ("", ""), None) for c in self.unplaced]
        for frame in self.frames:
            if frame.reason is not None:
                for candidate in (frame.candidate, *frame.duplicates):
                    rows.append(_quarantine_row(candidate, (frame.reason, frame.detail), frame.key))
            rows += [_quarantine_row(c, c.problem or ("", ""), frame.key) for c in frame.rejected]
        return tuple(rows)

    def files(self) -> dict[str, int]:
        """Count every file of the source once: found = used + duplicates + quarantined + ignored."""
        fate: dict[str, str] = {item.name: "ignored" for item in self.survey.ignored}
        for candidate in self.unplaced:
            fate[candidate.entry.file.name] = "quarantined"
        for frame in self.frames:
            for candidate in frame.rejected:
                fate[candidate.entry.file.name] = "quarantined"
        for frame in self.frames:
            for candidate in frame.duplicates:
                fate[candidate.entry.file.name] = "duplicates" if frame.reason is None else "quarantined"
        for frame in sorted(self.frames, key=lambda frame: frame.reason is None):  # used in one place is used
            fate[frame.candidate.entry.file.name] = "used" if frame.reason is None else "quarantined"
        counts = Counter(fate.values())
        return {"found": len(fate)} | {kind: counts[kind] for kind in ("used", "duplicates", "quarantined", "ignored")}

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON document of everything above."""
        survey = self.survey
        return {
            "source": printable(str(survey.root)),
            "layout": survey.listing.layout,
            "plate": survey.plate_name,
            "channel": survey.channel,
            "plane": survey.plane,
            "wells": list(self.wells),
            "fields": [vars(place) for place in self.fields],
            "times_h": list(self.grid.hours),
            "times_from": self.grid.source,
            "time_tolerance_h": self.grid.tolerance_h,
            "frame_shape": list(survey.frame_shape) if survey.frame_shape else None,
            "dtype": survey.dtype,
            "pixel_size_um": survey.pixel_size_um,
            "pixel_size_source": survey.pixel_size_source,
            "frames": {
                "expected": self.n_expected,
                "usable": len(self.usable),
                "quarantined": sum(frame.reason is not None for frame in self.frames),
                "missing": len(self.missing),
            },
            "files": self.files(),
            "missing": [list(key) for key in self.missing],
            "duplicates": [
                {"file": c.name, "same_as": frame.candidate.name, "key": list(frame.key)}
                for frame in self.frames
                if frame.reason is None
                for c in frame.duplicates
            ],
            "quarantined": list(self.quarantined),
            "blank": [list(frame.key) for frame in self.frames if frame.reason is None and "blank" in frame.flags],
            "odd_shapes": [row for row in self.quarantined if row["reason"] in ("wrong_size", "wrong_dtype")],
            "unmatched": [printable(name) for name in survey.listing.unmatched],
            "absent": list(survey.listing.absent),
            "ignored": dict(sorted(Counter(item.reason for item in survey.ignored).items())),
            "ignored_files": [{"file": printable(item.name), "reason": item.reason} for item in survey.ignored],
            "announced": survey.announced,
            "notes": list(self.notes),
        }


def _quarantine_row(candidate: Candidate, problem: tuple[str, str], key: FrameKey | None) -> dict[str, Any]:
    row = {"file": candidate.name, "reason": problem[0], "detail": problem[1]}
    return row | {"key": list(key) if key else None}


def scan(
    source: Path | str,
    layout: str = "auto",
    *,
    pattern: str | None = None,
    table: Path | str | None = None,
    columns: dict[str, str] | None = None,
    well_names: dict[str, str] | None = None,
    plate: str | None = None,
    channel: str | None = None,
    plane: str | None = None,
    pixel_size_um: float | None = None,
    interval_h: float | None = None,
    first_time_h: float | None = None,
    wells: Sequence[str] = (),
    frame_shape: tuple[int, int] | None = None,
    dtype: str | None = None,
    platemap: Path | str | PlateMap | None = None,
    name: str | None = None,
) -> Scan:
    """Return what `ingest` with the same arguments would take from `source`; reads headers, writes nothing.

    `layout` is auto, regex, table, imagexpress, operetta, cellvoyager, gen5, incucyte or ome-tiff. `pattern` (regex)
    has the named groups well, or row and column, and any of plate, field, time, channel, plane, day, hour, minute; or
    is biostation, cellvoyager, gen5 or incucyte; with ome-tiff it reads the names of files that name no well inside.
    `table` is a CSV, TSV or Parquet; `columns` says which column plays which role where the usual names do not.
    `well_names` maps names of the source to wells. `plate`, `channel`, `plane` choose one of several.
    `pixel_size_um` is needed where no metadata say it; `interval_h` where times have numbers and no hours;
    `first_time_h` is the hour of the first time, else as the source says, else 0.
    `wells` and the wells of `platemap` are expected even when absent.
    `frame_shape` (height, width) and `dtype` (uint8, uint16) are those of most files unless given.
    Raises InputError (65) without usable input, UsageError (64) for arguments that do not fit the source.
    """
    options = make_options(
        layout, pattern, table, columns, well_names, wells, platemap, plate=plate, channel=channel, plane=plane,
        pixel_size_um=pixel_size_um, interval_h=interval_h, first_time_h=first_time_h, frame_shape=frame_shape,
        dtype=dtype, name=name,
    )  # fmt: skip
    return plan_frames(survey_source(source, options), options, None)


def plan_frames(survey: Survey, options: SourceOptions, store: Plate | None) -> Scan:
    """Return the frames of a survey on the grid of a plate: `store`'s, extended, or a new one."""
    placed = [c for c in survey.candidates if c.entry.well is not None and not _has_bad_address(c)]
    unplaced = tuple(c for c in survey.candidates if c.entry.well is None or _has_bad_address(c))
    known = store.provenance if store else {}
    moments = place_scans([_moment(c) for c in placed], options.first_time_h, known)
    grid = make_grid(moments, options.interval_h, options.first_time_h, known, store.times_h if store else ())
    platemap = _check_platemap(survey)
    found = {c.entry.well for c in placed if c.entry.well}
    wells = found | set(options.wells) | set(platemap) | set(store.wells if store else ())
    fields = _fields(placed, survey, store)
    groups: dict[FrameKey, list[tuple[Candidate, float | None]]] = {}
    for candidate, moment in zip(placed, moments, strict=True):
        hour = true_hour(moment, grid.origin_s, options.first_time_h)
        time = grid.index(moment.number, moment.hour)
        key = FrameKey(survey.plate_name, str(candidate.entry.well), candidate.entry.field, time)
        groups.setdefault(key, []).append((candidate, hour))
    order = {place.name: index for index, place in enumerate(fields)}
    keys = sorted(groups, key=lambda key: (well_position(key.well), key.time, order[key.field]))
    notes = list(survey.notes)
    notes += question_columns(platemap)
    if platemap and found - set(platemap):
        notes.append(f"wells without a row in the plate map: {', '.join(sorted(found - set(platemap)))}")
    if platemap and set(platemap) - found:
        notes.append(f"wells of the plate map without images: {', '.join(sorted(set(platemap) - found))}")
    frames = tuple(_resolve(key, groups[key], grid) for key in keys)
    return Scan(survey, tuple(sorted(wells, key=well_position)), fields, grid, frames, unplaced, tuple(notes))


def _check_platemap(survey: Survey) -> PlateMap:
    """Return the plate map by canonical wells; raises UsageError when it names wells that the plate cannot have."""
    platemap = {parse_well(well): columns for well, columns in survey.platemap.items()}
    if survey.listing.plate_shape is not None:
        rows, columns = survey.listing.plate_shape
        outside = [well for well in platemap if (p := well_position(well))[0] >= rows or p[1] >= columns]
        if outside:
            raise UsageError(
                f"plate map: wells {', '.join(outside)}: the source says that the plate has {rows} rows and {columns} "
                "columns; correct the map, or give that of this plate"
            )
    return platemap


def _fields(placed: Sequence[Candidate], survey: Survey, store: Plate | None) -> tuple[Field, ...]:
    names = sorted({c.entry.field for c in placed}, key=natural_key)
    if store is not None:
        return extend_fields(store.fields, names)
    by_well: dict[str, dict[str, Position]] = {}
    for c in placed:
        x, y = (c.entry.x_um, c.entry.y_um) if c.entry.x_um is not None else (c.metadata.x_um, c.metadata.y_um)
        if x is not None and y is not None:
            by_well.setdefault(str(c.entry.well), {}).setdefault(c.entry.field, (x, y))
    height, width = survey.frame_shape or (1, 1)
    pixel = survey.pixel_size_um or 1.0
    positions = relative_positions(by_well, names)
    return arrange(names, positions, (width * pixel, height * pixel), survey.listing.y_up)


def _has_bad_address(candidate: Candidate) -> bool:
    return candidate.problem is not None and candidate.problem[0] == "bad_index"


def _moment(candidate: Candidate) -> Moment:
    entry = candidate.entry
    return Moment(entry.time, entry.time_h, _acquired(candidate), f"{entry.well} {entry.field}", entry.scan_s)


def _acquired(candidate: Candidate) -> float | None:
    own = candidate.entry.acquired_s
    return own if own is not None else candidate.metadata.acquired_s


def _resolve(key: FrameKey, group: list[tuple[Candidate, float | None]], grid: TimeGrid) -> PlannedFrame:
    """Decide which of the files for one key is used: unusable ones step back, same bytes count once."""
    good = [(c, hour) for c, hour in group if c.problem is None]
    bad = [c for c, _ in group if c.problem is not None]
    if not good:
        reason, detail = bad[0].problem or ("", "")
        return PlannedFrame(key, bad[0], reason, detail, group[0][1], bad[0].flags, rejected=tuple(bad[1:]))
    candidate, hour = good[0]
    flags = list(dict.fromkeys(candidate.flags))
    tolerance = grid.tolerance_h
    if hour is not None and tolerance is not None and abs(hour - grid.hours[key.time]) > tolerance:
        flags.append("time_off_grid")
    others = tuple(c for c, _ in good[1:])
    if others:
        try:
            digests = {(digest_file(c.entry.file.path), c.entry.page) for c, _ in good}
        except BadImageError as error:
            return PlannedFrame(key, candidate, error.reason, error.detail, hour, tuple(flags), others, tuple(bad))
        if len(digests) > 1:
            detail = f"{len(good)} files for {key} with different bytes: {', '.join(c.name for c, _ in good)}"
            return PlannedFrame(key, candidate, "duplicate_conflict", detail, hour, tuple(flags), others, tuple(bad))
        flags.append("duplicate_identical")
    if bad:
        flags.append("duplicate_unusable")
    return PlannedFrame(key, candidate, None, "", hour, tuple(flags), others, tuple(bad))
