"""Layout `cellvoyager`: Yokogawa CV7000, CV8000 and CQ1, read from `MeasurementData.mlf` and `MeasurementDetail.mrf`.

The mlf has one record per image with well, field, time, plane, channel, stage position and hour; the mrf has the pixel
size of each channel and the format of the plate. Attribute names as in real files of a CV8000.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import ParseError

from phasewell.errors import InputError
from phasewell.images.layouts.entries import Entry, LayoutOptions, Listing, moment_s, read_time
from phasewell.images.layouts.folder import Ignored, SourceFile, SourceFolder, printable
from phasewell.names import stored_name
from phasewell.plate import parse_well, row_name

RECORDS, DETAIL = "measurementdata.mlf", "measurementdetail.mrf"
_CORRECTIONS = ("DC_", "SC_")  # dark and shading images of the instrument, not of the plate

Attributes = dict[str, str]


@dataclass
class _Detail:
    """What one mrf says."""

    plate: str | None = None
    shape: tuple[int, int] | None = None
    pixel_um: dict[str, float] = field(default_factory=dict)  # channel -> um
    announced: dict[str, int] = field(default_factory=dict)


def find_records(folder: SourceFolder) -> list[SourceFile]:
    """Return the mlf files of the source, in name order."""
    return [file for file in folder.files if file.base.lower() == RECORDS and file.problem is None]


def list_cellvoyager(folder: SourceFolder, options: LayoutOptions) -> Listing:  # noqa: ARG001 - as every layout
    """Return one entry per image that an mlf names; raises InputError when there is none or it is damaged.

    Pixel size from HorizontalPixelDimension of the mrf (um), stage position relative to the well's centre, y pointing
    up. Dark and shading images are ignored; records of images that the instrument failed to take are absent.
    """
    records = find_records(folder)
    if not records:
        raise InputError(f"source {folder.root}: no MeasurementData.mlf; give the folder of one measurement, or read "
                         "the names alone with layout regex and pattern cellvoyager")  # fmt: skip
    by_name = {file.name: file for file in folder.files}
    details = [_read_detail(folder, _folder_of(file)) for file in records]
    entries: list[Entry] = []
    absent: list[str] = []
    announced: dict[str, dict[str, int]] = {}
    for file, detail in zip(records, details, strict=True):
        prefix = _folder_of(file)
        plate = detail.plate if len(records) == 1 else f"{detail.plate or 'plate'} ({stored_name(prefix.rstrip('/'))})"
        announced[plate or ""] = detail.announced
        for attributes, name in _elements(file, "MeasurementRecord"):
            image = by_name.get(prefix + name)
            if attributes.get("Type") != "IMG" or image is None:
                absent.append(printable(name) or _describe(attributes))
            else:
                entries.append(_entry(image, attributes, plate, detail))
    named = {entry.file.name for entry in entries}
    settings = (f for f in folder.files if f.base.lower().endswith(".mes") and f.problem is None)
    channel_names = {a.get("Ch", ""): _channel_name(a) for file in settings for a, _ in _elements(file, "Channel")}
    shapes = {detail.shape for detail in details}
    return Listing(
        "cellvoyager",
        tuple(entries),
        tuple(Ignored(file.name, _why_ignored(file)) for file in folder.files if file.name not in named),
        absent=tuple(sorted(set(absent))),
        plate_name=details[0].plate if len(details) == 1 else None,
        channel_names={channel: name for channel, name in channel_names.items() if name},
        announced=announced,
        y_up=True,
        plate_shape=shapes.pop() if len(shapes) == 1 else None,
    )


def _folder_of(file: SourceFile) -> str:
    return file.name[: len(file.name) - len(file.base)]


def _why_ignored(file: SourceFile) -> str:
    if not file.is_image:
        return "not an image name"
    return "dark or shading image" if file.base.startswith(_CORRECTIONS) else "not named in the mlf"


def _channel_name(attributes: Attributes) -> str:
    words = attributes.get("Fluorophore") or f"{attributes.get('Target', '')} {attributes.get('Acquisition', '')}"
    return stored_name(words.strip())


def _describe(attributes: Attributes) -> str:
    return printable(f"{attributes.get('Type', '?')} record of row {attributes.get('Row', '?')} "
                     f"column {attributes.get('Column', '?')} field {attributes.get('FieldIndex', '?')}")  # fmt: skip


def _elements(file: SourceFile, wanted: str) -> Iterator[tuple[Attributes, str]]:
    """Yield (attributes, text) of the root's start and of every wanted element, without names of the name space."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        with open(file.path, "rb") as stream:  # noqa: PTH123 - the name may be no UTF-8
            for _, element in iterparse(stream, events=("end",)):
                if _local(element.tag) == wanted:
                    yield {_local(key): value for key, value in element.attrib.items()}, (element.text or "").strip()
                    element.clear()
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(f"{printable(file.name)}: not a readable measurement ({error}); export it again") from error
    except OSError as error:
        raise InputError(f"{printable(file.name)}: cannot be read ({error.strerror})") from error


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def _read_detail(folder: SourceFolder, prefix: str) -> _Detail:
    file = next((f for f in folder.files if f.name.lower() == prefix.lower() + DETAIL and f.problem is None), None)
    detail = _Detail()
    if file is None:
        return detail
    for attributes, _ in _elements(file, "MeasurementChannel"):
        x, y = (_number(attributes.get(f"{side}PixelDimension")) for side in ("Horizontal", "Vertical"))
        if x and y and abs(x - y) > 1e-3 * x:
            raise InputError(f"{printable(file.name)}: pixels of {x} x {y} um; expected square pixels")
        if x:
            detail.pixel_um[attributes.get("Ch", "")] = x
    for attributes, _ in _elements(file, "MeasurementSamplePlate"):
        detail.plate = stored_name(attributes.get("Name", "")) or None
    for attributes, _ in _elements(file, "MeasurementDetail"):
        detail.plate = detail.plate or stored_name(attributes.get("Title", "")) or None
        rows, columns = (_number(attributes.get(key)) for key in ("RowCount", "ColumnCount"))
        detail.shape = (int(rows), int(columns)) if rows and columns else None
        counts = {"times": "TimePointCount", "fields": "FieldCount", "planes": "ZCount"}
        found = {name: _number(attributes.get(key)) for name, key in counts.items()}
        detail.announced = {name: int(number) for name, number in found.items() if number}
    return detail


def _entry(file: SourceFile, attributes: Attributes, plate: str | None, detail: _Detail) -> Entry:
    problem = well = None
    try:
        row, column = int(attributes["Row"]), int(attributes["Column"])
        well = parse_well(f"{row_name(row - 1)}{column}") if 1 <= row <= 32 else None
    except (KeyError, ValueError):
        pass
    if well is None:
        shown = "/".join(attributes.get(key, "?") for key in ("Row", "Column"))
        problem = ("bad_index", f"row/column {printable(shown)}: no well of a plate")
    time, time_problem = read_time(attributes.get("TimePoint", "1"))
    pixel = detail.pixel_um.get(attributes.get("Ch", ""))
    return Entry(
        file,
        well,
        stored_name(attributes.get("FieldIndex", "1")) or "1",
        time,
        plate=plate,
        channel=stored_name(attributes.get("Ch", "")) or None,
        plane=stored_name(attributes.get("ZIndex", "")) or None,
        acquired_s=moment_s(attributes.get("Time", "")),
        x_um=_number(attributes.get("X")),
        y_um=_number(attributes.get("Y")),
        pixel_size_um=pixel,
        pixel_size_source="HorizontalPixelDimension of the mrf" if pixel else None,
        problem=problem or time_problem,
    )


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
