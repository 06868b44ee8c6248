"""`validate_plate` counts every frame once and finds whatever is wrong, without writing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from phasewell.images import create_plate, open_plate, plate_digest, validate_plate
from phasewell.images.records import records_path, shard_path
from phasewell.manifest import canonical_json, digest_json
from phasewell.plate import Field, FrameKey, FrameRecord


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two wells, two hours, three fields: 9 present, 1 quarantined, 2 missing."""
    writer = create_plate(
        tmp_path / "p",
        name="p",
        wells=["A1", "B2"],
        fields=[Field(name, 0, at) for at, name in enumerate("abc")],
        times_h=[0, 6],
        frame_shape=(20, 30),
        dtype="uint8",
        pixel_size_um=0.5,
    )
    rng = np.random.default_rng(1)
    for unit in writer.plate.units():
        names = "ac" if unit == ("p", "A01", 1) else "b" if unit == ("p", "B02", 0) else "abc"
        frames = {name: rng.integers(0, 255, (20, 30), np.uint8) for name in names}
        bad = [FrameRecord(FrameKey(*unit[:2], "b", 1), "quarantined", "truncated")] if names == "ac" else []
        writer.write_unit(unit, frames, bad)
    return tmp_path / "p"


def test_a_sound_plate_is_reported_whole_and_not_touched(path: Path) -> None:
    before = {item: item.stat().st_mtime_ns for item in path.rglob("*")}
    steps: list[tuple[int, int]] = []
    report = validate_plate(path, progress=lambda done, total: steps.append((done, total)))
    assert (report.is_valid, report.ome_zarr, report.problems, report.damaged) == (True, "valid", (), ())
    counts = (report.n_expected, report.n_present, report.n_quarantined, report.n_missing, report.n_damaged)
    assert counts == (12, 9, 1, 2, 0)
    assert report.quarantined == {"truncated": 1}
    assert report.to_text().splitlines()[0] == f"plate p: valid ({path})"
    assert "9 of 12 present, 2 missing, 1 quarantined (1 truncated), 0 damaged" in report.to_text()
    assert report.digest == plate_digest(open_plate(path))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert json.loads(json.dumps(report.to_dict()))["n_present"] == 9
    assert {item: item.stat().st_mtime_ns for item in path.rglob("*")} == before


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 16
    path.write_bytes(content)


def test_each_kind_of_damage_is_found_and_counted(path: Path) -> None:
    units = {(unit.well, unit.time): unit for unit in open_plate(path).units()}
    flip(path / shard_path(units["A01", 0], 0), 5)  # one frame
    (path / shard_path(units["A01", 1], 0)).write_bytes(b"")  # two frames
    flip(path / records_path(units["B02", 0]), 50)  # the whole unit
    flip(path / shard_path(units["B02", 1], 1), 2)  # only the 1/8 level
    report = validate_plate(path)
    assert not report.is_valid
    assert (report.n_present, report.n_quarantined, report.n_missing, report.n_damaged) == (5, 1, 0, 6)
    assert report.n_present + report.n_quarantined + report.n_missing + report.n_damaged == report.n_expected
    assert report.damaged[0] == "plate p well A01 field a time 0"
    assert len(report.damaged) == 6
    assert report.digest is None
    assert "plate p: NOT VALID" in report.to_text()
    assert "damaged: plate p well A01 field a time 0; ingest" in report.to_text()
    assert len(report.problems) == 2
    assert any("1/8 level" in problem for problem in report.problems)


def test_pixels_that_only_their_sha256_tells_from_the_recorded_ones_are_found(path: Path) -> None:
    unit = open_plate(path).unit("A01", 0)
    document = json.loads((path / records_path(unit)).read_text())
    document["frames"][1]["sha256"] = "0" * 64  # as after a crc32c collision
    del document["sha256"]
    (path / records_path(unit)).write_bytes(canonical_json(document | {"sha256": digest_json(document)}))
    report = validate_plate(path)
    assert report.damaged == ("plate p well A01 field b time 0",)


def test_leftovers_of_a_killed_writer_are_listed_and_harmless(path: Path) -> None:
    unit = open_plate(path).unit("B02", 0)
    (path / records_path(unit)).unlink()
    partial = (path / shard_path(unit, 0)).with_name(".0.123.abcd.partial")
    partial.write_bytes(b"torn")
    report = validate_plate(path)
    assert report.is_valid
    assert report.uncommitted == ("plate p well B02 time 0",)
    assert report.partial_files == (str(partial.relative_to(path)),)
    assert (report.n_present, report.n_missing) == (8, 3)


def test_metadata_that_only_other_readers_use_are_checked_too(path: Path) -> None:
    image = path / "B" / "02" / "0" / "zarr.json"
    document = json.loads(image.read_text())
    document["attributes"]["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"][3] = 0.6
    image.write_text(json.dumps(document))
    report = validate_plate(path)
    assert (report.is_valid, report.ome_zarr) == (False, "valid")  # valid OME-Zarr with a wrong pixel size
    assert report.problems == (f"{image}: OME-Zarr metadata differ from the plate's; restore it, or ingest again",)
    (path / "A" / "01" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    report = validate_plate(path)
    assert report.ome_zarr != "valid"
    assert len(report.problems) == 2
