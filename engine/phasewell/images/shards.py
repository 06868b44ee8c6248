"""Shard files: the frames of one well at one time in one plain Zarr v3 `sharding_indexed` file.

Layout: the chunks that exist, in index order, each followed by its crc32c; then the index, one little-endian
uint64 pair (offset, bytes) per chunk and the index's own crc32c. A chunk that does not exist has the pair
(2^64 - 1, 2^64 - 1). A black frame is a chunk like any other. Every read checks every checksum and size.
Format: Zarr v3 specification, codecs sharding-indexed, bytes, zstd, crc32c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from phasewell.durable import replace_file
from phasewell.errors import InputError, UsageError
from phasewell.images.checksums import crc32c
from phasewell.images.files import open_regular, read_at, read_into

Codec = Literal["raw", "zstd"]
MISSING = 2**64 - 1
MAX_CHUNK_BYTES = 256 << 20
ZSTD_LEVEL = 1
_CRC_BYTES = 4
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class ShardDamageError(InputError):
    """A shard, or one chunk of it, is not what was written. `chunk` is its index, None for the whole shard."""

    def __init__(self, message: str, chunk: int | None = None) -> None:
        super().__init__(message)
        self.chunk = chunk


@dataclass(frozen=True)
class ShardFormat:
    """What a shard holds: how many chunks, their (height, width), dtype and codec.

    Raises UsageError for another dtype than uint8, uint16, int32, another codec than raw, zstd,
    or a chunk of more than 256 MiB.
    """

    n_chunks: int
    chunk_shape: tuple[int, int]
    dtype: str
    codec: Codec = "raw"

    def __post_init__(self) -> None:
        """Check dtype, codec and sizes."""
        if self.dtype not in ("uint8", "uint16", "int32") or self.codec not in ("raw", "zstd"):
            raise UsageError(f"shard of {self.dtype}, {self.codec}: expected uint8, uint16 or int32, raw or zstd")
        if self.n_chunks < 1 or min(self.chunk_shape) < 1 or self.chunk_bytes > MAX_CHUNK_BYTES:
            raise UsageError(
                f"shard of {self.n_chunks} chunks of {self.chunk_shape} {self.dtype}: "
                f"expected at least one chunk and 1..{MAX_CHUNK_BYTES} bytes a chunk"
            )

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """The little-endian dtype."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one decoded chunk."""
        return self.chunk_shape[0] * self.chunk_shape[1] * np.dtype(self.dtype).itemsize

    @property
    def index_bytes(self) -> int:
        """Bytes of the index with its checksum."""
        return 16 * self.n_chunks + _CRC_BYTES

    @property
    def stored_bytes_bounds(self) -> tuple[int, int]:
        """Least and most bytes that one stored chunk can have."""
        if self.codec == "raw":
            return self.chunk_bytes + _CRC_BYTES, self.chunk_bytes + _CRC_BYTES
        return _CRC_BYTES + 5, _CRC_BYTES + self.chunk_bytes + (self.chunk_bytes >> 8) + 128  # ZSTD_compressBound


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the memory of a C-contiguous array as bytes, without a copy."""
    return array.reshape(-1).view(np.uint8)


class EncodedChunk(NamedTuple):
    """One chunk as it is stored: its bytes, and their crc32c, which ties records to pixels."""

    data: bytes | NDArray[np.uint8]
    crc32c: int


def encode_chunk(chunk: NDArray[Any], form: ShardFormat) -> EncodedChunk:
    """Return a (height, width) array as it is stored; raises UsageError for another shape or dtype than `form` says.

    Raw chunks share the memory of `chunk`, which must not change any more.
    """
    if chunk.shape != form.chunk_shape or chunk.dtype != form.dtype:
        raise UsageError(f"{chunk.dtype} {chunk.shape}; expected {form.dtype} {form.chunk_shape}")
    data: bytes | NDArray[np.uint8] = as_bytes(np.ascontiguousarray(chunk, dtype=form.stored_dtype))
    if form.codec == "zstd":
        from numcodecs import zstd

        data = zstd.compress(data, ZSTD_LEVEL)
    return EncodedChunk(data, crc32c(data))


def write_shard(path: Path, chunks: Sequence[NDArray[Any] | None], form: ShardFormat) -> tuple[int | None, ...]:
    """Write a whole shard atomically; `chunks` has one (height, width) array, or None, per place in index order.

    Returns the crc32c of each stored chunk; None where there is none.
    Raises UsageError for other shapes, dtypes or numbers of chunks, StorageError from the disk.
    """
    if len(chunks) != form.n_chunks:
        raise UsageError(f"{path}: {len(chunks)} chunks for a shard of {form.n_chunks}")
    encoded: dict[int, EncodedChunk] = {}
    for place, chunk in enumerate(chunks):
        if chunk is not None:
            try:
                encoded[place] = encode_chunk(chunk, form)
            except UsageError as error:
                raise UsageError(f"{path} chunk {place}: {error}") from error
    write_encoded_shard(path, encoded.items(), form)
    return tuple(encoded[place].crc32c if place in encoded else None for place in range(form.n_chunks))


def write_encoded_shard(path: Path, chunks: Iterable[tuple[int, EncodedChunk]], form: ShardFormat) -> None:
    """Write a whole shard atomically from its encoded chunks, (place, chunk) in rising order of places.

    Each chunk is written as it comes, so that its memory may serve again when the next one is asked for. What the
    iterable raises leaves the old shard as it is. Raises UsageError for another order, StorageError from the disk.
    """
    replace_file(path, _lay_out(path, chunks, form))


def _lay_out(
    path: Path, chunks: Iterable[tuple[int, EncodedChunk]], form: ShardFormat
) -> Iterator[bytes | NDArray[np.uint8]]:
    index = np.full((form.n_chunks, 2), MISSING, dtype="<u8")
    offset, last = 0, -1
    for place, chunk in chunks:
        if not last < place < form.n_chunks:
            raise UsageError(f"{path}: chunk {place} after {last}; expected rising places below {form.n_chunks}")
        yield chunk.data
        yield chunk.crc32c.to_bytes(_CRC_BYTES, "little")
        index[place] = offset, len(chunk.data) + _CRC_BYTES
        offset, last = offset + len(chunk.data) + _CRC_BYTES, place
    yield as_bytes(index)
    yield crc32c(as_bytes(index)).to_bytes(_CRC_BYTES, "little")


class Shard:
    """An open shard file: random access to its chunks, every one checked. Use it in a `with` block.

    Raises FileNotFoundError when there is no file, ShardDamageError when size, index or index checksum are wrong.
    Threads may read from one Shard at the same time.
    """

    def __init__(self, path: Path, form: ShardFormat) -> None:
        self.path, self.form = path, form
        self._file = open_regular(path)
        self._descriptor, self._size = self._file.__enter__()
        try:
            self._index = self._read_index()
        except BaseException:
            self._file.__exit__(None, None, None)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(None, None, None)

    def _read_index(self) -> NDArray[np.uint64]:
        form = self.form
        if self._size < form.index_bytes:
            raise ShardDamageError(
                f"{self.path}: {self._size} bytes, less than its index of {form.index_bytes}: empty or truncated"
            )
        raw = read_at(self.path, self._descriptor, form.index_bytes, self._size - form.index_bytes)
        if len(raw) != form.index_bytes:
            raise ShardDamageError(f"{self.path}: index cut short while reading")
        if crc32c(raw[:-_CRC_BYTES]) != int.from_bytes(raw[-_CRC_BYTES:], "little"):
            raise ShardDamageError(f"{self.path}: index checksum (crc32c) differs: truncated or damaged")
        return np.frombuffer(raw[:-_CRC_BYTES], dtype="<u8").reshape(form.n_chunks, 2)

    def has(self, chunk: int) -> bool:
        """Return whether the index lists this chunk."""
        return bool(self._index[chunk, 0] != MISSING or self._index[chunk, 1] != MISSING)

    def _locate(self, chunk: int) -> tuple[int, int]:
        offset, length = (int(value) for value in self._index[chunk])
        least, most = self.form.stored_bytes_bounds
        if not self.has(chunk):
            raise ShardDamageError(f"{self.path} chunk {chunk}: not in the index", chunk)
        if not least <= length <= most:
            raise ShardDamageError(
                f"{self.path} chunk {chunk}: index says {length} bytes; expected {least}..{most}", chunk
            )
        if offset + length > self._size - self.form.index_bytes:
            raise ShardDamageError(
                f"{self.path} chunk {chunk}: index says bytes {offset}..{offset + length} "
                f"of a file with {self._size - self.form.index_bytes} bytes of chunks",
                chunk,
            )
        return offset, length

    def read_into(self, chunk: int, out: NDArray[Any]) -> int:
        """Decode one chunk into `out` (height, width), C-contiguous, of the shard's dtype; return its crc32c.

        Raises ShardDamageError naming the file, the chunk and what is wrong; `out` is then undefined.
        """
        form = self.form
        if out.shape != form.chunk_shape or out.dtype != form.dtype or not out.flags.c_contiguous:
            raise UsageError(f"out {out.dtype} {out.shape}: expected contiguous {form.dtype} {form.chunk_shape}")
        offset, length = self._locate(chunk)
        raw = form.codec == "raw"
        data = as_bytes(out) if raw else np.empty(length - _CRC_BYTES, np.uint8)
        tail = bytearray(_CRC_BYTES)
        if read_into(self.path, self._descriptor, [data.data, tail], offset) != length:
            raise ShardDamageError(f"{self.path} chunk {chunk}: cut short while reading", chunk)
        checksum = crc32c(data)
        if checksum != int.from_bytes(tail, "little"):
            raise ShardDamageError(f"{self.path} chunk {chunk}: checksum (crc32c) differs: damaged", chunk)
        if not raw:
            self._decompress(chunk, data, out)
        return checksum

    def _decompress(self, chunk: int, data: NDArray[np.uint8], out: NDArray[Any]) -> None:
        from numcodecs import zstd

        declared = zstd_content_bytes(data[:18].tobytes())
        if declared != out.nbytes:  # checked before anything is inflated
            raise ShardDamageError(
                f"{self.path} chunk {chunk}: inflates to {declared} bytes; expected {out.nbytes}", chunk
            )
        try:
            zstd.decompress(data, as_bytes(out))
        except (RuntimeError, ValueError) as error:
            raise ShardDamageError(f"{self.path} chunk {chunk}: zstd cannot decode it ({error})", chunk) from error

    def read(self, chunk: int) -> NDArray[Any]:
        """Return one decoded chunk, (height, width); errors as `read_into`."""
        out = np.empty(self.form.chunk_shape, dtype=self.form.stored_dtype)
        self.read_into(chunk, out)
        return out


def zstd_content_bytes(header: bytes) -> int | None:
    """Return the decoded size that a zstd frame declares; None when it declares none or is no zstd frame.

    Format: RFC 8878 section 3.1.1.1. `header` needs the first 18 bytes.
    """
    if len(header) < 5 or header[:4] != _ZSTD_MAGIC:
        return None
    descriptor = header[4]
    single_segment = descriptor >> 5 & 1
    size = (single_segment, 2, 4, 8)[descriptor >> 6]
    start = 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3]
    field = header[start : start + size]
    if not size or len(field) != size:
        return None
    return int.from_bytes(field, "little") + (256 if size == 2 else 0)
