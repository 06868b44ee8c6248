"""Damage in a store costs the frames it hits, by name, and one command repairs just them; disks may fill or refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from phasewell import durable
from phasewell.cli import main
from phasewell.errors import InputError, StorageError, UsageError
from phasewell.images import ingest, open_plate, plain, plate_digest, validate_plate
from phasewell.images.plain import read_plain
from source_images import PATTERN, write_plate
from test_ingest_faults_invariant import check_stored
from test_ingest_resume_invariant import content

GIVEN = {"pattern": PATTERN, "pixel_size_um": 0.87, "interval_h": 6.0}
FRAME_BYTES = 24 * 32


def flip(shard: bytes) -> bytes:
    """Flip a bit of the second frame."""
    damaged = bytearray(shard)
    damaged[FRAME_BYTES + 4 + 100] ^= 8
    return bytes(damaged)


@pytest.mark.parametrize(
    ("damage", "hit"),
    [(flip, ["2"]), (lambda shard: shard[:-7], ["1", "2", "3"]), (lambda _: b"", ["1", "2", "3"])],
    ids=["flipped bit", "truncated", "empty"],
)
def test_damage_is_named_with_the_command_that_repairs_it_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[bytes], bytes], hit: list[str]
) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, ("A01", "B02"), fields=3, times=2)
    ingest(source, store, **GIVEN)
    whole, digest = content(store), plate_digest(open_plate(store))
    shard = store / "B/02/0/0/c/1/0/0/0"
    shard.write_bytes(damage(shard.read_bytes()))
    plate = open_plate(store)
    batch, records = plate.reader.read_unit(plate.unit("B02", 1))
    assert [key.field for key in batch.keys] == [name for name in "123" if name not in hit]
    assert [record.key.field for record in records if record.reason == "chunk_damaged"] == hit
    assert validate_plate(store).damaged == tuple(f"plate source well B02 field {name} time 1" for name in hit)
    with pytest.raises(InputError, match=rf"well B02 field {hit[0]} time 1.*phasewell ingest \.\.\. --again B02:1"):
        plate.frames("B02", 1)
    ingest(source, store, **GIVEN)  # the files did not change: they are not opened
    assert not validate_plate(store).is_valid
    opened: list[str] = []
    monkeypatch.setattr(plain, "read_plain", lambda job, *a: opened.append(job.path) or read_plain(job, *a))
    command = ["ingest", str(source), str(store), "--pattern", PATTERN, "--again", "B02:1", "--quiet"]
    assert main(command) == 0
    assert sorted(Path(path).name for path in opened) == [f"B02_s{field}_t1.tif" for field in (1, 2, 3)]
    check_stored(store, expected)
    assert content(store) == whole
    assert plate_digest(open_plate(store)) == digest


@pytest.mark.parametrize("again", ["A01", "A01:9", "C07:0", "A01:x", "A01:-1"])
def test_a_unit_of_which_there_is_no_file_cannot_be_read_again(tmp_path: Path, again: str) -> None:
    write_plate(tmp_path / "source")
    ingest(tmp_path / "source", tmp_path / "plate.zarr", **GIVEN)
    with pytest.raises(UsageError, match="expected well:time such as A01:3"):
        ingest(tmp_path / "source", tmp_path / "plate.zarr", again=[again], **GIVEN)


_READ_ONLY = """
import os, sys
store, output = sys.argv[1:]
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.utime"}

def refuse(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path, _, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    elif event in WRITES:
        path, writes = arguments[0], True
    else:
        return
    if writes and os.path.abspath(os.fsdecode(path)).startswith(store):
        raise OSError(30, "Read-only file system", path)

sys.addaudithook(refuse)
from phasewell import runs
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.images import open_plate, validate_plate
try:
    open(store + "/x", "w")
except OSError:
    pass
else:
    raise AssertionError("the disk is not read-only")
plate = open_plate(store)
for unit in plate.units():
    plate.reader.read_unit(unit)
    plate.reader.read_overview(unit)
assert validate_plate(store).is_valid
config = Config(plate=PlateConfig(store=store), run=RunConfig(output=output), compute=ComputeConfig(device="cpu"))
assert runs.plan(config).n_expected == 8
assert runs.run(config).n_missing == 0
"""


def test_a_store_on_a_read_only_disk_is_read_validated_planned_and_run(tmp_path: Path) -> None:
    write_plate(tmp_path / "source")
    ingest(tmp_path / "source", tmp_path / "plate.zarr", **GIVEN)
    before = content(tmp_path / "plate.zarr")
    command = [sys.executable, "-c", _READ_ONLY, str(tmp_path / "plate.zarr"), str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "plate.zarr") == before


@pytest.mark.parametrize("writes", [1, 9, 30, 55])
def test_a_disk_that_fills_up_keeps_what_is_committed_and_the_same_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, ("A01", "B02"), fields=2, times=2)
    ingest(source, tmp_path / "clean.zarr", **GIVEN)
    (source / "A01_s1_t0.tif").rename(tmp_path / "A01_s1_t0.tif")  # the store is made before the disk fills
    ingest(source, store, **GIVEN)
    (tmp_path / "A01_s1_t0.tif").rename(source / "A01_s1_t0.tif")
    expected |= write_plate(source, ("A01", "B02"), fields=2, times=4)
    before = {path: path.read_bytes() for path in store.rglob("records/*.json")}
    sync, left = os.fsync, [writes]

    def fill_up(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "fsync", fill_up)
        with pytest.raises(StorageError, match=r"disk full.*run the same command again") as caught:
            ingest(source, store, **GIVEN)
    assert caught.value.exit_code == 74
    plate = open_plate(store)
    for unit in plate.units():  # all is whole that is committed, but for the one unit that was being replaced
        damaged = [record.reason for record in plate.reader.read_unit(unit)[1]].count("chunk_damaged")
        assert damaged == 0 or (unit.well, unit.time) == ("A01", 0)
    assert all(path.read_bytes() == old for path, old in before.items() if "A" not in path.parts)
    assert list(store.rglob("*.partial")) == []
    assert ingest(source, store, **GIVEN).is_complete
    check_stored(store, expected)
