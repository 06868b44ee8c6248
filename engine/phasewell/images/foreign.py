"""OME-Zarr plates of other programs, read in place: fields are images, nothing is ever written into them.

A frame whose chunks are not stored is missing, one of which only some are is quarantined (chunk_missing): the fill
value never becomes pixels. A program that leaves out chunks of one single value makes black frames look missing;
there is nothing in the plate that tells the two apart. Every frame is compared with its digest when it is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from phasewell.config import ForeignConfig
from phasewell.errors import InputError, UsageError
from phasewell.images.foreign_arrays import ChunkProblem
from phasewell.images.foreign_metadata import ForeignDocuments, ForeignImage, read_documents
from phasewell.images.foreign_records import Images, load_foreign_records, sidecar_folder
from phasewell.images.metadata import PlateMetadata, check_metadata
from phasewell.images.mosaic import arrange, relative_positions
from phasewell.images.pixels import frame_sha256
from phasewell.images.platemap import read_platemap
from phasewell.images.reader import PlateReader
from phasewell.images.stored_unit import UnitFrames
from phasewell.images.survey import DTYPES, SAME_PIXEL_SIZE, natural_key
from phasewell.plate import FrameRecord, Unit, parse_well, well_position


def read_foreign(root: Path, options: ForeignConfig) -> tuple[PlateMetadata, ForeignReader]:
    """Return the metadata and the reader of an OME-Zarr plate of another program.

    Raises InputError for a plate that cannot be one of phasewell's or that does not say its pixel size or interval,
    UsageError for options that do not fit it, SecurityError for codecs and for paths that lead out of it.
    """
    documents = read_documents(root, options)
    images = documents.images
    geometry = Counter(
        (image.array.shape[-2:], image.array.dtype)
        for image in images.values()
        if image.array is not None and image.problem is None and image.array.dtype in DTYPES
    )
    if not geometry:
        reasons = Counter(image.problem[0] if image.problem else "no array" for image in images.values())
        shown = ", ".join(f"{count} x {reason}" for reason, count in sorted(reasons.items()))
        raise InputError(f"{root}: no image of uint8 or uint16 can be read ({shown}); {_first_problem(images)}")
    (shape, dtype), _ = max(geometry.items(), key=lambda item: (item[1], item[0]))
    images = {key: _fit(image, shape, dtype) for key, image in images.items()}
    usable = {key: image for key, image in images.items() if image.array is not None and image.problem is None}
    pixel_size, size_from = _pixel_size(root, usable, options)
    times_h, times_from = _times(root, usable, options)
    fields = sorted({field for _, field in images}, key=natural_key)
    positions: dict[str, dict[str, tuple[float, float]]] = {}
    for (well, field), image in usable.items():
        if image.scale.x_um is not None and image.scale.y_um is not None:
            positions.setdefault(well, {})[field] = (image.scale.x_um, image.scale.y_um)
    step = (shape[1] * pixel_size, shape[0] * pixel_size)
    places = arrange(fields, relative_positions(positions, fields), step, False)
    platemap = read_platemap(options.platemap) if options.platemap is not None else {}
    meta = check_metadata(
        {
            "name": documents.name,
            "wells": sorted({*documents.wells, *map(parse_well, platemap)}, key=well_position),
            "fields": [vars(place) for place in places],
            "times_h": times_h,
            "frame_shape": shape,
            "dtype": dtype,
            "pixel_size_um": pixel_size,
            "window": _window(root, usable, dtype, options),
            "platemap": {parse_well(well): columns for well, columns in platemap.items()},
            "provenance": _provenance(documents, options) | {"pixel_size_from": size_from, "times_from": times_from},
        }
    )
    return meta, ForeignReader(root, meta, documents.version, images)


def _provenance(documents: ForeignDocuments, options: ForeignConfig) -> dict[str, str]:
    chosen = {"channel": options.channel, "plane": options.plane, "acquisition": options.acquisition}
    return {"layout": f"OME-Zarr {documents.version} of another program, read in place"} | {
        key: str(value) for key, value in chosen.items() if value is not None
    }


def _first_problem(images: Images) -> str:
    return next((f"{i.folder}: {i.problem[1]}" for i in images.values() if i.problem), "check the plate")


def _fit(image: ForeignImage, shape: tuple[int, ...], dtype: str) -> ForeignImage:
    """Return the image, with a problem when it is not of the size or type that most images have."""
    array = image.array
    if array is None or image.problem is not None:
        return image
    if array.dtype != dtype:
        return replace(image, problem=("wrong_dtype", f"{array.dtype}; expected {dtype}"))
    if array.shape[-2:] != shape:
        return replace(image, problem=("wrong_size", f"{array.shape[-2:]}; expected {shape}"))
    return image


def _said(
    root: Path, usable: Images, what: str, value: Callable[[ForeignImage], float | None]
) -> tuple[float, str] | None:
    """Return (what the images say, one that says it), None when none does; raises InputError for a contradiction."""
    found: tuple[float, str] | None = None
    for image in usable.values():
        number = value(image)
        if number is None:
            continue
        if found is None:
            found = number, image.folder
        elif abs(number - found[0]) > SAME_PIXEL_SIZE * abs(found[0]):
            raise InputError(
                f"{root}: {what} {found[0]:g} ({found[1]}) and {number:g} ({image.folder}) contradict each other; "
                f"correct the wrong one"
            )
    return found


def _pixel_size(root: Path, usable: Images, options: ForeignConfig) -> tuple[float, str]:
    given = options.pixel_size_um
    said = _said(root, usable, "pixel size in um", lambda image: image.scale.pixel_size_um)
    if said is None and given is None:
        raise InputError(
            f"{root}: pixel size: no image gives the unit and scale of its axes y and x; give foreign.pixel_size_um, "
            "the um per pixel at the sample"
        )
    if given is None and said is not None:
        return said[0], "coordinateTransformations"
    if given is not None and said is not None and abs(given - said[0]) > SAME_PIXEL_SIZE * said[0]:
        raise InputError(
            f"{root}: foreign.pixel_size_um {given:g} and {said[0]:g} ({said[1]}) contradict each other; correct the "
            "wrong one"
        )
    assert given is not None
    return given, "given by the caller"


def _times(root: Path, usable: Images, options: ForeignConfig) -> tuple[list[float], str]:
    n_times = max(image.n_times for image in usable.values())
    first = options.first_time_h
    if first is None:
        starts = [image.scale.first_h for image in usable.values() if image.scale.first_h is not None]
        first = starts[0] if starts else 0.0
    interval, source = options.interval_h, "given by the caller"
    if interval is None and n_times > 1:
        said = _said(root, usable, "interval in hours", lambda image: image.scale.interval_h)
        if said is None:
            raise InputError(
                f"{root}: {n_times} times, and no image gives the unit and scale of its axis t; give "
                "foreign.interval_h, the hours between times"
            )
        interval, source = said[0], "coordinateTransformations"
    return [round(first + (interval or 0.0) * index, 9) for index in range(n_times)], source


def _window(root: Path, usable: Images, dtype: str, options: ForeignConfig) -> tuple[int, int] | None:
    if dtype == "uint8":
        if options.window is not None:
            raise UsageError(f"foreign.window {options.window}: {root} has 8-bit frames and needs none; leave it out")
        return None
    if options.window is None:
        raise UsageError(
            f"{root}: {len(usable)} images of 16 bit; give foreign.window, (low, high) in grey levels that map to 8 bit"
        )
    return options.window


class ForeignReader(PlateReader):
    """Reads an OME-Zarr plate of another program; may be sent to other processes and used by threads."""

    remedy = "restore it in the plate of well {well} from where it was written"

    def __init__(self, root: Path, meta: PlateMetadata, version: Literal["0.4", "0.5"], images: Images) -> None:
        super().__init__(root, meta)
        self.version, self.images = version, images
        self.sidecars = sidecar_folder(root, images)

    def open_unit(self, unit: Unit, fields: tuple[str, ...] | None = None) -> ForeignUnit:
        """Return a unit, of these fields or all, to be read frame by frame; it is not open yet.

        On first use every frame of the unit is read for its digest. Raises StorageError when that cannot be kept.
        """
        self._check(unit, fields)
        records = load_foreign_records(self.sidecars, self.meta, self.images, unit)
        return ForeignUnit(self, unit, [r for r in records if fields is None or r.key.field in fields])


class ForeignUnit(UnitFrames):
    """A unit of a foreign plate: its frames are planes of the images of a well."""

    def __init__(self, reader: ForeignReader, unit: Unit, records: list[FrameRecord]) -> None:
        super().__init__(reader.meta, unit, records)
        self._images = reader.images

    def open(self) -> None:
        """Do nothing: chunks are opened one by one."""

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def read_raw_into(self, index: int, out: NDArray[Any]) -> str | None:
        """As `read_into`, with `out` of the stored dtype and pixels as stored."""
        record = self.present[index]
        image = self._images[self.unit.well, record.key.field]
        assert image.array is not None  # of a frame that is present
        try:
            pixels = image.array.read(image.leading(self.unit.time))
        except ChunkProblem as problem:
            return problem.detail
        if frame_sha256(pixels) != record.sha256:
            return f"{image.folder}: pixels are not those of which the digest was made"
        out[...] = pixels
        return None
