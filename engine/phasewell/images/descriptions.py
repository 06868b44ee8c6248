"""What a microscope wrote into an image: pixel size, stage position, time. Dialects: MetaMorph, OME, ImageJ, NIS, Gen5.

Plain TIFF resolution tags are not believed: real exports give the camera's pixel, or 72 dots per inch, in them.
"""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from phasewell.images.headers import ImageHeader

METADATA_UNUSABLE = "metadata_unusable"
_UM = {"um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3, "mm": 1e3, "\\u00b5m": 1.0}
_TIME_POINT = re.compile(r"^Timepoint: (\d+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class ImageMetadata:
    """What one image says of itself; lengths in um, `acquired_s` in seconds since 1970 (a local time counts as UTC)."""

    pixel_size_um: float | None = None
    source: str | None = None  # where the pixel size comes from
    x_um: float | None = None
    y_um: float | None = None
    acquired_s: float | None = None
    time_point: int | None = None
    flags: tuple[str, ...] = ()


NO_METADATA = ImageMetadata()


def read_metadata(header: ImageHeader) -> ImageMetadata:
    """Return what the image says; metadata that contradict themselves give the flag metadata_unusable, no values."""
    text = header.description
    try:
        if text.startswith("<MetaData>"):
            return _metamorph(_parse(text))
        if "<OME" in text[:4096]:
            return _ome(_parse(text))
        if text.startswith("ImageJ="):
            return _imagej(text, header)
        if "ImageWidthMicrons" in text:
            return _gen5(_parse(text), header)
    except (ParseError, ValueError, OverflowError):
        return ImageMetadata(flags=(METADATA_UNUSABLE,))
    if header.calibration_um is not None and _plausible(header.calibration_um):
        return ImageMetadata(header.calibration_um, "calibration tag of NIS-Elements")
    return NO_METADATA


def _parse(text: str) -> Element:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(text)
    except DefusedXmlException as error:  # entities and external references
        raise ValueError(str(error)) from error
    return root


def _plausible(value: float) -> bool:
    return math.isfinite(value) and 1e-3 <= value <= 1e3


def _square(x: float, y: float, source: str) -> tuple[float, str]:
    if not (_plausible(x) and _plausible(y) and abs(x - y) <= 1e-3 * x):
        raise ValueError(f"{source}: {x} x {y} um")
    return x, source


def _metamorph(root: Element) -> ImageMetadata:
    values: dict[str, str] = {}
    for element in root.iter():
        if "id" in element.attrib:
            values.setdefault(element.attrib["id"], element.attrib.get("value", ""))
    size = source = None
    if values.get("spatial-calibration-state") == "on":
        unit = _UM[values["spatial-calibration-units"]] if values.get("spatial-calibration-units") in _UM else None
        if unit is not None:
            size, source = _square(
                float(values["spatial-calibration-x"]) * unit,
                float(values.get("spatial-calibration-y", values["spatial-calibration-x"])) * unit,
                "spatial-calibration-x of MetaMorph",
            )
    point = _TIME_POINT.search(values.get("Description", "").replace("\r", ""))
    return ImageMetadata(
        size,
        source,
        _float(values.get("OffsetFromWellCenterUmX", values.get("stage-position-x"))),
        _float(values.get("OffsetFromWellCenterUmY", values.get("stage-position-y"))),
        _metamorph_time(values.get("acquisition-time-local", "")),
        int(point[1]) if point else None,
    )


def _float(text: str | None) -> float | None:
    value = float(text) if text else None
    return value if value is not None and math.isfinite(value) else None


def _metamorph_time(text: str) -> float | None:
    for layout in ("%Y%m%d %H:%M:%S.%f", "%Y%m%d %H:%M:%S"):
        try:
            return datetime.datetime.strptime(text, layout).replace(tzinfo=datetime.UTC).timestamp()
        except ValueError:
            continue
    return None


def _ome(root: Element) -> ImageMetadata:
    pixels = next((element for element in root.iter() if element.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None or "PhysicalSizeX" not in pixels.attrib:
        return ImageMetadata()
    sizes = []
    for named in "XY":
        axis = named if f"PhysicalSize{named}" in pixels.attrib else "X"  # y is optional, and then as x
        text = pixels.attrib[f"PhysicalSize{axis}"]
        unit = pixels.attrib.get(f"PhysicalSize{axis}Unit", "µm")
        if unit not in _UM:
            raise ValueError(f"PhysicalSize{axis}Unit {unit!r}")
        sizes.append(float(text) * _UM[unit])
    return ImageMetadata(*_square(sizes[0], sizes[1], "PhysicalSizeX of OME-XML"))


def _imagej(text: str, header: ImageHeader) -> ImageMetadata:
    values = dict(line.partition("=")[::2] for line in text.splitlines())
    unit = _UM.get(values.get("unit", "").strip().lower())
    x, y = header.resolution
    if unit is None or not x or not y:
        return ImageMetadata()
    return ImageMetadata(*_square(unit / x, unit / y, "XResolution with ImageJ's unit"))


def _gen5(root: Element, header: ImageHeader) -> ImageMetadata:
    values = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter()}
    width = float(values["ImageWidthMicrons"])
    pixels = float(values.get("PixelWidth") or header.width)
    if pixels != header.width or not _plausible(width / pixels):
        raise ValueError(f"ImageWidthMicrons {width} for {pixels} pixels")
    moment = f"{values.get('Date', '')} {values.get('Time', '')}"
    return ImageMetadata(width / pixels, "ImageWidthMicrons of Gen5", acquired_s=_gen5_time(moment))


def _gen5_time(text: str) -> float | None:
    """Return seconds of a Gen5 date, which is written month/day/year (so reads it Bio-Formats' BioTek reader)."""
    for layout in ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S"):
        try:
            return datetime.datetime.strptime(text, layout).replace(tzinfo=datetime.UTC).timestamp()
        except ValueError:
            continue
    return None
