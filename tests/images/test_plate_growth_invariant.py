"""A plate store grows, has several writers and is killed: what was committed stays, what was not is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.errors import InputError, LockedError, OutputError, StorageError, UsageError
from phasewell.images import create_plate, files, open_plate, open_writer, store
from phasewell.images.files import locked_folder
from phasewell.images.records import records_path, shard_path
from phasewell.plate import Field, Plate, Unit

FIELDS = (Field("a", 0, 0), Field("b", 0, 1), Field("c", 1, 0))


def make_writer(path: Path) -> store.PlateWriter:
    return create_plate(
        path,
        name="p",
        wells=["A1", "B2"],
        fields=FIELDS,
        times_h=[0, 6],
        frame_shape=(6, 5),
        dtype="uint8",
        pixel_size_um=0.87,
    )


def three_frames(seed: int = 0) -> dict[str, np.ndarray]:
    return dict(zip("abc", np.random.default_rng(seed).integers(1, 200, (3, 6, 5), np.uint8), strict=True))


def good_fields(plate: Plate, unit: Unit) -> dict[str, np.ndarray]:
    batch, _ = plate.reader.read_unit(unit)
    return {key.field: frame for key, frame in zip(batch.keys, batch.pixels, strict=True)}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_shard_without_records_was_never_committed(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    unit = writer.unit("A01", 0)
    writer.write_unit(unit, three_frames())
    (tmp_path / "p" / records_path(unit)).unlink()
    plate = open_plate(tmp_path / "p")
    assert {record.status for record in plate.records("A01", 0)} == {"missing"}
    assert len(plate.frames("A01", 0)) == 0
    writer.write_unit(unit, three_frames())
    assert len(plate.frames("A01", 0)) == 3


def test_records_without_their_shard_are_damaged_frames(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    unit = writer.unit("A01", 0)
    writer.write_unit(unit, {"a": three_frames()["a"]})
    (tmp_path / "p" / shard_path(unit, 0)).unlink()
    plate = open_plate(tmp_path / "p")
    with pytest.raises(InputError, match="the shard is gone"):
        plate.frames("A01", 0)
    batch, records = plate.reader.read_unit(unit)
    assert len(batch) == 0
    assert [record.status for record in records] == ["quarantined", "missing", "missing"]


def test_a_writer_killed_between_shard_and_records_costs_only_the_frames_that_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer(tmp_path / "p")
    unit, old = writer.unit("A01", 0), three_frames()
    writer.write_unit(unit, old)
    new = old | {"b": old["b"] + 1}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "write_records", killed)
    with pytest.raises(KeyboardInterrupt):
        writer.write_unit(unit, new)
    monkeypatch.undo()
    plate = open_plate(tmp_path / "p")
    seen = good_fields(plate, unit)
    assert seen.keys() == {"a", "c"}
    with pytest.raises(InputError, match=r"field b time 0: .*interrupted"):
        plate.frames("A01", 0)
    writer.write_unit(unit, new)
    np.testing.assert_array_equal(good_fields(plate, unit)["b"], new["b"])


def test_an_existing_folder_is_never_overwritten_and_a_killed_creation_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".p.partial" / "A").mkdir(parents=True)  # what a kill leaves
    (tmp_path / ".p.partial" / "A" / "zarr.json").write_text("{")
    make_writer(tmp_path / "p")
    before = content(tmp_path)
    with pytest.raises(OutputError, match="exists and is not empty"):
        make_writer(tmp_path / "p")
    assert content(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["p"]
    with pytest.raises(InputError, match="phasewell ingest"):
        open_plate(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="exists"):
        make_writer(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot be made"):
        make_writer(tmp_path / "file" / "p")
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make_writer(Path())  # an empty folder may become a store
    assert len(open_plate(tmp_path / "here").wells) == 2
    for attempt in (open_plate, open_writer):
        with pytest.raises(InputError, match="no plate store"):
            attempt(tmp_path / "file")


def test_a_full_disk_while_a_plate_is_made_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StorageError, match=r"disk full, \d+ bytes free and at least \d+ needed"):
        make_writer(tmp_path / "p")
    monkeypatch.undo()
    make_writer(tmp_path / "p")
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_plate_grows_without_touching_a_shard(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    unit = writer.unit("A01", 0)
    writer.write_unit(unit, three_frames())
    pixels = {name: data for name, data in content(tmp_path).items() if not name.endswith("zarr.json")}
    stale = open_writer(tmp_path / "p")
    writer.extend(times_h=[0, 6, 12.5], wells=["b2", "D06"], fields=[Field("d", 1, 1)], platemap={"D6": {"line": "z"}})
    plate = open_plate(tmp_path / "p")
    assert plate.times_h == (0, 6, 12.5)
    assert plate.wells == ("A01", "B02", "D06")
    assert [field.name for field in plate.fields] == ["a", "b", "c", "d"]
    assert plate.platemap == {"D06": {"line": "z"}}
    assert [record.status for record in plate.records("A01", 0)] == ["present"] * 3 + ["missing"]
    assert pixels == {name: data for name, data in content(tmp_path).items() if not name.endswith("zarr.json")}
    writer.write_unit(writer.unit("D06", 2), three_frames() | {"d": three_frames(1)["a"]})
    stale.write_unit(unit, three_frames(2))  # a writer opened before still writes its units
    assert len(open_plate(tmp_path / "p").frames("A01", 0)) == 3
    assert len(open_plate(tmp_path / "p").frames("D06", 2)) == 4


def test_growth_that_would_move_stored_frames_is_refused(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    before = content(tmp_path)
    for wrong, complaint in (
        ({"times_h": [3]}, "times can only be added at the end"),
        ({"fields": [Field("d", 2, 0)]}, "outside its mosaic of 2 x 2"),
        ({"fields": [Field("d", 0, 0)]}, "claim one place"),
        ({"fields": [Field("a", 1, 1)]}, "field names must be unique"),
    ):
        with pytest.raises(UsageError, match=complaint):
            writer.extend(**wrong)  # type: ignore[arg-type]
    with locked_folder(tmp_path / "p"), pytest.raises(LockedError, match="another process"):
        writer.extend(times_h=[12])
    assert content(tmp_path) == before


def test_growth_interrupted_anywhere_leaves_a_readable_plate_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_writer(tmp_path / "q").extend(times_h=[12], wells=["C3"])
    expected = content(tmp_path / "q")
    real = store.replace_file
    for allowed in range(len(expected)):
        path = tmp_path / f"p{allowed}"
        writer = make_writer(path)
        writer.write_unit(writer.unit("A01", 1), three_frames())
        left = [allowed]

        def dies(*arguments: Any, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            real(*arguments)

        monkeypatch.setattr(store, "replace_file", dies)
        try:
            writer.extend(times_h=[12], wells=["C3"])
        except KeyboardInterrupt:
            monkeypatch.undo()
            assert len(open_plate(path).times_h) == 2
            assert len(open_plate(path).frames("A01", 1)) == 3
            open_writer(path).extend(times_h=[12], wells=["C3"])
        monkeypatch.undo()
        assert {name: data for name, data in content(path).items() if name.endswith("zarr.json")} == expected


_PROCESS = """
import sys
import numpy as np
from phasewell.images import open_writer
writer = open_writer(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for unit in writer.plate.units():
    if unit.well == sys.argv[2]:
        for value in range(1, 16):
            frames = {name: np.full((6, 5), value + at, np.uint8) for at, name in enumerate("abc")}
            writer.write_unit(unit, frames)
"""


@pytest.mark.parametrize("wells", [("A01", "B02"), ("A01", "A01")])
def test_two_processes_write_one_plate_and_even_the_same_units(tmp_path: Path, wells: tuple[str, str]) -> None:
    make_writer(tmp_path / "p")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(tmp_path / "p"), well],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for well in wells
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("go\n")
        assert process.returncode == 0
    plate = open_plate(tmp_path / "p")
    for unit in (unit for unit in plate.units() if unit.well in wells):
        assert {name: np.unique(pixels).tolist() for name, pixels in good_fields(plate, unit).items()} == {
            "a": [15],
            "b": [16],
            "c": [17],
        }
    assert not list((tmp_path / "p").rglob("*.partial"))
