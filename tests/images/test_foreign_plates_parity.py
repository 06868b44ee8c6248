"""Plates that zarr-python and ngio wrote are read in place: the same pixels, nothing written, digests made once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from foreign_plates import HEIGHT, PIXEL_SIZE_UM, TIMES, WIDTH, digests, write_foreign
from phasewell.config import ForeignConfig
from phasewell.images import foreign_records, open_plate, plate_digest, validate_plate

RAW: dict[str, Any] = {"compressors": None, "filters": None}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHASEWELL_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


CASES: dict[str, tuple[dict[str, Any], ForeignConfig]] = {
    "0.4": ({"version": "0.4"}, ForeignConfig()),
    "0.5": ({}, ForeignConfig()),
    "0.4 raw": ({"version": "0.4", **RAW}, ForeignConfig()),
    "0.5 raw": (RAW, ForeignConfig()),
    "yx": ({"axes": "yx"}, ForeignConfig()),
    "tyx": ({"axes": "tyx"}, ForeignConfig()),
    "cyx": ({"axes": "cyx"}, ForeignConfig()),
    "channel by name": ({"sizes": {"z": 1}}, ForeignConfig(channel="DAPI")),
    "channel by number": ({"sizes": {"z": 1}}, ForeignConfig(channel="1")),
    "plane": ({"axes": "tczyx", "sizes": {"c": 1}}, ForeignConfig(plane=2)),
    "plane and channel": ({"axes": "tczyx", "sizes": {"c": 2}}, ForeignConfig(plane=1, channel="phase")),
    "0.4 plane": ({"version": "0.4", "axes": "tczyx", "sizes": {"c": 1}}, ForeignConfig(plane=0)),
    "tiles": ({"chunks": (1, 1, 16, 32)}, ForeignConfig()),
    "all times in one chunk": ({"chunks": (TIMES, 1, HEIGHT, WIDTH)}, ForeignConfig()),
    "shards": ({"chunks": (1, 1, 20, 24), "shards": (1, 1, HEIGHT, WIDTH)}, ForeignConfig()),
    "shards of all times": ({"chunks": (1, 1, HEIGHT, WIDTH), "shards": (TIMES, 1, HEIGHT, WIDTH)}, ForeignConfig()),
    "16 bit": ({"dtype": "<u2"}, ForeignConfig(window=(0, 255))),
    "16 bit big-endian": ({"version": "0.4", "dtype": ">u2"}, ForeignConfig(window=(0, 255))),
    "dots": ({"version": "0.4", "chunk_key_encoding": {"name": "v2", "separator": "."}}, ForeignConfig()),
    "blosc": ({"compressors": zarr.codecs.BloscCodec(shuffle="bitshuffle")}, ForeignConfig()),
    "gzip": ({"compressors": zarr.codecs.GzipCodec()}, ForeignConfig()),
    "crc32c": ({"compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]}, ForeignConfig()),
}


@pytest.mark.parametrize("kind", CASES)
def test_every_way_of_writing_gives_the_written_pixels_and_changes_no_byte(tmp_path: Path, kind: str) -> None:
    written, options = CASES[kind]
    arrays = write_foreign(tmp_path / "plate.zarr", **written)
    before = digests(tmp_path / "plate.zarr")
    plate = open_plate(tmp_path / "plate.zarr", options)
    axes = written.get("axes", "tcyx")
    n_times = TIMES if "t" in axes else 1
    assert (plate.name, plate.wells) == ("foreign", ("A01", "B03"))
    assert [place.name for place in plate.fields] == ["0", "1"]
    assert plate.times_h == tuple(6.0 * at for at in range(n_times))
    assert (plate.frame_shape, plate.pixel_size_um) == ((HEIGHT, WIDTH), PIXEL_SIZE_UM)
    assert [(place.row, place.column) for place in plate.fields] == [(0, 0), (0, 1)]
    pick = {"c": 1 if options.channel in ("DAPI", "1") else 0, "z": options.plane or 0}
    for (well, field), pixels in arrays.items():
        for time in range(n_times):
            index = tuple({**pick, "t": time}[axis] for axis in axes[:-2])
            raw, keys = plate.reader.read_raw(plate.unit(well, time), (field,))  # type: ignore[attr-defined]
            np.testing.assert_array_equal(raw[0], pixels[index])
            assert [key.field for key in keys] == [field]
            record = next(r for r in plate.records(well, time) if r.key.field == field)
            expected = pixels[index].astype(pixels.dtype.newbyteorder("<")).tobytes()
            assert record.sha256 == hashlib.sha256(expected).hexdigest()
            shown = plate.frames(well, time, (field,)).pixels[0]
            assert shown.dtype == np.uint8
            np.testing.assert_array_equal(shown, np.minimum(pixels[index], 255).astype(np.uint8))
    assert digests(tmp_path / "plate.zarr") == before


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.filterwarnings("ignore:`json_encoders` is deprecated")  # pydantic, about a model inside ngio
def test_a_plate_that_ngio_wrote(tmp_path: Path, version: Any) -> None:
    ngio = pytest.importorskip("ngio")
    path = tmp_path / "ngio.zarr"
    wells = (("A", 1, "01"), ("B", 3, "03"))
    images = [ngio.ImageInWellPath(path=str(i), row=row, column=column) for row, column, _ in wells for i in range(2)]
    ngio.create_empty_plate(path, "ngio plate", images=images, ngff_version=version)
    frames = np.random.default_rng(3).integers(1, 255, (2, 3, 1, 40, 48)).astype(np.uint8)
    for row, _, column in wells:
        for i in range(2):
            ngio.create_ome_zarr_from_array(
                path / row / column / str(i), frames[i], pixelsize=0.65, axes_names="tcyx", ngff_version=version,
                levels=2, channels_meta=["phase"], time_spacing=21600.0, consolidation_mode="dask",
            )  # fmt: skip
    before = digests(path)
    plate = open_plate(path)
    assert (plate.name, plate.wells, plate.times_h) == ("ngio plate", ("A01", "B03"), (0.0, 6.0, 12.0))
    for i in range(2):
        for time in range(3):
            np.testing.assert_array_equal(plate.frames("B03", time, (str(i),)).pixels[0], frames[i, time, 0])
    report = validate_plate(path)
    assert (report.is_valid, report.ome_zarr, report.n_present, report.foreign) == (True, "valid", 12, True)
    assert f"OME-Zarr {version} of another program: valid" in report.to_text()
    assert digests(path) == before


def test_digests_are_made_once_outside_of_the_plate(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_foreign(tmp_path / "plate.zarr")
    first = plate_digest(open_plate(tmp_path / "plate.zarr"))
    sidecars = digests(state)
    assert len(sidecars) == 2 * TIMES
    with monkeypatch.context() as patch:
        patch.setattr(foreign_records, "look_at", lambda *_: pytest.fail("a frame was read again"))
        assert plate_digest(open_plate(tmp_path / "plate.zarr")) == first
    for path in state.rglob("*.json"):  # a memory only: damaged or gone, it is made anew, the same
        path.write_text("{}")
    assert plate_digest(open_plate(tmp_path / "plate.zarr")) == first
    assert {name: content for name, (_, content) in digests(state).items()} == {
        name: content for name, (_, content) in sidecars.items()
    }


def test_what_the_caller_gives_goes_into_the_plate(tmp_path: Path) -> None:
    write_foreign(tmp_path / "plate.zarr", units={})
    (tmp_path / "map.csv").write_text("well,clone\nA01,x\nB03,y\n")
    options = ForeignConfig(interval_h=2.0, first_time_h=6.0, pixel_size_um=0.5, platemap=tmp_path / "map.csv")
    plate = open_plate(tmp_path / "plate.zarr", options)
    assert (plate.times_h, plate.pixel_size_um) == ((6.0, 8.0, 10.0), 0.5)
    assert plate.platemap == {"A01": {"clone": "x"}, "B03": {"clone": "y"}}
    assert plate.provenance["pixel_size_from"] == plate.provenance["times_from"] == "given by the caller"
