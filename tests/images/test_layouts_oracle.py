"""Real exports of four instruments are read as they are: wells, fields, times, pixel sizes, and their traps."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from phasewell.errors import InputError, UsageError
from phasewell.images import scan
from phasewell.images.scans import Scan

BBBC = r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d+)\.tif"
CHAMBERS = {"columns": {"well": "chamber"}, "well_names": {"A": "A01", "B": "B01", "C": "C01"}}


def addresses(found: Scan) -> set[tuple[str, str, int]]:
    return {(frame.key.well, frame.key.field, frame.key.time) for frame in found.usable}


def check_accounts(found: Scan, n_files: int) -> dict[str, int]:
    files = found.files()
    assert files["found"] == n_files
    assert files["found"] == files["used"] + files["duplicates"] + files["quarantined"] + files["ignored"]
    return files


def n_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


@pytest.mark.parametrize("channel", ["1", "w2", "DAPI", "texas red"])
@pytest.mark.parametrize("plane", ["0", "1", "2"])
def test_imagexpress_plate_with_planes(data: Path, channel: str, plane: str) -> None:
    source = data / "imagexpress/ImageXpress_exported/9987_Plate_3434"
    found = scan(source, channel=channel, plane=plane)
    assert addresses(found) == {(well, field, 0) for well in ("B02", "B03") for field in ("1", "2")}
    assert found.survey.channel == {"1": "1", "w2": "2", "DAPI": "1", "texas red": "3"}[channel]
    assert (found.survey.pixel_size_um, found.survey.frame_shape) == (1.3672, (256, 256))
    assert found.survey.dtype == "uint16"
    names = {frame.candidate.name for frame in found.usable}
    assert all(f"ZStep_{plane}/" in name and f"_w{found.survey.channel}." in name for name in names)
    assert check_accounts(found, n_files(source))["used"] == 4


def test_imagexpress_asks_for_channel_and_plane(data: Path) -> None:
    source = data / "imagexpress/ImageXpress_exported/9987_Plate_3434"
    with pytest.raises(UsageError, match=r"channel.*1 \(DAPI\), 2 \(FITC\), 3 \(Texas Red\)"):
        scan(source)
    with pytest.raises(UsageError, match=r"plane.*0, 1, 2"):
        scan(source, channel="1")
    with pytest.raises(UsageError, match="channel '7': the source has"):
        scan(source, channel="7", plane="1")


def test_imagexpress_asks_which_of_two_plates(data: Path) -> None:
    exported = data / "imagexpress/ImageXpress_exported"
    with pytest.raises(UsageError, match="9987_Plate_3434, 9987_Plate_3435"):
        scan(exported, channel="1")
    found = scan(exported, plate="9987_Plate_3435", channel="1")
    assert (found.survey.plate_name, len(found.usable)) == ("9987_Plate_3435", 8)
    assert check_accounts(found, n_files(exported))["used"] == 8


def test_imagexpress_times_and_stage_positions(data: Path) -> None:
    found = scan(data / "imagexpress/ImageXpress_exported/9987_Plate_3435", channel="1")
    assert addresses(found) == {(w, f, t) for w in ("B02", "B03") for f in ("1", "2") for t in (0, 1)}
    # acquisition-time-local of time point 2 minus time point 1 is 27 to 30 s at the four places
    assert found.grid.hours[0] == 0 and 27 < found.grid.hours[1] * 3600 < 30
    hours = {(f.key.well, f.key.field, f.key.time): f.time_h for f in found.usable}
    assert min(hours.values()) == 0
    assert [(f.name, f.row, f.column) for f in found.fields] == [("1", 0, 0), ("2", 0, 1)]
    assert found.fields[1].x_um - found.fields[0].x_um == pytest.approx(315, abs=0.5)
    assert found.to_dict()["announced"]["times"] == 6
    assert "the source announces 6 times, 2 are there" in found.notes


def test_imagexpress_copies_of_a_skipped_channel_count_once(data: Path) -> None:
    source = data / "imagexpress/ImageXpress_exported/9987_Plate_3435"
    found = scan(source, channel="2")
    assert addresses(found) == {(well, field, 0) for well in ("B02", "B03") for field in ("1", "2")}
    reasons = Counter(item.reason for item in found.survey.ignored)
    assert reasons["copy of time 1: the channel was skipped"] == 4
    check_accounts(found, n_files(source))


def test_imagexpress_database_with_guids_and_thumbnails(data: Path) -> None:
    source = data / "imagexpress/ImageXpress_database"
    for channel, sites in (("1", 4), ("2", 4), ("4", 4)):
        found = scan(source, channel=channel)
        assert addresses(found) == {(well, field, 0) for well in ("E07", "E08") for field in ("1", "2")}
        assert (found.survey.frame_shape, found.survey.pixel_size_um) == ((512, 512), 1.3668)
        assert Counter(item.reason for item in found.survey.ignored)["thumbnail"] == 12
        assert check_accounts(found, 24)["used"] == sites


def test_operetta(data: Path) -> None:
    found = scan(data / "operetta_harmony")
    assert found.survey.listing.layout == "operetta"
    assert addresses(found) == {("C03", "1", 0), ("C03", "2", 0)}
    assert found.survey.plate_name == "Test_Sample_BALL"
    assert found.survey.pixel_size_um == pytest.approx(1.1959521619135234, rel=1e-8)
    assert found.survey.pixel_size_source == "ImageResolutionX of the Harmony index"
    # y points up on this stage: both fields lie in the upper row, field 1 left
    assert [(f.row, f.column, f.x_um, f.y_um) for f in found.fields] == [
        (0, 0, -645.814, 645.814),
        (0, 1, 645.814, 645.814),
    ]
    assert [frame.time_h for frame in found.usable] == [0.0, pytest.approx(0.577 / 3600, abs=1e-7)]
    check_accounts(found, n_files(data / "operetta_harmony"))


def test_operetta_from_the_images_folder_with_a_missing_file(data: Path, tmp_path: Path) -> None:
    source = data / "operetta_harmony/Images"
    (tmp_path / "Index.idx.xml").write_bytes((source / "Index.idx.xml").read_bytes())
    name = "r03c03f01p01-ch1sk1fk1fl1.tiff"
    (tmp_path / name).write_bytes((source / name).read_bytes())
    found = scan(tmp_path)
    assert addresses(found) == {("C03", "1", 0)}
    assert found.survey.listing.absent == ("r03c03f02p01-ch1sk1fk1fl1.tiff",)


@pytest.mark.parametrize(
    "attack",
    [
        '<!DOCTYPE a [<!ENTITY b "{}"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;&c;&c;</a>'.format("x" * 99),
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "<EvaluationInputData><Images>",
    ],
)
def test_a_hostile_or_cut_index_is_refused(tmp_path: Path, attack: str) -> None:
    (tmp_path / "Index.idx.xml").write_text(attack)
    with pytest.raises(InputError, match=r"Index\.idx\.xml: not a readable Harmony index"):
        scan(tmp_path)


def test_an_index_cannot_name_files_outside(tmp_path: Path, data: Path) -> None:
    secret = tmp_path / "secret.tiff"
    secret.write_bytes((data / "operetta_harmony/Images/r03c03f01p01-ch1sk1fk1fl1.tiff").read_bytes())
    source = tmp_path / "export"
    source.mkdir()
    image = "<Image><URL>../secret.tiff</URL><Row>3</Row><Col>3</Col><FieldID>1</FieldID></Image>"
    (source / "Index.idx.xml").write_text(f"<EvaluationInputData><Images>{image}</Images></EvaluationInputData>")
    with pytest.raises(InputError, match="no usable image"):
        scan(source)


def test_t98g_by_its_table(data: Path) -> None:
    found = scan(data / "t98g_phase", "table", table="positions.csv", **CHAMBERS)
    with (data / "t98g_phase/positions.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = {(row["chamber"] + "01", row["fov"], int(row["time_index"]) - 1) for row in rows}
    assert addresses(found) == expected and len(expected) == 31
    assert (found.survey.pixel_size_um, found.survey.frame_shape) == (0.8708, (1022, 1024))
    assert "table column pixel_um" in found.survey.pixel_size_source
    true_hours = {(f.key.well, f.key.field, f.key.time): f.time_h for f in found.usable}
    for row in rows:
        address = (row["chamber"] + "01", row["fov"], int(row["time_index"]) - 1)
        assert true_hours[address] == pytest.approx(float(row["time_s"]) / 3600)
    assert len(found.grid.hours) == 15
    assert found.grid.interval_h == pytest.approx(1 / 6, rel=1e-3)  # every 600 s
    assert found.n_expected == 3 * len(found.fields) * 15 == 31 + len(found.missing)


def test_t98g_pixel_size_of_table_and_of_the_files_own_tag_agree(data: Path) -> None:
    pattern = r"20180101ef002(?P<field>xy\d+)t(?P<time>\d+)"
    source = data / "t98g_phase/timelapse_xy01/images"
    found = scan(source, pattern=r"(?P<row>2)0180101ef00(?P<column>2)(?P<field>xy\d+)t(?P<time>\d+)", interval_h=1 / 6)
    assert found.survey.pixel_size_um == pytest.approx(0.8708, rel=1e-4)
    assert found.survey.pixel_size_source == "calibration tag of NIS-Elements"
    with pytest.raises(UsageError, match="no well"):
        scan(source, pattern=pattern)


def test_bbbc013_by_expression(data: Path) -> None:
    found = scan(data / "bbbc013_96well", pattern=BBBC, channel="1", pixel_size_um=0.6)
    assert addresses(found) == {(f"{row}{column:02d}", "1", 0) for row in "AE" for column in range(1, 13)}
    assert found.survey.pixel_size_source == "given by the caller"
    assert check_accounts(found, n_files(data / "bbbc013_96well"))["used"] == 24


def test_a_missing_pixel_size_is_an_error_and_72_dpi_is_none(data: Path) -> None:
    with pytest.raises(InputError, match="none of 24 images says it; give pixel_size_um"):
        scan(data / "bbbc013_96well", pattern=BBBC, channel="1")


def test_pixel_sizes_that_contradict_each_other_name_both(data: Path) -> None:
    with pytest.raises(InputError, match=r"0\.5 um \(given by the caller\) and 1\.3672 um \(spatial-calibration-x"):
        scan(data / "imagexpress/ImageXpress_exported/9987_Plate_3435", channel="1", pixel_size_um=0.5)


def test_cv8000_by_a_known_scheme(data: Path) -> None:
    names = set()
    for channel in ("1", "2"):
        for plane in ("1", "2", "3", "4"):
            found = scan(data / "cv8000_layout", pattern="cellvoyager", channel=channel, plane=plane, pixel_size_um=0.3)
            expected = {(well, str(f), 0) for well in ("D08", "E03", "F08") for f in (1, 2, 3, 4)}
            assert addresses(found) == expected
            assert (found.survey.frame_shape, found.survey.dtype) == ((2000, 2000), "uint16")
            assert sorted(found.to_dict()["unmatched"])[0] == "DC_DCAM#1_CAM3.tif"
            names |= {frame.candidate.name for frame in found.usable}
            check_accounts(found, n_files(data / "cv8000_layout"))
    assert len(names) == 96


def test_ali_pixel_size_by_imagej(data: Path) -> None:
    pattern = r"(?P<row>1)(?P<column>9)1018.*\)0*(?P<time>\d+)\.tif"
    found = scan(data / "ali_timelapse", pattern=pattern, interval_h=0.1)
    assert found.survey.pixel_size_um == pytest.approx(0.313, abs=1e-4)
    assert (len(found.usable), found.survey.frame_shape) == (4, (1024, 1280))


def test_load_data_table_in_parquet(data: Path, tmp_path: Path) -> None:
    """The names of a real LoadData table; its files are not there, so pictures with these names stand in."""
    import pyarrow.parquet as pq
    from source_images import picture, tiff_bytes

    table = data / "profiles/pycytominer/cell_locations_example_data/test_BR00126114_load_data_with_illum.parquet"
    rows = pq.read_table(table).to_pylist()
    for index, row in enumerate(rows):
        for channel in ("DNA", "AGP"):
            (tmp_path / row[f"FileName_Orig{channel}"]).write_bytes(tiff_bytes(picture(index, dtype="uint16")))
    found = scan(tmp_path, table=table, channel="OrigDNA", pixel_size_um=0.6)
    assert addresses(found) == {(row["Metadata_Well"], str(int(row["Metadata_Site"])), 0) for row in rows}
    assert found.survey.plate_name == rows[0]["Metadata_Plate"]
    assert {f.candidate.name for f in found.usable} == {row["FileName_OrigDNA"] for row in rows}
