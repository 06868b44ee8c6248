"""Uncompressed TIFF strips -> the pixels of one frame, read straight from the file: there is nothing to decode.

Only the plain case is taken: one grey channel of the plate's dtype in whole rows. Whatever else a file turns out to
be, damaged ones included, goes to the bounded child of `decode`, which knows every case and its reason.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.images.decode import MAX_FILE_BYTES, Decoded, DecodeJob, DecodePool, open_regular
from phasewell.images.headers import BadImageError, ImageHeader, read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEAD_BYTES = 4096  # most headers lie in the first bytes or in the last: one read fetches all of it


def read_frame(
    job: DecodeJob, header: ImageHeader | None, pool: DecodePool, memory: NDArray[Any] | None = None
) -> Decoded:
    """Return the frame of a file, read here when its header says that it is plain, else decoded in the pool's child.

    `memory` may be an array of the job's shape and dtype to hold the pixels.
    Only on the pool's threads: `pool.call(read_frame, job, header, pool)`.
    """
    plain = read_plain(job, memory) if header is not None and is_plain(header, job) else None
    return plain or pool.decode(job, memory)


def is_plain(header: ImageHeader, job: DecodeJob) -> bool:
    """Return whether a header promises uncompressed rows of exactly the wanted frame; no promise is trusted later."""
    return (
        header.format == "tiff"
        and (header.compression, header.predictor, header.samples) == (1, 1, 1)
        and (header.shape, header.dtype) == (job.shape, job.dtype)
    )


def read_plain(job: DecodeJob, memory: NDArray[Any] | None = None) -> Decoded | None:
    """Return the frame of a plain file as the decoder would; None when the decoder has to look at it.

    Nothing is allocated but one frame of the wanted size; every strip must lie in the file and have its bytes.
    """
    try:
        descriptor = open_regular(job.path)
    except BadImageError:
        return None
    try:
        before = os.fstat(descriptor)
        if before.st_size > MAX_FILE_BYTES:
            return None
        header = read_header(_WindowedFile(descriptor).read, before.st_size, job.page)
        if not is_plain(header, job):
            return None
        pixels = (np.empty(job.shape, job.dtype) if memory is None else memory).view(
            np.dtype(job.dtype).newbyteorder(">" if header.big_endian else "<")
        )
        whole = _read_strips(descriptor, header, pixels)
        after = os.fstat(descriptor)
    except (BadImageError, OSError):
        return None
    finally:
        os.close(descriptor)
    if not whole or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    native: NDArray[Any] = pixels.astype(job.dtype, copy=False)
    if header.inverted:
        np.subtract(np.iinfo(native.dtype).max, native, out=native)
    return Decoded(native, None, "", header.flags)


class _WindowedFile:
    """Bounded reads of a file through a copy of its first bytes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = os.pread(descriptor, _HEAD_BYTES, 0)

    def read(self, offset: int, count: int) -> bytes:
        if offset + count <= len(self._head):
            return self._head[offset : offset + count]
        return os.pread(self._descriptor, count, offset)


def _read_strips(descriptor: int, header: ImageHeader, pixels: NDArray[Any]) -> bool:
    """Fill `pixels` from the strips, neighbours in the file with one read; False unless every byte was there."""
    row_bytes = pixels.strides[0]
    memory = pixels.reshape(-1).view(np.uint8).data
    strips = header.segments
    start = 0
    while start < len(strips):
        first = strips[start]
        nbytes, end = 0, start
        while end < len(strips) and strips[end].offset == first.offset + nbytes:
            strip = strips[end]
            if strip.width != header.width or strip.nbytes != strip.height * row_bytes:
                return False  # tiles, or strips with fewer or more bytes than their rows
            nbytes, end = nbytes + strip.nbytes, end + 1
        place = first.y * row_bytes
        if place + nbytes > len(memory) or _fill(descriptor, memory[place : place + nbytes], first.offset) != nbytes:
            return False
        start = end
    return True


def _fill(descriptor: int, memory: memoryview, offset: int) -> int:
    """Read into `memory` until it is full or the file ends; return the bytes read."""
    done = 0
    while done < len(memory):
        count = os.preadv(descriptor, [memory[done:]], offset + done)
        if count == 0:
            break
        done += count
    return done
