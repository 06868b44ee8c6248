"""Layouts beside the real exports: expressions, tables, auto, and what images say of themselves."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from phasewell.errors import InputError, UsageError
from phasewell.images import scan
from phasewell.images.descriptions import METADATA_UNUSABLE
from source_images import PATTERN, picture, tiff_bytes, write_plate

PIXELS = picture(1)


def put(folder: Path, *names: str, **options: object) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(tiff_bytes(PIXELS, **options))


def keys(found: object) -> list[tuple]:
    return [tuple(frame.key[1:]) for frame in found.usable]  # type: ignore[attr-defined]


def test_gen5_names(tmp_path: Path) -> None:
    put(tmp_path, "A1_02_1_1_Bright Field_001.tif", "A1_02_1_2_Bright Field_001.tif", "B12_02_1_1_Bright Field_002.tif")
    put(tmp_path, "A1_02_1_1_Phase Contrast_001.tif")
    with pytest.raises(UsageError, match="Bright Field, Phase Contrast"):
        scan(tmp_path, pattern="gen5", pixel_size_um=1.0)
    found = scan(tmp_path, pattern="gen5", pixel_size_um=1.0, channel="bright field".title(), interval_h=6)
    assert keys(found) == [("A01", "1", 0), ("A01", "2", 0), ("B12", "1", 1)]


def test_incucyte_names_give_hours(tmp_path: Path) -> None:
    put(tmp_path, "vessel_B1_2_00d00h00m.tif", "vessel_B1_2_00d06h30m.tif", "vessel_B1_2_01d00h00m.tif")
    found = scan(tmp_path, pattern="incucyte", pixel_size_um=1.0)
    assert found.grid.hours == (0, 6.5, 24)
    assert keys(found) == [("B01", "2", 0), ("B01", "2", 1), ("B01", "2", 2)]
    assert [frame.time_h for frame in found.usable] == [0, 6.5, 24]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<wel>A)", "did you mean well"),
        ("(?P<field>1)", "no well"),
        ("(?P<well>A", "expected a regular expression or gen5, incucyte, cellvoyager"),
    ],
)
def test_expressions_that_cannot_work(tmp_path: Path, pattern: str, message: str) -> None:
    put(tmp_path, "A1.tif")
    with pytest.raises(UsageError, match=message):
        scan(tmp_path, pattern=pattern)


def test_an_expression_may_be_for_the_whole_path(tmp_path: Path) -> None:
    put(tmp_path, "day1/A1/x.tif", "day2/A1/x.tif")
    found = scan(tmp_path, pattern=r"day(?P<time>\d)/(?P<well>\w+)/x\.tif", pixel_size_um=1.0, interval_h=24.0)
    assert keys(found) == [("A01", "1", 0), ("A01", "1", 1)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("style", ["Image_FileName_Phase", "FileName_Phase"])
def test_load_data_is_found_by_itself(tmp_path: Path, separator: str, style: str) -> None:
    put(tmp_path, "sub/a.tif", "sub/b.tif", "left over.tif")
    folder = style.replace("FileName", "PathName")
    header = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "Metadata_Timepoint", style, folder]
    rows = [header, ["P7", "A1", "3", "1", "a.tif", str(tmp_path / "sub")], ["P7", "B2", "3", "2", "b.tif", "sub"]]
    rows.append(["P7", "B3", "3", "2", "../../etc/passwd", "sub"])
    (tmp_path / "load_data.csv").write_text("\n".join(separator.join(row) for row in rows))
    found = scan(tmp_path, pixel_size_um=1.0, interval_h=1.0)
    assert found.survey.listing.layout == "table"
    assert keys(found) == [("A01", "3", 0), ("B02", "3", 1)]
    assert found.survey.plate_name == "P7" and found.survey.channel == "Phase"
    assert found.survey.listing.absent == ("sub/../../etc/passwd",)
    assert found.files() == {"found": 4, "used": 2, "duplicates": 0, "quarantined": 0, "ignored": 2}


def test_tables_without_files_or_wells_say_what_they_have(tmp_path: Path) -> None:
    put(tmp_path, "a.tif")
    (tmp_path / "t.csv").write_text("picture,place\na.tif,A1\n")
    with pytest.raises(UsageError, match="no column of file names; its columns are picture, place"):
        scan(tmp_path, table="t.csv")
    with pytest.raises(UsageError, match="no column of wells"):
        scan(tmp_path, table="t.csv", columns={"file": "picture"})
    with pytest.raises(UsageError, match="unknown role 'fil'; did you mean file"):
        scan(tmp_path, table="t.csv", columns={"fil": "picture"})
    with pytest.raises(UsageError, match="no column 'x'"):
        scan(tmp_path, table="t.csv", columns={"file": "x"})
    found = scan(tmp_path, table="t.csv", columns={"file": "picture", "well": "place"}, pixel_size_um=1.0)
    assert keys(found) == [("A01", "1", 0)]
    for name, text in (("none.csv", None), ("broken.parquet", "x")):
        if text:
            (tmp_path / name).write_text(text)
        with pytest.raises(UsageError, match=name):
            scan(tmp_path, table=name)


def test_auto_without_a_trace_says_what_to_give(tmp_path: Path) -> None:
    put(tmp_path, "picture.tif")
    with pytest.raises(UsageError, match="layout regex and a pattern, or layout table and a table"):
        scan(tmp_path)
    with pytest.raises(UsageError, match="expected auto, regex, table, imagexpress, operetta"):
        scan(tmp_path, "gen6")
    with pytest.raises(InputError, match=r"no Index\.idx\.xml"):
        scan(tmp_path, "operetta")


OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image><Pixels {}/></Image></OME>'
GEN5 = (
    "<BTIImageMetaData><ImageReference><ImageWidthMicrons>{}</ImageWidthMicrons>"
    "<PixelWidth>{}</PixelWidth></ImageReference></BTIImageMetaData>"
)
METAMORPH = (
    '<MetaData><PlaneInfo><prop id="spatial-calibration-state" value="on"/>'
    '<prop id="spatial-calibration-x" value="{}"/><prop id="spatial-calibration-units" value="um"/>'
    "</PlaneInfo></MetaData>"
)


@pytest.mark.parametrize(
    ("description", "size"),
    [
        (OME.format('PhysicalSizeX="0.5" PhysicalSizeY="0.5"'), 0.5),
        (OME.format('PhysicalSizeX="650" PhysicalSizeXUnit="nm"'), 0.65),
        (OME.format('PhysicalSizeX="650" PhysicalSizeXUnit="nm" PhysicalSizeY="650" PhysicalSizeYUnit="nm"'), 0.65),
        (OME.format('PhysicalSizeX="0.5" PhysicalSizeY="0.7"'), None),
        (OME.format('PhysicalSizeX="0.5" PhysicalSizeXUnit="parsec"'), None),
        (OME.format('PhysicalSizeX="zero"'), None),
        (OME.format('PhysicalSizeX="0.5"')[:-8], None),
        ('<!DOCTYPE a [<!ENTITY b "0.5">]>' + OME.format('PhysicalSizeX="&b;"'), None),
        (GEN5.format(32 * 0.8, 32), 0.8),
        (GEN5.format(32 * 0.8, 64), None),
        (METAMORPH.format("0.65"), 0.65),
        (METAMORPH.format("-1"), None),
        (METAMORPH.format("inf"), None),
    ],
)
def test_pixel_size_of_descriptions(tmp_path: Path, description: str, size: float | None) -> None:
    put(tmp_path, "A1.tif", description=description.encode())
    if size is not None:
        found = scan(tmp_path, pattern="(?P<well>..)")
        assert found.survey.pixel_size_um == pytest.approx(size)
        assert found.usable[0].flags == ()
    else:
        with pytest.raises(InputError, match="give pixel_size_um"):
            scan(tmp_path, pattern="(?P<well>..)")
        assert scan(tmp_path, pattern="(?P<well>..)", pixel_size_um=1.0).usable[0].flags == (METADATA_UNUSABLE,)


def test_resolution_tags_alone_are_not_believed(tmp_path: Path) -> None:
    put(tmp_path, "A1.tif", resolution=(15503, 15503), resolutionunit="CENTIMETER")
    with pytest.raises(InputError, match="none of 1 images says it"):
        scan(tmp_path, pattern="(?P<well>..)")


def test_a_scan_is_one_json_document(tmp_path: Path) -> None:
    write_plate(tmp_path)
    document = scan(tmp_path, pattern=PATTERN, pixel_size_um=0.5, interval_h=6.0).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["frames"] == {"expected": 8, "usable": 8, "quarantined": 0, "missing": 0}


def test_a_true_time_off_the_grid_is_flagged(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "b.tif", "c.tif")
    (tmp_path / "t.csv").write_text("file,well,time,time_h\na.tif,A1,0,0.2\nb.tif,A1,1,6.1\nc.tif,A1,2,14\n")
    found = scan(tmp_path, table="t.csv", pixel_size_um=1.0, interval_h=6.0)
    assert [(frame.time_h, frame.flags) for frame in found.usable] == [(0.2, ()), (6.1, ()), (14, ("time_off_grid",))]
    assert found.to_dict()["time_tolerance_h"] == 1.5


def test_a_scan_keeps_no_kilobytes_per_file(tmp_path: Path) -> None:
    """Strip tables and descriptions are large where a plate has a hundred thousand files."""
    pixels = picture(1, (600, 8))
    for field in range(20):
        data = tiff_bytes(pixels, rowsperstrip=1, description=b"x" * 20_000)
        (tmp_path / f"A1_s{field}_t0.tif").write_bytes(data)
    found = scan(tmp_path, pattern=PATTERN, pixel_size_um=1.0)
    assert len(pickle.dumps(found)) / 20 < 2_000
