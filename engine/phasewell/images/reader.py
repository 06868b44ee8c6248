"""Reading a plate store: every byte checked, a hole never zeros."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from phasewell.errors import InputError, SecurityError, UsageError
from phasewell.frames import FrameBatch
from phasewell.images.files import contained, read_document
from phasewell.images.metadata import PlateMetadata, parse_json, well_path
from phasewell.images.pixels import pixel_window_to_uint8
from phasewell.images.records import load_records, shard_path
from phasewell.images.shards import Shard, ShardDamageError
from phasewell.images.stored_unit import StoredUnit, UnitFrames
from phasewell.plate import FrameKey, FrameRecord, Unit

_CODECS = frozenset({"sharding_indexed", "bytes", "zstd", "crc32c"})


class PlateReader(ABC):
    """The FrameReader of a plate: everything but how a unit is opened."""

    remedy: ClassVar[str]  # for a damaged frame

    def __init__(self, root: Path, meta: PlateMetadata) -> None:
        self.root, self.meta = root, meta

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"

    @abstractmethod
    def open_unit(self, unit: Unit, fields: tuple[str, ...] | None = None) -> UnitFrames:
        """Return a unit, of these fields or all, to be read frame by frame; it is not open yet.

        Raises InputError for damaged records.
        """

    def read_records(self, unit: Unit) -> tuple[FrameRecord, ...]:
        """Return one record per field of the plate, in field order; raises InputError for a damaged record file."""
        return self.open_unit(unit).records

    def read_frames(self, unit: Unit, fields: tuple[str, ...] | None = None) -> FrameBatch:
        """Return the present frames of a unit (of these fields, or all) in field order, mapped to 8 bit.

        Raises InputError naming plate, well, field and time for a frame that is damaged.
        """
        pixels, keys = self.read_raw(unit, fields)
        return FrameBatch(self._to_uint8(pixels), self.meta.pixel_size_um, keys)

    def read_raw(self, unit: Unit, fields: tuple[str, ...] | None = None) -> tuple[NDArray[Any], tuple[FrameKey, ...]]:
        """Return (pixels (frames, height, width) as stored, their keys) of a unit's present frames, in field order.

        Raises InputError naming plate, well, field and time for a frame that is damaged.
        """
        with self.open_unit(unit, fields) as source:
            pixels = np.empty((len(source.keys), *self.meta.frame_shape), dtype=self.meta.dtype)
            for at, key in enumerate(source.keys):
                problem = source.read_raw_into(at, pixels[at])
                if problem is not None:
                    raise InputError(f"{key}: {problem}; {self.remedy_for(unit)}, or let a run quarantine it")
        return pixels, source.keys

    def read_unit(self, unit: Unit) -> tuple[FrameBatch, tuple[FrameRecord, ...]]:
        """Return (the good frames of a unit as 8 bit, one record per field of the plate).

        A damaged frame is not in the batch; its record says quarantined, reason "chunk_damaged", without a digest.
        Raises InputError when the record file itself is damaged.
        """
        pixels, keys, records = self._read_good(unit)
        return FrameBatch(self._to_uint8(pixels), self.meta.pixel_size_um, keys), records

    def read_good(self, unit: Unit) -> tuple[dict[str, NDArray[Any]], tuple[FrameRecord, ...]]:
        """Return what `read_unit` does, as stored: (field name -> (height, width) of the good frames, records)."""
        pixels, keys, records = self._read_good(unit)
        return {key.field: frame for key, frame in zip(keys, pixels, strict=True)}, records

    def _read_good(self, unit: Unit) -> tuple[NDArray[Any], tuple[FrameKey, ...], tuple[FrameRecord, ...]]:
        with self.open_unit(unit) as source:
            pixels = np.empty((len(source.keys), *self.meta.frame_shape), dtype=self.meta.dtype)
            good = [source.read_raw_into(at, pixels[at]) is None for at in range(len(source.keys))]
        keys = tuple(key for key, fine in zip(source.keys, good, strict=True) if fine)
        records = source.records_after({key for key, fine in zip(source.keys, good, strict=True) if not fine})
        return (pixels if all(good) else pixels[np.array(good, dtype=bool)]), keys, records

    def remedy_for(self, unit: Unit) -> str:
        """Return what to do about a damaged frame of a unit."""
        return self.remedy.format(well=unit.well, time=unit.time)

    def _check(self, unit: Unit, fields: tuple[str, ...] | None) -> None:
        meta = self.meta
        if unit.plate != meta.name or unit.well not in meta.wells or not 0 <= unit.time < len(meta.times_h):
            raise UsageError(f"{unit}: not in plate {meta.name} of {len(meta.wells)} wells, {len(meta.times_h)} times")
        for name in fields or ():
            meta.place(name)

    def _to_uint8(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        if self.meta.dtype == "int32":
            raise UsageError(f"plate {self.meta.name} holds labels: read it with read_raw")
        if self.meta.window is None:
            return pixels
        return pixel_window_to_uint8(pixels, self.meta.window)


class StoreReader(PlateReader):
    """Reads a plate store; holds no open file, may be sent to other processes and used by threads."""

    remedy = "ingest this well and time again (phasewell ingest ... --again {well}:{time})"

    def __init__(self, root: Path, meta: PlateMetadata) -> None:
        super().__init__(root, meta)
        self._checked: set[tuple[str, int]] = set()  # arrays whose metadata were found right

    def open_unit(self, unit: Unit, fields: tuple[str, ...] | None = None) -> StoredUnit:
        """Return a unit, of these fields or all, to be read frame by frame; it is not open yet.

        Raises InputError for a damaged record file.
        """
        self._check(unit, fields)
        stored = load_records(self.root, self.meta, unit)
        return StoredUnit(self, unit, [item for item in stored if fields is None or item.record.key.field in fields])

    def read_overview(self, unit: Unit) -> NDArray[Any] | None:
        """Return the 1/8 mosaic of a unit as stored, (height, width); None when the unit has no frame.

        Missing frames show as 0: it is for looking at, never for measuring. Raises InputError when damaged.
        """
        if not self.meta.has_overview or not self.open_unit(unit).keys:
            return None
        try:
            with self.open_shard(unit, 1) as shard:
                return shard.read(0)
        except (FileNotFoundError, ShardDamageError) as error:
            raise InputError(f"{unit}: 1/8 level: {error}; {self.remedy_for(unit)}") from error

    def open_shard(self, unit: Unit, level: int) -> Shard:
        """Return the shard of a unit; raises FileNotFoundError, ShardDamageError, and what `check_array` raises."""
        if (unit.well, level) not in self._checked:
            check_array(self.root, self.meta, unit.well, level)
            self._checked.add((unit.well, level))
        return Shard(contained(self.root, shard_path(unit, level)), self.meta.shard_format(level))


def check_array(root: Path, meta: PlateMetadata, well: str, level: int) -> None:
    """Check that a well's array says what the plate says: shape, dtype, chunks, codecs, fill value.

    More times than the plate lists are fine (an extension was interrupted). Raises SecurityError for a codec outside
    bytes, zstd, crc32c and sharding_indexed, InputError for anything else that differs or is not there.
    """
    path = contained(root, f"{well_path(well)}/0/{level}/zarr.json")
    try:
        found = parse_json(read_document(path), str(path))
    except FileNotFoundError as error:
        raise InputError(f"{path}: is not there; restore it, or ingest again") from error
    strange = _codec_names(found.get("codecs")) - _CODECS
    if strange:
        raise SecurityError(f"{path}: codecs {sorted(strange)}; allowed are {sorted(_CODECS)}")
    shape = found.get("shape")
    if isinstance(shape, list) and shape and isinstance(shape[0], int) and shape[0] >= len(meta.times_h):
        found["shape"] = [len(meta.times_h), *shape[1:]]
    expected = expected_array(meta, level)
    wrong = sorted(key for key, value in expected.items() if found.get(key) != value)
    if wrong:
        raise InputError(f"{path}: {', '.join(wrong)} differ from the plate's metadata; restore it, or ingest again")


def expected_array(meta: PlateMetadata, level: int) -> dict[str, Any]:
    """Return what the array document of a level must say, without zarr-python (which a reader need not load)."""
    form = meta.shard_format(level)
    shape = [1, 1, *(meta.mosaic_shape if level == 0 else meta.overview_shape)]
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    plain = {"name": "bytes"} if form.stored_dtype.itemsize == 1 else little
    zstd = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
    sharding = {
        "chunk_shape": [1, 1, *form.chunk_shape],
        "codecs": [plain, *([zstd] if form.codec == "zstd" else []), {"name": "crc32c"}],
        "index_codecs": [little, {"name": "crc32c"}],
        "index_location": "end",
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [len(meta.times_h), *shape[1:]],
        "data_type": meta.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
    }


def _codec_names(codecs: Any) -> set[str]:
    """Return the names of all codecs, nested ones included; anything malformed has the name it shows."""
    if not isinstance(codecs, list):
        return {repr(codecs)}
    names: set[str] = set()
    for codec in codecs:
        if not isinstance(codec, dict):
            names.add(repr(codec))
            continue
        names.add(str(codec.get("name")))
        configuration = codec.get("configuration")
        if isinstance(configuration, dict):
            for key in ("codecs", "index_codecs"):
                names |= _codec_names(configuration[key]) if key in configuration else set()
    return names
