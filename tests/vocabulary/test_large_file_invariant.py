"""Whatever the file system allows, a large file holds exactly the pieces that were written, in their order."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phasewell import large_file
from phasewell.durable import replace_file
from phasewell.errors import StorageError
from phasewell.large_file import LargeFile

BLOCK = 4096
DIRECT = getattr(os, "O_DIRECT", 0)


@pytest.fixture(autouse=True)
def _small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_file, "BUFFER_BYTES", 2 * BLOCK)


def content(sizes: list[int]) -> list[Any]:
    random = np.random.default_rng(sum(sizes))
    arrays = [random.integers(0, 256, size, np.uint8) for size in sizes]
    return [array.tobytes() if place % 3 == 1 else array for place, array in enumerate(arrays)]


def joined(pieces: list[Any]) -> bytes:
    return b"".join(bytes(piece) for piece in pieces)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.integers(0, 5 * BLOCK), max_size=6))
def test_a_file_is_its_pieces(tmp_path: Path, sizes: list[int]) -> None:
    pieces = content(sizes)
    replace_file(tmp_path / "file", iter(pieces))
    assert (tmp_path / "file").read_bytes() == joined(pieces)


def test_arrays_of_any_type_are_written_as_they_lie_in_memory(tmp_path: Path) -> None:
    frame = np.arange(70_000, dtype="<u2").reshape(200, 350)
    replace_file(tmp_path / "file", [frame])
    assert (tmp_path / "file").read_bytes() == frame.tobytes()


@pytest.mark.skipif(not DIRECT, reason="no O_DIRECT on this system")
def test_a_file_system_that_refuses_gets_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = fcntl.fcntl

    def refuse(descriptor: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETFL and argument & DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return genuine(descriptor, command, argument)

    monkeypatch.setattr(large_file.fcntl, "fcntl", refuse)
    pieces = content([3 * BLOCK, 17, 4 * BLOCK])
    replace_file(tmp_path / "file", iter(pieces))
    assert (tmp_path / "file").read_bytes() == joined(pieces)


def writes(result: Callable[[int, Any, int], int]) -> Callable[[int, Any], int]:
    calls = 0

    def write(descriptor: int, data: Any) -> int:
        nonlocal calls
        calls += 1
        return result(descriptor, data, calls)

    return write


@pytest.mark.skipif(not DIRECT, reason="no O_DIRECT on this system")
def test_a_disk_with_other_blocks_gets_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = os.write

    def odd(descriptor: int, data: Any, call: int) -> int:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & DIRECT and call > 1:
            raise OSError(errno.EINVAL, "Invalid argument")
        return genuine(descriptor, data[: BLOCK if call == 1 else len(data)])

    monkeypatch.setattr(large_file.os, "write", writes(odd))
    pieces = content([5 * BLOCK, 3])
    replace_file(tmp_path / "file", iter(pieces))
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == joined(pieces)


@pytest.mark.parametrize("bad_call", [1, 2, 3])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad_call: int) -> None:
    (tmp_path / "file").write_bytes(b"old")
    genuine = os.write

    def full(descriptor: int, data: Any, call: int) -> int:
        if call == bad_call:
            raise OSError(errno.ENOSPC, "No space left on device")
        return genuine(descriptor, data)

    monkeypatch.setattr(large_file.os, "write", writes(full))
    with pytest.raises(StorageError, match="disk full"):
        replace_file(tmp_path / "file", iter(content([5 * BLOCK, 3])))
    monkeypatch.undo()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_written_counts_what_was_taken(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as stream:
        large = LargeFile(stream.fileno())
        for piece in content([5, 2 * BLOCK, 0, 7]):
            large.write(piece)
        assert large.written == 2 * BLOCK + 12
        large.finish()
    assert (tmp_path / "file").stat().st_size == 2 * BLOCK + 12
