"""`ingest`: a folder of exported images -> the plate store. Run it again and only what is new is added."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np

from phasewell.errors import InputError, OutputError, UsageError
from phasewell.images.decode import DEFAULT_TIMEOUT_S, Decoded, DecodeJob, DecodePool
from phasewell.images.files import locked
from phasewell.images.intake import Intake, UnitOutcome, UnitPlan
from phasewell.images.layouts.folder import printable
from phasewell.images.plain import read_frame
from phasewell.images.platemap import PlateMap
from phasewell.images.scans import PlannedFrame, Scan, plan_frames
from phasewell.images.store import PlateWriter, create_plate, open_writer
from phasewell.images.survey import SAME_PIXEL_SIZE, SourceOptions, make_options, nothing_usable, survey_source
from phasewell.plate import FrameKey, Plate, Unit, parse_well

Window = tuple[int, int]
WINDOW_SAMPLE = 64  # frames, evenly spread over the plate
WINDOW_PER_MILLE = (1, 995)  # of the sample's pixels lie at or below low and high
_IN_FLIGHT_BYTES = 512 << 20
_IN_FLIGHT_UNITS = 2, 16  # at least and at most, whatever their bytes
_WRITERS = 4  # threads that mostly wait for the disk


@dataclass(frozen=True)
class IngestReport:
    """What an ingest found and did. `scan` carries the final reason of every file; counts of frames are the plate's."""

    store: str
    scan: Scan = field(repr=False)
    created: bool
    window: Window | None
    n_expected: int
    n_present: int
    n_quarantined: int
    n_missing: int
    units_written: int
    units_unchanged: int

    @property
    def is_complete(self) -> bool:
        """Whether every expected frame of the plate is present."""
        return self.n_present == self.n_expected

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON document: that of the scan, with the plate's counts and what was written."""
        return self.scan.to_dict() | {
            "store": self.store,
            "created": self.created,
            "window": list(self.window) if self.window else None,
            "frames": {
                "expected": self.n_expected,
                "present": self.n_present,
                "quarantined": self.n_quarantined,
                "missing": self.n_missing,
            },
            "units_written": self.units_written,
            "units_unchanged": self.units_unchanged,
        }


def ingest(
    source: Path | str,
    store: Path | str,
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
    window: Window | Literal["auto"] | None = None,
    codec: Literal["raw", "zstd"] = "raw",
    workers: int = 0,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    verify: bool = False,
    again: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> IngestReport:
    """Take the images of one plate into a store, a new one or one that an earlier ingest made; see `scan` for the rest.

    `window` maps 16-bit pixels to 8 bit: (low, high) in grey levels, or "auto", from a fixed sample of this first
    ingest; it is stored and never changes. `workers` decoding processes (0 = one per core), `timeout_s` per file.
    Unchanged files are not opened again unless `verify`, which also repairs stored frames that are damaged; `again`
    does so for single units, each well:time such as A01:3.
    `progress` is called with (frames done, frames). The source is only read.
    Raises InputError (65) without usable input, UsageError (64), OutputError (73) when `store` cannot be made,
    LockedError (75) while another ingest writes it, StorageError (74) from the disk; run again to resume.
    """
    options = make_options(
        layout, pattern, table, columns, well_names, wells, platemap, plate=plate, channel=channel, plane=plane,
        pixel_size_um=pixel_size_um, interval_h=interval_h, first_time_h=first_time_h, frame_shape=frame_shape,
        dtype=dtype, name=name,
    )  # fmt: skip
    target = Path(store)
    existing = _check_output(target, Path(source))
    known = existing.plate if existing else None
    options = _fit_to_store(options, known, window)
    survey = survey_source(source, options)
    _check_choice(survey.channel, survey.plane, known)
    found = plan_frames(survey, options, known)
    with DecodePool(workers, timeout_s) as pool:
        writer = existing or _create(target, found, window, codec, pool)
        with _lock(target):
            if existing:
                _extend(writer, found)
            opened = _units_again(found, again) if not verify else None
            return _take_in(target, found, writer, pool, existing is None, opened, progress)


def _check_output(store: Path, source: Path) -> PlateWriter | None:
    """Return the writer of an existing store, None for a new one; raises before any work when it cannot be written."""
    here, there = Path(os.path.realpath(store)), Path(os.path.realpath(source))
    if here == there or there in here.parents or here in there.parents:
        raise UsageError(f"store {store}: lies in the source {source} or around it; choose a folder apart from it")
    if store.is_dir() and any(store.iterdir()):
        if not (store / "zarr.json").is_file():
            raise OutputError(f"{store}: exists and is no plate store; choose another path")
        if not os.access(store, os.W_OK | os.X_OK):
            raise OutputError(f"{store}: cannot be written; check its permissions")
        return open_writer(store)
    folder = next(parent for parent in (here, *here.parents) if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{store}: cannot be made in {folder}; choose a folder that can be written")
    return None


def _fit_to_store(options: SourceOptions, known: Plate | None, window: Window | str | None) -> SourceOptions:
    """Return options that continue an existing store; raises UsageError where the caller says otherwise than it."""
    if known is None:
        return options
    given = {
        "name": (options.name, known.name),
        "frame_shape": (options.frame_shape, known.frame_shape),
        "dtype": (options.dtype, known.dtype),
        "window": (None if window == "auto" else window, known.window),
    }
    for what, (wanted, stored) in given.items():
        if wanted is not None and wanted != stored:
            raise UsageError(f"{what} {wanted!r}: the store has {stored!r}; leave it out, or use a new store")
    size = options.pixel_size_um
    if size is not None and abs(size - known.pixel_size_um) > SAME_PIXEL_SIZE * known.pixel_size_um:
        raise UsageError(f"pixel_size_um {size}: the store has {known.pixel_size_um}; leave it out, or use a new store")
    return replace(
        options,
        name=known.name,
        frame_shape=known.frame_shape,
        dtype=known.dtype,
        pixel_size_um=known.pixel_size_um,
        pixel_size_from="of the store",
        channel=options.channel or known.provenance.get("channel"),
        plane=options.plane or known.provenance.get("plane"),
        first_time_h=known.times_h[0],
    )


def _check_choice(channel: str | None, plane: str | None, known: Plate | None) -> None:
    for what, chosen in (("channel", channel), ("plane", plane)):
        stored = known.provenance.get(what, chosen) if known else chosen
        if stored != chosen:
            raise UsageError(f"{what} {chosen}: the store has {what} {stored}; a plate is one {what}")


def _create(
    store: Path, found: Scan, window: Window | str | None, codec: Literal["raw", "zstd"],
    pool: DecodePool,
) -> PlateWriter:  # fmt: skip
    survey = found.survey
    assert survey.frame_shape and survey.dtype and survey.pixel_size_um  # a survey without a usable header raised
    chosen, window_from = _window(found, window, pool)
    return create_plate(
        store,
        name=survey.plate_name,
        wells=found.wells,
        fields=found.fields,
        times_h=found.grid.hours,
        frame_shape=survey.frame_shape,
        dtype=survey.dtype,
        pixel_size_um=survey.pixel_size_um,
        window=chosen,
        codec=codec,
        platemap=survey.platemap,
        provenance=_provenance(found)
        | {"pixel_size_from": survey.pixel_size_source or ""}
        | ({"window_from": window_from} if window_from else {}),
    )


def _provenance(found: Scan) -> dict[str, str]:
    survey, grid = found.survey, found.grid
    values: dict[str, Any] = {
        "layout": survey.listing.layout,
        "source": printable(survey.root.resolve().name),
        "channel": survey.channel,
        "plane": survey.plane,
        "times_from": grid.source,
        "times_by": "hour" if grid.by_hour else "number",
        "first_time": grid.first,
        "interval_h": None if grid.by_hour else grid.interval_h,
        "time_tolerance_h": grid.tolerance_h,
        "time_origin_s": grid.origin_s,
    }
    return {key: str(value) for key, value in values.items() if value is not None}


def _extend(writer: PlateWriter, found: Scan) -> None:
    stored = writer.plate
    names = {place.name for place in stored.fields}
    updates = {k: v for k, v in _provenance(found).items() if k not in stored.provenance or k == "times_from"}
    writer.extend(
        times_h=found.grid.hours[len(stored.times_h) :],
        wells=[well for well in found.wells if well not in stored.wells],
        fields=[place for place in found.fields if place.name not in names],
        platemap=found.survey.platemap,
        provenance=updates,
    )


def _window(found: Scan, window: Window | str | None, pool: DecodePool) -> tuple[Window | None, str | None]:
    """Return the window of a new plate and where it comes from; raises InputError when no frame can be decoded."""
    survey = found.survey
    if isinstance(window, str) and window != "auto":
        raise UsageError(f"window {window!r}: expected (low, high) or auto")
    if survey.dtype == "uint8":
        if window not in (None, "auto"):
            raise UsageError(f"window {window}: this plate has 8-bit frames and needs none; leave it out")
        next(_probe(found, len(found.usable), pool))
        return None, None
    if window is None:
        raise UsageError('window: this plate has 16-bit frames; give (low, high) in grey levels, or "auto"')
    if not isinstance(window, str):
        next(_probe(found, len(found.usable), pool))
        return window, "given by the caller"
    counts = np.zeros(65536, np.int64)
    n_frames = 0
    for decoded in _probe(found, WINDOW_SAMPLE, pool):
        assert decoded.pixels is not None
        counts += np.bincount(decoded.pixels.ravel(), minlength=65536)
        n_frames += 1
    return window_of_counts(counts), f"p0.1 and p99.5 of {n_frames} frames"


def window_of_counts(counts: Any) -> Window:
    """Return (low, high) of a histogram (65536,): the values at or below which 0.1 % and 99.5 % of pixels lie.

    A histogram of one single value v gives (v, v + 1), or (65534, 65535).
    """
    cumulative = np.cumsum(counts)
    ranks = [-(-int(cumulative[-1]) * share // 1000) for share in WINDOW_PER_MILLE]  # rounded up, in integers
    low, high = (int(np.searchsorted(cumulative, rank)) for rank in ranks)
    if high <= low:
        low, high = (low, low + 1) if low < 65535 else (65534, 65535)
    return low, high


def _probe(found: Scan, sample: int, pool: DecodePool) -> Iterator[Decoded]:
    """Yield decoded frames, evenly spread over the plate; raises InputError when none of them can be decoded.

    It is the proof, before a store is made, that there is something to put into it.
    """
    usable, survey = found.usable, found.survey
    assert survey.frame_shape and survey.dtype
    step = max(1, -(-len(usable) // sample))
    failed: dict[FrameKey, PlannedFrame] = {}
    any_good = False
    for start in range(step):  # all others follow only when the whole sample was bad
        for frame in usable[start::step]:
            entry = frame.candidate.entry
            job = DecodeJob(entry.file.path, survey.frame_shape, survey.dtype, entry.page)
            decoded = pool.call(read_frame, job, frame.candidate.header, pool).result()
            if decoded.reason is None:
                any_good = True
                yield decoded
            else:
                failed[frame.key] = replace(frame, reason=decoded.reason, detail=decoded.detail)
        if any_good:
            return
    bad = [replace(f.candidate, problem=(f.reason or "", f.detail)) for f in failed.values()]
    others = [c for c in survey.candidates if c.problem is not None]
    raise InputError(nothing_usable(survey.root, [*bad, *others], survey.ignored))


def _lock(store: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the store against a second ingest."""
    busy = f"{store}: another ingest is writing it; wait for it and try again"
    return locked(store / ".ingest.lock", busy, os.O_RDWR | os.O_CREAT)


def _take_in(
    store: Path, found: Scan, writer: PlateWriter, pool: DecodePool, created: bool, again: Set[Unit] | None,
    progress: Callable[[int, int], None] | None,
) -> IngestReport:  # fmt: skip
    intake = Intake(writer, pool)
    outcomes: list[UnitOutcome] = []
    n_done = 0
    for outcome in _run(intake, _unit_plans(found), again):
        outcomes.append(outcome)
        n_done += len(outcome.frames)
        if progress:
            progress(n_done, len(found.frames))
    frames = {frame.key: frame for outcome in outcomes for frame in outcome.frames}
    final = replace(found, frames=tuple(frames[frame.key] for frame in found.frames))
    plate = writer.plate
    statuses = [r.status for unit in plate.units() for r in plate.reader.read_records(unit)]
    written = sum(outcome.written for outcome in outcomes)
    return IngestReport(
        store=str(store),
        scan=final,
        created=created,
        window=plate.window,
        n_expected=plate.n_frames_expected,
        n_present=statuses.count("present"),
        n_quarantined=statuses.count("quarantined"),
        n_missing=statuses.count("missing"),
        units_written=written,
        units_unchanged=len(outcomes) - written,
    )


def _unit_plans(found: Scan) -> Iterator[UnitPlan]:
    for (plate, well, time), frames in groupby(found.frames, key=lambda f: (f.key.plate, f.key.well, f.key.time)):
        yield UnitPlan(Unit(plate, well, time), tuple(frames))


def _units_again(found: Scan, again: Sequence[str]) -> frozenset[Unit]:
    """Return the units that are named well:time; raises UsageError for one of which the source has no file."""
    there = {Unit(frame.key.plate, frame.key.well, frame.key.time) for frame in found.frames}
    units = set()
    for text in again:
        well, _, time = text.partition(":")
        unit = Unit(found.survey.plate_name, parse_well(well), int(time) if time.isascii() and time.isdigit() else -1)
        if unit not in there:
            raise UsageError(f"again {text!r}: the source has no file of it; expected well:time such as A01:3")
        units.add(unit)
    return frozenset(units)


def _run(intake: Intake, plans: Iterator[UnitPlan], again: Set[Unit] | None) -> Iterator[UnitOutcome]:
    """Yield outcomes in plan order, while later units decode and earlier ones are written.

    Files of the units in `again` are opened even if they did not change; None = those of all units.
    """
    meta = intake.writer.meta
    unit_bytes = len(meta.fields) * meta.frame_shape[0] * meta.frame_shape[1] * np.dtype(meta.dtype).itemsize
    depth = min(max(_IN_FLIGHT_UNITS[0], _IN_FLIGHT_BYTES // unit_bytes), _IN_FLIGHT_UNITS[1])
    with ThreadPoolExecutor(_WRITERS, "intake") as writers:
        pending: deque[Future[UnitOutcome]] = deque()
        try:
            for plan in plans:
                if again is not None and plan.unit not in again and intake.is_unchanged(plan):
                    pending.append(writers.submit(intake.recall, plan))
                else:
                    pending.append(writers.submit(intake.finish, plan, intake.start(plan)))
                if len(pending) >= depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            intake.pool.close()  # an error ends the waiting of the writers
            for future in pending:
                future.cancel()
