"""Ingest again: nothing twice, nothing lost, only what is new is written; the same bytes with any number of workers."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from phasewell.errors import InputError, LockedError, OutputError, UsageError
from phasewell.images import ingest, open_plate, plate_digest, validate_plate
from source_images import PATTERN, picture, tiff_bytes, write_plate
from test_ingest_faults_invariant import check_stored, stored_frames, write_corpus

GIVEN = {"pattern": PATTERN, "pixel_size_um": 0.87, "interval_h": 6.0}


def fingerprint(store: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every shard and record file."""
    files = [*store.rglob("c/*/0/0/0"), *store.rglob("records/*.json")]
    assert files
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def content(store: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and "sources" not in path.parts
    }


def test_a_second_ingest_writes_nothing(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    write_corpus(source)
    first = ingest(source, store, **GIVEN)
    assert (first.created, first.units_written, first.units_unchanged) == (True, 6, 0)
    before, document = fingerprint(store), first.to_dict()
    for options in ({}, {"verify": True}):
        again = ingest(source, store, **GIVEN, **options)
        assert (again.created, again.units_written, again.units_unchanged) == (False, 0, 6)
        assert fingerprint(store) == before
        for what in ("frames", "files", "missing", "times_h", "wells"):
            assert again.to_dict()[what] == document[what], what
        rows = [(row["file"], row["reason"]) for row in document["quarantined"]]
        assert [(row["file"], row["reason"]) for row in again.to_dict()["quarantined"]] == rows


def test_files_touched_but_equal_change_no_shard(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    write_plate(source)
    ingest(source, store, **GIVEN)
    before = fingerprint(store)
    for path in source.iterdir():
        os.utime(path, ns=(1, 1))
    assert ingest(source, store, **GIVEN).units_written == 0
    assert fingerprint(store) == before


def test_new_times_wells_and_fields_leave_old_shards_alone(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, ("A01", "B02"), fields=3, times=2)
    ingest(source, store, **GIVEN)
    before = fingerprint(store)
    expected |= write_plate(source, ("A01", "B02"), fields=3, times=4)
    expected |= write_plate(source, ("A01", "B02", "C03"), fields=3, times=2)
    report = ingest(source, store, **GIVEN)
    check_stored(store, expected)
    assert (report.units_written, report.units_unchanged) == (6, 4)
    after = fingerprint(store)
    assert all(after[path] == before[path] for path in before)
    plate = open_plate(store)
    assert (plate.wells, plate.times_h) == (("A01", "B02", "C03"), (0, 6, 12, 18))
    before = after
    (source / "A01_s4_t0.tif").write_bytes(tiff_bytes(picture(77)))  # a late field: one shard is replaced
    expected["A01", "4", 0] = picture(77)
    assert ingest(source, store, **GIVEN).units_written == 1
    check_stored(store, expected)
    after = fingerprint(store)
    changed = {path for path in before if after[path] != before[path]}
    assert {Path(path).relative_to(store).parts[:2] for path in changed} == {("A", "01")} and len(changed) == 3


def test_a_plate_that_began_with_one_time_goes_on(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    write_plate(source, times=1)
    ingest(source, store, pattern=PATTERN, pixel_size_um=0.87, first_time_h=6.0)
    assert open_plate(store).times_h == (6.0,)
    expected = write_plate(source, times=3)
    with pytest.raises(InputError, match="give interval_h"):
        ingest(source, store, pattern=PATTERN)
    ingest(source, store, pattern=PATTERN, interval_h=6.0)
    check_stored(store, expected)
    assert open_plate(store).times_h == (6, 12, 18)
    assert ingest(source, store, pattern=PATTERN).units_written == 0


def test_a_repaired_or_changed_file_replaces_its_frame(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, fields=2, times=1)
    bad = source / "A01_s1_t0.tif"
    good = bad.read_bytes()
    bad.write_bytes(good[:-40])
    assert ingest(source, store, **GIVEN).n_quarantined == 1
    bad.write_bytes(good)
    (source / "B02_s2_t0.tif").write_bytes(tiff_bytes(picture(55)))
    expected["B02", "2", 0] = picture(55)
    report = ingest(source, store, **GIVEN)
    assert (report.units_written, report.n_quarantined, report.is_complete) == (2, 0, True)
    check_stored(store, expected)


def test_a_good_stored_frame_outlives_a_later_damaged_copy(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, fields=2, times=1)
    ingest(source, store, **GIVEN)
    path = source / "A01_s1_t0.tif"
    path.write_bytes(path.read_bytes()[:-40])
    for _ in range(2):
        report = ingest(source, store, **GIVEN)
        assert [row["reason"] for row in report.to_dict()["quarantined"]] == ["truncated"]
        assert (report.units_written, report.is_complete) == (0, True)
        check_stored(store, expected)
    path.unlink()  # and a source that is emptied after the ingest takes nothing away
    assert ingest(source, store, **GIVEN).is_complete
    check_stored(store, expected)


def test_verify_repairs_a_damaged_chunk_and_keeps_frames_whose_source_is_gone(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, ("A01",), fields=3, times=1)
    ingest(source, store, **GIVEN)
    shard = next(store.glob("A/01/0/0/c/*/0/0/0"))
    data = bytearray(shard.read_bytes())
    data[10] ^= 255  # in the first field's chunk
    shard.write_bytes(data)
    (source / "A01_s2_t0.tif").unlink()
    assert not validate_plate(store).is_valid
    report = ingest(source, store, verify=True, **GIVEN)
    assert report.units_written == 1
    check_stored(store, expected)


def test_any_number_of_workers_makes_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_corpus(source)
    for number, workers in enumerate((1, 3)):
        ingest(source, tmp_path / f"plate{number}.zarr", workers=workers, **GIVEN)
    one, three = content(tmp_path / "plate0.zarr"), content(tmp_path / "plate1.zarr")
    assert one == three
    # at once or bit by bit: the same frames and records
    bits, part = tmp_path / "bits.zarr", tmp_path / "part" / "source"
    part.mkdir(parents=True)
    for turn in (0, 1):
        for path in source.glob(f"*_t{turn}.tif"):
            (part / path.name).write_bytes(path.read_bytes())
        ingest(part, bits, frame_shape=(24, 32), dtype="uint8", **GIVEN)
    assert plate_digest(open_plate(bits)) == plate_digest(open_plate(tmp_path / "plate0.zarr"))


def test_killed_at_random_moments_then_run_again(tmp_path: Path) -> None:
    source, store, clean = tmp_path / "source", tmp_path / "plate.zarr", tmp_path / "clean.zarr"
    expected = write_plate(source, ("A01", "B02", "C03", "D04"), fields=4, times=4)
    ingest(source, clean, **GIVEN)
    code = f"from phasewell.images import ingest; ingest({str(source)!r}, {str(store)!r}, workers=2, **{GIVEN!r})"
    chance = random.Random(3)
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        patience = time.monotonic() + 20
        while not list(store.rglob("records/*.json")) and process.poll() is None and time.monotonic() < patience:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert ingest(source, store, **GIVEN).is_complete
    check_stored(store, expected)
    assert plate_digest(open_plate(store)) == plate_digest(open_plate(clean))


def test_the_window_of_the_first_ingest_stays(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    frames = write_plate(source, fields=4, times=1, dtype="uint16")
    ingest(source, store, window="auto", **GIVEN)
    plate = open_plate(store)
    values = np.sort(np.concatenate([frame.ravel() for frame in frames.values()]))
    # the smallest value with at least 0.1 % (99.5 %) of all pixels at or below it
    expected = tuple(int(values[-(-len(values) * share // 1000) - 1]) for share in (1, 995))
    assert plate.window == expected
    assert plate.provenance["window_from"] == "p0.1 and p99.5 of 8 frames"
    for time_index in (0, 1):
        (source / f"A01_s1_t{time_index + 1}.tif").write_bytes(tiff_bytes(picture(1, dtype="uint16") // 99))
        ingest(source, store, window=("auto", None)[time_index], **GIVEN)
        assert open_plate(store).window == expected
    with pytest.raises(UsageError, match=r"window \(0, 9\): the store has"):
        ingest(source, store, window=(0, 9), **GIVEN)


def test_a_window_is_needed_exactly_for_16_bit(tmp_path: Path) -> None:
    write_plate(tmp_path / "deep", dtype="uint16")
    write_plate(tmp_path / "flat")
    with pytest.raises(UsageError, match="16-bit frames; give"):
        ingest(tmp_path / "deep", tmp_path / "a.zarr", **GIVEN)
    with pytest.raises(UsageError, match="8-bit frames and needs none"):
        ingest(tmp_path / "flat", tmp_path / "a.zarr", window=(3, 9), **GIVEN)
    assert not (tmp_path / "a.zarr").exists()
    ingest(tmp_path / "deep", tmp_path / "a.zarr", window=(3, 9), **GIVEN)
    assert open_plate(tmp_path / "a.zarr").window == (3, 9)
    ingest(tmp_path / "flat", tmp_path / "b.zarr", window="auto", **GIVEN)
    assert open_plate(tmp_path / "b.zarr").window is None


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"name": "other"}, "name 'other': the store has 'source'"),
        ({"frame_shape": (5, 5)}, "frame_shape"),
        ({"pixel_size_um": 0.5}, "pixel_size_um 0.5: the store has 0.87"),
        ({"interval_h": 5.0}, "interval_h 5.0: the store has 6.0"),
    ],
)
def test_what_contradicts_the_store_is_refused(tmp_path: Path, option: dict, text: str) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    write_plate(source)
    ingest(source, store, **GIVEN)
    before = content(store)
    with pytest.raises(UsageError, match=text.replace("(", r"\(")):
        ingest(source, store, **(GIVEN | option))
    assert content(store) == before


def test_a_plate_is_one_channel(data: Path, tmp_path: Path) -> None:
    source, store = data / "imagexpress/ImageXpress_exported/9987_Plate_3435", tmp_path / "plate.zarr"
    ingest(source, store, channel="DAPI", window="auto")
    assert ingest(source, store).units_written == 0  # the store knows its channel
    with pytest.raises(UsageError, match="the store has channel 1"):
        ingest(source, store, channel="FITC")
    plate = open_plate(store)
    assert (plate.provenance["channel"], plate.provenance["layout"]) == ("1", "imagexpress")
    assert plate.provenance["pixel_size_from"] == "spatial-calibration-x of MetaMorph"


def test_real_exports_end_to_end(data: Path, tmp_path: Path) -> None:
    import tifffile

    source, store = data / "imagexpress/ImageXpress_exported/9987_Plate_3435", tmp_path / "ix.zarr"
    report = ingest(source, store, channel="1", window="auto")
    assert (report.is_complete, report.n_present) == (True, 8)
    for (well, field, t), pixels in stored_frames(store).items():
        assert (pixels == tifffile.imread(source / f"TimePoint_{t + 1}/9987_{well}_s{field}_w1.TIF")).all()
    report = ingest(data / "operetta_harmony", tmp_path / "op.zarr", window=(0, 4095))
    assert report.is_complete
    for (_, field, _), pixels in stored_frames(tmp_path / "op.zarr").items():
        name = f"r03c03f0{field}p01-ch1sk1fk1fl1.tiff"
        assert (pixels == tifffile.imread(data / "operetta_harmony/Images" / name)).all()


def test_blank_frames_are_taken_in_and_have_a_window(data: Path, tmp_path: Path) -> None:
    report = ingest(
        data / "cv8000_layout", tmp_path / "cv.zarr", pattern="cellvoyager", channel="1", plane="1",
        pixel_size_um=0.325, window="auto",
    )  # fmt: skip
    plate = open_plate(tmp_path / "cv.zarr")
    assert (report.n_present, report.is_complete, plate.window) == (12, True, (0, 1))
    assert (plate.wells, plate.frame_shape, plate.dtype) == (("D08", "E03", "F08"), (2000, 2000), "uint16")
    assert not plate.frames("D08", 0).pixels.any()


def test_output_that_cannot_be_made_is_refused_before_any_work(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_plate(source)
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").write_text("x")
    for store in (tmp_path / "file", tmp_path / "file" / "plate.zarr", tmp_path / "full"):
        with pytest.raises(OutputError) as caught:
            ingest(tmp_path / "no such source", store, **GIVEN)
        assert caught.value.exit_code == 73
    for store in (source, source / "plate.zarr", tmp_path):
        with pytest.raises((UsageError, OutputError)):
            ingest(source, store, **GIVEN)
    assert len(list(source.iterdir())) == 8


def test_no_source_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        ingest(tmp_path / "no such source", tmp_path / "plate.zarr", **GIVEN)


def test_a_second_ingest_at_the_same_time_is_locked_out(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    write_plate(source)
    ingest(source, store, **GIVEN)
    with (store / ".ingest.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LockedError) as caught:
            ingest(source, store, **GIVEN)
        assert caught.value.exit_code == 75
    assert ingest(source, store, **GIVEN).units_unchanged == 4


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    write_plate(tmp_path / "source")
    seen: list[tuple[int, int]] = []
    ingest(tmp_path / "source", tmp_path / "plate.zarr", progress=lambda *counts: seen.append(counts), **GIVEN)
    assert seen == [(2, 8), (4, 8), (6, 8), (8, 8)]
