"""A foreign plate cannot make phasewell read outside of it, run code, or swallow memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zarr
from foreign_plates import write_foreign
from numcodecs import zstd
from phasewell.errors import InputError, SecurityError
from phasewell.images import open_plate


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHASEWELL_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("hostile", ["../../x", "/etc", "A/../../x", "..", "A\\..\\x"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_paths_that_traverse_are_refused(tmp_path: Path, version: str, hostile: str) -> None:
    name = ".zattrs" if version == "0.4" else "zarr.json"
    for at, where in (("", "plate"), ("A/01", "well"), ("A/01/0", "multiscales")):
        path = tmp_path / f"{where}.zarr"
        write_foreign(path, version)

        def change(document: dict[str, Any], where: str = where) -> None:
            ome = document if version == "0.4" else document["attributes"]["ome"]
            entry = {
                "plate": lambda: ome["plate"]["wells"][0],
                "well": lambda: ome["well"]["images"][0],
                "multiscales": lambda: ome["multiscales"][0]["datasets"][0],
            }[where]()
            entry["path"] = hostile

        edit(path / at / name, change)
        with pytest.raises(SecurityError, match="leads out of the plate"):
            open_plate(path)


@pytest.mark.parametrize("where", ["A", "A/01", "A/01/0/zarr.json", "A/01/0/0", "A/01/0/0/c", "A/01/0/0/c/0/0/0/0"])
def test_a_link_out_of_the_plate_is_refused(tmp_path: Path, where: str) -> None:
    path = tmp_path / "in" / "plate.zarr"
    write_foreign(path)
    (path / where).rename(tmp_path / "outside")
    (path / where).symlink_to(tmp_path / "outside")
    with pytest.raises(SecurityError, match="outside the store"):
        open_plate(path).frames("A01", 0)


@pytest.mark.parametrize(
    "change",
    [
        {"compressor": {"id": "pickle"}},
        {"filters": [{"id": "pickle"}]},
        {"filters": [{"id": "vlen-utf8"}]},
        {"compressor": {"id": "zlib"}, "filters": [{"id": "json2"}]},
    ],
)
def test_codecs_of_zarr_2_outside_of_the_list_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write_foreign(tmp_path / "plate.zarr", "0.4")
    edit(tmp_path / "plate.zarr/A/01/0/0/.zarray", lambda document: document.update(change))
    with pytest.raises(SecurityError, match=r"codecs .*allowed are"):
        open_plate(tmp_path / "plate.zarr")


@pytest.mark.parametrize(
    ("codecs", "kind"),
    [
        ([{"name": "bytes"}, {"name": "numcodecs.pickle"}], SecurityError),
        ([{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 1, 40, 48],
          "codecs": [{"name": "bytes"}, {"name": "pickle"}], "index_codecs": [{"name": "bytes"}]}}], SecurityError),
        ([{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 1, 40, 48],
          "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "pickle"}]}}], SecurityError),
        ([{"name": "bytes"}, {"name": "zstd"}, {"name": "blosc"}], InputError),
        ([{"name": "bytes"}, {"name": "crc32c"}, {"name": "zstd"}], InputError),
        ("pickle", InputError),
    ],
)  # fmt: skip
def test_codecs_of_zarr_3_outside_of_the_list_are_refused(tmp_path: Path, codecs: Any, kind: type[Exception]) -> None:
    write_foreign(tmp_path / "plate.zarr")
    for well in ("A/01", "B/03"):
        for field in "01":
            edit(tmp_path / f"plate.zarr/{well}/{field}/0/zarr.json", lambda document: document.update(codecs=codecs))
    with pytest.raises(kind):
        open_plate(tmp_path / "plate.zarr")


@pytest.mark.parametrize("separator", ["/../", "/../../x", ""])
def test_chunk_keys_that_traverse_are_refused(tmp_path: Path, separator: str) -> None:
    write_foreign(tmp_path / "plate.zarr")
    edit(
        tmp_path / "plate.zarr/A/01/0/0/zarr.json",
        lambda d: d.update(chunk_key_encoding={"name": "default", "configuration": {"separator": separator}}),
    )
    with pytest.raises(SecurityError, match=r"expected \. or /"):
        open_plate(tmp_path / "plate.zarr")


def test_arrays_that_declare_giant_chunks_or_times_are_refused_unread(tmp_path: Path) -> None:
    for name, change in (
        ("chunks", {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1, 10**6, 10**6]}}}),
        ("times", {"shape": [10**9, 1, 40, 48]}),
        ("frames", {"shape": [1, 1, 10**6, 10**6]}),
    ):
        path = tmp_path / f"{name}.zarr"
        write_foreign(path)
        for image in ("A/01/0", "A/01/1", "B/03/0", "B/03/1"):
            edit(path / image / "0" / "zarr.json", lambda document, change=change: document.update(change))
        with pytest.raises((InputError, ValueError), match="expected"):
            open_plate(path)


@pytest.mark.parametrize("codec", ["zstd", "gzip", "blosc"])
def test_a_chunk_that_inflates_to_more_than_its_array_declares_costs_its_frame(tmp_path: Path, codec: str) -> None:
    import gzip

    import numcodecs

    bomb = bytes(256 << 20)
    content = {
        "zstd": lambda: zstd.compress(bomb, 1),
        "gzip": lambda: gzip.compress(bomb, 1),
        "blosc": lambda: bytes(numcodecs.Blosc("zstd").encode(bomb)),
    }[codec]()
    codecs = {"zstd": zarr.codecs.ZstdCodec(), "gzip": zarr.codecs.GzipCodec(), "blosc": zarr.codecs.BloscCodec()}
    write_foreign(tmp_path / "plate.zarr", compressors=codecs[codec])
    (tmp_path / "plate.zarr/A/01/0/0/c/0/0/0/0").write_bytes(content[:1_000_000])
    plate = open_plate(tmp_path / "plate.zarr")
    tracemalloc.start()
    records = plate.records("A01", 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(r.status, r.reason) for r in records] == [("quarantined", "chunk_damaged"), ("present", None)]
    assert peak < 50 << 20


def test_deep_and_giant_documents_are_refused(tmp_path: Path) -> None:
    write_foreign(tmp_path / "plate.zarr")
    (tmp_path / "plate.zarr/zarr.json").write_text('{"attributes":' * 100_000)
    with pytest.raises(InputError, match="not JSON"):
        open_plate(tmp_path / "plate.zarr")
    with (tmp_path / "plate.zarr/zarr.json").open("r+b") as stream:
        stream.truncate(10 << 30)  # sparse: takes no room
    with pytest.raises(InputError, match="expected metadata of at most"):
        open_plate(tmp_path / "plate.zarr")
