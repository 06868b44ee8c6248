"""An export that is killed at any step leaves old files or new ones, whole, and the next one clears what it left."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from database_runs import Sample, write_database_run
from phasewell.durable import temporary_beside
from phasewell.errors import OutputError
from phasewell.tables import build_database, export

SAMPLE = Sample(wells=("A01",), n_times=1, scored=False, faulty=False)
OLD = {"json": b"{}\n", "duckdb": b"an older database"}


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, int]]:
    """Return (run, folder with TO/K/ as a kill before step K left it, steps by format); the last K was not killed."""
    folder = tmp_path_factory.mktemp("killed")
    run = write_database_run(folder / "run", SAMPLE)
    for to, name in (("json", "A01.json"), ("duckdb", "results.duckdb")):
        (folder / f"{to}-old").mkdir()
        (folder / f"{to}-old" / name).write_bytes(OLD[to])
    command = [sys.executable, str(Path(__file__).with_name("killed_export.py")), str(run), str(folder), *OLD]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {document["to"]: document["steps"] for document in map(json.loads, lines)}
    return run, folder, found


def test_files_are_old_or_new_and_whole_after_a_kill_at_any_step(killed: tuple[Path, Path, dict[str, int]]) -> None:
    run, folder, steps = killed
    new = digests(folder / "json" / str(steps["json"]))
    assert set(new) == {"A01.json", "plate.json", "well.schema.json"}
    assert steps["json"] > 9
    old = hashlib.sha256(OLD["json"]).hexdigest()
    leftovers = 0
    for number in range(1, steps["json"]):
        output = folder / "json" / str(number)
        for name, digest in digests(output).items():
            leftovers += name.startswith(".")
            assert name.startswith(".") or digest == new[name] or (name, digest) == ("A01.json", old), (number, name)
        if number % 6 == 0:
            export(run, "json", output)
            assert digests(output) == new, number
    assert leftovers > 0, "no kill met a file that was being written"


def test_a_database_is_the_old_one_or_the_new_one_after_a_kill_at_any_step(
    killed: tuple[Path, Path, dict[str, int]],
) -> None:
    run, folder, steps = killed
    assert steps["duckdb"] > 3
    states = []
    for number in range(1, steps["duckdb"] + 1):
        output = folder / "duckdb" / str(number)
        path = output / "results.duckdb"
        states.append("old" if path.read_bytes() == OLD["duckdb"] else "new")
        if states[-1] == "new":
            with duckdb.connect(str(path), read_only=True) as database:
                assert database.execute("SELECT count(*) FROM current_frames").fetchall() == [(3,)]
    assert states == sorted(states, reverse=True)
    assert set(states) == {"old", "new"}
    output = folder / "duckdb" / str(states.count("old"))
    build_database(run, output / "results.duckdb")
    assert [path.name for path in output.iterdir()] == ["results.duckdb"]


def test_what_a_process_at_work_writes_is_left_alone(tmp_path: Path) -> None:
    run = write_database_run(tmp_path / "run", SAMPLE)
    mine = temporary_beside(tmp_path / "out" / "A01.json")  # of a process that is alive: this one
    mine.parent.mkdir()
    mine.write_text("half")
    ended = mine.with_name(mine.name.replace(f".{os.getpid()}.", ".999999999."))
    ended.write_text("half")
    export(run, "json", mine.parent)
    assert mine.exists()
    assert not ended.exists()


@pytest.mark.parametrize("to", ["csv", "parquet", "json", "cytominer", "duckdb"])
def test_a_place_where_nobody_may_write_is_named(tmp_path: Path, to: str) -> None:
    run = write_database_run(tmp_path / "run", SAMPLE)
    before = digests(run / "parts" / "cells")
    with pytest.raises(OutputError, match=r"^/proc/phasewell.*give another") as caught:
        export(run, to, "/proc/phasewell")  # type: ignore[arg-type]
    assert caught.value.exit_code == 73
    assert digests(run / "parts" / "cells") == before
