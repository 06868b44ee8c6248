"""Two plates of one name never pass for versions of each other; the same plate, grown or measured anew, always does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from database_runs import Sample, write_database_run
from phasewell.cli import main
from phasewell.errors import UsageError
from phasewell.tables import load_run
from phasewell.tables.postgres import loading
from phasewell.tables.postgres.loading import LoadReport
from postgres_server import Server

NAME = 'screen "1"; --\n🧬'
FIRST = Sample(plate=NAME, wells=("A01", "B02"), n_times=2, scored=False)
OTHER = replace(FIRST, run="other", seed=7, state="other")  # as many wells, fields and hours, and no frame in common
Load = Callable[..., LoadReport]


@pytest.fixture
def load(server: Server, database: str, tmp_path: Path) -> Load:
    def do(sample: Sample, **options: Any) -> LoadReport:
        folder = tmp_path / sample.run
        if not folder.exists():
            write_database_run(folder, sample)
        return load_run(folder, server.dsn(database), workers=1, **options)

    return do


def current(server: Server, database: str) -> dict[str, str]:
    rows = server.query(database, "SELECT plate, run_id FROM phasewell.current_runs")
    return {row["plate"]: row["run_id"] for row in rows}


def test_another_plate_of_the_same_name_is_refused_before_a_row_is_written(
    server: Server, database: str, load: Load
) -> None:
    load(FIRST)
    with pytest.raises(UsageError, match=r"another plate screen .*--plate-name NAME.*--current") as caught:
        load(OTHER)
    assert FIRST.run_id[:12] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert current(server, database) == {NAME: FIRST.run_id}
    assert server.query(database, "SELECT count(*) AS n FROM phasewell_store.runs") == [{"n": 1}]
    assert server.query(database, "SELECT count(*) AS n FROM phasewell_store.load_ledger") == [{"n": 4}]


def test_under_a_name_of_its_own_it_stands_beside_the_first_and_keeps_it(
    server: Server, database: str, load: Load
) -> None:
    load(FIRST)
    assert load(OTHER, plate_name="screen 1, second").plate == "screen 1, second"
    assert not load(OTHER).changed  # the database remembers the name
    assert load(OTHER).plate == "screen 1, second"
    grown = replace(OTHER, run="grown", state="grown", n_times=3)
    assert load(grown, plate_name="screen 1, second").n_parts_loaded == 2
    assert current(server, database) == {NAME: FIRST.run_id, "screen 1, second": grown.run_id}
    counted = "SELECT plate, count(*) AS n FROM phasewell.current_frames GROUP BY plate ORDER BY n"
    assert server.query(database, counted) == [{"plate": NAME, "n": 12}, {"plate": "screen 1, second", "n": 18}]
    with pytest.raises(UsageError, match="is in the database as plate screen 1, second, not third"):
        load(OTHER, plate_name="third")


@pytest.mark.parametrize(
    "changes",
    [
        {"n_times": 3, "state": "grown"},  # new hours
        {"wells": ("C01", "B02"), "state": "other wells"},
        {"seed": 9},  # another configuration: other numbers, the same plate digest
    ],
)
def test_the_same_plate_is_a_new_version(server: Server, database: str, load: Load, changes: dict[str, Any]) -> None:
    load(FIRST)
    again = replace(FIRST, run="again", **changes)
    assert load(again).is_current
    assert current(server, database) == {NAME: again.run_id}


def test_the_user_may_say_that_it_is_the_same_plate(server: Server, database: str, load: Load) -> None:
    load(FIRST)
    assert load(OTHER, make_current=True).is_current
    assert current(server, database) == {NAME: OTHER.run_id}
    assert not load(FIRST).is_current
    load(replace(FIRST, run="later", state="later", n_times=3))  # of the first one's frames: no third plate
    assert len(server.query(database, "SELECT run_id FROM phasewell.runs")) == 3


def test_frames_that_are_equal_on_every_plate_prove_nothing(server: Server, database: str, load: Load) -> None:
    load(FIRST)
    black = "SELECT frame_sha256 AS digest FROM phasewell.frames WHERE status = 'quarantined'"
    (digest,) = [row["digest"] for row in server.query(database, black)]
    server.execute(database, f"UPDATE phasewell_store.frames SET frame_sha256 = '{digest}' WHERE status = 'processed'")
    with pytest.raises(UsageError, match="another plate"):
        load(replace(FIRST, run="black too", state="other"))


def test_of_two_that_come_at_once_one_is_shown(
    server: Server, database: str, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is there when the other begins; who ends second finds the first."""
    real = loading._load_parts

    def slow(*arguments: Any) -> Any:
        monkeypatch.setattr(loading, "_load_parts", real)
        load(OTHER)
        return real(*arguments)

    monkeypatch.setattr(loading, "_load_parts", slow)
    with pytest.raises(UsageError, match="another plate"):
        load(FIRST)
    assert current(server, database) == {NAME: OTHER.run_id}
    assert server.query(database, "SELECT DISTINCT run_id FROM phasewell.cells") == [{"run_id": OTHER.run_id}]
    report = load(FIRST, plate_name="first")
    assert (report.n_parts_loaded, report.is_current) == (0, True)  # its rows are there, and nobody saw them
    assert current(server, database) == {NAME: OTHER.run_id, "first": FIRST.run_id}


def test_a_plate_name_needs_a_server_and_letters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_database_run(tmp_path / "run", FIRST)
    assert main(["load", str(tmp_path / "run"), "--plate-name", "x"]) == 64
    assert main(["load", str(tmp_path / "run"), "postgresql:///x", "--plate-name", " "]) == 64
    assert capsys.readouterr().err.count("--plate-name takes a name that is not empty") == 2
