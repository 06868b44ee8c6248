"""The checksum taken without the interpreter is the library's own, and the one of the standard."""

from __future__ import annotations

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phasewell.images import checksums
from phasewell.images.checksums import crc32c


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_examples_of_the_standard(data: bytes, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 3720, appendix B.4
    assert crc32c(data) == expected
    monkeypatch.setattr(checksums, "_SMALL_BYTES", 0)
    assert crc32c(data) == expected


@given(st.integers(0, 200_000), st.integers(0, 2**32 - 1), st.integers(0, 7))
def test_equals_the_library(size: int, seed: int, start: int) -> None:
    data = np.random.default_rng(seed).integers(0, 256, size + start, np.uint8)[start:]
    assert crc32c(data) == crc32c(data.tobytes()) == google_crc32c.value(data.tobytes())


def test_without_the_native_function_the_number_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.arange(300_000, dtype=np.uint32).view(np.uint8)
    expected = crc32c(data)
    monkeypatch.setattr(checksums, "_native", lambda: None)
    assert crc32c(data) == expected


def test_the_native_function_is_there() -> None:
    assert google_crc32c.implementation != "c" or checksums._native() is not None
