"""A store cannot make phasewell read or write outside itself, run code, or swallow memory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.errors import InputError, SecurityError, StorageError
from phasewell.images import create_plate, open_plate, open_writer, validate_plate
from phasewell.images.metadata import PlateMetadata, seal
from phasewell.images.records import records_path, shard_path
from phasewell.plate import Field, Unit

FRAME = np.arange(30, dtype=np.uint8).reshape(6, 5)


@pytest.fixture
def unit() -> Unit:
    return Unit("p", "A01", 0)


@pytest.fixture
def path(tmp_path: Path, unit: Unit) -> Path:
    writer = create_plate(
        tmp_path / "in" / "p",
        name="p",
        wells=["A1", "B2"],
        fields=[Field("a", 0, 0)],
        times_h=[0],
        frame_shape=(6, 5),
        dtype="uint8",
        pixel_size_um=1.0,
    )
    writer.write_unit(unit, {"a": FRAME})
    return tmp_path / "in" / "p"


def edit_root(path: Path, change: Any) -> None:
    document = json.loads((path / "zarr.json").read_text())
    change(document["attributes"])
    (path / "zarr.json").write_text(json.dumps(document))


@pytest.mark.parametrize("where", ["A", "A/01", "A/01/0/0/c", "A/01/0/0/c/0/0/0/0", "A/01/0/0/records/0.json"])
def test_a_link_out_of_the_store_is_refused_for_reading_and_writing(path: Path, unit: Unit, where: str) -> None:
    outside = path.parent.parent / "outside"
    (path / where).rename(outside)
    (path / where).symlink_to(outside)
    before = {item: item.stat().st_mtime_ns for item in [outside, *outside.rglob("*")]}
    with pytest.raises(SecurityError, match="outside the store"):
        open_plate(path).reader.read_unit(unit)
    with pytest.raises(SecurityError, match="outside the store"):
        open_writer(path).write_unit(unit, {"a": FRAME + 1})
    assert {item: item.stat().st_mtime_ns for item in [outside, *outside.rglob("*")]} == before


def test_a_linked_store_and_a_link_that_stays_inside_are_fine(path: Path, unit: Unit) -> None:
    (path.parent / "alias").symlink_to(path)
    (path / "A").rename(path / "moved")
    (path / "A").symlink_to("moved")
    np.testing.assert_array_equal(open_plate(path.parent / "alias").frames("A01", 0).pixels[0], FRAME)


def test_a_link_loop_is_an_error_not_a_hang(path: Path, unit: Unit) -> None:
    shard = path / shard_path(unit, 0)
    shard.unlink()
    shard.symlink_to(shard)
    with pytest.raises(StorageError, match="cannot be opened"):
        open_plate(path).frames("A01", 0)


@pytest.mark.parametrize("hostile", ["../../x", "/etc", "A/../../x", "..", "A\\..\\x"])
def test_well_paths_that_traverse_are_refused(path: Path, hostile: str) -> None:
    edit_root(path, lambda attributes: attributes["ome"]["plate"]["wells"][0].update(path=hostile))
    for attempt in (open_plate, open_writer, validate_plate):
        with pytest.raises(SecurityError, match="leads out of the store"):
            attempt(path)


def test_well_names_that_traverse_are_refused(path: Path) -> None:
    def change(attributes: dict[str, Any]) -> None:
        attributes["phasewell"]["wells"][0] = "../x"

    edit_root(path, change)
    with pytest.raises(InputError, match="expected a row letter"):
        open_plate(path)


@pytest.mark.parametrize(
    "codecs",
    [
        [{"name": "pickle"}],
        [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "numcodecs.pickle"}], "index_codecs": []}}],
        [{"name": "sharding_indexed", "configuration": {"codecs": [], "index_codecs": [{"name": "blosc"}]}}],
        "pickle",
        ["pickle"],
    ],
)
def test_codecs_outside_the_list_are_refused(path: Path, codecs: Any) -> None:
    document = path / "A" / "01" / "0" / "0" / "zarr.json"
    document.write_text(json.dumps(json.loads(document.read_text()) | {"codecs": codecs}))
    with pytest.raises(SecurityError, match=r"codecs .*allowed are"):
        open_plate(path).frames("A01", 0)


def test_a_store_that_declares_giant_frames_is_refused_before_memory_is_taken(path: Path) -> None:
    def change(attributes: dict[str, Any]) -> None:
        attributes["phasewell"]["frame_shape"] = [2**31, 2**31]

    edit_root(path, change)
    with pytest.raises(InputError, match="bytes a chunk"):
        open_plate(path)


def test_metadata_of_gigabytes_are_refused_unread(path: Path, unit: Unit) -> None:
    for name in (records_path(unit), "zarr.json"):
        with (path / name).open("r+b") as stream:
            stream.truncate(10 << 30)  # sparse: takes no room
    with pytest.raises(InputError, match="expected metadata of at most"):
        open_plate(path)


def test_deeply_nested_metadata_are_refused(path: Path, unit: Unit) -> None:
    (path / records_path(unit)).write_text("[" * 200_000)
    with pytest.raises(InputError, match="not JSON"):
        open_plate(path).records("A01", 0)
    (path / "zarr.json").write_text('{"attributes":' + '{"phasewell":' * 100_000)
    with pytest.raises(InputError, match="not JSON"):
        open_plate(path)


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({}, "not a phasewell plate store"),
        ({"phasewell": None}, "store version None"),
        ({"phasewell": {"version": 2}}, "store version 2; this phasewell reads version 1"),
        ({"phasewell": {"version": 1, "name": "p"}}, "damaged plate metadata"),
    ],
)
def test_foreign_and_future_stores_are_named(path: Path, attributes: dict[str, Any], complaint: str) -> None:
    (path / "zarr.json").write_text(json.dumps({"attributes": attributes}))
    with pytest.raises(InputError, match=complaint):
        open_plate(path)


def test_edited_metadata_need_their_digest(path: Path) -> None:
    def change(attributes: dict[str, Any]) -> None:
        attributes["phasewell"]["pixel_size_um"] = 2.0

    edit_root(path, change)
    with pytest.raises(InputError, match="do not match their SHA-256"):
        open_plate(path)

    def reseal(attributes: dict[str, Any]) -> None:
        own = {key: value for key, value in attributes["phasewell"].items() if key != "sha256"}
        attributes["phasewell"] = seal(PlateMetadata.model_validate(own))

    edit_root(path, reseal)
    assert open_plate(path).pixel_size_um == 2.0


def test_an_unreadable_store_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # as root, no file is unreadable
    with pytest.raises(StorageError, match=r"zarr.json: cannot be opened \(Permission denied\); check permissions"):
        open_plate(path)
