"""What a plate store says of itself: phasewell's own plate metadata, and the OME-Zarr 0.5 documents beside it.

The store's root `zarr.json` carries both: `ome` for every OME-Zarr reader and `phasewell` with the fields, their
stage positions, the nominal hours, the window, the plate map and the provenance.
"""

from __future__ import annotations

import functools
import json
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from phasewell import plate as vocabulary
from phasewell.errors import InputError, UsageError
from phasewell.images.shards import ShardFormat
from phasewell.manifest import digest_json

ATTRIBUTE = "phasewell"
OVERVIEW_FACTOR = 8
MAX_PLACES = 4096  # fields of one mosaic
STANDARD_FORMATS = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))  # 6 to 1536 wells

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class FieldEntry(_Section):
    """One field of view: name, place in the mosaic counted from 0, stage position of its first pixel in um."""

    name: Annotated[str, Field(min_length=1)]
    row: Annotated[int, Field(ge=0)]
    column: Annotated[int, Field(ge=0)]
    x_um: _Finite | None = None
    y_um: _Finite | None = None


class PlateMetadata(_Section):
    """The `phasewell` attribute of a plate store. Raises pydantic's ValidationError for what cannot be.

    `frame_shape` is (height, width) in pixels; `times_h` the nominal grid; `window` maps 16 bit to 8 bit.
    A plate of dtype int32 holds labels and has no 1/8 level.
    """

    version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=1024)]
    wells: Annotated[tuple[str, ...], Field(min_length=1)]
    fields: Annotated[tuple[FieldEntry, ...], Field(min_length=1)]
    times_h: Annotated[tuple[_Finite, ...], Field(min_length=1)]
    frame_shape: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    dtype: Literal["uint8", "uint16", "int32"]
    pixel_size_um: _Positive
    window: tuple[int, int] | None = None
    codec: Literal["raw", "zstd"] = "raw"
    platemap: dict[str, dict[str, str | int | _Finite | None]] = {}
    provenance: dict[str, str] = {}

    @model_validator(mode="after")
    def _check(self) -> PlateMetadata:
        problems = [*_well_problems(self), *_field_problems(self)]
        if any(later <= earlier for earlier, later in zip(self.times_h, self.times_h[1:], strict=False)):
            problems.append("times_h must rise strictly")
        if self.window is not None and not 0 <= self.window[0] < self.window[1] <= 65535:
            problems.append(f"window {self.window}: expected 0 <= low < high <= 65535")
        if self.window is None and self.dtype == "uint16":
            problems.append("16-bit frames need the window (low, high) that maps them to 8 bit")
        try:
            ShardFormat(1, self.frame_shape, self.dtype, self.codec)
        except UsageError as error:
            problems.append(str(error))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @functools.cached_property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the mosaic: the smallest grid with a place for every field."""
        return 1 + max(field.row for field in self.fields), 1 + max(field.column for field in self.fields)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields in plate order."""
        return tuple(field.name for field in self.fields)

    @property
    def mosaic_shape(self) -> tuple[int, int]:
        """(height, width) of a well's mosaic in pixels."""
        return self.grid[0] * self.frame_shape[0], self.grid[1] * self.frame_shape[1]

    @property
    def overview_shape(self) -> tuple[int, int]:
        """(height, width) of the 1/8 level; a last box may be cut off by the edge."""
        height, width = self.mosaic_shape
        return -(-height // OVERVIEW_FACTOR), -(-width // OVERVIEW_FACTOR)

    @property
    def has_overview(self) -> bool:
        """Whether the 1/8 level exists: not for labels, whose mean means nothing."""
        return self.dtype != "int32"

    def place(self, field: str) -> int:
        """Return the index of a field's chunk in its shard; raises UsageError for an unknown field."""
        try:
            return self._places[field]
        except KeyError:
            names = ", ".join(self.field_names)
            raise UsageError(f"plate {self.name}: no field {field!r}; it has {names}") from None

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {field.name: field.row * self.grid[1] + field.column for field in self.fields}

    def shard_format(self, level: int = 0) -> ShardFormat:
        """Return the shards' format: one chunk per grid place at level 0, one for the whole mosaic at level 1."""
        if level == 0:
            return ShardFormat(self.grid[0] * self.grid[1], self.frame_shape, self.dtype, self.codec)
        return ShardFormat(1, self.overview_shape, self.dtype, self.codec)


def _well_problems(meta: PlateMetadata) -> list[str]:
    problems = []
    for well in meta.wells:
        try:
            if vocabulary.parse_well(well) != well:
                problems.append(f"well {well!r}: expected {vocabulary.parse_well(well)}")
        except InputError as error:
            problems.append(str(error))
    if not problems and list(meta.wells) != sorted(set(meta.wells), key=vocabulary.well_position):
        problems.append("wells must be unique and in plate order")
    return problems


def _field_problems(meta: PlateMetadata) -> list[str]:
    problems = []
    if len(set(meta.field_names)) != len(meta.fields):
        problems.append("field names must be unique")
    if len({(field.row, field.column) for field in meta.fields}) != len(meta.fields):
        problems.append("two fields claim one place of the mosaic")
    if meta.grid[0] * meta.grid[1] > MAX_PLACES:
        problems.append(f"mosaic of {meta.grid[0]} x {meta.grid[1]} fields: expected at most {MAX_PLACES} places")
    return problems


def check_metadata(document: dict[str, Any]) -> PlateMetadata:
    """Return validated metadata for a caller's arguments; raises UsageError with every problem."""
    try:
        meta = PlateMetadata.model_validate(document)
        meta.model_dump_json().encode()  # a lone surrogate in a name has no UTF-8
    except ValidationError as error:
        raise UsageError(f"plate {document.get('name')!r}: {explain(error)}") from error
    except ValueError as error:
        raise UsageError(f"plate {document.get('name')!r}: cannot be written as UTF-8 JSON ({error})") from error
    return meta


def explain(error: ValidationError) -> str:
    """Return a validation error as one line: where and what."""
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'plate'}: {item['msg']}" for item in error.errors())


def arrange_fields(names: tuple[str, ...]) -> tuple[vocabulary.Field, ...]:
    """Return fields laid out row by row on the smallest near-square grid that holds them (3 fields: 2 x 2)."""
    columns = max(1, math.ceil(math.sqrt(len(names))))
    return tuple(vocabulary.Field(name, index // columns, index % columns) for index, name in enumerate(names))


def plate_format(wells: tuple[str, ...]) -> tuple[int, int]:
    """Return (rows, columns) of the smallest standard plate, 6 to 1536 wells, that has all these wells.

    Raises InputError where none has.
    """
    positions = [vocabulary.well_position(well) for well in wells]
    for rows, columns in STANDARD_FORMATS:
        if all(row < rows and column < columns for row, column in positions):
            return rows, columns
    raise InputError(f"wells {', '.join(wells)}: no standard plate holds them")


def well_path(well: str) -> str:
    """Return the folder of a well inside the store: `B03` lies in `B/03`."""
    letters = well.rstrip("0123456789")
    return f"{letters}/{well[len(letters) :]}"


def seal(meta: PlateMetadata) -> dict[str, Any]:
    """Return the `phasewell` attribute: the metadata and, under `sha256`, the digest of their canonical JSON."""
    document = meta.model_dump(mode="json")
    return document | {"sha256": digest_json(document)}


def parse_root(content: bytes, source: str) -> tuple[PlateMetadata, dict[str, Any]]:
    """Return (phasewell metadata, `ome` attribute) of a root `zarr.json`; raises InputError naming what is wrong."""
    attributes = parse_json(content, source).get("attributes")
    if not isinstance(attributes, dict) or ATTRIBUTE not in attributes:
        raise InputError(f"{source}: not a phasewell plate store; make one from its images with `phasewell ingest`")
    own, ome = attributes[ATTRIBUTE], attributes.get("ome")
    own = dict(own) if isinstance(own, dict) else {}
    digest = own.pop("sha256", None)
    if own.get("version") != 1:
        raise InputError(
            f"{source}: store version {own.get('version')!r}; this phasewell reads version 1, install a newer one"
        )
    try:
        meta = PlateMetadata.model_validate(own)
    except ValidationError as error:
        raise InputError(f"{source}: damaged plate metadata ({explain(error)}); restore it or ingest again") from error
    if digest != digest_json(meta.model_dump(mode="json")):
        raise InputError(f"{source}: plate metadata do not match their SHA-256: damaged or edited; restore the file")
    return meta, ome if isinstance(ome, dict) else {}


def parse_json(content: bytes, source: str) -> dict[str, Any]:
    """Return a JSON object; raises InputError naming the file when it is none."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: not JSON ({error}); restore it or ingest again") from error
    if not isinstance(document, dict):
        raise InputError(f"{source}: expected a JSON object; restore it or ingest again")
    return document
