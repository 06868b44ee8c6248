"""Arrays of other programs' OME-Zarr: what is stored of a frame, checked before zarr-python decodes it.

Zarr reads a chunk that is not there as the fill value, and some codecs return damaged bytes silently. Here an absent
chunk is absent, whatever the fill value, and a stored one must have the size its array and its own header declare.
"""

from __future__ import annotations

import functools
import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasewell.errors import InputError, SecurityError
from phasewell.images.checksums import crc32c
from phasewell.images.files import contained, open_regular, read_at, read_document
from phasewell.images.metadata import parse_json
from phasewell.images.shards import MAX_CHUNK_BYTES, MISSING, zstd_content_bytes

_COMPRESSORS = frozenset({"zstd", "blosc", "gzip", "zlib", "lz4"})
_ALLOWED = _COMPRESSORS | {"bytes", "crc32c", "transpose", "sharding_indexed"}
_DTYPES = {"|u1": "uint8", "<u2": "uint16", ">u2": "uint16", "uint8": "uint8", "uint16": "uint16"}
_MAX_SHARD_CHUNKS = 1 << 20
_CRC_BYTES = 4
_HEAD_BYTES = 18  # of a chunk; every header that is looked at lies in them


class ChunkProblem(Exception):  # noqa: N818 - it ends as the reason of a frame, not as an error
    """Why a stored frame cannot be used; `reason` is a key of REASONS."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Place(NamedTuple):
    """Where the bytes of one chunk lie."""

    path: Path
    offset: int
    nbytes: int


@dataclass(frozen=True)
class ForeignArray:
    """One array of full resolution. `chunks` are what is compressed on its own; `shards` is None without sharding.

    `folder` is relative to the plate `root`. `codec` is the compressor's name, "" for none.
    """

    root: Path
    folder: str
    zarr_format: int
    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    prefix: str
    separator: str
    codec: str
    has_crc: bool
    index_at_end: bool = True
    index_has_crc: bool = True
    written_ns: int = 0  # when the metadata were

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one decoded chunk."""
        return int(np.prod(self.chunks, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def files(self, leading: Sequence[int]) -> list[Path]:
        """Return the files that hold the frame at these indices of all axes but y and x; they need not exist."""
        outer = self.shards or self.chunks
        found = dict.fromkeys(
            tuple(c * inner // whole for c, inner, whole in zip(chunk, self.chunks, outer, strict=True))
            for chunk in self._chunks_of(leading)
        )
        return [self._file(at) for at in found]

    def read(self, leading: Sequence[int]) -> NDArray[Any]:
        """Return a frame (height, width); raises ChunkProblem.

        Reasons: "absent" when no chunk of it is stored, chunk_missing when some are not, chunk_damaged.
        """
        chunks = list(self._chunks_of(leading))
        places = [place for chunk in chunks if (place := self._find(chunk)) is not None]
        if not places:
            raise ChunkProblem("absent", f"{self.folder}: no chunk of it is stored")
        if len(places) < len(chunks):
            raise ChunkProblem(
                "chunk_missing", f"{self.folder}: {len(chunks) - len(places)} of its {len(chunks)} chunks are not there"
            )
        for place in places:
            self._check(place)
        try:
            pixels = np.asarray(
                _open(self.root / self.folder, self.zarr_format, self.written_ns)[(*leading, slice(None), slice(None))]
            )
        except Exception as error:  # a codec may raise anything
            raise ChunkProblem("chunk_damaged", f"{self.folder}: cannot be decoded ({error})") from error
        return np.ascontiguousarray(pixels, self.dtype)

    def _chunks_of(self, leading: Sequence[int]) -> Iterator[tuple[int, ...]]:
        fixed = tuple(index // size for index, size in zip(leading, self.chunks, strict=False))
        counts = (-(-n // size) for n, size in zip(self.shape[-2:], self.chunks[-2:], strict=True))
        for tail in itertools.product(*(range(count) for count in counts)):
            yield (*fixed, *tail)

    def _file(self, at: Sequence[int]) -> Path:
        key = self.separator.join(map(str, at))
        return contained(self.root, f"{self.folder}/{self.prefix}{key}")

    def _find(self, chunk: tuple[int, ...]) -> Place | None:
        """Return where a chunk lies; None when it is not stored."""
        if self.shards is None:
            path = self._file(chunk)
            try:
                with open_regular(path) as (_, size):
                    return Place(path, 0, size)
            except FileNotFoundError:
                return None
        counts = tuple(whole // inner for whole, inner in zip(self.shards, self.chunks, strict=True))
        path = self._file([c // n for c, n in zip(chunk, counts, strict=True)])
        number = int(np.ravel_multi_index([c % n for c, n in zip(chunk, counts, strict=True)], counts))
        try:
            with open_regular(path) as (descriptor, size):
                index = self._index(path, descriptor, size, int(np.prod(counts)))
        except FileNotFoundError:
            return None
        offset, nbytes = (int(value) for value in index[number])
        if offset == nbytes == MISSING:
            return None
        if offset + nbytes > size:
            raise ChunkProblem("chunk_damaged", f"{path}: index says bytes up to {offset + nbytes} of {size}")
        return Place(path, offset, nbytes)

    def _index(self, path: Path, descriptor: int, size: int, count: int) -> NDArray[np.uint64]:
        length = 16 * count + (_CRC_BYTES if self.index_has_crc else 0)
        raw = read_at(path, descriptor, length, size - length if self.index_at_end else 0) if size >= length else b""
        if len(raw) != length:
            raise ChunkProblem("chunk_damaged", f"{path}: {size} bytes, less than its index of {length}: truncated")
        body, crc = raw[: 16 * count], raw[16 * count :]
        if self.index_has_crc and crc32c(body) != int.from_bytes(crc, "little"):
            raise ChunkProblem("chunk_damaged", f"{path}: index checksum (crc32c) differs: truncated or damaged")
        return np.frombuffer(body, "<u8").reshape(count, 2)

    def _check(self, place: Place) -> None:
        """Refuse a chunk that is not whole, or that would inflate to other than its array's chunk."""
        length, expected = place.nbytes - (_CRC_BYTES if self.has_crc else 0), self.chunk_bytes
        if length > expected + (expected >> 4) + 4096:
            raise ChunkProblem("chunk_damaged", f"{place.path}: {place.nbytes} bytes for a chunk of {expected}")
        with open_regular(place.path) as (descriptor, _):
            head = read_at(place.path, descriptor, max(min(_HEAD_BYTES, length), 0), place.offset)
            declared: int | None
            if self.codec == "":
                declared = length
            elif self.codec == "blosc":
                sizes = [int.from_bytes(head[at : at + 4], "little") for at in (4, 12)]
                declared = sizes[0] if sizes[1] == length else -1  # the second is the length of what is stored
            elif self.codec == "lz4":
                declared = int.from_bytes(head[:4], "little")
            else:
                declared = zstd_content_bytes(head) if self.codec == "zstd" else None
                if declared is None:
                    declared = _inflate(self.codec, read_at(place.path, descriptor, length, place.offset), expected)
        if declared != expected:
            raise ChunkProblem(
                "chunk_damaged", f"{place.path}: {length} bytes of {self.codec or 'raw pixels'} that do not make a "
                f"chunk of {expected}"
            )  # fmt: skip


def _inflate(codec: str, data: bytes, limit: int) -> int:
    """Return how many bytes a stream without a declared size inflates to; -1 for more than `limit`, or damage."""
    if codec == "zstd":
        import imagecodecs

        try:
            return len(imagecodecs.zstd_decode(data, out=limit))
        except (RuntimeError, ValueError):
            return -1
    inflater = zlib.decompressobj(wbits=47)  # gzip or zlib
    try:
        size = len(inflater.decompress(data, limit + 1))
    except zlib.error:
        return -1
    return size if inflater.eof and not inflater.unused_data else -1


@functools.lru_cache(maxsize=4096)
def _open(folder: Path, zarr_format: int, _written_ns: int) -> Any:
    import zarr

    store = zarr.storage.LocalStore(folder, read_only=True)
    return zarr.open_array(store=store, mode="r", zarr_format=zarr_format)


def read_array(root: Path, folder: str, zarr_format: int) -> ForeignArray:
    """Return what an array's metadata say; raises InputError for what cannot be read, SecurityError for codecs."""
    path = contained(root, f"{folder}/{'.zarray' if zarr_format == 2 else 'zarr.json'}")
    try:
        document = parse_json(read_document(path), str(path))
    except FileNotFoundError as error:
        raise InputError(f"{path}: is not there") from error
    try:
        array = (_from_v2 if zarr_format == 2 else _from_v3)(root, folder, document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: damaged array metadata ({error!r})") from error
    if array.separator not in (".", "/"):
        raise SecurityError(f"{path}: chunk keys parted by {array.separator!r}; expected . or /")
    if len(array.chunks) != len(array.shape) or min((*array.shape, *array.chunks), default=0) < 1:
        raise InputError(f"{path}: shape {array.shape} in chunks of {array.chunks}")
    if array.chunk_bytes > MAX_CHUNK_BYTES:
        raise InputError(f"{path}: chunks of {array.chunk_bytes} bytes; expected at most {MAX_CHUNK_BYTES}")
    if array.shards is not None:
        whole = all(s >= c and s % c == 0 for s, c in zip(array.shards, array.chunks, strict=True))
        if not whole or int(np.prod(array.shards, dtype=np.float64) / np.prod(array.chunks)) > _MAX_SHARD_CHUNKS:
            raise InputError(f"{path}: shards of {array.shards} in chunks of {array.chunks}")
    return replace(array, written_ns=path.stat().st_mtime_ns)


def _from_v2(root: Path, folder: str, document: dict[str, Any]) -> ForeignArray:
    filters, compressor = document.get("filters") or [], document.get("compressor")
    names = [item["id"] for item in filters] + ([compressor["id"]] if compressor else [])
    _check_codecs(folder, names, _COMPRESSORS)
    if filters:
        raise InputError(f"{folder}: filters {names[:-1]}: expected none")
    return ForeignArray(
        root, folder, 2, _sizes(document["shape"]), _dtype(document["dtype"]), _sizes(document["chunks"]), None,
        "", str(document.get("dimension_separator", ".")), names[0] if names else "", False,
    )  # fmt: skip


def _from_v3(root: Path, folder: str, document: dict[str, Any]) -> ForeignArray:
    grid, encoding, codecs = document["chunk_grid"], document["chunk_key_encoding"], document["codecs"]
    if grid["name"] != "regular" or document.get("storage_transformers"):
        raise InputError(f"{folder}: chunk grid {grid['name']!r}: expected regular, without storage transformers")
    by_v2 = encoding["name"] == "v2"
    if not by_v2 and encoding["name"] != "default":
        raise InputError(f"{folder}: chunk keys {encoding['name']!r}: expected default or v2")
    separator = str((encoding.get("configuration") or {}).get("separator", "." if by_v2 else "/"))
    outer, inner, shards = _sizes(grid["configuration"]["chunk_shape"]), codecs, None
    index: dict[str, Any] = {}
    if [codec["name"] for codec in codecs] == ["sharding_indexed"]:
        index = codecs[0]["configuration"]
        inner, shards = index["codecs"], outer
        outer = _sizes(index["chunk_shape"])
    index_names = [codec["name"] for codec in index.get("index_codecs", [])]
    names = [codec["name"] for codec in inner]
    _check_codecs(folder, [*names, *index_names], _ALLOWED)
    compressors = [name for name in names if name in _COMPRESSORS]
    if len(compressors) > 1 or "sharding_indexed" in names or ("crc32c" in names and names[-1] != "crc32c"):
        raise InputError(f"{folder}: codecs {names}: expected bytes, at most one compressor, and crc32c last")
    if shards and index_names not in (["bytes"], ["bytes", "crc32c"]):
        raise InputError(f"{folder}: index codecs {index_names}: expected bytes, crc32c")
    return ForeignArray(
        root, folder, 3, _sizes(document["shape"]), _dtype(document["data_type"]), outer, shards,
        "" if by_v2 else f"c{separator}", separator, compressors[0] if compressors else "", "crc32c" in names,
        index.get("index_location", "end") == "end", "crc32c" in index_names,
    )  # fmt: skip


def _check_codecs(folder: str, names: Sequence[str], allowed: frozenset[str]) -> None:
    strange = sorted({str(name) for name in names} - allowed)
    if strange:
        raise SecurityError(f"{folder}: codecs {strange}; allowed are {sorted(allowed)}")


def _sizes(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise ValueError(f"sizes {values!r}")
    return tuple(values)


def _dtype(text: Any) -> str:
    return _DTYPES.get(str(text), str(text))
