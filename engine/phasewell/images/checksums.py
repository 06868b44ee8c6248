"""crc32c of stored bytes, while other threads run Python: at 20 GB/s, thousands of frames a second need that."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

_SMALL_BYTES = 1 << 16  # 3 us: less than a thread waits for its turn


def crc32c(data: bytes | NDArray[np.uint8]) -> int:
    """Return the crc32c (RFC 3720, appendix B.4) of bytes or of a contiguous array of them.

    google_crc32c's Python function holds the interpreter while it reads; the C function below it, of the documented
    interface of google/crc32c, is called without where the package has it. Both are the same code.
    """
    native = _native()
    if native is None or len(data) < _SMALL_BYTES:
        return int(google_crc32c.value(data))
    view = np.frombuffer(data, np.uint8)
    return int(native(0, view.ctypes.data, view.nbytes))


@functools.cache
def _native() -> Any:
    """Return `uint32_t crc32c_extend(uint32_t crc, const uint8_t* data, size_t count)`, None where there is none."""
    try:
        extend = ctypes.CDLL(google_crc32c._crc32c.__file__).crc32c_extend
    except (AttributeError, OSError):  # a package in pure Python, or one with the C code linked in
        return None
    extend.argtypes, extend.restype = (ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t), ctypes.c_uint32
    return extend
