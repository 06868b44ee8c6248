"""zarr-python and phasewell read each other's shards, bit for bit: present, black, missing and damaged frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from phasewell.images.shards import Shard, ShardDamageError, ShardFormat, write_shard
from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec, ZstdCodec

GRID = (2, 3)


def zarr_array(path: Path, form: ShardFormat, grid: tuple[int, int]) -> Any:
    height, width = form.chunk_shape
    inner = [BytesCodec(endian="little"), *([ZstdCodec(level=1)] if form.codec == "zstd" else []), Crc32cCodec()]
    mosaic = (1, 1, grid[0] * height, grid[1] * width)
    return zarr.create_array(
        store=str(path),
        shape=mosaic,
        chunks=mosaic,
        dtype=form.dtype,
        serializer=ShardingCodec(
            chunk_shape=(1, 1, height, width), codecs=inner, index_codecs=[BytesCodec(endian="little"), Crc32cCodec()]
        ),
        compressors=None,
        filters=None,
        fill_value=7,
        config={"write_empty_chunks": True},
        overwrite=True,
    )


def place(array: Any, form: ShardFormat, at: int, columns: int) -> tuple[slice, ...]:
    height, width = form.chunk_shape
    row, column = divmod(at, columns)
    return 0, 0, slice(row * height, (row + 1) * height), slice(column * width, (column + 1) * width)


@st.composite
def shards(draw: st.DrawFn) -> tuple[ShardFormat, tuple[int, int], list[np.ndarray | None]]:
    grid = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    dtype = draw(st.sampled_from(["uint8", "uint16", "int32"]))
    form = ShardFormat(grid[0] * grid[1], shape, dtype, draw(st.sampled_from(["raw", "zstd"])))
    frame = st.one_of(st.none(), st.just(np.zeros(shape, dtype)), hnp.arrays(dtype, shape))
    return form, grid, [draw(frame) for _ in range(form.n_chunks)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shards())
def test_zarr_python_reads_what_we_wrote(
    tmp_path: Path, case: tuple[ShardFormat, tuple[int, int], list[np.ndarray | None]]
) -> None:
    form, grid, frames = case
    array = zarr_array(tmp_path / "a", form, grid)
    path = tmp_path / "a" / "c" / "0" / "0" / "0" / "0"
    write_shard(path, frames, form)
    with Shard(path, form) as shard:
        for at, frame in enumerate(frames):
            seen = array[place(array, form, at, grid[1])]
            assert shard.has(at) == (frame is not None)
            if frame is None:
                assert np.all(seen == 7)  # the fill value: zarr-python cannot tell a hole from data, we can
                with pytest.raises(ShardDamageError, match=f"chunk {at}: not in the index"):
                    shard.read(at)
            else:
                np.testing.assert_array_equal(seen, frame)
                np.testing.assert_array_equal(shard.read(at), frame)
                assert shard.read(at).dtype == frame.dtype


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shards())
def test_we_read_what_zarr_python_wrote(
    tmp_path: Path, case: tuple[ShardFormat, tuple[int, int], list[np.ndarray | None]]
) -> None:
    form, grid, frames = case
    frames[0] = np.full(form.chunk_shape, 3, form.dtype)  # zarr-python leaves out a shard without any chunk
    array = zarr_array(tmp_path / "a", form, grid)
    for at, frame in enumerate(frames):
        if frame is not None:
            array[place(array, form, at, grid[1])] = frame
    with Shard(tmp_path / "a" / "c" / "0" / "0" / "0" / "0", form) as shard:
        for at, frame in enumerate(frames):
            assert shard.has(at) == (frame is not None)
            if frame is not None:
                np.testing.assert_array_equal(shard.read(at), frame)


@pytest.mark.parametrize("codec", ["raw", "zstd"])
def test_both_refuse_a_flipped_chunk_and_read_its_neighbours(tmp_path: Path, codec: Any) -> None:
    form = ShardFormat(6, (16, 16), "uint16", codec)
    array = zarr_array(tmp_path / "a", form, GRID)
    frames = list(np.random.default_rng(0).integers(0, 4096, (6, 16, 16)).astype("uint16"))
    path = tmp_path / "a" / "c" / "0" / "0" / "0" / "0"
    write_shard(path, frames, form)
    content = bytearray(path.read_bytes())
    content[20] ^= 4  # in the first chunk
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"[Cc]hecksum"):
        array[place(array, form, 0, 3)]
    with Shard(path, form) as shard:
        with pytest.raises(ShardDamageError, match="chunk 0: checksum") as caught:
            shard.read(0)
        assert caught.value.chunk == 0
        for at in range(1, 6):
            np.testing.assert_array_equal(shard.read(at), frames[at])
            np.testing.assert_array_equal(array[place(array, form, at, 3)], frames[at])


def test_black_frame_that_zarr_python_drops_is_a_hole_here(tmp_path: Path) -> None:
    form = ShardFormat(2, (4, 4), "uint8")
    array = zarr_array(tmp_path / "a", form, (1, 2)).with_config({"write_empty_chunks": False})
    array[0, 0, :, :4] = 7  # equal to the fill value, so it is not stored
    array[0, 0, :, 4:] = 9
    with Shard(tmp_path / "a" / "c" / "0" / "0" / "0" / "0", form) as shard:
        assert (shard.has(0), shard.has(1)) == (False, True)
        with pytest.raises(ShardDamageError, match="not in the index"):
            shard.read(0)


def test_bytes_are_deterministic_and_hold_every_frame_once(tmp_path: Path) -> None:
    form = ShardFormat(3, (5, 7), "uint8")
    black, white = np.zeros((5, 7), np.uint8), np.full((5, 7), 255, np.uint8)
    first = write_shard(tmp_path / "a", [black, None, white], form)
    second = write_shard(tmp_path / "b", [black, None, white], form)
    assert first == second
    assert first[1] is None
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()
    assert len(content) == 2 * (35 + 4) + 3 * 16 + 4
    assert content[:35] == black.tobytes()
    assert content[39 + 35 + 4 + 16 :][:16] == b"\xff" * 16  # the hole: (2^64 - 1, 2^64 - 1)
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == ["a", "b"]  # no temporary file is left


def test_non_contiguous_and_big_endian_frames_store_the_same_values(tmp_path: Path) -> None:
    form = ShardFormat(1, (4, 6), "uint16")
    frame = np.arange(48, dtype=np.uint16).reshape(4, 12)[:, ::2]
    write_shard(tmp_path / "a", [frame], form)
    with Shard(tmp_path / "a", form) as shard:
        np.testing.assert_array_equal(shard.read(0), frame)
