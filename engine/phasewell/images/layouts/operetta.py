"""Layout `operetta`: Harmony exports of Operetta and Opera Phenix, read from `Images/Index.idx.xml`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from phasewell.errors import InputError
from phasewell.images.layouts.entries import Entry, LayoutOptions, Listing, moment_s, read_time
from phasewell.images.layouts.folder import Ignored, SourceFile, SourceFolder, printable
from phasewell.names import stored_name
from phasewell.plate import parse_well, row_name

INDEX_NAMES = ("index.idx.xml", "index.xml", "index.ref.xml")  # the first that a folder has is read
_UM = {"m": 1e6, "mm": 1e3, "um": 1.0, "µm": 1.0, "μm": 1.0}


@dataclass
class _Index:
    """What one index file says."""

    plate: str | None = None
    images: list[dict[str, tuple[str, str]]] = field(default_factory=list)  # tag -> (text, unit)
    channels: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)  # newer files: per channel, not image
    announced: dict[str, int] = field(default_factory=dict)
    shape: tuple[int, int] | None = None  # rows, columns of the plate


def find_indices(folder: SourceFolder) -> list[SourceFile]:
    """Return the Harmony index files, at most one per folder."""
    found: dict[str, SourceFile] = {}
    for name in reversed(INDEX_NAMES):
        for file in folder.files:
            if file.base.lower() == name and file.problem is None:
                found[file.name.rpartition("/")[0]] = file
    return [found[key] for key in sorted(found)]


def list_operetta(folder: SourceFolder, options: LayoutOptions) -> Listing:  # noqa: ARG001 - as every layout
    """Return one entry per image that an index names; raises InputError when there is no index or it is damaged.

    Pixel size from ImageResolutionX (metres), stage position relative to the well's centre, y pointing up, time from
    AbsTime. Times count from 0.
    """
    indices = find_indices(folder)
    if not indices:
        raise InputError(f"source {folder.root}: no Index.idx.xml, Index.xml or Index.ref.xml of a Harmony export")
    by_name = {file.name: file for file in folder.files}
    entries, absent, plates = [], [], []
    channel_names: dict[str, str] = {}
    announced: dict[str, dict[str, int]] = {}
    shapes: set[tuple[int, int] | None] = set()
    for position, index_file in enumerate(indices):
        index = _read_index(index_file)
        shapes.add(index.shape)
        prefix = index_file.name.rpartition("/")[0]
        plate = index.plate if len(indices) == 1 else f"{index.plate or 'plate'} ({printable(prefix) or position})"
        plates.append(plate)
        announced[plate or ""] = index.announced
        for image in index.images:
            tags = {**index.channels.get(image.get("ChannelID", ("", ""))[0], {}), **image}
            url = tags.get("URL", ("", ""))[0]
            file = by_name.get(f"{prefix}/{url}" if prefix else url)
            if file is None:
                absent.append(printable(url) or "an image without URL")
                continue
            entry = _entry(file, tags, plate)
            entries.append(entry)
            if entry.channel and "ChannelName" in tags:
                channel_names.setdefault(entry.channel, stored_name(tags["ChannelName"][0]))
    named = {entry.file.name for entry in entries}
    ignored = [
        Ignored(f.name, "not named in the index" if f.is_image else "not an image name")
        for f in folder.files
        if f.name not in named
    ]
    name = plates[0] if len(plates) == 1 else None
    return Listing("operetta", tuple(entries), tuple(ignored), (), tuple(sorted(set(absent))), name, channel_names,
                   announced, y_up=True, plate_shape=shapes.pop() if len(shapes) == 1 else None)  # fmt: skip


def _read_index(file: SourceFile) -> _Index:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    index = _Index()
    try:
        with open(file.path, "rb") as stream:  # noqa: PTH123 - the name may be no UTF-8
            for _, element in iterparse(stream, events=("end",)):
                _take(element, index)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(f"{printable(file.name)}: not a readable Harmony index ({error}); export it again") from error
    except OSError as error:
        raise InputError(f"{printable(file.name)}: cannot be read ({error.strerror})") from error
    return index


def _take(element: Element, index: _Index) -> None:
    tag = _local(element)
    if tag == "Image" and len(element):  # a well lists its images as empty elements with an id
        index.images.append(_children(element))
        element.clear()
    elif tag == "Entry" and "ChannelID" in element.attrib:
        known = index.channels.setdefault(element.attrib["ChannelID"], {})
        known |= {key: value for key, value in _children(element).items() if key != "FlatfieldProfile"}
        element.clear()
    elif tag == "Plate":
        index.plate = stored_name(_children(element).get("PlateID", ("", ""))[0]) or None
        rows, columns = (_children(element).get(f"Plate{name}", ("", ""))[0] for name in ("Rows", "Columns"))
        index.shape = (int(rows), int(columns)) if rows.isdigit() and columns.isdigit() else None
        index.announced["wells"] = sum(_local(child) == "Well" for child in element)


def _children(element: Element) -> dict[str, tuple[str, str]]:
    return {_local(child): ((child.text or "").strip(), child.attrib.get("Unit", "")) for child in element}


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _entry(file: SourceFile, tags: dict[str, tuple[str, str]], plate: str | None) -> Entry:
    problem = None
    try:
        row, column = int(tags["Row"][0]), int(tags["Col"][0])
        well = parse_well(f"{row_name(row - 1)}{column}") if 1 <= row <= 32 else None
    except (KeyError, ValueError):
        well = None
    if well is None:
        text = "/".join(tags.get(key, ("?", ""))[0] for key in ("Row", "Col"))
        problem = ("bad_index", f"row/column {printable(text)}: no well of a plate")
    time, time_problem = read_time(tags.get("TimepointID", ("0", ""))[0])
    pixel_x, pixel_y = _length_um(tags, "ImageResolutionX"), _length_um(tags, "ImageResolutionY")
    if pixel_x and pixel_y and abs(pixel_x - pixel_y) > 1e-3 * pixel_x:
        raise InputError(f"{printable(file.name)}: pixels of {pixel_x} x {pixel_y} um; expected square pixels")
    return Entry(
        file,
        well,
        tags.get("FieldID", ("1", ""))[0] or "1",
        time,
        plate=plate,
        channel=tags.get("ChannelID", ("", ""))[0] or None,
        plane=tags.get("PlaneID", ("", ""))[0] or None,
        acquired_s=moment_s(tags.get("AbsTime", ("", ""))[0]),
        x_um=_length_um(tags, "PositionX"),
        y_um=_length_um(tags, "PositionY"),
        pixel_size_um=pixel_x,
        pixel_size_source="ImageResolutionX of the Harmony index" if pixel_x else None,
        problem=problem or time_problem,
        flags=() if tags.get("State", ("Ok", ""))[0] == "Ok" else ("instrument_state_not_ok",),
    )


def _length_um(tags: dict[str, tuple[str, str]], key: str) -> float | None:
    text, unit = tags.get(key, ("", ""))
    try:
        value = float(text) * _UM[unit or "m"]
    except (ValueError, KeyError):
        return None
    return round(value, 9) if math.isfinite(value) else None
