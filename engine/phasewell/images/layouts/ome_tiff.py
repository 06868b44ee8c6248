"""Layout `ome-tiff`: files of one or many images whose OME-XML says which image is which channel, plane and time.

Wells and fields come from the XML's plate where it has one, else from the file names by a pattern. Of several files
that describe each other, each gives its own images. Elements and defaults as in the OME data model 2016-06.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from phasewell.errors import InputError, UsageError
from phasewell.images.decode import inspect_file
from phasewell.images.headers import BadImageError
from phasewell.images.layouts.entries import Entry, LayoutOptions, Listing, leave_out, moment_s
from phasewell.images.layouts.folder import Ignored, SourceFile, SourceFolder, printable
from phasewell.images.layouts.regex import address_of, compile_pattern
from phasewell.names import stored_name
from phasewell.plate import parse_well, row_name

_SUFFIX = re.compile(r"\.ome\.tiff?$", re.IGNORECASE)
_UM = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_MAX_COMPANION_BYTES = 1 << 28
_MAX_PLANES = 4096


class _Place(NamedTuple):
    """Where an image of the XML lies: well and field, or nothing where the XML has no plate."""

    well: str | None
    field: str
    plate: str | None


@dataclass(frozen=True)
class _Image:
    """One Image element: its planes, its place and its sizes."""

    number: int
    pixels: Element
    acquired_s: float | None
    place: _Place | None


def looks_like_ome_tiff(folder: SourceFolder) -> bool:
    """Whether the source has images named `.ome.tif` or `.ome.tiff`."""
    return any(_SUFFIX.search(file.base) for file in folder.files)


def list_ome_tiff(folder: SourceFolder, options: LayoutOptions) -> Listing:
    """Return one entry per plane that a file's OME-XML gives to this file.

    Channels are called by their names, or by their numbers from 1; fields count from 1 in their well; times from 0.
    Raises UsageError when neither the XML nor `options.pattern` says the well, InputError for damaged XML.
    """
    images, not_images = leave_out(folder.files)
    ignored, entries, unmatched = list(not_images), list[Entry](), list[str]()
    pattern = compile_pattern(options.pattern) if options.pattern is not None else None
    companions: dict[str, Element] = {}
    for file in images:
        try:
            root = _read_xml(file, folder, companions)
        except BadImageError as error:
            entries.append(Entry(file, None, "1", problem=(error.reason, error.detail)))
            continue
        if root is None:
            ignored.append(Ignored(file.name, "no OME-XML in it, or more than 1 MiB"))
            continue
        found = list(_planes(file, root, root not in companions.values()))
        if not found:
            ignored.append(Ignored(file.name, "its OME-XML gives it no image; was it renamed?"))
            continue
        if pattern is not None:
            address = address_of(file, pattern, options)
            if address is None:
                unmatched.append(file.name)
                continue
            found = [_named(entry, address) for entry in found]
        if any(entry.well is None and entry.problem is None for entry in found):
            raise UsageError(f"{printable(file.name)}: its OME-XML names no well; give a pattern for the file names, "
                             "such as '(?P<well>[A-H]\\d+)_f(?P<field>\\d+)\\.ome\\.tif'")  # fmt: skip
        entries += found
    names = {entry.plate for entry in entries}
    return Listing(
        "ome-tiff",
        tuple(entries),
        tuple(ignored),
        tuple(unmatched),
        plate_name=names.pop() if len(names) == 1 else None,
    )


def _named(entry: Entry, address: Entry) -> Entry:
    """Return an entry with what the file's name says; it goes before the XML where it names a thing."""
    return replace(
        entry,
        well=address.well,
        field=address.field if address.field_named else entry.field,
        time=address.time if address.time is not None else entry.time,
        plate=address.plate or entry.plate,
        channel=address.channel or entry.channel,
        plane=address.plane or entry.plane,
        time_h=address.time_h,
        problem=address.problem or entry.problem,
    )


def _read_xml(file: SourceFile, folder: SourceFolder, companions: dict[str, Element]) -> Element | None:
    text = inspect_file(file.path, page=0).description
    if "<OME" not in text[:4096]:
        return None
    root = _parse(text.encode(), file.name)
    other = next((e for e in root if _local(e) == "BinaryOnly"), None)
    if other is None:
        return root
    name = file.name[: len(file.name) - len(file.base)] + other.attrib.get("MetadataFile", "")
    if name not in companions:
        companion = next((f for f in folder.files if f.name == name and f.problem is None), None)
        if companion is None or companion.size > _MAX_COMPANION_BYTES:
            raise InputError(
                f"{printable(file.name)}: its OME-XML is in {printable(name)}, which is not there or larger than "
                "256 MiB; put it beside the image"
            )
        companions[name] = _parse(Path(companion.path).read_bytes(), name)
    return companions[name]


def _parse(data: bytes, name: str) -> Element:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(f"{printable(name)}: OME-XML that cannot be read ({error}); export it again") from error
    return root


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _all(root: Element, name: str) -> list[Element]:
    return [element for element in root.iter() if _local(element) == name]


def _integer(element: Element, name: str, default: int) -> int:
    try:
        return int(element.attrib.get(name, default))
    except ValueError:
        raise InputError(f"OME-XML: {_local(element)} {name}={element.attrib[name]!r}: expected a number") from None


def _images(root: Element) -> Iterator[_Image]:
    places: dict[str, _Place] = {}
    for plate in _all(root, "Plate"):
        name = stored_name(plate.attrib.get("Name", "")) or None
        for well in _all(plate, "Well"):
            row, column = _integer(well, "Row", -1), _integer(well, "Column", -1)
            text = f"{row_name(row)}{column + 1}" if 0 <= row < 52 else "?"
            for number, sample in enumerate(_all(well, "WellSample"), start=1):
                for reference in _all(sample, "ImageRef"):
                    places[reference.attrib.get("ID", "")] = _Place(text, str(number), name)
    for number, image in enumerate(_all(root, "Image"), start=1):
        pixels = next((e for e in image if _local(e) == "Pixels"), None)
        if pixels is not None:
            dates = [e.text or "" for e in image if _local(e) == "AcquisitionDate"]
            yield _Image(number, pixels, moment_s(dates[0]) if dates else None, places.get(image.attrib.get("ID", "")))


def _planes(file: SourceFile, root: Element, is_own: bool) -> Iterator[Entry]:
    images = list(_images(root))
    owners = {_owner(block) for block in _all(root, "TiffData")}
    # XML that knows one file only is that file's own: it was renamed after it was written
    name = next(iter(owners)) or file.base if len(owners) == 1 and is_own else file.base
    for image in images:
        pixels = image.pixels
        size = _pixel_size(pixels, file)
        channels = [e for e in pixels if _local(e) == "Channel"]
        names = [stored_name(e.attrib.get("Name", "")) or str(i) for i, e in enumerate(channels, start=1)]
        planes = {tuple(_integer(e, f"The{axis}", 0) for axis in "CZT"): e for e in pixels if _local(e) == "Plane"}
        well, problem = None, None
        if image.place is not None and image.place.well is not None:
            try:
                well = parse_well(image.place.well)
            except InputError as error:
                problem = ("bad_index", str(error))
        for (c, z, t), page in _pages(file, pixels, name):
            plane = planes.get((c, z, t), planes.get((0, 0, t)))  # some writers describe one plane a time
            yield Entry(
                file,
                well,
                image.place.field if image.place else str(image.number if len(images) > 1 else 1),
                t,
                plate=image.place.plate if image.place else None,
                channel=names[c] if c < len(names) and names.count(names[c]) == 1 else str(c + 1),
                plane=str(z + 1) if _integer(pixels, "SizeZ", 1) > 1 else None,
                acquired_s=_acquired(image, plane, t),
                page=page,
                x_um=_quantity(plane, "PositionX", _UM, None),
                y_um=_quantity(plane, "PositionY", _UM, None),
                pixel_size_um=size,
                pixel_size_source="PhysicalSizeX of OME-XML" if size else None,
                problem=problem,
            )


def _owner(block: Element) -> str | None:
    return next((e.attrib.get("FileName") for e in block if _local(e) == "UUID"), None)


def _pages(file: SourceFile, pixels: Element, name: str) -> Iterator[tuple[tuple[int, int, int], int]]:
    """Yield ((channel, plane, time), image in the file) of every plane that lies in this file, `name` in the XML."""
    sizes = {axis: _integer(pixels, f"Size{axis}", 1) for axis in "CZT"}
    samples = max((_integer(e, "SamplesPerPixel", 1) for e in pixels if _local(e) == "Channel"), default=1)
    sizes["C"] = max(1, sizes["C"] // max(1, samples))  # the colours of one plane are one image
    order = pixels.attrib.get("DimensionOrder", "XYCZT")[2:]
    total = math.prod(sizes.values())
    if not 0 < total <= _MAX_PLANES or sorted(order) != ["C", "T", "Z"]:
        raise InputError(f"{printable(file.name)}: OME-XML with {total} planes in order {printable(order)!r}; expected "
                         f"at most {_MAX_PLANES}")  # fmt: skip
    for block in (e for e in pixels if _local(e) == "TiffData"):
        if _owner(block) not in (None, name):
            continue
        first = {axis: _integer(block, f"First{axis}", 0) for axis in "CZT"}
        start, page = 0, _integer(block, "IFD", 0)
        for axis in reversed(order):
            start = start * sizes[axis] + first[axis]
        count = _integer(block, "PlaneCount", 1 if "IFD" in block.attrib else total)
        for step in range(max(0, min(count, total - start))):
            index, rest = dict[str, int](), start + step
            for axis in order:
                rest, index[axis] = divmod(rest, sizes[axis])
            yield (index["C"], index["Z"], index["T"]), page + step


def _quantity(element: Element | None, name: str, units: dict[str, float], default: str | None) -> float | None:
    if element is None or name not in element.attrib:
        return None
    factor = units.get(element.attrib.get(f"{name}Unit", default) or "")
    try:
        value = float(element.attrib[name])
    except ValueError:
        return None
    return value * factor if factor is not None and math.isfinite(value) else None


def _acquired(image: _Image, plane: Element | None, t: int) -> float | None:
    """Return seconds since 1970, or since the start of the series where the XML has no date."""
    delta = _quantity(plane, "DeltaT", _SECONDS, "s")
    if delta is None:
        step = _quantity(image.pixels, "TimeIncrement", _SECONDS, "s")
        delta = None if step is None else t * step
    if image.acquired_s is None:
        return delta
    return image.acquired_s + (delta or 0.0) if delta is not None or t == 0 else None


def _pixel_size(pixels: Element, file: SourceFile) -> float | None:
    x, y = (_quantity(pixels, f"PhysicalSize{axis}", _UM, "µm") for axis in "XY")
    if x and y and abs(x - y) > 1e-3 * x:
        raise InputError(f"{printable(file.name)}: pixels of {x} x {y} um; expected square pixels")
    return round(x, 9) if x else None
