"""Plate maps in CSV, TSV and TOML: what is read, and what each mistake is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from phasewell.errors import UsageError
from phasewell.images import ingest, open_plate
from phasewell.images.platemap import read_platemap
from source_images import PATTERN, write_plate


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.csv", "well,line,potency,lot\na1,hMSC,7.5,007\nB02,,8,\n"),
        ("map.csv", "\ufeffWell;line;potency;lot\r\nA01;hMSC;7.5;007\r\nB02;;8;\r\n"),
        ("map.tsv", "row\tcolumn\tline\tpotency\tlot\nA\t1\thMSC\t7.5\t007\nB\t02\t\t8\t\n"),
    ],
)
def test_tables(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert read_platemap(tmp_path / name) == {
        "A01": {"line": "hMSC", "potency": 7.5, "lot": "007"},
        "B02": {"line": None, "potency": 8, "lot": None},
    }


@pytest.mark.parametrize("prefix", ["", "wells."])
def test_toml(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(f'[{prefix}A1]\nline = "hMSC"\npotency = 7.5\n[{prefix}B02]\npotency = 8\n')
    assert read_platemap(path) == {"A01": {"line": "hMSC", "potency": 7.5}, "B02": {"potency": 8}}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "line,potency\nx,1\n", "no column well"),
        ("m.csv", "well,line\nA1,x\na01,y\n", "line 3: well A01 a second time"),
        ("m.csv", "well,line\nZ99,x\n", "line 2: well 'Z99'"),
        ("m.csv", "well,line\nA1,x,y\n", "line 2: more cells than columns"),
        ("m.csv", "well,line\n", "no well in it"),
        ("m.csv", "well,line,line\nA1,x,y\n", "column line more than once"),
        (
            "m.csv",
            "well;target\nA1;7,5\n",
            "well A01: target '7,5': expected a number with a decimal point, such as 7.5",
        ),
        ("m.csv", "well;dose\nA1;7\nA2;0,5\n", "well A02: dose '0,5'"),
        ("m.csv", "well,line\nA1,x\0y\n", "NUL character at position 14"),
        ("m.toml", "A1 = 3\n", "expected one table per well"),
        ("m.toml", "[A1]\nx = nan\n", "expected text or a finite number"),
        ("m.toml", "[A1\n", "not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        read_platemap(tmp_path / name)


def test_no_file_and_no_utf8(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_platemap(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"well,line\nA1,\xb5\n")
    with pytest.raises(UsageError, match="not UTF-8 at byte 13"):
        read_platemap(tmp_path / "latin.csv")


def test_numbers_that_are_no_numbers_stay_text(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("well,a,b,c,d,e\nA1,nan,1_000,-1e3,1e999,0.5\n")
    assert read_platemap(tmp_path / "m.csv")["A01"] == {"a": "nan", "b": "1_000", "c": -1000.0, "d": "1e999", "e": 0.5}


def test_wells_of_the_map_are_expected_and_both_ways_noted(tmp_path: Path) -> None:
    write_plate(tmp_path / "source", ("A01", "B02"), fields=1, times=1)
    (tmp_path / "m.csv").write_text("well,line\nA1,x\nC3,y\n")
    report = ingest(
        tmp_path / "source", tmp_path / "p.zarr", pattern=PATTERN, pixel_size_um=1.0, platemap=tmp_path / "m.csv"
    )
    plate = open_plate(tmp_path / "p.zarr")
    assert plate.wells == ("A01", "B02", "C03")
    assert plate.platemap == {"A01": {"line": "x"}, "C03": {"line": "y"}}
    assert (report.n_missing, report.is_complete) == (1, False)
    notes = report.to_dict()["notes"]
    assert "wells without a row in the plate map: B02" in notes
    assert "wells of the plate map without images: C03" in notes


def test_columns_that_look_like_mistakes_are_questioned(tmp_path: Path) -> None:
    write_plate(tmp_path / "source", ("A01", "B02", "B03"), fields=1, times=1)
    (tmp_path / "m.csv").write_text("well,doner,passage,target,note\nA1,d1,3,7.5,x\nB2,d2,P4,8,1\nB3,d3,5,,\n")
    report = ingest(
        tmp_path / "source", tmp_path / "p.zarr", pattern=PATTERN, pixel_size_um=1.0, platemap=tmp_path / "m.csv"
    )
    notes = report.to_dict()["notes"]
    assert "plate map column doner: did you mean donor?" in notes
    assert "plate map column passage: 2 numbers and 1 texts, such as 'P4' in B02" in notes
    assert "plate map column note: 1 numbers and 1 texts, such as 'x' in A01" in notes
    assert not any("target" in note for note in notes)


def test_a_plate_map_can_be_corrected_by_another_ingest(tmp_path: Path) -> None:
    write_plate(tmp_path / "source", ("A01", "B02"), fields=1, times=1)
    for target in (7.5, 8.5):
        (tmp_path / "m.csv").write_text(f"well,target\nA1,{target}\nB2,1\n")
        report = ingest(
            tmp_path / "source", tmp_path / "p.zarr", pattern=PATTERN, pixel_size_um=1.0, platemap=tmp_path / "m.csv"
        )
        assert open_plate(tmp_path / "p.zarr").platemap == {"A01": {"target": target}, "B02": {"target": 1}}
    assert report.units_written == 0
