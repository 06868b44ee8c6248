"""Parts on disk: what is written comes back, bytes are the same every time, damage is noticed, nothing is torn."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.cells import DEFINITIONS_ID, DESCRIPTOR_NAMES, Cells
from phasewell.durable import replace_file
from phasewell.errors import InputError, StorageError, UsageError
from phasewell.plate import FrameKey
from phasewell.profiles import Moments
from phasewell.tables.field_moments import read_field_moments
from phasewell.tables.parts import (
    CELLS_PART_SCHEMA,
    QUALITY_COLUMNS,
    FieldRow,
    find_parts,
    make_part,
    part_bytes,
    read_part,
    write_part,
)

KEY = "ab" * 32


def make_cells(counts: list[int], seed: int = 0) -> Cells:
    """Return random cells, `counts[i]` of them in frame i; about a tenth of the values is undefined."""
    rng = np.random.default_rng(seed)
    n = sum(counts)
    values = rng.normal(size=(n, 12))
    values[rng.random((n, 12)) < 0.1] = np.nan
    return Cells(
        frame=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        label=np.concatenate([np.arange(1, c + 1) for c in counts] or [[]]).astype(np.int32),
        centroid_y_px=rng.random(n),
        centroid_x_px=rng.random(n),
        bbox_px=rng.integers(0, 99, (n, 4)).astype(np.int32),
        values=values,
        n_frames=len(counts),
        pixel_size_um=0.87,
    )


def make_moments(n_frames: int, seed: int = 0) -> Moments:
    rng = np.random.default_rng(seed)
    shape = (n_frames, 12)
    return Moments(rng.integers(0, 50, shape), rng.normal(size=shape), rng.random(shape))


def make_rows(statuses: list[str], well: str = "A01", time: int = 0, time_h: float = 0.0) -> list[FieldRow]:
    rows, index = [], 0
    for i, status in enumerate(statuses):
        good = status == "processed"
        rows.append(
            FieldRow(
                key=FrameKey("p", well, f"f{i}", time),
                time_h=time_h,
                status=status,
                reason=None if good else f"why {i}",
                flags=("dark", "blurred")[: i % 3],
                frame_sha256=None if status == "missing" else f"{i:064x}",
                index=index if good else None,
                quality={"mean_v": i / 3, "focus": float("nan")} if status != "missing" else {},
            )
        )
        index += good
    return rows


def make_table(statuses: list[str], counts: list[int], well: str = "A01", time: int = 0) -> pa.Table:
    rows = make_rows(statuses, well, time, 6.0 * time)
    return make_part(rows, make_cells(counts, time), make_moments(len(counts), time), key=KEY, code_version="1+x")


STATUSES = ["processed", "missing", "processed", "quarantined", "processed"]


def test_part_holds_what_was_measured(tmp_path: Path) -> None:
    cells, moments = make_cells([2, 0, 3]), make_moments(3)
    table = make_part(make_rows(STATUSES), cells, moments, key=KEY, code_version="1+x")
    table.validate(full=True)
    part = write_part(tmp_path, "A01", 0, KEY, table)
    read = read_part(part.path)
    assert read.equals(table, check_metadata=True)
    assert read.schema.equals(CELLS_PART_SCHEMA)
    rows = read.to_pylist()
    assert [row["n_cells"] for row in rows] == [2, None, 0, None, 3]
    assert [row["cells"] is None for row in rows] == [False, True, False, True, False]
    assert [row["n"] for row in rows] == [
        moments.n[0].tolist(),
        None,
        moments.n[1].tolist(),
        None,
        moments.n[2].tolist(),
    ]
    flat = [cell for row in rows for cell in row["cells"] or []]
    found = np.array([[np.nan if cell[name] is None else cell[name] for name in DESCRIPTOR_NAMES] for cell in flat])
    np.testing.assert_array_equal(found, cells.values)
    assert [cell["bbox_right_px"] for cell in flat] == cells.bbox_px[:, 3].tolist()
    assert rows[0]["focus"] is None  # NaN is undefined
    assert rows[2]["mean_v"] == 2 / 3
    metadata = {k.decode(): v.decode() for k, v in read.schema.metadata.items()}
    assert metadata["key"] == KEY
    assert metadata["definitions"] == DEFINITIONS_ID
    assert metadata["pixel_size_um"] == "0.87"


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["processed", "quarantined", "missing"]), st.integers(0, 4)), max_size=9))
def test_any_mix_of_fields_survives(fields: list[tuple[str, int]]) -> None:
    statuses = [status for status, _ in fields]
    table = make_table(statuses, [count for status, count in fields if status == "processed"])
    data = part_bytes(table)
    assert data == part_bytes(make_table(statuses, [count for status, count in fields if status == "processed"]))
    assert pq.read_table(pa.BufferReader(data)).equals(table)


def test_name_tells_key_and_digest(tmp_path: Path) -> None:
    part = write_part(tmp_path, "AB12", 7, KEY, make_table(STATUSES, [1, 1, 1], "AB12", 7))
    assert part.path.name == f"AB12-t007.{KEY[:32]}.{hashlib.sha256(part.path.read_bytes()).hexdigest()}.parquet"
    (tmp_path / ".part.1.abc.partial").write_text("left by a kill")
    (tmp_path / "notes.txt").write_text("")
    assert list(find_parts(tmp_path)) == [part]
    assert list(find_parts(tmp_path / "absent")) == []


def test_same_part_is_not_written_twice_and_a_damaged_one_is(tmp_path: Path) -> None:
    table = make_table(STATUSES, [4, 0, 1])
    part = write_part(tmp_path, "A01", 0, KEY, table)
    stamp = part.path.stat().st_mtime_ns
    assert write_part(tmp_path, "A01", 0, KEY, table) == part
    assert part.path.stat().st_mtime_ns == stamp
    part.path.write_bytes(part.path.read_bytes()[:-1])
    write_part(tmp_path, "A01", 0, KEY, table)
    assert read_part(part).equals(table)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.999])
def test_every_flipped_bit_is_noticed(tmp_path: Path, where: float) -> None:
    part = write_part(tmp_path, "A01", 0, KEY, make_table(STATUSES, [4, 0, 1]))
    data = bytearray(part.path.read_bytes())
    data[int(where * len(data))] ^= 1
    part.path.write_bytes(data)
    with pytest.raises(InputError, match="SHA-256"):
        read_part(part, ["status"])


def test_part_under_another_key_is_refused(tmp_path: Path) -> None:
    part = write_part(tmp_path, "A01", 0, KEY, make_table(STATUSES, [4, 0, 1]))
    renamed = part.path.rename(tmp_path / part.path.name.replace(KEY[:32], "cd" * 16))
    with pytest.raises(InputError, match="made for key"):
        read_part(renamed)
    with pytest.raises(InputError, match="expected a name"):
        read_part(tmp_path / "A01.parquet")


def test_rows_that_contradict_themselves_are_refused() -> None:
    key = FrameKey("p", "A01", "1", 0)
    for wrong in ({"status": "good"}, {"status": "processed"}, {"status": "missing", "index": 0, "reason": "x"}):
        with pytest.raises(UsageError, match="A01"):
            FieldRow(key, 0.0, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="part"):
        make_part(make_rows(STATUSES), make_cells([1]), make_moments(1), key=KEY, code_version="1")


def test_duckdb_reads_a_part_as_it_is(tmp_path: Path) -> None:
    part = write_part(tmp_path, "A01", 0, KEY, make_table(STATUSES, [4, 0, 1]))
    query = f"select count(*), sum(n_cells), sum(len(cells)), count(n) from '{part.path}'"
    assert duckdb.sql(query).fetchall() == [(5, 5, 5, 3)]


def test_field_moments_come_back_in_place(tmp_path: Path) -> None:
    units = {(well, time): make_table(STATUSES, [2, 0, 3], well, time) for well in ("A01", "B02") for time in (0, 2)}
    del units["B02", 2]
    parts = [write_part(tmp_path, well, time, KEY, table) for (well, time), table in units.items()]
    moments = read_field_moments(parts)
    assert (moments.wells, moments.times_h, moments.fields) == (
        ("A01", "B02"),
        (0.0, 12.0),
        ("f0", "f1", "f2", "f3", "f4"),
    )
    assert moments.measured.tolist() == [
        [[s == "processed" for s in STATUSES]] * 2,
        [[s == "processed" for s in STATUSES], [False] * 5],
    ]
    assert moments.n_cells[0, 1].tolist() == [2, 0, 0, 0, 3]
    written = make_moments(3, seed=2)
    for whole, one in zip(moments.moments, written, strict=True):
        np.testing.assert_array_equal(whole[0, 1][[0, 2, 4]], one)
        assert not whole[1, 1].any()
    with pytest.raises(InputError, match="no parts"):
        read_field_moments([])


def test_parts_of_different_grids_do_not_mix(tmp_path: Path) -> None:
    first = write_part(tmp_path, "A01", 0, KEY, make_table(STATUSES, [2, 0, 3]))
    other = write_part(tmp_path, "A02", 0, KEY, make_table(STATUSES[:3], [2, 0], "A02"))
    with pytest.raises(InputError, match="differ"):
        read_field_moments([first, other])


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="Input/output error") as caught:
        replace_file(path, b"new")
    assert caught.value.exit_code == 74
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB; skips by name where it cannot be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_full_disk_names_free_and_needed_bytes(small_disk: Path) -> None:
    with pytest.raises(StorageError, match=r"disk full, \d+ bytes free and at least 200000 needed"):
        replace_file(small_disk / "file", bytes(200_000))
    assert list(small_disk.iterdir()) == []


def test_quality_columns_are_in_the_schema() -> None:
    assert set(QUALITY_COLUMNS) <= set(CELLS_PART_SCHEMA.names)
