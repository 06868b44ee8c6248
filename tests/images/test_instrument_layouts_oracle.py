"""Layouts of instruments: real names and metadata of a CV8000, names of the others as public readers describe them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from phasewell.errors import InputError, UsageError
from phasewell.images import describe_intake, ingest, open_plate, scan
from phasewell.images.scans import Scan
from source_images import picture, png_bytes, tiff_bytes

SHAPE = (24, 32)


def write_named(folder: Path, names: list[str], **options: Any) -> dict[str, np.ndarray[Any, Any]]:
    pictures = {}
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures[name] = picture(seed, SHAPE)
        path.write_bytes((png_bytes if name.endswith(".png") else tiff_bytes)(pictures[name], **options))
    return pictures


def addresses(found: Scan) -> dict[str, tuple[str, str, int]]:
    return {f.candidate.name: (f.key.well, f.key.field, f.key.time) for f in found.usable}


# ---- Yokogawa CellVoyager: real ----


@pytest.mark.parametrize(("channel", "stored"), [("1", "1"), ("488 BP525/50", "2")])
@pytest.mark.parametrize("plane", ["1", "4"])
def test_cellvoyager_reads_its_records(data: Path, channel: str, stored: str, plane: str) -> None:
    source = data / "cv8000_layout"
    found = scan(source, channel=channel, plane=plane)
    assert found.survey.listing.layout == "cellvoyager"
    wanted = {(well, str(field), 0) for well in ("D08", "E03", "F08") for field in (1, 2, 3, 4)}
    assert set(addresses(found).values()) == wanted
    assert all(f"Z0{plane}C0{stored}.tif" in name for name in addresses(found))
    assert (found.survey.pixel_size_um, found.survey.channel) == (0.325, stored)
    assert found.survey.pixel_size_source == "HorizontalPixelDimension of the mrf"
    assert found.survey.plate_name == "CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack"
    assert found.survey.listing.plate_shape == (8, 12)
    # stage x of the fields is -567.1, 82.8, -567.1, 82.8 and y 402.9, 402.9, -247.0, -247.0, pointing up
    places = {f.name: (f.row, f.column, f.x_um, f.y_um) for f in found.fields}
    assert {(p[2], p[3]) for p in places.values()} == {(x, y) for x in (-567.1, 82.8) for y in (402.9, -247.0)}
    assert all((row == 0) == (y > 0) and (column == 0) == (x < 0) for row, column, x, y in places.values())
    files = found.files()
    assert files["found"] == sum(path.is_file() for path in source.iterdir())
    assert found.to_dict()["ignored"]["dark or shading image"] == 6
    # AbsTime: D08 was taken 36 s before the last well
    assert max(f.time_h or 0 for f in found.usable) * 3600 == pytest.approx(30, abs=6)


def test_cellvoyager_says_that_its_pixels_are_blank(data: Path, tmp_path: Path) -> None:
    report = ingest(data / "cv8000_layout", tmp_path / "cv.zarr", channel="1", plane="1", window="auto")
    document = report.to_dict()
    assert len(document["blank"]) == report.n_present == 12
    assert "blank: all 12 frames have one value in every pixel and will not be measured" in describe_intake(document)
    plate = open_plate(tmp_path / "cv.zarr")
    assert all("blank" in record.flags for well in plate.wells for record in plate.records(well, 0))
    again = ingest(data / "cv8000_layout", tmp_path / "cv.zarr", channel="1", plane="1")
    assert len(again.to_dict()["blank"]) == 12 and again.units_written == 0


def test_a_picture_with_one_other_pixel_is_not_blank(tmp_path: Path) -> None:
    pixels = np.full(SHAPE, 7, np.uint8)
    (tmp_path / "s").mkdir()
    (tmp_path / "s/A1_01_1_1_Phase Contrast_001.tif").write_bytes(tiff_bytes(pixels))
    pixels[-1, -1] = 8
    (tmp_path / "s/A2_01_1_1_Phase Contrast_001.tif").write_bytes(tiff_bytes(pixels))
    report = ingest(tmp_path / "s", tmp_path / "p.zarr", pixel_size_um=1.0)
    assert [key[1] for key in report.to_dict()["blank"]] == ["A01"]
    assert "blank: 1 frames" in describe_intake(report.to_dict())


def test_cellvoyager_names_what_the_instrument_failed_to_take(data: Path, tmp_path: Path) -> None:
    source = data / "cv8000_layout"
    text = (source / "MeasurementData.mlf").read_text("utf-8")
    lost = next(line for line in text.splitlines() if 'Type="IMG"' in line and 'Row="4"' in line)
    broken = lost.replace('Type="IMG"', 'Type="ERR"')
    (tmp_path / "MeasurementData.mlf").write_text(text.replace(lost, broken), "utf-8")
    (tmp_path / "MeasurementDetail.mrf").write_bytes((source / "MeasurementDetail.mrf").read_bytes())
    for image in source.glob("*Z01C01.tif"):
        (tmp_path / image.name).write_bytes(image.read_bytes())
    found = scan(tmp_path, channel="1", plane="1")
    assert [(key.well, key.field) for key in found.missing] == [("D08", "1")]
    assert "CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack_D08_T0001F001L01A01Z01C01.tif" in found.survey.listing.absent


@pytest.mark.parametrize(
    ("folder", "chosen", "shape"),
    [
        ("cv8000_layout", {"channel": "1", "plane": "1"}, (8, 12)),
        ("imagexpress/ImageXpress_exported/9987_Plate_3435", {"channel": "1"}, (8, 12)),
        ("operetta_harmony", {}, (16, 24)),
    ],
)
def test_the_format_of_a_real_plate_is_known(
    data: Path, folder: str, chosen: dict[str, str], shape: tuple[int, int]
) -> None:
    found = scan(data / folder, **chosen)  # type: ignore[arg-type]
    assert found.survey.listing.plate_shape == shape


def test_a_plate_map_is_checked_against_the_format_of_the_plate(data: Path, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("well,line\nD08,x\nI01,y\nA13,z\n")
    with pytest.raises(UsageError, match=r"wells I01, A13: the source says that the plate has 8 rows and 12 columns"):
        scan(data / "cv8000_layout", channel="1", plane="1", platemap=tmp_path / "map.csv")


def test_two_measurements_are_two_plates(data: Path, tmp_path: Path) -> None:
    source = data / "cv8000_layout"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for file in (*source.glob("*.m?f"), *source.glob("*Z01C01.tif")):
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    title = "CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack"
    with pytest.raises(UsageError, match=rf"plate: the source has 2: {title} \(a\), {title} \(b\)"):
        scan(tmp_path, channel="1", plane="1")
    found = scan(tmp_path, plate=f"{title} (b)", channel="1", plane="1")
    assert len(found.usable) == 12 and all(name.startswith("b/") for name in addresses(found))


@pytest.mark.parametrize("text", ["<bts:MeasurementData", '<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>'])
def test_a_damaged_or_hostile_mlf_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "MeasurementData.mlf").write_text(text)
    with pytest.raises(InputError, match=r"MeasurementData\.mlf: not a readable measurement"):
        scan(tmp_path)


# ---- BioTek Gen5: names as Bio-Formats' and bioformats2raw's readers know them ----

GEN5 = {
    "A1_02_1_1_Bright Field_001.tif": ("A01", "1", 0),
    "A1_02_1_3_Bright Field_001.tif": ("A01", "3", 0),
    "P24_02_1_1_Bright_Field_002.tif": ("P24", "1", 1),
    "ID_E10 info/E10_-1_1_1_Bright Field_003.tif": ("E10", "1", 2),
    "B2_1_Bright Field_1_001_02.tif": ("B02", "1", 0),
    "A1ROI2_02_1_1_Bright Field_001.tif": ("A01", "ROI2-1", 0),
}


def test_gen5_names(tmp_path: Path) -> None:
    names = [name for name in GEN5 if not name.startswith(("ID_", "B2"))]  # one read step
    write_named(tmp_path, names)
    found = scan(tmp_path, pixel_size_um=1.0, interval_h=6)
    assert found.survey.listing.layout == "gen5"
    assert addresses(found) == {name: GEN5[name] for name in names}
    assert found.survey.channel == "Bright Field"


@pytest.mark.parametrize(
    ("name", "address", "plane"),
    [
        ("ID_E10 info/E10_-1_1_1_Phase Contrast_001.tif", ("E10", "1", 0), None),
        ("B2/B2_1_Bright Field_1_001_02.tif", ("B02", "1", 0), None),
        ("A1_1Z4_DAPI_1_001_.tif", ("A01", "1", 0), "4"),
        ("H10_1_Stitched[AandB_Phase Contrast]_1_001_-1.tif", ("H10", "1", 0), None),
        ("A1_-2_1_1_Tsf[Stitched[Channel1 300,400]]_001.tif", ("A01", "1", 0), None),
        ("A1ROI1_01_1_2Z1_Confocal DAPI_001.tif", ("A01", "ROI1-2", 0), "1"),
    ],
)
def test_gen5_forms(tmp_path: Path, name: str, address: tuple[str, str, int], plane: str | None) -> None:
    write_named(tmp_path, [name])
    found = scan(tmp_path, pixel_size_um=1.0)
    assert addresses(found) == {name: address}
    assert found.survey.plane == plane


def test_gen5_channels_and_read_steps_are_chosen_by_name(tmp_path: Path) -> None:
    write_named(tmp_path, ["A1_02_1_1_Bright Field_001.tif", "A1_03_1_1_Bright Field_001.tif", "A1_02_2_1_GFP_001.tif"])
    with pytest.raises(UsageError, match="Bright Field read 2, Bright Field read 3, GFP"):
        scan(tmp_path, pixel_size_um=1.0)
    assert list(addresses(scan(tmp_path, channel="gfp", pixel_size_um=1.0))) == ["A1_02_2_1_GFP_001.tif"]
    found = scan(tmp_path, channel="Bright Field read 3", pixel_size_um=1.0)
    assert list(addresses(found)) == ["A1_03_1_1_Bright Field_001.tif"]


def gen5_xml(width_um: float, clock: str) -> str:
    return (
        "<BTIImageMetaData><ImageReference><Date>02/19/26</Date>"
        f"<Time>{clock}</Time><Well>A1</Well></ImageReference><ImageAcquisition><ObjectiveSize>10</ObjectiveSize>"
        f"<PixelWidth>{SHAPE[1]}</PixelWidth><ImageWidthMicrons>{width_um}</ImageWidthMicrons>"
        "</ImageAcquisition></BTIImageMetaData>"
    )


def test_gen5_pixel_size_and_hours_come_from_the_xml(tmp_path: Path) -> None:
    for time, clock in enumerate(("08:00:00", "14:00:00"), start=1):
        path = tmp_path / f"A1_01_1_1_Phase Contrast_{time:03}.tif"
        path.write_bytes(tiff_bytes(picture(time, SHAPE), description=gen5_xml(32 * 0.697, clock)))
    found = scan(tmp_path)
    assert found.survey.pixel_size_um == pytest.approx(0.697)
    assert found.survey.pixel_size_source == "ImageWidthMicrons of Gen5"
    assert found.grid.hours == (0.0, 6.0)


# ---- Incucyte ----


def incucyte(form: str, well: str, field: int, hour: int) -> str:
    return {
        "elapsed": f"VID12_exp_{well}_{field}_{hour // 24:02}d{hour % 24:02}h00m.tif",
        "dates": f"VID12_exp_{well}_{field}_2022y05m{8 + hour // 24:02}d_{hour % 24:02}h46m.tif",
        "archive": f"EssenFiles/ScanData/2205/{8 + hour // 24:02}/{hour % 24:02}46/1248/{well}-{field}-Ph.tif",
    }[form]


@pytest.mark.parametrize("form", ["elapsed", "dates", "archive"])
def test_incucyte_forms_give_one_plate(tmp_path: Path, form: str) -> None:
    wanted = {(well, str(field), time) for well in ("B01", "B02") for field in (1, 2) for time in range(3)}
    names = [incucyte(form, well[0] + str(int(well[1:])), int(field), 20 + 6 * time) for well, field, time in wanted]
    write_named(tmp_path, names)
    found = scan(tmp_path, pixel_size_um=1.24)
    assert found.survey.listing.layout == "incucyte"
    assert set(addresses(found).values()) == wanted
    assert found.grid.hours == ((20.0, 26.0, 32.0) if form == "elapsed" else (0.0, 6.0, 12.0))
    assert found.survey.plate_name == ("1248" if form == "archive" else "VID12_exp")
    with pytest.raises(InputError, match="give pixel_size_um"):
        scan(tmp_path)


@pytest.mark.parametrize("form", ["dates", "archive"])
def test_later_incucyte_scans_continue_the_store(tmp_path: Path, form: str) -> None:
    source, store = tmp_path / "source", tmp_path / "plate.zarr"
    write_named(source, [incucyte(form, "A1", 1, hour) for hour in (6, 12)])
    ingest(source, store, pixel_size_um=1.24)
    (source / incucyte(form, "A1", 1, 6)).unlink()  # the instrument deletes old scans
    write_named(source, [incucyte(form, "A1", 1, hour) for hour in (12, 18, 31)])
    report = ingest(source, store)
    assert open_plate(store).times_h == (0.0, 6.0, 12.0, 25.0)
    assert report.n_present == 4
    write_named(source, [incucyte(form, "A1", 1, 1)])
    with pytest.raises(UsageError, match="lies before the plate's last"):
        ingest(source, store)


def test_incucyte_archive_pyramids_give_their_first_image(tmp_path: Path) -> None:
    path = tmp_path / incucyte("archive", "A1", 1, 6)
    path.parent.mkdir(parents=True)
    pixels = picture(1, SHAPE)
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels, metadata=None)
        writer.write(pixels[::2, ::2], metadata=None)  # not marked as a reduced copy
    report = ingest(tmp_path, tmp_path.parent / "pyramid.zarr", pixel_size_um=1.24)
    assert report.is_complete
    assert (open_plate(tmp_path.parent / "pyramid.zarr").frames("A01", 0).pixels[0] == pixels).all()


def test_mixed_or_impossible_incucyte_names_are_named(tmp_path: Path) -> None:
    write_named(tmp_path, [incucyte("dates", "A1", 1, 6), incucyte("elapsed", "A1", 1, 6)])
    with pytest.raises(UsageError, match="several forms"):
        scan(tmp_path, pixel_size_um=1.0)
    write_named(tmp_path / "b", ["x_A1_1_2022y13m08d_08h46m.tif", "x_A1_1_2022y12m08d_08h46m.tif"])
    found = scan(tmp_path / "b", pixel_size_um=1.0)
    assert [(row["reason"], row["file"]) for row in found.quarantined] == [
        ("bad_index", "x_A1_1_2022y13m08d_08h46m.tif")
    ]


def test_biostation_preset(tmp_path: Path) -> None:
    names = {"C05/20260219_P2_T0003_Ph.png": ("C05", "2", 0), "C05/20260219_P2_T0004_Ph.png": ("C05", "2", 1)}
    write_named(tmp_path, list(names))
    found = scan(tmp_path, pattern="biostation", pixel_size_um=0.791, interval_h=8)
    assert addresses(found) == names
    assert found.survey.channel == "Ph"


# ---- OME-TIFF: files written by tifffile ----


def test_ome_tiff_stacks_by_name(tmp_path: Path) -> None:
    stacks = {}
    for well in ("A01", "B02"):
        stacks[well] = np.stack([[picture(t * 10 + c + ord(well[0]), SHAPE) for c in range(2)] for t in range(3)])
        meta = {"axes": "TCYX", "PhysicalSizeX": 0.87, "PhysicalSizeY": 0.87, "Channel": {"Name": ["Phase", "GFP"]}}
        meta |= {"TimeIncrement": 6.0, "TimeIncrementUnit": "h"}
        tifffile.imwrite(tmp_path / f"{well}.ome.tif", stacks[well], ome=True, metadata=meta)
    with pytest.raises(UsageError, match="names no well; give a pattern"):
        scan(tmp_path)
    report = ingest(tmp_path, tmp_path.parent / "ome.zarr", "ome-tiff", pattern=r"(?P<well>[A-H]\d+)\.ome\.tif",
                    channel="Phase")  # fmt: skip
    plate = open_plate(tmp_path.parent / "ome.zarr")
    assert report.is_complete and (plate.times_h, plate.pixel_size_um) == ((0.0, 6.0, 12.0), 0.87)
    for well, pixels in stacks.items():
        for time in range(3):
            assert (plate.frames(well, time).pixels[0] == pixels[time, 0]).all()


def plate_xml(uuid: str = "") -> str:
    images = "".join(
        f'<Image ID="Image:{n}"><Pixels ID="Pixels:{n}" DimensionOrder="XYZTC" Type="uint8" SizeX="32" SizeY="24" '
        f'SizeZ="2" SizeC="1" SizeT="2" PhysicalSizeX="0.5" PhysicalSizeY="0.5"><Channel ID="Channel:{n}:0" '
        f'Name="Phase"/><TiffData IFD="{4 * n}" PlaneCount="4">{uuid}</TiffData>'
        + "".join(f'<Plane TheC="0" TheZ="0" TheT="{t}" DeltaT="{t * 2}" DeltaTUnit="h" PositionX="{n % 2 * 16}" '
                  f'PositionXUnit="um" PositionY="0" PositionYUnit="um"/>' for t in range(2))
        + "</Pixels></Image>"
        for n in range(4)
    )  # fmt: skip
    wells = "".join(
        f'<Well ID="Well:{w}" Row="{row}" Column="{column}">'
        + "".join(f'<WellSample ID="S:{w}:{s}" Index="{s}"><ImageRef ID="Image:{2 * w + s}"/></WellSample>'
                  for s in range(2))
        + "</Well>"
        for w, (row, column) in enumerate(((0, 0), (2, 6)))
    )  # fmt: skip
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Plate ID="Plate:0" Name="p &lt;1&gt;" '
        f'Rows="8" Columns="12">{wells}</Plate>{images}</OME>'
    )


def write_pages(path: Path, description: str) -> list[np.ndarray[Any, Any]]:
    pages = [picture(n, SHAPE) for n in range(16)]
    with tifffile.TiffWriter(path) as writer:
        for n, page in enumerate(pages):
            writer.write(page, metadata=None, description=description if n == 0 else None, contiguous=False)
    return pages


@pytest.mark.parametrize("companion", [False, True])
def test_ome_tiff_plate_of_one_file(tmp_path: Path, companion: bool) -> None:
    description = plate_xml()
    if companion:
        (tmp_path / "s").mkdir()
        uuid = '<UUID FileName="plate.ome.tif">urn:uuid:1</UUID>'
        (tmp_path / "s/plate.companion.ome").write_text(plate_xml(uuid))
        description = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><BinaryOnly ' \
                      'MetadataFile="plate.companion.ome" UUID="urn:uuid:1"/></OME>'  # fmt: skip
    (tmp_path / "s").mkdir(exist_ok=True)
    pages = write_pages(tmp_path / "s/plate.ome.tif", description)
    report = ingest(tmp_path / "s", tmp_path / "p.zarr", plane="2")
    plate = open_plate(tmp_path / "p.zarr")
    assert (plate.name, plate.wells, plate.times_h) == ("p <1>", ("A01", "C07"), (0.0, 2.0))
    assert [(f.name, f.row, f.column) for f in plate.fields] == [("1", 0, 0), ("2", 0, 1)]
    assert report.is_complete and report.scan.files()["used"] == 1
    for number, (well, field) in enumerate((w, f) for w in plate.wells for f in (0, 1)):
        for time in range(2):  # planes fastest: page = 4 image + 2 time + plane
            assert (plate.frames(well, time).pixels[field] == pages[4 * number + 2 * time + 1]).all()


def test_ome_tiff_files_that_describe_each_other_give_each_its_own_plane(tmp_path: Path) -> None:
    blocks = "".join(
        f'<TiffData FirstT="{t}" IFD="0"><UUID FileName="t{t}.ome.tif">urn:uuid:{t}</UUID></TiffData>' for t in range(3)
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYZCT" Type="uint8" SizeX="32" SizeY="24" SizeZ="1" SizeC="1" SizeT="3" PhysicalSizeX="0.5" '
        f'TimeIncrement="6" TimeIncrementUnit="h"><Channel ID="Channel:0:0"/>{blocks}</Pixels></Image></OME>'
    )
    (tmp_path / "A01").mkdir()
    for time in range(3):
        path = tmp_path / f"A01/t{time}.ome.tif"
        path.write_bytes(tiff_bytes(picture(time, SHAPE), description=xml))
    found = scan(tmp_path, pattern=r"(?P<well>[A-H]\d+)/.*")
    assert addresses(found) == {f"A01/t{time}.ome.tif": ("A01", "1", time) for time in range(3)}
    assert (found.grid.hours, found.survey.pixel_size_um) == ((0.0, 6.0, 12.0), 0.5)
    (tmp_path / "A01/t1.ome.tif").rename(tmp_path / "A01/renamed.ome.tif")
    found = scan(tmp_path, pattern=r"(?P<well>[A-H]\d+)/.*")
    assert found.to_dict()["ignored"] == {"its OME-XML gives it no image; was it renamed?": 1}
    assert [key.time for key in found.missing] == [1]


def test_an_ome_tiff_alone_may_be_renamed(tmp_path: Path) -> None:
    uuid = '<UUID FileName="old name.ome.tif">urn:uuid:1</UUID>'
    write_pages(tmp_path / "new.ome.tif", plate_xml(uuid))
    assert len(scan(tmp_path, plane="1").usable) == 8


def test_ome_tiff_that_promises_more_images_than_it_has(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "plate.ome.tif") as writer:
        for n in range(6):
            text = plate_xml() if n == 0 else None
            writer.write(picture(n, SHAPE), metadata=None, description=text, contiguous=False)
    found = scan(tmp_path, plane="1")
    assert len(found.usable) == 3
    assert {row["reason"] for row in found.quarantined} == {"truncated"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("</OME>", ""), "cannot be read"),
        (('SizeT="2"', 'SizeT="99999999"'), "expected at most 4096"),
        (('IFD="4"', 'IFD="x"'), "expected a number"),
        (('PhysicalSizeY="0.5"', 'PhysicalSizeY="0.7"'), "square pixels"),
    ],
)
def test_damaged_ome_xml_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    write_pages(tmp_path / "plate.ome.tif", plate_xml().replace(*change))
    with pytest.raises(InputError, match=message):
        scan(tmp_path, plane="1")
