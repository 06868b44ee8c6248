"""A damaged shard is never read as pixels, and a killed writer leaves the old shard or the new one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
from phasewell import durable
from phasewell.errors import InputError, StorageError, UsageError
from phasewell.images import files
from phasewell.images.shards import MISSING, Shard, ShardDamageError, ShardFormat, write_shard, zstd_content_bytes


def shard_of(path: Path, codec: Any = "raw", dtype: str = "uint8") -> tuple[ShardFormat, list[np.ndarray | None]]:
    form = ShardFormat(4, (6, 5), dtype, codec)
    pixels = np.random.default_rng(5).integers(0, 200, (4, 6, 5)).astype(dtype)
    frames: list[np.ndarray | None] = [pixels[0], np.zeros((6, 5), dtype), None, pixels[3]]
    write_shard(path, frames, form)
    return form, frames


def damaged_chunks(path: Path, form: ShardFormat, frames: list[np.ndarray | None]) -> set[int]:
    """Return which chunks fail; every chunk that does not fail must be the original."""
    bad = set()
    try:
        with Shard(path, form) as shard:
            for at, frame in enumerate(frames):
                try:
                    seen = shard.read(at)
                except ShardDamageError:
                    bad |= set() if frame is None else {at}
                else:
                    assert frame is not None
                    np.testing.assert_array_equal(seen, frame)
    except ShardDamageError:
        return {at for at, frame in enumerate(frames) if frame is not None}
    return bad


@pytest.mark.parametrize("codec", ["raw", "zstd"])
def test_every_single_bit_flip_is_detected_and_costs_only_the_frame_it_hits(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "shard"
    form, frames = shard_of(path, codec)
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        bad = damaged_chunks(path, form, frames)
        in_index = bit // 8 >= len(content) - form.index_bytes
        assert bad == {0, 1, 3} if in_index else len(bad) == 1, f"bit {bit}"


@pytest.mark.parametrize("codec", ["raw", "zstd"])
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.99])
def test_truncated_and_empty_shards_are_refused(tmp_path: Path, codec: str, fraction: float) -> None:
    path = tmp_path / "shard"
    form, frames = shard_of(path, codec)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    assert damaged_chunks(path, form, frames) == {0, 1, 3}
    with pytest.raises(InputError, match="truncated"):
        Shard(path, form)


def sealed(chunks: bytes, entries: list[tuple[int, int]]) -> bytes:
    index = np.array(entries, dtype="<u8").tobytes()
    return chunks + index + google_crc32c.value(index).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ((2**63, 34), "bytes of chunks"),
        ((2**64 - 2, 34), "bytes of chunks"),
        ((1, 34), "bytes of chunks"),  # one byte into the index
        ((0, 2**63), "index says"),
        ((0, 33), r"expected 34\.\.34"),
        ((MISSING, 34), "bytes of chunks"),
        ((0, MISSING), "index says"),
        ((MISSING, MISSING), "not in the index"),
    ],
)
def test_an_index_with_absurd_places_is_refused_though_its_checksum_is_right(
    tmp_path: Path, entry: tuple[int, int], complaint: str
) -> None:
    path, chunk = tmp_path / "shard", bytes(30)
    path.write_bytes(sealed(chunk + google_crc32c.value(chunk).to_bytes(4, "little"), [entry]))
    with Shard(path, ShardFormat(1, (6, 5), "uint8")) as shard, pytest.raises(ShardDamageError, match=complaint):
        shard.read(0)


@pytest.mark.parametrize("declared", [31, 29, 2**30, 2**62])
def test_a_chunk_that_would_inflate_to_another_size_is_refused_before_inflating(tmp_path: Path, declared: int) -> None:
    frame_header = b"\x28\xb5\x2f\xfd" + b"\xe0" + declared.to_bytes(8, "little")  # single segment, 8-byte size
    chunk = frame_header + b"\x01\x00\x00"
    path = tmp_path / "shard"
    path.write_bytes(sealed(chunk + google_crc32c.value(chunk).to_bytes(4, "little"), [(0, len(chunk) + 4)]))
    form = ShardFormat(1, (6, 5), "uint8", "zstd")
    with (
        Shard(path, form) as shard,
        pytest.raises(ShardDamageError, match=f"inflates to {declared} bytes; expected 30"),
    ):
        shard.read(0)


def test_declared_size_agrees_with_the_zstd_library() -> None:
    from numcodecs import zstd

    for size in (1, 30, 255, 256, 257, 65_791, 65_792, 1_000_000):
        assert zstd_content_bytes(zstd.compress(bytes(size), 1)[:18]) == size
    assert zstd_content_bytes(b"\x28\xb5\x2f\xfd") is None
    assert zstd_content_bytes(b"not zstd at all...") is None


def test_wrong_frames_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    form = ShardFormat(1, (6, 5), "uint8")
    for chunks in ([], [None, None], [np.zeros((5, 6), np.uint8)], [np.zeros((6, 5), np.uint16)]):
        with pytest.raises(UsageError):
            write_shard(tmp_path / "shard", chunks, form)
    for wrong in ({"dtype": "float32"}, {"codec": "blosc"}, {"n_chunks": 0}, {"chunk_shape": (2**15, 2**14)}):
        with pytest.raises(UsageError, match="expected"):
            ShardFormat(**{"n_chunks": 1, "chunk_shape": (6, 5), "dtype": "uint8"} | wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_disk_leaves_the_old_shard_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shard"
    form, frames = shard_of(path)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StorageError, match="disk full") as caught:
        write_shard(path, [None, *frames[1:]], form)
    assert caught.value.exit_code == 74
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_regular_file_is_refused_without_blocking(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "shard"
    os.mkfifo(path) if kind == "fifo" else path.mkdir()
    with pytest.raises(InputError, match="regular file"):
        Shard(path, ShardFormat(1, (6, 5), "uint8"))


_WRITER = """
import sys
from pathlib import Path
import numpy as np
from phasewell.images.shards import ShardFormat, write_shard
path, form = Path(sys.argv[1]), ShardFormat(16, (200, 200), "uint8")
versions = [[np.full((200, 200), value, np.uint8)] * 16 for value in (1, 2)]
write_shard(path, versions[0], form)
print("ready", flush=True)
while True:
    for version in versions:
        write_shard(path, version, form)
"""


def test_kill_9_leaves_the_old_shard_or_the_new_one(tmp_path: Path) -> None:
    path, form = tmp_path / "shard", ShardFormat(16, (200, 200), "uint8")
    moments = random.Random(3)
    seen = set()
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.0, 0.05))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        with Shard(path, form) as shard:
            values = {int(value) for at in range(16) for value in np.unique(shard.read(at))}
        assert len(values) == 1, "frames of two versions in one shard"
        seen |= values
    assert seen <= {1, 2}


def test_old_temporary_files_are_swept_and_young_ones_kept(tmp_path: Path) -> None:
    old, young = tmp_path / f".0.1.aa{durable.PARTIAL}", tmp_path / f".0.2.bb{durable.PARTIAL}"
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    files.sweep_partials(tmp_path)
    assert durable.find_temporaries(tmp_path) == [young]
