"""Large files written past the page cache, where the file system lets us.

Copying into the page cache and writing it back cost more processor time than the disk's own rate leaves (benchmarks/
ingest.py has the rate of one thread). What is written so is not in memory afterwards: a screen is larger than memory.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUFFER_BYTES = 4 << 20  # a multiple of every disk's block; larger ones are no faster
_DIRECT = getattr(os, "O_DIRECT", 0)  # not on every system


class LargeFile:
    """Gathers pieces into a buffer and writes it whenever it is full; what never fills it goes the usual way.

    `written` counts the bytes taken. The descriptor stays the caller's: `finish`, then fsync.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory: mmap.mmap | None = None
        self._buffer: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._filled = 0
        self._direct = bool(_DIRECT)
        self.written = 0

    def write(self, piece: bytes | NDArray[Any]) -> None:
        """Take a piece, contiguous; raises OSError when the system refuses."""
        if self._memory is None:
            self._memory = mmap.mmap(-1, BUFFER_BYTES)  # page-aligned, as the disk wants it
            self._buffer = np.frombuffer(self._memory, np.uint8)
        data = np.frombuffer(piece, np.uint8) if len(piece) else self._buffer[:0]
        self.written += data.size
        while data.size:
            part = data[: BUFFER_BYTES - self._filled]
            self._buffer[self._filled : self._filled + part.size] = part
            self._filled += part.size
            data = data[part.size :]
            if self._filled == BUFFER_BYTES:
                self._flush()

    def finish(self) -> None:
        """Write what is left, which has no whole number of blocks: through the page cache."""
        self._go_through_cache()
        self._flush()

    def _flush(self) -> None:
        if self._direct:
            self._set_direct(True)
        first = 0
        while first < self._filled:
            try:
                first += os.write(self._descriptor, self._buffer[first : self._filled].data)
            except OSError as error:
                if error.errno != errno.EINVAL or not self._direct:
                    raise
                self._go_through_cache()  # other blocks than ours, or what a full disk left of one
        self._filled = 0

    def _go_through_cache(self) -> None:
        if self._direct:
            self._direct = False
            self._set_direct(False)

    def _set_direct(self, wanted: bool) -> None:
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        if bool(flags & _DIRECT) == wanted:
            return
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags ^ _DIRECT)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._direct = False  # a file system in memory, or over a network
