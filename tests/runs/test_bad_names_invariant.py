"""Names with quotes, HTML, SQL, line ends, emoji and 255 bytes: stored as themselves, shown without being obeyed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from phasewell.cli import main
from phasewell.images import open_plate, scan
from phasewell.names import one_line, stored_name, terminal_text
from small_plate import draw_frame

PLATE = "=cmd|' /C calc'!A1 <script>alert(1)</script>; \"x\" 💥\x1b[31m"
FIELDS = (
    '"quoted" it\'s; DROP TABLE cells;--',
    "line\nbreak\ttab\rreturn",
    "<b onclick=x>&amp;</b>/../..",
    "👩‍🔬 細胞 e\u0301 \u202etxt.exe",
    "ü" * 127 + "x",  # 255 bytes
)
CLONES = {"A01": "@SUM(1)\n\x1b]0;title\x07", "B02": "<img src=x onerror=alert(1)> 'c';" + "🧫" * 55 + "xx"}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingest and run a plate of bad names through the command line; returns the folder of all of it."""
    folder = tmp_path_factory.mktemp("names")
    assert len(FIELDS[4].encode()) == 255
    rng = np.random.default_rng(1)
    (folder / "raw").mkdir()
    rows = []
    for well in CLONES:
        for number, field in enumerate(FIELDS):
            tifffile.imwrite(folder / f"raw/{well}-{number}.tif", draw_frame(rng))
            rows.append({"file": f"{well}-{number}.tif", "well": well, "field": field, "time": 0})
    write_csv(folder / "frames.csv", rows)
    write_csv(folder / "map.csv", [{"well": well, "line": clone, "target": 7} for well, clone in CLONES.items()])
    table = ["--layout", "table", "--table", str(folder / "frames.csv"), "--platemap", str(folder / "map.csv")]
    store = str(folder / "plate.zarr")
    assert main(["ingest", str(folder / "raw"), store, *table, "--pixel-size-um", "1.5", "--name", PLATE, "-q"]) == 0
    config = folder / "run.toml"
    assert main(["config", "init", str(config), "--store", store, "--output", str(folder / "run")]) == 0
    assert main(["run", str(config), "-q"]) == 0
    return folder


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_the_store_keeps_the_names(run_dir: Path) -> None:
    plate = open_plate(run_dir / "plate.zarr")
    assert plate.name == PLATE
    assert sorted(field.name for field in plate.fields) == sorted(FIELDS)
    assert {well: notes["line"] for well, notes in plate.platemap.items()} == {w: c.strip() for w, c in CLONES.items()}


def test_every_export_keeps_the_names(run_dir: Path, tmp_path: Path) -> None:
    for to in ("parquet", "csv", "duckdb", "cytominer", "json", "anndata"):
        assert main(["export", str(run_dir / "run"), str(tmp_path / to), "--to", to]) == 0
    frames = pq.read_table(tmp_path / "parquet/frames.parquet")
    assert set(frames.column("plate").to_pylist()) == {PLATE}
    assert set(frames.column("field").to_pylist()) == set(FIELDS)
    with duckdb.connect(str(tmp_path / "duckdb/results.duckdb"), read_only=True) as connection:
        assert {row[0] for row in connection.execute("SELECT field FROM fields").fetchall()} == set(FIELDS)
        assert connection.execute("SELECT plate FROM plates").fetchall() == [(PLATE,)]
    with (tmp_path / "csv/frames.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert all(len(row) == len(rows[0]) for row in rows)
    assert dict(zip(*rows[:2], strict=True))["time_h"] == "h"  # the row of units, unless it is not wanted
    assert main(["export", str(run_dir / "run"), str(tmp_path / "plain"), "--to", "csv", "--no-units-row"]) == 0
    with (tmp_path / "plain/frames.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [rows[0], *rows[2:]]
    assert {row[0] for row in rows[2:]} == {f"'{PLATE}"}  # disarmed for spreadsheets
    assert {row[2] for row in rows[2:]} == set(FIELDS)
    document = json.loads((tmp_path / "json/A01.json").read_text("utf-8"))
    assert (document["plate"], document["annotations"]["line"]) == (PLATE, CLONES["A01"].strip())
    wide = pq.read_table(tmp_path / "cytominer/profiles_wide.parquet")
    assert wide.column("Metadata_line").to_pylist() == [clone.strip() for clone in CLONES.values()]


@pytest.mark.parametrize("verb", ["ingest", "plan", "status", "validate", "wrong"])
def test_a_terminal_sees_no_control_character(run_dir: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    store, config = str(run_dir / "plate.zarr"), str(run_dir / "run.toml")
    table = ["--layout", "table", "--table", str(run_dir / "frames.csv"), "--pixel-size-um", "1.5"]
    arguments = {
        "ingest": ["ingest", str(run_dir / "raw"), store, *table, "--name", PLATE, "--dry-run"],
        "plan": ["plan", config],
        "status": ["status", str(run_dir / "run")],
        "validate": ["validate", store],
        "wrong": ["ingest", str(run_dir / "raw"), store, *table, "--name", f"{PLATE} other", "-q"],
    }[verb]
    code = main(arguments)
    shown = "".join(capsys.readouterr())
    assert code == (64 if verb == "wrong" else 0)
    assert not any(mark in shown for mark in ("\x1b", "\x07", "\r", "\t", "\u202e"))
    if verb != "status":
        assert "💥" in shown and "<script>alert(1)</script>" in shown


def test_names_of_files_are_kept_with_line_ends_and_foreign_bytes(tmp_path: Path) -> None:
    for field in ("a\nb", "c 🧫", "d"):
        tifffile.imwrite(tmp_path / f"A01_s{field}.tif", np.full((9, 9), 3, np.uint8))
    (tmp_path / "A01_sd.tif").rename(tmp_path / "A01_s\udcff.tif")  # a byte that is no UTF-8
    found = scan(tmp_path, pattern=r"(?P<well>A\d+)_s(?P<field>.+)\.tif", pixel_size_um=1.0)
    assert {frame.key.field for frame in found.usable} == {"a\nb", "c 🧫", "\\udcff"}


def test_a_well_that_is_no_well_is_named_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wells = ("A01", "<b>'; DROP TABLE wells;--\n\x1b[31m", "🧫")
    for number in range(len(wells)):
        tifffile.imwrite(tmp_path / f"{number}.tif", np.full((9, 9), 3, np.uint8))
    write_csv(tmp_path / "t.csv", [{"file": f"{n}.tif", "well": well} for n, well in enumerate(wells)])
    arguments = ["ingest", str(tmp_path), str(tmp_path / "x.zarr"), "--table", "t.csv", "--pixel-size-um", "1"]
    assert main([*arguments, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "2 quarantined" in shown and "bad_index" in shown and "🧫" in shown and "<b>" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ascii ~", "plain ascii ~"),
        ("細胞 👩‍🔬 naïve\u00a0x", "細胞 👩‍🔬 naïve\u00a0x"),
        ("a\nb\x1b[2J\x7f\x85\u2028", "a\\nb\\x1b[2J\\x7f\\x85\\u2028"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
        ("\udcff", "\\udcff"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert terminal_text(f"x\n{text}".replace("\nb", "b")).count("\n") == 1


def test_a_terminal_without_unicode_gets_escapes() -> None:
    assert terminal_text("é 🧫\nx", "ascii") == "\\xe9 \\U0001f9eb\nx"
    assert terminal_text("é", "latin-1") == "é"


def test_stored_name() -> None:
    assert stored_name("é 🧫\n<b>") == "é 🧫\n<b>"
    assert stored_name("x\udc80").encode() == b"x\\udc80"
