"""Frames of a well beside each other: a few inside the page, all of them as files in the folder beside it."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.durable import replace_file
from phasewell.errors import PhasewellError
from phasewell.plate import Unit
from phasewell.report.gallery import LabelStore, Shot, read_pixels
from phasewell.report.overlay import OUTLINE_COLOURS, outlines, shrink, shrink_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from phasewell.plate import Plate

INLINE_FIELDS, INLINE_HOURS = 4, 2
"""How many fields at how many hours of every well stand inside the page."""
TILE_PX, LARGE_PX = 192, 1024
"""Widths of a frame in the files: on a sheet of all fields, and alone."""
_MADE_BY = "contact sheets 1"  # changes when the same frames would give other files

Frames = Mapping[str, "NDArray[Any]"]


@dataclass(frozen=True)
class Tile:
    """One frame of a sheet; `n_cells` is None where no labels are kept."""

    field: str
    n_cells: int | None


@dataclass(frozen=True)
class Sheet:
    """Frames of one well at one hour in a row, as data addresses; `time` is the index among the run's hours."""

    well: str
    time: int
    tiles: tuple[Tile, ...]
    tile_size: tuple[int, int]  # (height, width) px
    image: str
    outlines: str | None


@dataclass(frozen=True)
class SheetFile:
    """All fields of one well at one hour as files: `NAME.webp` and, with labels, `NAME-outlines.webp`."""

    time: int  # index among the run's hours
    name: str
    has_outlines: bool
    large: tuple[int, ...] = ()  # places of the fields that have a file of their own, NAME-f3.webp


@dataclass(frozen=True)
class PictureFolder:
    """What lies in the folder beside the page: sheets by well, `columns` tiles of `tile_size` (height, width) px."""

    sheets: Mapping[str, Sequence[SheetFile]]
    columns: int
    tile_size: tuple[int, int]


def inline_width(n_wells: int) -> int:
    """Return the width in px of a frame inside the page, by how many wells share its five megabytes."""
    return 224 if n_wells <= 12 else 176 if n_wells <= 24 else 116 if n_wells <= 96 else 64


def choose_frames(frames: Frames, labels: LabelStore) -> dict[str, list[list[Shot]]]:
    """Return the frames inside the page: by well, at up to two hours up to four measured fields.

    The hours are the first and the last with labels, else with measured frames; labelled fields go first. `frames` has
    well, field, plate_time, status and frame_sha256.
    """
    units: dict[str, dict[int, list[Shot]]] = {}
    for i in np.flatnonzero(frames["status"] == "processed"):
        well, time = str(frames["well"][i]), int(frames["plate_time"][i])
        shot = Shot(well, time, str(frames["field"][i]), str(frames["frame_sha256"][i]))
        units.setdefault(well, {}).setdefault(time, []).append(shot)
    chosen = {}
    for well, hours in units.items():
        labelled = {time: labels.fields(well, time) for time in hours}
        times = sorted(time for time in hours if labelled[time]) or sorted(hours)
        ends = list(dict.fromkeys((times[0], times[-1])))[:INLINE_HOURS]
        if len(ends) < INLINE_HOURS and len(hours) > 1:
            ends = sorted({*ends, max(time for time in hours if time not in ends)})
        chosen[well] = [_labelled_first(hours[time], labelled[time])[:INLINE_FIELDS] for time in ends]
    return chosen


def _labelled_first(shots: list[Shot], labelled: tuple[str, ...]) -> list[Shot]:
    return sorted(shots, key=lambda shot: shot.field not in labelled)


def make_sheets(
    plate: Plate, labels: LabelStore, chosen: Mapping[str, Sequence[Sequence[Shot]]], times: Sequence[int]
) -> tuple[Sheet, ...]:
    """Return the sheets inside the page; frames that the store no longer has as measured are left out."""
    width = inline_width(len(chosen))
    found = []
    for well, hours in chosen.items():
        for shots in hours:
            pictures, drawn, tiles = [], [], []
            for shot in shots:
                pixels = _pixels(plate, shot)
                if pixels is None:
                    continue
                known = _labels(labels, shot)
                pictures.append(shrink(pixels, width))
                drawn.append(_drawn(known, pixels.shape, width))
                tiles.append(Tile(shot.field, None if known is None else len(np.unique(known[known > 0]))))
            if tiles:
                sheet, lines = np.hstack(pictures), np.hstack(drawn)
                found.append(
                    Sheet(
                        well,
                        list(times).index(shots[0].time),
                        tuple(tiles),
                        (sheet.shape[0], pictures[0].shape[1]),
                        _address(encode_picture(sheet, 40)),
                        _address(encode_lines(lines)) if lines.any() else None,
                    )
                )
    return tuple(found)


def _drawn(labels: NDArray[np.int32] | None, shape: tuple[int, ...], width: int) -> NDArray[np.uint8]:
    """Return the outlines of labels of a frame of `shape`, scaled down to `width` px."""
    return outlines(shrink_labels(np.zeros(shape, np.int32) if labels is None else labels, width))


def encode_picture(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Return a grey picture as WebP."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()


def encode_lines(lines: NDArray[np.uint8]) -> bytes:
    """Return outlines (0 = none, else 1 + index of the colour) as lossless WebP, transparent off the lines."""
    from PIL import Image

    palette = np.array([(0, 0, 0, 0), *((*colour, 255) for colour in OUTLINE_COLOURS)], np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(palette[lines]).save(buffer, format="WEBP", lossless=True, quality=60, method=4, exact=False)
    return buffer.getvalue()


def _address(data: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}"


@dataclass(frozen=True)
class _Order:
    """The files of one unit, before they are made."""

    well: str
    time: int  # index in the plate
    place: int  # index among the run's hours
    shots: tuple[Shot | None, ...]  # one per field of the plate, None where the frame was not measured
    labelled: tuple[str, ...]
    large: tuple[int, ...]
    name: str


def write_pictures(
    folder: Path,
    plate: Plate,
    labels: LabelStore,
    frames: Frames,
    times: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> PictureFolder:
    """Write every measured frame, well by well and hour by hour, small on sheets and the page's own ones large.

    A file's name carries a hash of the frames and labels it shows: what is there already is not made again, so a run of
    this after a kill goes on, and files that no longer belong here are removed. Raises StorageError when the disk is
    full.
    """
    orders = list(_orders(plate, labels, frames, times))
    height, width = plate.frame_shape
    tile = (max(1, round(height * min(TILE_PX, width) / width)), min(TILE_PX, width))
    columns = max(1, int(np.ceil(np.sqrt(len(plate.fields)))))
    sheets: dict[str, list[SheetFile]] = {}
    done, total = 0, int((frames["status"] == "processed").sum())
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # decoding and encoding leave the interpreter
        jobs = pool.map(lambda order: _write_unit(folder, plate, labels, order, columns, tile), orders)
        for order, _ in zip(orders, jobs, strict=True):
            done += sum(shot is not None for shot in order.shots)
            made = SheetFile(order.place, order.name, bool(order.labelled), order.large)
            sheets.setdefault(order.well, []).append(made)
            if progress:
                progress(done, total)
    _remove_others(folder, {f"{order.well}/{order.name}" for order in orders})
    return PictureFolder(sheets, columns, tile)


def _orders(plate: Plate, labels: LabelStore, frames: Frames, times: Sequence[int]) -> Iterator[_Order]:
    places = {field.name: i for i, field in enumerate(plate.fields)}
    units: dict[tuple[str, int], list[Shot | None]] = {}
    for i in np.flatnonzero(frames["status"] == "processed"):
        shot = Shot(*(frames[key][i] for key in ("well", "plate_time", "field", "frame_sha256")))
        unit = units.setdefault((str(shot.well), int(shot.time)), [None] * len(places))
        unit[places[str(shot.field)]] = Shot(str(shot.well), int(shot.time), str(shot.field), str(shot.sha256))
    inside = {
        (shot.well, shot.time, shot.field)
        for hours in choose_frames(frames, labels).values()
        for s in hours
        for shot in s
    }
    for (well, time), shots in units.items():
        labelled = labels.fields(well, time)
        large = tuple(i for i, shot in enumerate(shots) if shot and (well, time, shot.field) in inside)
        said = [
            _MADE_BY,
            *(shot.sha256 if shot else "" for shot in shots),
            labels.key(well, time),
            *labelled,
            str(large),
        ]
        key = hashlib.sha256("\n".join(said).encode()).hexdigest()[:10]
        yield _Order(well, time, list(times).index(time), tuple(shots), labelled, large, f"t{time:03d}-{key}")


def _write_unit(
    folder: Path, plate: Plate, labels: LabelStore, order: _Order, columns: int, tile: tuple[int, int]
) -> None:
    """Write the files of a unit, the sheet last; a frame that the store no longer has as measured is a crossed tile."""
    base = folder / order.well / order.name
    if base.with_suffix(".webp").exists():
        return
    sheet = np.zeros((-(-len(order.shots) // columns) * tile[0], columns * tile[1]), np.uint8)
    lines = np.zeros_like(sheet)
    found = _read_unit(plate, [shot for shot in order.shots if shot])
    for i, shot in enumerate(order.shots):
        if shot is None:
            continue
        top, left = i // columns * tile[0], i % columns * tile[1]
        pixels = found.get(shot.field)
        if pixels is None:
            sheet[top : top + tile[0], left : left + tile[1]] = _cross(tile)
            continue
        small = shrink(pixels, tile[1])[: tile[0]]
        where = np.s_[top : top + small.shape[0], left : left + small.shape[1]]
        sheet[where] = small
        known = _labels(labels, shot) if shot.field in order.labelled else None
        lines[where] = _drawn(known, pixels.shape, tile[1])[: tile[0]] if known is not None else 0
        if i in order.large:
            _write_large(base.with_name(f"{order.name}-f{i}"), pixels, known)
    if order.labelled:
        replace_file(base.with_name(f"{order.name}-outlines.webp"), encode_lines(lines))
    replace_file(base.with_suffix(".webp"), encode_picture(sheet, 55))


def _write_large(base: Path, pixels: NDArray[np.uint8], labels: NDArray[np.int32] | None) -> None:
    replace_file(base.with_suffix(".webp"), encode_picture(shrink(pixels, LARGE_PX), 70))
    if labels is not None:
        drawn = outlines(shrink_labels(labels, LARGE_PX))
        replace_file(base.with_name(f"{base.name}-outlines.webp"), encode_lines(drawn))


def _read_unit(plate: Plate, shots: Sequence[Shot]) -> dict[str, NDArray[np.uint8]]:
    """Return the frames of one unit that the store still has as measured, by field, in one read where it can be."""
    unit = Unit(plate.name, shots[0].well, shots[0].time)
    try:
        digests = {record.key.field: record.sha256 for record in plate.reader.read_records(unit)}
        same = tuple(shot.field for shot in shots if digests.get(shot.field) == shot.sha256)
        batch = plate.reader.read_frames(unit, same)
        return dict(zip(same, np.asarray(batch.pixels), strict=True))
    except PhasewellError:  # one damaged frame costs only itself
        return {shot.field: pixels for shot in shots if (pixels := _pixels(plate, shot)) is not None}


def _pixels(plate: Plate, shot: Shot) -> NDArray[np.uint8] | None:
    try:
        return read_pixels(plate, shot)
    except PhasewellError:
        return None


def _labels(labels: LabelStore, shot: Shot) -> NDArray[np.int32] | None:
    try:
        return labels.read(shot)
    except PhasewellError:
        return None


def _cross(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a dark tile with a light diagonal cross."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    slope = x * shape[0] - y * shape[1]
    other = (shape[1] - 1 - x) * shape[0] - y * shape[1]
    return np.where(np.minimum(abs(slope), abs(other)) < 2 * max(shape), 150, 30).astype(np.uint8)


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove pictures of earlier reports: only files of this scheme, only in this folder."""
    for path in folder.glob("*/t*-*.webp"):
        name = "-".join(path.stem.split("-")[:2])
        if f"{path.parent.name}/{name}" not in kept and not path.is_symlink():
            path.unlink(missing_ok=True)
