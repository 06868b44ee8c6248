"""A folder full of bad input: every file has one fate and one reason, good frames are not touched by bad ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from phasewell.errors import InputError
from phasewell.images import ingest, open_plate, scan, validate_plate
from source_images import PATTERN, picture, png_bytes, png_declaring, tiff_bytes, tiff_declaring, write_plate

GIVEN = {"pattern": PATTERN, "pixel_size_um": 0.87, "interval_h": 6.0}
BLACK, WHITE = np.zeros((24, 32), np.uint8), np.full((24, 32), 255, np.uint8)
# what lies at (well, field, time) instead of the good frame -> the reason it is quarantined for, None = accepted
CORPUS: dict[tuple[str, int, int], tuple[bytes, str | None]] = {
    ("A01", 1, 0): (b"", "empty_file"),
    ("A01", 2, 0): (tiff_bytes(picture(1))[:300], "truncated"),
    ("A01", 3, 0): (tiff_bytes(picture(1))[:-1], "truncated"),
    ("A01", 4, 0): (png_bytes(picture(1))[:-20], "truncated"),
    ("A01", 1, 1): (b"a text, not a picture", "not_an_image"),
    ("A01", 2, 1): (tiff_bytes(picture(1, (23, 32))), "wrong_size"),
    ("A01", 3, 1): (tiff_bytes(picture(1, dtype="uint16")), "wrong_dtype"),
    ("A01", 4, 1): (tiff_bytes(np.stack([picture(i) for i in range(3)], -1), photometric="rgb"), "not_grayscale"),
    ("A02", 1, 0): (tiff_bytes(np.full((24, 32), np.nan, np.float32)), "non_finite"),
    ("A02", 2, 0): (tiff_declaring(30000, 30000), "too_large"),
    ("A02", 3, 0): (png_declaring(30000, 30000), "too_large"),
    ("A02", 4, 0): (tiff_bytes(np.stack([picture(1), picture(2)])), "unexpected_pages"),
    ("A02", 1, 1): (tiff_bytes(BLACK), None),
    ("A02", 2, 1): (tiff_bytes(WHITE), None),
    ("A02", 3, 1): (png_bytes(picture(5)), None),
    ("A02", 4, 1): (tiff_bytes(np.stack([picture(6)] * 3, -1), photometric="rgb"), None),
}
ACCEPTED = {("A02", 1, 1): BLACK, ("A02", 2, 1): WHITE, ("A02", 3, 1): picture(5), ("A02", 4, 1): picture(6)}


def write_corpus(folder: Path) -> dict[tuple[str, str, int], np.ndarray]:
    frames = write_plate(folder, ("A01", "A02", "C03"), fields=4, times=2)
    for (well, field, time), (content, reason) in CORPUS.items():
        (folder / f"{well}_s{field}_t{time}.tif").write_bytes(content)
        del frames[well, str(field), time]
        if reason is None:
            frames[well, str(field), time] = ACCEPTED[well, field, time]
    return frames


def stored_frames(store: Path) -> dict[tuple[str, str, int], np.ndarray]:
    plate = open_plate(store)
    found = {}
    for unit in plate.units():
        pixels, keys = plate.reader.read_raw(unit)
        found |= {(key.well, key.field, key.time): frame for key, frame in zip(keys, pixels, strict=True)}
    return found


def check_stored(store: Path, expected: dict[tuple[str, str, int], np.ndarray]) -> None:
    found = stored_frames(store)
    assert found.keys() == expected.keys()
    assert all((found[key] == expected[key]).all() for key in expected)
    assert validate_plate(store).is_valid


def check_accounts(report: dict, source: Path) -> None:
    files = report["files"]
    assert files["found"] == files["used"] + files["duplicates"] + files["quarantined"] + files["ignored"]
    assert files["found"] == sum(not path.is_dir() or path.suffix == ".tif" for path in source.rglob("*"))
    frames = report["frames"]
    assert frames["expected"] == frames["present"] + frames["quarantined"] + frames["missing"]


def test_every_bad_file_costs_itself_with_its_reason(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_corpus(source)
    before = {path: path.stat() for path in source.iterdir()}
    report = ingest(source, store, workers=2, **GIVEN)
    check_stored(store, expected)
    check_accounts(report.to_dict(), source)
    rows = {tuple(row["key"][1:]): row["reason"] for row in report.to_dict()["quarantined"]}
    assert rows == {(w, str(f), t): reason for (w, f, t), (_, reason) in CORPUS.items() if reason}
    plate = open_plate(store)
    records = {(r.key.well, r.key.field, r.key.time): r for u in plate.units() for r in plate.reader.read_records(u)}
    assert {key: r.reason for key, r in records.items() if r.status == "quarantined"} == rows
    assert records["A02", "4", 1].flags == ("rgb_collapsed",)
    assert all(record.source for record in records.values())
    assert (report.n_missing, report.is_complete) == (0, False)
    after = {path: path.stat() for path in source.iterdir()}
    assert before.keys() == after.keys()
    assert all(before[p].st_mtime_ns == after[p].st_mtime_ns for p in before)


def test_a_dry_run_shows_the_same_but_what_only_pixels_tell(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_corpus(source)
    found = scan(source, **GIVEN)
    rows = {tuple(row["key"][1:]): row["reason"] for row in found.to_dict()["quarantined"]}
    by_header = {(w, str(f), t): reason for (w, f, t), (_, reason) in CORPUS.items() if reason}
    by_header.pop(("A01", "4", 1))  # RGB: only its pixels say whether the channels are equal
    by_header["A02", "1", 0] = "wrong_dtype"  # floating point: only its pixels say whether they are finite
    assert rows == by_header
    assert {tuple(row["key"][1:]) for row in found.to_dict()["odd_shapes"]} == {
        key for key, reason in by_header.items() if reason in ("wrong_size", "wrong_dtype")
    }
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_duplicates_and_spellings_of_a_well(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, ("A01",), fields=4, times=1)
    same = (source / "A01_s1_t0.tif").read_bytes()
    (source / "A1_s1_t0.tif").write_bytes(same)
    (source / "a01_s1_t0 again.tif").write_bytes(same)
    (source / "a1_s02_t00.tif").write_bytes(tiff_bytes(picture(99)))
    (source / "A1_s3_t0.tif").write_bytes(b"")
    report = ingest(source, store, **GIVEN)
    del expected["A01", "2", 0]
    check_stored(store, expected)
    check_accounts(report.to_dict(), source)
    plate = open_plate(store)
    records = {record.key.field: record for record in plate.records("A01", 0)}
    assert plate.wells == ("A01",)
    assert records["1"].flags == ("duplicate_identical",)
    assert (records["2"].status, records["2"].reason) == ("quarantined", "duplicate_conflict")
    assert (records["3"].status, records["3"].flags) == ("present", ("duplicate_unusable",))
    assert records["4"].flags == ()
    assert report.to_dict()["files"] == {"found": 8, "used": 3, "duplicates": 2, "quarantined": 3, "ignored": 0}
    assert sorted(row["file"] for row in report.to_dict()["quarantined"]) == [
        "A01_s2_t0.tif",
        "A1_s3_t0.tif",
        "a1_s02_t00.tif",
    ]


def test_missing_field_time_and_well_are_explicit(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, ("A01", "B02"), fields=3, times=4)
    for gone in [("A01", "2", 1), *(("A01", str(f), 2) for f in (1, 2, 3)), *((w, str(f), 3) for w in ("A01", "B02")
                 for f in (1, 2, 3))]:  # fmt: skip
        (source / f"{gone[0]}_s{gone[1]}_t{gone[2]}.tif").unlink()
        del expected[gone]
    (source / "B02_s1_t4.tif").write_bytes(tiff_bytes(picture(1)))
    expected["B02", "1", 4] = picture(1)
    report = ingest(source, store, wells=["A01", "c3"], **GIVEN)
    plate = open_plate(store)
    assert plate.wells == ("A01", "B02", "C03")
    assert plate.times_h == (0, 6, 12, 18, 24)
    check_stored(store, expected)
    missing = {tuple(key[1:]) for key in report.to_dict()["missing"]}
    grid = {(w, str(f), t) for w in plate.wells for f in (1, 2, 3) for t in range(5)}
    assert missing == grid - expected.keys()
    records = [record for unit in plate.units() for record in plate.records(unit.well, unit.time)]
    assert {tuple(r.key[1:]) for r in records if r.status == "missing"} == missing


def test_names_of_every_kind(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    source.mkdir()
    tails = ["a b", 'it\'s "x"', "line\nbreak", "\U0001f9eb", ";%$(touch x)`", "../x".replace("/", "_"), "x" * 200]
    for field, tail in enumerate(tails, start=1):
        (source / f"A01_s{field}_t0 {tail}.tif").write_bytes(tiff_bytes(picture(field)))
    (source / os.fsdecode(b"A01_s9_t0 \xff\xfe.tif")).write_bytes(tiff_bytes(picture(9)))
    report = ingest(source, store, **GIVEN)
    expected = {("A01", str(f), 0): picture(f) for f in [*range(1, len(tails) + 1), 9]}
    check_stored(store, expected)
    document = report.to_dict()
    assert document["files"]["used"] == len(expected)
    sources = {record.key.field: record.source for record in open_plate(store).records("A01", 0)}
    assert sources["3"] == "A01_s3_t0 line\\nbreak.tif"
    assert sources["9"] == "A01_s9_t0 \\xff\\xfe.tif"
    assert all(text.encode() and "\n" not in text for text in sources.values())


def test_links_pipes_and_folders_in_the_source(tmp_path: Path) -> None:
    source, store, outside = tmp_path / "source", tmp_path / "plate.zarr", tmp_path / "outside"
    expected = write_plate(source, ("A01",), fields=2, times=1)
    outside.mkdir()
    (outside / "secret.tif").write_bytes(tiff_bytes(picture(50)))
    (source / "A01_s3_t0.tif").symlink_to(outside / "secret.tif")
    (source / "A01_s4_t0.tif").symlink_to(source / "A01_s4_t0.tif")
    (source / "A01_s5_t0.tif").symlink_to(source / "nothing.tif")
    (source / "again").symlink_to(source)
    (source / "A01_s6_t0.tif").symlink_to("A01_s1_t0.tif")
    expected["A01", "6", 0] = expected["A01", "1", 0]
    os.mkfifo(source / "A01_s7_t0.tif")
    (source / "A01_s8_t0.tif").mkdir()
    report = ingest(source, store, **GIVEN).to_dict()
    check_stored(store, expected)
    ignored = {item["file"]: item["reason"] for item in report["ignored_files"]}
    assert ignored == {
        "A01_s3_t0.tif": "link out of the source folder",
        "A01_s4_t0.tif": "link to nothing or to itself",
        "A01_s5_t0.tif": "link to nothing or to itself",
        "again": "link to a folder",
    }
    assert {row["file"]: row["reason"] for row in report["quarantined"]} == {
        "A01_s7_t0.tif": "not_regular_file",
        "A01_s8_t0.tif": "not_regular_file",
    }
    assert report["files"] == {"found": 9, "used": 3, "duplicates": 0, "quarantined": 2, "ignored": 4}


def test_addresses_that_no_plate_has(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    expected = write_plate(source, ("A01",), fields=1, times=1)
    for name in ("Z99_s1_t0.tif", "AZ1_s1_t0.tif", "A01_s1_t-1.tif"):
        (source / name).write_bytes(tiff_bytes(picture(3)))
    (source / "overview.png").write_bytes(png_bytes(picture(4)))
    (source / "notes.txt").write_text("x")
    report = ingest(source, store, **GIVEN).to_dict()
    check_stored(store, expected)
    assert {row["file"]: row["reason"] for row in report["quarantined"]} == {
        "A01_s1_t-1.tif": "bad_index",
        "AZ1_s1_t0.tif": "bad_index",
        "Z99_s1_t0.tif": "bad_index",
    }
    assert report["unmatched"] == ["overview.png"]
    assert report["files"] == {"found": 6, "used": 1, "duplicates": 0, "quarantined": 3, "ignored": 2}


@pytest.mark.parametrize("content", [None, b"", b"text", tiff_bytes(np.stack([picture(i) for i in range(3)], -1),
                                     photometric="rgb"), tiff_declaring(30000, 30000)])  # fmt: skip
def test_nothing_usable_is_an_input_error_with_all_reasons_and_no_store(tmp_path: Path, content: bytes | None) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    source.mkdir()
    if content is not None:
        (source / "A01_s1_t0.tif").write_bytes(content)
        (source / "A01_s2_t0.tif").write_bytes(content)
        (source / "readme.txt").write_text("x")
    with pytest.raises(InputError, match="no usable image") as caught:
        ingest(source, store, **GIVEN)
    assert caught.value.exit_code == 65
    assert ("the folder is empty" in str(caught.value)) == (content is None)
    if content is not None:
        assert "1 x not an image name" in str(caught.value) and "2 x " in str(caught.value)
    assert not store.exists()


def test_the_majority_decides_what_is_odd_whatever_the_order(tmp_path: Path) -> None:
    for turned in (False, True):
        source, store = tmp_path / f"source{turned}", tmp_path / f"plate{turned}.zarr"
        source.mkdir()
        many, few = ((24, 32), (32, 24)) if not turned else ((32, 24), (24, 32))
        for field in range(1, 6):
            pixels = picture(field, few if field in (1, 5) else many)
            (source / f"A01_s{field}_t0.tif").write_bytes(tiff_bytes(pixels))
        report = ingest(source, store, **GIVEN)
        assert open_plate(store).frame_shape == many
        assert [row["reason"] for row in report.to_dict()["quarantined"]] == ["wrong_size"] * 2
        shutil.rmtree(store)
        ingest(source, store, frame_shape=few, **GIVEN)
        assert open_plate(store).frame_shape == few


def test_a_tie_goes_to_the_larger_frame_and_the_deeper_pixel(tmp_path: Path) -> None:
    (tmp_path / "A01_s1_t0.tif").write_bytes(tiff_bytes(picture(1, (24, 32))))
    (tmp_path / "A01_s2_t0.tif").write_bytes(tiff_bytes(picture(1, (24, 33))))
    (tmp_path / "A01_s3_t0.tif").write_bytes(tiff_bytes(picture(1, (24, 33), "uint16")))
    found = scan(tmp_path, **GIVEN)
    assert (found.survey.frame_shape, found.survey.dtype) == ((24, 33), "uint16")
