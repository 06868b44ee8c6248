"""A plate store gives back what was written or says what is wrong, after damage, crashes, growth and rewriting."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from phasewell.errors import InputError, UsageError
from phasewell.images import create_plate, open_plate, open_writer, plate_digest, store
from phasewell.images.records import records_path, shard_path
from phasewell.plate import Field, FrameKey, FrameRecord, Plate, Unit

SHAPE = (6, 5)
FIELDS = (Field("a", 0, 0), Field("b", 0, 1), Field("c", 1, 0))


def make_writer(path: Path, **changes: Any) -> store.PlateWriter:
    arguments: dict[str, Any] = {
        "name": "p",
        "wells": ["A1", "B2"],
        "fields": FIELDS,
        "times_h": [0, 6],
        "frame_shape": SHAPE,
        "dtype": "uint8",
        "pixel_size_um": 0.87,
    }
    return create_plate(path, **arguments | changes)


def three_frames(seed: int = 0, dtype: str = "uint8") -> dict[str, np.ndarray]:
    pixels = np.random.default_rng(seed).integers(1, 200, (3, *SHAPE)).astype(dtype)
    return dict(zip("abc", pixels, strict=True))


def good_fields(plate: Plate, unit: Unit) -> dict[str, np.ndarray]:
    batch, _ = plate.reader.read_unit(unit)
    return {key.field: frame for key, frame in zip(batch.keys, batch.pixels, strict=True)}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    dtype=st.sampled_from(["uint8", "uint16", "int32"]),
    codec=st.sampled_from(["raw", "zstd"]),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    places=st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6),
)
def test_any_plate_comes_back_as_written(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    dtype: str,
    codec: Any,
    shape: tuple[int, int],
    places: set[tuple[int, int]],
) -> None:
    path = tmp_path_factory.mktemp("any") / "plate.zarr"
    fields = tuple(Field(f"f{row}{column}", row, column) for row, column in sorted(places))
    window = (0, 65535) if dtype == "uint16" else None
    writer = make_writer(path, fields=fields, frame_shape=shape, dtype=dtype, codec=codec, window=window)
    unit = writer.unit("B02", 1)
    chosen = data.draw(st.lists(st.sampled_from(fields), unique=True))
    frames = {field.name: data.draw(hnp.arrays(dtype, shape)) for field in chosen}
    writer.write_unit(unit, frames)
    plate = open_plate(path)
    assert (plate.dtype, plate.frame_shape, plate.fields) == (dtype, shape, fields)
    pixels, keys = plate.reader.read_raw(unit)
    names = [field.name for field in fields if field.name in frames]
    assert [key.field for key in keys] == names
    for key, frame in zip(keys, pixels, strict=True):
        np.testing.assert_array_equal(frame, frames[key.field])
    assert [record.status for record in plate.records("B02", 1)] == [
        "present" if field.name in frames else "missing" for field in fields
    ]
    assert {record.status for record in plate.records("A01", 0)} == {"missing"}


def test_records_keep_reason_source_hour_and_flags(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    unit = writer.unit("A01", 0)
    given_records = [
        FrameRecord(FrameKey("p", "A01", "a", 0), "present", None, None, 'x "y"\n\udcff.tif', 0.25, ("rgb_collapsed",)),
        FrameRecord(FrameKey("p", "A01", "b", 0), "quarantined", "truncated", None, "b.tif", None),
    ]
    written = writer.write_unit(unit, {"a": three_frames()["a"]}, given_records)
    found = open_plate(tmp_path / "p").records("A01", 0)
    assert found[0].sha256 == written[0].sha256 is not None
    assert found[0].source == 'x "y"\n\\udcff.tif'
    assert (found[0].time_h, found[0].flags) == (0.25, ("rgb_collapsed",))
    assert found[1] == written[1] == given_records[1]
    assert found[2] == FrameRecord(FrameKey("p", "A01", "c", 0), "missing")
    assert found[1:] == written[1:]


def test_16_bit_keeps_its_depth_and_is_read_through_the_window(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p", dtype="uint16", window=(100, 4100))
    frames = {"a": np.array([[0, 100, 101, 2100, 4100]] * 5 + [[65535] * 5], np.uint16)}
    unit = writer.unit("A01", 0)
    writer.write_unit(unit, frames)
    plate = open_plate(tmp_path / "p")
    np.testing.assert_array_equal(plate.reader.read_raw(unit)[0][0], frames["a"])
    np.testing.assert_array_equal(plate.frames("A1", 0).pixels[0, 0], [0, 0, 0, 127, 255])
    np.testing.assert_array_equal(plate.frames("A1", 0).pixels[0, 5], 255)


def test_open_plate_writes_nothing_and_its_reader_travels(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    writer.write_unit(writer.unit("A01", 0), three_frames())
    before = content(tmp_path)
    plate = pickle.loads(pickle.dumps(open_plate(tmp_path / "p")))
    assert len(plate.frames("A01", 0)) == 3
    assert [key.field for key in plate.frames("A01", 0, ("c", "a")).keys] == ["a", "c"]
    assert len(plate.frames("B02", 1)) == 0
    with pytest.raises(UsageError, match="no field 'z'; it has a, b, c"):
        plate.frames("A01", 0, ("z",))
    assert content(tmp_path) == before


@pytest.mark.parametrize("codec", ["raw", "zstd"])
def test_every_bit_flip_in_a_shard_costs_only_frames_it_hit(tmp_path: Path, codec: str) -> None:
    writer = make_writer(tmp_path / "p", codec=codec)
    unit, frames = writer.unit("A01", 0), three_frames()
    before = writer.write_unit(unit, frames)
    path = tmp_path / "p" / shard_path(unit, 0)
    original, plate = path.read_bytes(), open_plate(tmp_path / "p")
    for bit in range(0, 8 * len(original), 3):
        flipped = bytearray(original)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        batch, records = plate.reader.read_unit(unit)
        for key, pixels in zip(batch.keys, batch.pixels, strict=True):
            np.testing.assert_array_equal(pixels, frames[key.field])
        bad = [record for record in records if record.status == "quarantined"]
        assert bad, f"bit {bit} went unseen"
        assert len(bad) + len(batch) == 3
        assert {(record.reason, record.sha256) for record in bad} == {("chunk_damaged", None)}
        assert [record for record in records if record.status == "present"] == [
            record for record in before if record.key in batch.keys
        ]
        with pytest.raises(InputError, match=r"plate p well A01 field . time 0: .*ingest"):
            plate.frames("A01", 0)


def test_every_bit_flip_in_a_record_file_is_refused(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    unit = writer.unit("A01", 0)
    writer.write_unit(unit, {"a": three_frames()["a"]})
    path = tmp_path / "p" / records_path(unit)
    original, plate = path.read_bytes(), open_plate(tmp_path / "p")
    for bit in range(8 * len(original)):
        flipped = bytearray(original)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=r"ingest"):
            plate.records("A01", 0)
    path.write_bytes(original[: len(original) // 2])
    with pytest.raises(InputError, match="not JSON"):
        plate.reader.read_unit(unit)


def test_no_bit_flip_in_the_root_changes_what_the_plate_says(tmp_path: Path) -> None:
    make_writer(tmp_path / "p", platemap={"A1": {"line": "x", "passage": 3}}, provenance={"simulated": "seed 0"})
    path = tmp_path / "p" / "zarr.json"
    original, plate = path.read_bytes(), open_plate(tmp_path / "p")
    refused = 0
    for bit in range(0, 8 * len(original), 7):
        flipped = bytearray(original)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert open_plate(tmp_path / "p") == plate
        except InputError as error:
            refused += 1
            assert str(tmp_path / "p") in str(error)
    assert refused > 1000


@pytest.mark.parametrize("level", [0, 1])
def test_array_metadata_that_disagree_with_the_plate_are_refused(tmp_path: Path, level: int) -> None:
    writer = make_writer(tmp_path / "p")
    unit = writer.unit("A01", 0)
    writer.write_unit(unit, three_frames())
    path = tmp_path / "p" / "A" / "01" / "0" / str(level) / "zarr.json"
    original = json.loads(path.read_text())

    def read() -> Any:
        reader = open_plate(tmp_path / "p").reader
        return reader.read_overview(unit) if level else reader.read_frames(unit)

    for change in ({"data_type": "uint16"}, {"fill_value": 1}, {"shape": [1, 1, 12, 10]}, {"codecs": []}):
        path.write_text(json.dumps(original | change))
        with pytest.raises(InputError, match=next(iter(change))):
            read()
    path.unlink()
    with pytest.raises(InputError, match="not there"):
        read()


def test_a_late_frame_replaces_the_whole_shard_and_keeps_the_others(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    unit, frames = writer.unit("A01", 0), three_frames()
    first = writer.write_unit(unit, {name: frames[name] for name in "ac"})
    second = open_writer(tmp_path / "p").update_unit(unit, {"b": frames["b"]})
    assert [second[0], second[2]] == [first[0], first[2]]
    assert {name: pixels.tolist() for name, pixels in good_fields(open_plate(tmp_path / "p"), unit).items()} == {
        name: pixels.tolist() for name, pixels in frames.items()
    }
    whole = make_writer(tmp_path / "q")
    assert whole.write_unit(unit, frames) == second
    assert (tmp_path / "p" / shard_path(unit, 0)).read_bytes() == (tmp_path / "q" / shard_path(unit, 0)).read_bytes()
    writer.write_unit(unit, {}, [replace(record, status="missing", sha256=None) for record in second])
    assert not (tmp_path / "p" / shard_path(unit, 0)).exists()
    assert len(open_plate(tmp_path / "p").frames("A01", 0)) == 0


def test_wrong_units_are_refused_and_leave_the_store_as_it_was(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "p")
    unit, frames = writer.unit("A01", 0), three_frames()
    writer.write_unit(unit, frames)
    before = content(tmp_path)
    key = FrameKey("p", "A01", "a", 0)
    wrong: list[tuple[Unit, dict[str, np.ndarray], list[FrameRecord]]] = [
        (Unit("p", "C01", 0), frames, []),
        (Unit("p", "A01", 2), frames, []),
        (Unit("q", "A01", 0), frames, []),
        (unit, {"z": frames["a"]}, []),
        (unit, {"a": frames["a"].astype(np.uint16)}, []),
        (unit, {"a": frames["a"].T.copy()}, []),
        (unit, frames, [FrameRecord(key, "missing")]),
        (unit, {}, [FrameRecord(key, "present")]),
        (unit, {}, [FrameRecord(key, "quarantined")]),
        (unit, {}, [FrameRecord(key, "lost")]),
        (unit, {}, [FrameRecord(key, "missing"), FrameRecord(key, "missing")]),
        (unit, frames, [FrameRecord(key, "present", sha256="0" * 64)]),
        (unit, frames, [FrameRecord(key, "present", time_h=float("nan"))]),
        (unit, frames, [FrameRecord(FrameKey("p", "A01", "a", 1), "present")]),
    ]
    for where, pixels, records in wrong:
        with pytest.raises(UsageError):
            writer.write_unit(where, pixels, records)
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"wells": []},
        {"wells": ["A1", "A01"]},
        {"fields": []},
        {"fields": [Field("a", 0, 0), Field("a", 0, 1)]},
        {"fields": [Field("a", 0, 0), Field("b", 0, 0)]},
        {"fields": [Field("a", -1, 0)]},
        {"fields": [Field("a", 10**9, 0)]},
        {"times_h": []},
        {"times_h": [6, 0]},
        {"times_h": [0, float("nan")]},
        {"frame_shape": (0, 5)},
        {"frame_shape": (2**15, 2**15)},
        {"dtype": "float32"},
        {"dtype": "uint16"},
        {"dtype": "uint16", "window": (5, 5)},
        {"pixel_size_um": 0.0},
        {"pixel_size_um": float("inf")},
        {"codec": "pickle"},
        {"name": ""},
        {"name": "\udcff"},
        {"platemap": {"A1": {"potency": float("nan")}}},
    ],
)
def test_impossible_plates_are_refused_and_nothing_is_made(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_writer(tmp_path / "p", **changes)
    assert list(tmp_path.iterdir()) == []


def test_names_that_attack_are_only_text(tmp_path: Path) -> None:
    name = "../../etc/x'); DROP TABLE cells;--<script> \U0001f9eb\n"
    writer = make_writer(tmp_path / "p", name=name, fields=[Field("../a/b", 0, 0)])
    unit = writer.unit("A01", 0)
    writer.write_unit(unit, {"../a/b": three_frames()["a"]})
    plate = open_plate(tmp_path / "p")
    assert (plate.name, plate.fields[0].name) == (name, "../a/b")
    assert plate.frames("A01", 0).keys == (FrameKey(name, "A01", "../a/b", 0),)
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_digest_names_the_frames_and_nothing_else(tmp_path: Path) -> None:
    digests = []
    for name, codec in (("p", "raw"), ("q", "zstd")):
        writer = make_writer(tmp_path / name, codec=codec)
        empty = plate_digest(writer.plate)
        unit = writer.unit("A01", 0)
        writer.write_unit(unit, three_frames(), [FrameRecord(FrameKey("p", "A01", "a", 0), "present", source=name)])
        digests.append(plate_digest(open_plate(tmp_path / name)))
        assert digests[-1] != empty
    assert digests[0] == digests[1]
    writer.write_unit(unit, three_frames() | {"c": three_frames(9)["c"]})
    assert plate_digest(writer.plate) != digests[0]
    writer.write_unit(unit, three_frames())
    assert plate_digest(writer.plate) == digests[0]
    writer.extend(times_h=[12])
    assert plate_digest(writer.plate) != digests[0]
