"""Other readers of OME-Zarr accept a plate store and see the pixels that were written."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from ome_zarr_models import open_ome_zarr
from ome_zarr_models.v05 import HCS
from phasewell.images import create_plate, open_plate, open_writer
from phasewell.images.metadata import STANDARD_FORMATS, PlateMetadata, arrange_fields, plate_format
from phasewell.images.ngff import array_document
from phasewell.images.reader import expected_array
from phasewell.plate import Field, row_name

FIELDS = (Field("1", 0, 0, 0.0, 0.0), Field("2", 0, 1, 55.7, 0.0), Field("3", 1, 0, 0.0, 41.8))
HEIGHT, WIDTH, SIZE_UM = 48, 64, 0.87


def make_store(path: Path, dtype: str = "uint16", codec: Any = "raw") -> tuple[Path, dict[str, np.ndarray]]:
    """Write wells A01 and C05 at hours 6 and 12; field 2 of A01 at hour 12 is missing."""
    window = None if dtype == "uint8" else (100, 3000)
    high = 256 if dtype == "uint8" else 4096
    writer = create_plate(
        path,
        name="plate 7",
        wells=["C5", "A1"],
        fields=FIELDS,
        times_h=[6, 12],
        frame_shape=(HEIGHT, WIDTH),
        dtype=dtype,
        pixel_size_um=SIZE_UM,
        window=window,
        codec=codec,
    )
    rng = np.random.default_rng(11)
    frames = {}
    for unit in writer.plate.units():
        names = "13" if (unit.well, unit.time) == ("A01", 1) else "123"
        written = {name: rng.integers(0, high, (HEIGHT, WIDTH)).astype(dtype) for name in names}
        writer.write_unit(unit, written)
        frames |= {f"{unit.well} {name} {unit.time}": pixels for name, pixels in written.items()}
    return path, frames


def mosaic(frames: dict[str, np.ndarray], well: str, time: int) -> np.ndarray:
    whole = np.zeros((2 * HEIGHT, 2 * WIDTH), next(iter(frames.values())).dtype)
    for field in FIELDS:
        if f"{well} {field.name} {time}" in frames:
            top, left = field.row * HEIGHT, field.column * WIDTH
            whole[top : top + HEIGHT, left : left + WIDTH] = frames[f"{well} {field.name} {time}"]
    return whole


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("codec", ["raw", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_zarr_python_reads_every_well_as_a_mosaic(tmp_path: Path, dtype: str, codec: str) -> None:
    path, frames = make_store(tmp_path / "plate.zarr", dtype, codec)
    for well, folder in (("A01", "A/01"), ("C05", "C/05")):
        array = zarr.open_array(str(path / folder / "0" / "0"), mode="r")
        assert array.shape == (2, 1, 2 * HEIGHT, 2 * WIDTH)
        assert array.chunks == (1, 1, HEIGHT, WIDTH)
        assert array.shards == (1, 1, 2 * HEIGHT, 2 * WIDTH)
        for time in (0, 1):
            np.testing.assert_array_equal(array[time, 0], mosaic(frames, well, time))
        small = zarr.open_array(str(path / folder / "0" / "1"), mode="r")
        plate = open_plate(path)
        np.testing.assert_array_equal(small[0, 0], plate.reader.read_overview(plate.unit(well, 0)))


def test_ome_zarr_models_finds_a_valid_plate_with_every_row_and_column(tmp_path: Path) -> None:
    path, _ = make_store(tmp_path / "plate.zarr")
    with warnings.catch_warnings(action="error"):
        plate = open_ome_zarr(zarr.open_group(str(path), mode="r"))
    assert isinstance(plate, HCS)
    meta = plate.ome_attributes.plate
    assert [row.name for row in meta.rows] == ["A", "B", "C", "D"]  # 24 wells: the smallest that has C05
    assert [column.name for column in meta.columns] == ["01", "02", "03", "04", "05", "06"]
    assert [(well.path, well.rowIndex, well.columnIndex) for well in meta.wells] == [("A/01", 0, 0), ("C/05", 2, 4)]
    assert [[image.path for image in well.ome_attributes.well.images] for well in plate.well_groups] == [["0"], ["0"]]
    attributes = zarr.open_group(str(path / "A" / "01" / "0"), mode="r").attrs["ome"]
    scales = [item["coordinateTransformations"][0]["scale"] for item in attributes["multiscales"][0]["datasets"]]
    assert scales == [[6.0, 1.0, SIZE_UM, SIZE_UM], [6.0, 1.0, 8 * SIZE_UM, 8 * SIZE_UM]]
    shifts = [item["coordinateTransformations"][1]["translation"] for item in attributes["multiscales"][0]["datasets"]]
    assert shifts == [[6.0, 0.0, 0.0, 0.0], [6.0, 0.0, 3.5 * SIZE_UM, 3.5 * SIZE_UM]]
    assert [axis.get("unit") for axis in attributes["multiscales"][0]["axes"]] == [
        "hour",
        None,
        "micrometer",
        "micrometer",
    ]
    window = attributes["omero"]["channels"][0]["window"]
    assert window == {"min": 0, "max": 65535, "start": 100, "end": 3000}


@pytest.mark.filterwarnings("ignore:`json_encoders` is deprecated")  # pydantic, about a model inside ngio
def test_ngio_reads_wells_pixels_and_pixel_size_without_changing_a_byte(tmp_path: Path) -> None:
    ngio = pytest.importorskip("ngio")
    path, frames = make_store(tmp_path / "plate.zarr")
    before = content(path)
    plate = ngio.open_ome_zarr_plate(str(path), mode="r")
    assert plate.wells_paths() == ["A/01", "C/05"]
    image = plate.get_image(row="C", column="05", image_path="0").get_image(path="0")
    assert (image.pixel_size.y, image.pixel_size.x, image.pixel_size.t) == (SIZE_UM, SIZE_UM, 6.0)
    pixels = image.get_as_numpy().reshape(2, 2 * HEIGHT, 2 * WIDTH)
    for time in (0, 1):
        np.testing.assert_array_equal(pixels[time], mosaic(frames, "C05", time))
    assert content(path) == before


def test_napari_reader_shows_each_well_in_its_place_without_qt(tmp_path: Path) -> None:
    reader = pytest.importorskip("napari_ome_zarr")
    path, frames = make_store(tmp_path / "plate.zarr")
    before = content(path)
    (levels, options, kind) = reader.napari_get_reader(str(path))(str(path))[0]
    assert kind == "image"
    assert options["contrast_limits"] == [[100.0, 3000.0]]
    assert options["scale"] == [6.0, SIZE_UM, SIZE_UM]
    shown = np.asarray(levels[0])[:, 0]
    assert shown.shape == (2, 4 * 2 * HEIGHT, 6 * 2 * WIDTH)  # 4 x 6 wells
    for well, row, column in (("A01", 0, 0), ("C05", 2, 4)):
        where = np.s_[row * 2 * HEIGHT : (row + 1) * 2 * HEIGHT, column * 2 * WIDTH : (column + 1) * 2 * WIDTH]
        for time in (0, 1):
            np.testing.assert_array_equal(shown[time][where], mosaic(frames, well, time))
    assert np.count_nonzero(shown[0]) == sum(np.count_nonzero(mosaic(frames, well, 0)) for well in ("A01", "C05"))
    assert content(path) == before


@pytest.mark.parametrize("codec", ["raw", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
def test_array_documents_of_zarr_python_say_what_the_reader_expects(dtype: str, codec: str) -> None:
    meta = PlateMetadata.model_validate(
        {
            "name": "p",
            "wells": ["A01"],
            "fields": [{"name": "1", "row": 0, "column": 0}, {"name": "2", "row": 0, "column": 1}],
            "times_h": [0, 6, 12],
            "frame_shape": (17, 23),
            "dtype": dtype,
            "codec": codec,
            "pixel_size_um": 0.5,
            "window": (0, 4095),
        }
    )
    for level in (0, 1):
        document = json.loads(array_document(meta, level))
        expected = expected_array(meta, level)
        assert {key: document[key] for key in expected} == expected


def test_labels_of_32_bit_are_stored_beside_and_read_by_zarr_python(tmp_path: Path) -> None:
    path = tmp_path / "labels.zarr"
    writer = create_plate(
        path,
        name="plate 7",
        wells=["A1"],
        fields=FIELDS,
        times_h=[0],
        frame_shape=(HEIGHT, WIDTH),
        dtype="int32",
        pixel_size_um=SIZE_UM,
        codec="zstd",
    )
    labels = {name: np.random.default_rng(2).integers(0, 70_000, (HEIGHT, WIDTH), np.int32) for name in "12"}
    writer.write_unit(writer.unit("A01", 0), labels)
    raw, keys = open_plate(path).reader.read_raw(writer.unit("A01", 0))
    assert [key.field for key in keys] == ["1", "2"]
    np.testing.assert_array_equal(raw[1], labels["2"])
    array = zarr.open_array(str(path / "A" / "01" / "0" / "0"), mode="r")
    np.testing.assert_array_equal(array[0, 0, :HEIGHT, WIDTH:], labels["2"])
    assert not (path / "A" / "01" / "0" / "1").exists()  # the mean of labels means nothing
    assert isinstance(open_ome_zarr(zarr.open_group(str(path), mode="r")), HCS)


def test_plate_stays_valid_for_all_readers_after_it_grew(tmp_path: Path) -> None:
    path, _ = make_store(tmp_path / "plate.zarr")
    writer = open_writer(path)
    writer.extend(times_h=[18], wells=["H12"])
    late = {"1": np.full((HEIGHT, WIDTH), 5, np.uint16)}
    writer.write_unit(writer.unit("H12", 2), late)
    plate = open_ome_zarr(zarr.open_group(str(path), mode="r"))
    assert isinstance(plate, HCS)
    assert (len(plate.ome_attributes.plate.rows), len(plate.ome_attributes.plate.columns)) == (8, 12)
    array = zarr.open_array(str(path / "H" / "12" / "0" / "0"), mode="r")
    assert array.shape[0] == 3
    assert np.all(array[2, 0, :HEIGHT, :WIDTH] == 5)


def test_smallest_standard_plate_holds_the_wells() -> None:
    assert plate_format(("A01",)) == (2, 3)
    assert plate_format(("A04",)) == (3, 4)
    assert plate_format(("A07",)) == (6, 8)
    assert plate_format(("H12",)) == (8, 12)
    assert plate_format(("P24",)) == (16, 24)
    assert plate_format(("AF48",)) == (32, 48)
    for rows, columns in STANDARD_FORMATS:
        assert plate_format((f"{row_name(rows - 1)}{columns:02d}",)) == (rows, columns)


def test_fields_without_positions_get_the_smallest_grid() -> None:
    assert [(field.row, field.column) for field in arrange_fields(("a", "b", "c"))] == [(0, 0), (0, 1), (1, 0)]
    assert [(field.row, field.column) for field in arrange_fields(("a",))] == [(0, 0)]
    places = [(field.row, field.column) for field in arrange_fields(tuple(map(str, range(64))))]
    assert places == [(row, column) for row in range(8) for column in range(8)]
