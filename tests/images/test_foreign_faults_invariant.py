"""Foreign plates with holes and damage: a hole is never pixels, damage costs its frame, doubt is an error."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from foreign_plates import HEIGHT, TIMES, WIDTH, write_foreign
from phasewell.config import ForeignConfig
from phasewell.errors import InputError, StorageError, UsageError
from phasewell.images import open_plate, validate_plate
from phasewell.plate import FrameRecord, Plate

RAW: dict[str, Any] = {"compressors": None, "filters": None}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHASEWELL_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def records_of(plate: Plate) -> dict[tuple[str, str, int], FrameRecord]:
    return {(r.key.well, r.key.field, r.key.time): r for u in plate.units() for r in plate.reader.read_records(u)}


def faults(plate: Plate) -> dict[tuple[str, str, int], str]:
    """What is not present: missing, or the reason of quarantine."""
    return {
        key: record.reason or record.status for key, record in records_of(plate).items() if record.status != "present"
    }


@pytest.mark.parametrize("fill_value", [0, 7])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_chunk_that_is_not_there_is_a_missing_frame_whatever_the_fill_value(
    tmp_path: Path, version: str, fill_value: int
) -> None:
    path = tmp_path / "plate.zarr"
    arrays = write_foreign(path, version, fill_value=fill_value)
    (path / "A/01/1/0" / ("1.0.0.0" if version == "0.4" else "c/1/0/0/0")).unlink()
    shutil.rmtree(path / "B/03/0")  # a listed image that is not there
    plate = open_plate(path)
    assert faults(plate) == {("A01", "1", 1): "missing"} | {("B03", "0", t): "missing" for t in range(TIMES)}
    batch = plate.frames("A01", 1)
    assert [key.field for key in batch.keys] == ["0"]
    np.testing.assert_array_equal(batch.pixels[0], arrays["A01", "0"][1, 0])
    shutil.rmtree(path / "A/01")  # a listed well that is not there
    assert Counter(faults(open_plate(path)).values()) == {"missing": 9}


def test_frames_that_were_left_out_because_they_are_empty_are_missing(tmp_path: Path) -> None:
    """zarr-python writes no chunk that is all fill value: nothing tells a black frame from one that never came."""
    path = tmp_path / "plate.zarr"
    write_foreign(path)
    array = zarr.open_array(str(path / "A/01/0/0"), mode="r+")
    array[0] = 0
    assert not (path / "A/01/0/0/c/0/0/0/0").exists()
    assert faults(open_plate(path)) == {("A01", "0", 0): "missing"}
    zarr.config.set({"array.write_empty_chunks": True})
    try:
        zarr.open_array(str(path / "A/01/0/0"), mode="r+")[0] = 0
    finally:
        zarr.config.set({"array.write_empty_chunks": False})
    plate = open_plate(path)
    assert faults(plate) == {}
    assert not plate.frames("A01", 0, ("0",)).pixels.any()


def test_a_frame_of_which_a_part_is_not_there_is_quarantined(tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    write_foreign(path, chunks=(1, 1, 20, 24))
    (path / "A/01/0/0/c/0/0/1/1").unlink()
    assert faults(open_plate(path)) == {("A01", "0", 0): "chunk_missing"}


def test_holes_and_damage_inside_of_shards(tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    write_foreign(path, chunks=(1, 1, HEIGHT, WIDTH), shards=(TIMES, 1, HEIGHT, WIDTH))
    zarr.open_array(str(path / "A/01/0/0"), mode="r+")[1] = 0  # leaves that chunk out of the shard
    shard = path / "A/01/1/0/c/0/0/0/0"
    shard.write_bytes(shard.read_bytes()[:-9])
    (path / "B/03/0/0/c/0/0/0/0").write_bytes(b"")
    (path / "B/03/1/0/c/0/0/0/0").unlink()
    expected = {("A01", "0", 1): "missing"}
    expected |= {(w, f, t): "chunk_damaged" for w, f in (("A01", "1"), ("B03", "0")) for t in range(TIMES)}
    expected |= {("B03", "1", t): "missing" for t in range(TIMES)}
    assert faults(open_plate(path)) == expected


CODECS: dict[str, dict[str, Any]] = {
    "raw": RAW,
    "zstd": {},
    "blosc": {"compressors": zarr.codecs.BloscCodec()},
    "gzip": {"compressors": zarr.codecs.GzipCodec()},
    "crc32c": {"compressors": [zarr.codecs.Crc32cCodec()]},
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("damage", ["cut", "empty", "longer"])
def test_a_chunk_that_is_not_whole_costs_its_frame(tmp_path: Path, codec: str, damage: str) -> None:
    path = tmp_path / "plate.zarr"
    write_foreign(path, **CODECS[codec])
    chunk = path / "A/01/0/0/c/2/0/0/0"
    content = chunk.read_bytes()
    chunk.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "longer": content + b"abc"}[damage])
    found = faults(open_plate(path))
    if (codec, damage) == ("zstd", "longer"):  # whatever follows a whole zstd frame is not pixels
        assert found in ({}, {("A01", "0", 2): "chunk_damaged"})
    else:
        assert found == {("A01", "0", 2): "chunk_damaged"}


@pytest.mark.parametrize("codec", CODECS)
def test_a_bit_that_flips_after_the_first_use_is_found_by_the_digest(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "plate.zarr"
    write_foreign(path, **CODECS[codec])
    plate = open_plate(path)
    unit = plate.unit("A01", 1)
    before = plate.reader.read_records(unit)
    source = plate.reader.open_unit(unit)
    chunk = path / "A/01/0/0/c/1/0/0/0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 4
    chunk.write_bytes(content)
    out = np.empty((HEIGHT, WIDTH), np.uint8)
    source.open()
    assert source.read_into(1, out) is None
    assert source.read_into(0, out) is not None  # by the codec's own checksum, or by the digest of the pixels
    damaged = source.records_after({source.keys[0]})
    assert [(r.status, r.reason) for r in damaged] == [("quarantined", "chunk_damaged"), ("present", None)]
    now = plate.reader.read_records(unit)  # a changed file: looked at again, so that a plan sees another frame
    assert now[1] == before[1]
    assert now[0] != before[0]


def test_validate_names_damaged_frames_and_quarantined_ones(tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    write_foreign(path, **RAW)
    assert validate_plate(path).is_valid
    (path / "A/01/0/0/c/1/0/0/0").write_bytes(b"short")
    report = validate_plate(path)
    assert (report.is_valid, report.quarantined, report.n_present) == (False, {"chunk_damaged": 1}, 11)


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_an_image_of_another_size_or_type_or_without_sense_costs_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    write_foreign(path)
    image = zarr.open_group(str(path / "A/01/0"), mode="r+")
    image.create_array("0", shape=(3, 1, 9, 9), dtype="uint8", overwrite=True)
    image = zarr.open_group(str(path / "A/01/1"), mode="r+")
    image.create_array("0", shape=(3, 1, HEIGHT, WIDTH), dtype="float32", overwrite=True)
    (path / "B/03/0/zarr.json").write_text('{"attributes": {"ome": {"multiscales": []}}}')
    reasons = Counter((key[0], key[1], reason) for key, reason in faults(open_plate(path)).items())
    assert reasons == {
        ("A01", "0", "wrong_size"): TIMES,
        ("A01", "1", "wrong_dtype"): TIMES,
        ("B03", "0", "bad_structure"): TIMES,
    }
    for image in ("A/01/0", "A/01/1", "B/03/1"):
        (path / image / "zarr.json").write_text('{"attributes": {"ome": {"multiscales": []}}}')
    with pytest.raises(InputError, match=r"no image of uint8 or uint16 can be read \(4 x bad_structure\).*no list of"):
        open_plate(path)


NO_UNIT = {"t": "hour", "z": "micrometer"}


@pytest.mark.parametrize(
    ("written", "options", "kind", "text"),
    [
        ({"units": NO_UNIT}, {}, InputError, "give foreign.pixel_size_um"),
        ({"units": {"y": "micrometer", "x": "micrometer"}}, {}, InputError, "3 times.*give foreign.interval_h"),
        ({}, {"pixel_size_um": 0.5}, InputError, "0.5 and 0.65 .* contradict"),
        ({"sizes": {"c": 2}}, {}, UsageError, r"2 channels \(phase, DAPI\); choose one with foreign.channel"),
        ({"sizes": {"c": 2}}, {"channel": "GFP"}, UsageError, "channel 'GFP': no image has it.*phase, DAPI"),
        ({"axes": "tzyx", "sizes": {"z": 3}}, {}, UsageError, "3 planes; choose one with foreign.plane"),
        ({"axes": "tzyx", "sizes": {"z": 3}}, {"plane": 3}, UsageError, "plane '3': no image has it"),
        ({"dtype": "uint16"}, {}, UsageError, "give foreign.window"),
        ({}, {"window": (0, 9)}, UsageError, "8-bit frames and needs none"),
        ({"scale": {"t": 6.0, "y": 0.6, "x": 0.7}}, {}, InputError, "expected square ones"),
    ],
)
def test_what_a_plate_does_not_say_is_asked_for(
    tmp_path: Path, written: dict[str, Any], options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    write_foreign(tmp_path / "plate.zarr", **written)
    with pytest.raises(kind, match=text):
        open_plate(tmp_path / "plate.zarr", ForeignConfig(**options))


def test_images_that_contradict_each_other_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    write_foreign(path)

    def other_size(document: dict[str, Any]) -> None:
        steps = document["attributes"]["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
        steps[0]["scale"][-2:] = [0.7, 0.7]

    edit(path / "B/03/1/zarr.json", other_size)
    with pytest.raises(InputError, match=r"0.65 \(A/01/0\) and 0.7 \(B/03/1\) contradict"):
        open_plate(path)


def test_acquisitions_are_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    arrays = write_foreign(path)

    def number(document: dict[str, Any]) -> None:
        for at, image in enumerate(document["attributes"]["ome"]["well"]["images"]):
            image["acquisition"] = at

    for well in ("A/01", "B/03"):
        edit(path / well / "zarr.json", number)
    with pytest.raises(UsageError, match=r"acquisitions 0, 1; choose one with foreign\.acquisition"):
        open_plate(path)
    plate = open_plate(path, ForeignConfig(acquisition=1))
    assert [place.name for place in plate.fields] == ["1"]
    np.testing.assert_array_equal(plate.frames("A01", 0).pixels[0], arrays["A01", "1"][0, 0])


def test_a_store_of_phasewell_takes_no_options(tmp_path: Path) -> None:
    from phasewell.images import create_plate
    from phasewell.plate import Field

    create_plate(
        tmp_path / "own", name="p", wells=["A1"], fields=[Field("a", 0, 0)], times_h=[0], frame_shape=(6, 5),
        dtype="uint8", pixel_size_um=1.0,
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"leave out foreign.interval_h"):
        open_plate(tmp_path / "own", ForeignConfig(interval_h=2.0))


def test_a_state_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_foreign(tmp_path / "plate.zarr")
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("PHASEWELL_STATE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="PHASEWELL_STATE"):
        open_plate(tmp_path / "plate.zarr").records("A01", 0)
