"""What an OME-Zarr plate of another program says of itself (0.4 on Zarr v2, 0.5 on v3): wells, images, axes, sizes.

Only the documents are read. What is wrong with one image costs its frames; what contradicts itself is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from phasewell.config import ForeignConfig
from phasewell.errors import InputError, SecurityError, UsageError
from phasewell.images.files import contained, read_document
from phasewell.images.foreign_arrays import ForeignArray, read_array
from phasewell.images.metadata import ATTRIBUTE, PlateMetadata, parse_json
from phasewell.plate import parse_well

_AXES = ("t", "c", "z", "y", "x")
_HOURS = {"millisecond": 1 / 3.6e6, "second": 1 / 3600, "minute": 1 / 60, "hour": 1.0, "day": 24.0}
_UM = {"angstrom": 1e-4, "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6}
_SQUARE = 1e-3  # relative difference of height and width of a pixel that is only rounding
MAX_TIMES = 100_000


@dataclass(frozen=True)
class Scale:
    """What an image says of its grid; None where it says nothing. Hours of its first time, um of its first pixel."""

    pixel_size_um: float | None = None
    interval_h: float | None = None
    first_h: float | None = None
    x_um: float | None = None
    y_um: float | None = None


@dataclass(frozen=True)
class ForeignImage:
    """One field of one well. `problem` is (reason, detail) when its frames cannot be used."""

    folder: str
    array: ForeignArray | None = None
    axes: str = ""
    channel: int = 0
    plane: int = 0
    scale: Scale = Scale()
    problem: tuple[str, str] | None = None

    @property
    def n_times(self) -> int:
        """Times of the image; 1 without a t axis, 0 when its array cannot be read."""
        if self.array is None:
            return 0
        return self.array.shape[self.axes.index("t")] if "t" in self.axes else 1

    def leading(self, time: int) -> tuple[int, ...]:
        """Return the indices of all axes but y and x."""
        index = {"t": time, "c": self.channel, "z": self.plane}
        return tuple(index[axis] for axis in self.axes[:-2])


@dataclass(frozen=True)
class ForeignDocuments:
    """A plate's documents: its images by (well, field)."""

    version: Literal["0.4", "0.5"]
    name: str
    wells: tuple[str, ...]
    images: dict[tuple[str, str], ForeignImage]


def is_foreign(root: Path) -> bool:
    """Return whether a folder is an OME-Zarr plate without phasewell's own metadata.

    Raises InputError for documents that are no JSON, SecurityError for links out of the folder.
    """
    return _plate_attributes(root) is not None


def _plate_attributes(root: Path) -> tuple[dict[str, Any], int] | None:
    """Return (OME attributes, Zarr format) of another program's plate; None when the folder is none."""
    for zarr_format in (3, 2):
        attributes = _attributes(root, "", zarr_format)
        if attributes is not None and isinstance(attributes.get("plate"), dict):
            return attributes, zarr_format
    return None


def read_documents(root: Path, options: ForeignConfig) -> ForeignDocuments:
    """Return wells and images of a plate.

    Raises InputError for documents that are none, SecurityError for paths and codecs, UsageError where several
    channels, planes or acquisitions are there and none is chosen.
    """
    found = _plate_attributes(root)
    if found is None:
        raise InputError(f"{root}: no OME-Zarr plate")
    attributes, zarr_format = found
    plate = attributes["plate"]
    version: Literal["0.4", "0.5"] = "0.4" if zarr_format == 2 else "0.5"
    images: dict[tuple[str, str], ForeignImage] = {}
    wells: dict[str, str] = {}
    for entry in _list(plate, "wells", root):
        path = _checked_path(root, entry.get("path"))
        well = parse_well(path.replace("/", "", 1)) if path.count("/") == 1 else ""
        if not well or well in wells:
            raise InputError(f"{root}: well path {path!r}: expected row/column such as B/03, each once")
        wells[well] = path
    choice = _Choice(options)
    for well, path in wells.items():
        for field, folder in _well_images(root, path, zarr_format, options.acquisition):
            images[well, field] = _read_image(root, folder, zarr_format, choice)
    if not images:
        raise InputError(f"{root}: a plate without an image; expected images in its wells")
    choice.check()
    name = str(plate.get("name") or root.resolve().name.removesuffix(".zarr")).replace("/", "_")
    return ForeignDocuments(version, name, tuple(wells), images)


def _well_images(root: Path, path: str, zarr_format: int, acquisition: int | None) -> list[tuple[str, str]]:
    """Return (field, folder) of a well; none when the well has no document: its frames are missing."""
    attributes = _attributes(root, path, zarr_format)
    if attributes is None:
        return []
    entries = _list(attributes.get("well"), "images", root / path)
    ids = sorted({str(entry["acquisition"]) for entry in entries if entry.get("acquisition") is not None})
    if acquisition is None and len(ids) > 1:
        raise UsageError(f"{root}/{path}: acquisitions {', '.join(ids)}; choose one with foreign.acquisition")
    if acquisition is not None:
        entries = [entry for entry in entries if entry.get("acquisition") in (acquisition, None)]
    found = []
    for entry in entries:
        field = _checked_path(root, entry.get("path"))
        found.append((field, f"{path}/{field}"))
    if len({field for field, _ in found}) != len(found):
        raise InputError(f"{root}/{path}: one image path is listed twice")
    return found


class _Choice:
    """Which channel and plane is read. A choice that fits no image of the plate is an error, in one image a fault."""

    def __init__(self, options: ForeignConfig) -> None:
        self.options = options
        self._tried: dict[str, list[str]] = {}
        self._met: set[str] = set()

    def channel(self, count: int, labels: Sequence[str], folder: str) -> int | None:
        """Return the index of the channel in an image of `count`; None when it has no such channel."""
        wanted = self.options.channel
        if wanted is None:
            if count > 1:
                names = ", ".join(labels) or f"0 to {count - 1}"
                raise UsageError(f"{folder}: {count} channels ({names}); choose one with foreign.channel")
            return 0
        index = list(labels).index(wanted) if wanted in labels else None
        if index is None and wanted.isascii() and wanted.isdigit() and int(wanted) < count:
            index = int(wanted)
        return self._take("channel", wanted, index, labels or [str(i) for i in range(count)])

    def plane(self, count: int, folder: str) -> int | None:
        """Return the index of the plane in an image of `count`; None when it has no such plane."""
        wanted = self.options.plane
        if wanted is None:
            if count > 1:
                raise UsageError(f"{folder}: {count} planes; choose one with foreign.plane, 0 to {count - 1}")
            return 0
        return self._take("plane", str(wanted), wanted if wanted < count else None, [str(i) for i in range(count)])

    def _take(self, what: str, wanted: str, index: int | None, there: Sequence[str]) -> int | None:
        self._tried[f"{what} {wanted!r}"] = list(there)
        if index is not None:
            self._met.add(f"{what} {wanted!r}")
        return index

    def check(self) -> None:
        """Raise UsageError for a choice that no image has."""
        for wanted, there in self._tried.items():
            if wanted not in self._met:
                raise UsageError(f"foreign.{wanted}: no image has it; the plate has {', '.join(there)}")


def _read_image(root: Path, folder: str, zarr_format: int, choice: _Choice) -> ForeignImage:
    try:
        attributes = _attributes(root, folder, zarr_format)
        if attributes is None:
            return ForeignImage(folder)  # listed and not there: its frames are missing
        multiscale = _list(attributes, "multiscales", root / folder)[0]
        axes = "".join(str(axis["name"]) for axis in multiscale["axes"])
        dataset = _list(multiscale, "datasets", root / folder)[0]
        array = read_array(root, f"{folder}/{_checked_path(root, dataset['path'])}", zarr_format)
        if (
            not axes.endswith("yx")
            or set(axes) - set(_AXES)
            or len(set(axes)) != len(axes)
            or len(axes) != len(array.shape)
        ):
            raise InputError(f"{root}/{folder}: axes {axes!r} of an array {array.shape}; expected some of tczyx")
        if "t" in axes and array.shape[axes.index("t")] > MAX_TIMES:
            raise InputError(f"{root}/{folder}: {array.shape[0]} times; expected at most {MAX_TIMES}")
        scale = _scale(multiscale, dataset, axes)
        labels = [str(c.get("label")) for c in (attributes.get("omero") or {}).get("channels", [])]
    except (InputError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        return ForeignImage(folder, problem=("bad_structure", f"{type(error).__name__}: {error}"))
    sizes = dict(zip(axes, array.shape, strict=True))
    channel = choice.channel(sizes.get("c", 1), labels, f"{root}/{folder}")
    plane = choice.plane(sizes.get("z", 1), f"{root}/{folder}")
    if channel is None or plane is None:
        lacks = "channel" if channel is None else "plane"
        return ForeignImage(folder, array, axes, problem=("bad_structure", f"it lacks the chosen {lacks}"))
    return ForeignImage(folder, array, axes, channel, plane, scale)


def _scale(multiscale: dict[str, Any], dataset: dict[str, Any], axes: str) -> Scale:
    """Return the grid of the full resolution; raises ValueError for what is no scale or translation, or not square."""
    factors, shifts = [1.0] * len(axes), [0.0] * len(axes)
    said = moved = False
    for step in [*dataset.get("coordinateTransformations", []), *multiscale.get("coordinateTransformations", [])]:
        kind = step["type"]
        values = [1.0] * len(axes) if kind == "identity" else [float(value) for value in step[kind]]
        if kind not in ("identity", "scale", "translation") or len(values) != len(axes):
            raise ValueError(f"transformation {kind!r} of {len(values)} values for axes {axes}")
        if kind == "scale":
            said = True
            factors = [a * b for a, b in zip(factors, values, strict=True)]
            shifts = [a * b for a, b in zip(shifts, values, strict=True)]
        elif kind == "translation":
            moved = True
            shifts = [a + b for a, b in zip(shifts, values, strict=True)]
    units = {axis["name"]: axis.get("unit") for axis in multiscale["axes"]}
    place = {axis: at for at, axis in enumerate(axes)}
    um = [_UM.get(str(units.get(axis))) for axis in "yx"]
    hours = _HOURS.get(str(units.get("t")))
    sizes = [factors[place[axis]] * unit if unit and said else None for axis, unit in zip("yx", um, strict=True)]
    height, width = sizes
    if height is not None and width is not None and (
        min(height, width) <= 0 or abs(height - width) > _SQUARE * width
    ):  # fmt: skip
        raise ValueError(f"pixels of {height} x {width} um: expected square ones")
    y_um, x_um = (shifts[place[a]] * unit if unit and moved else None for a, unit in zip("yx", um, strict=True))
    timed = "t" in place and hours is not None and said and factors[place["t"]] > 0
    return Scale(
        width if height is not None else None,
        factors[place["t"]] * hours if timed and hours else None,
        shifts[place["t"]] * hours if timed and hours else None,
        x_um,
        y_um,
    )


def _attributes(root: Path, folder: str, zarr_format: int) -> dict[str, Any] | None:
    """Return the OME attributes of a group; None when it has no document."""
    name = ".zattrs" if zarr_format == 2 else "zarr.json"
    path = contained(root, f"{folder}/{name}" if folder else name)
    try:
        document = parse_json(read_document(path), str(path))
    except FileNotFoundError:
        return None
    if zarr_format == 2:
        return document
    attributes = document.get("attributes")
    if not isinstance(attributes, dict) or any(_is_own(value) for value in (attributes, *attributes.values())):
        return None
    ome = attributes.get("ome")
    return ome if isinstance(ome, dict) else None


def _is_own(value: Any) -> bool:
    """Return whether these are phasewell's metadata, damaged ones and under a damaged name as well."""
    return isinstance(value, dict) and (ATTRIBUTE in value or len(value.keys() & PlateMetadata.model_fields) > 5)


def _list(holder: Any, key: str, where: Path) -> list[dict[str, Any]]:
    values = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values) or not values:
        raise InputError(f"{where}: no list of {key}; expected an OME-Zarr plate of 0.4 or 0.5")
    return values


def _checked_path(root: Path, path: Any) -> str:
    """Return a path below the plate; raises SecurityError for one that leads out of it, InputError for none."""
    if not isinstance(path, str) or not path:
        raise InputError(f"{root}: path {path!r}: expected text")
    parts = path.split("/")
    if "\\" in path or "\0" in path or ".." in parts or path.startswith("/"):
        raise SecurityError(f"{root}: path {path!r} leads out of the plate")
    if "" in parts or "." in parts:
        raise InputError(f"{root}: path {path!r}: expected names parted by /")
    return path
