"""Whatever happens to a load, the database ends as after a clean one: every row once, none missing."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from database_runs import write_database_run
from loading_faults import (
    SAMPLE,
    check_parts,
    check_whole,
    cut_commits,
    kill_loaders,
    load_together,
    stop_server,
)
from phasewell.errors import StorageError, UnavailableError
from phasewell.tables import load_run, open_results
from phasewell.tables.postgres.session import Connection
from postgres_server import Server, running_server


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_database_run(tmp_path_factory.mktemp("faults") / "run", SAMPLE)


def test_loaders_killed_at_random_moments_leave_whole_parts_and_a_whole_end(server: Server, run_dir: Path) -> None:
    done = kill_loaders(server, run_dir, kills=6, seed=3)
    assert done["killed"] == 6
    assert len(set(done["parts_after_each_kill"])) > 2


def test_loaders_at_once_write_every_part_once(server: Server, run_dir: Path) -> None:
    load_together(server, run_dir, 3)


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_whose_answer_is_cut_is_looked_up(server: Server, run_dir: Path, cut: str) -> None:
    cut_commits(server, run_dir, cut, every=5)


def test_a_server_that_stops_is_waited_for_and_one_that_stays_away_ends_in_69(run_dir: Path) -> None:
    with running_server() as own:
        for how in (signal.SIGINT, signal.SIGQUIT):
            stop_server(own, run_dir, 0.5, how)
        database = own.create("gone")
        files = {path: hashlib.sha256(path.read_bytes()).digest() for path in run_dir.rglob("*") if path.is_file()}
        dsn, said = own.dsn(database), list[str]()
        seen = 0

        def stop_after_three(done: int, _total: int) -> None:
            nonlocal seen
            seen += 1
            if seen == 3:
                own.stop(signal.SIGQUIT)

        with pytest.raises(UnavailableError, match="stayed away") as caught:
            load_run(run_dir, dsn, progress=stop_after_three, patience_s=1.0, workers=1, say=said.append)
        assert caught.value.exit_code == 69
        assert "the run's files are complete" in str(caught.value)
        assert any("trying again" in line for line in said)
        with pytest.raises(UnavailableError, match="stayed away"):
            load_run(run_dir, dsn, patience_s=0.5)
        assert files == {path: hashlib.sha256(path.read_bytes()).digest() for path in files}
        own.start()
        assert check_parts(own, database) >= 3
        load_run(run_dir, dsn)
        check_whole(own, database, run_dir)


def test_a_loader_that_hangs_inside_a_part_does_not_stop_another(server: Server, database: str, run_dir: Path) -> None:
    """Its transaction holds the part; the server ends idle ones, and the other loader tries again."""
    load_run(run_dir, server.dsn(database))
    server.execute(database, "DELETE FROM phasewell_store.run_parts", "DELETE FROM phasewell_store.load_ledger")
    for table in ("cells", "frames", "moments", "scores"):
        server.execute(database, f"DELETE FROM phasewell_store.{table}")
    hung = Connection(server.dsn(database))
    first = hashlib.sha256(b"").hexdigest()
    hung.execute("SET idle_in_transaction_session_timeout = '700ms'")
    hung.execute(
        "INSERT INTO phasewell_store.load_ledger (sha256, stage, plate, well, time, time_h, n_frames, n_cells) "
        f"VALUES ('{first}', 'cells', 'x', 'A01', 0, 0, 0, 0)"
    )
    hung.execute("LOCK TABLE phasewell_store.frames IN ACCESS EXCLUSIVE MODE")
    load_run(run_dir, server.dsn(database))
    hung.close()
    check_whole(server, database, run_dir)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder of 24 MB that the server's user may write; skips by name without the right to mount."""
    folder = Path(tempfile.mkdtemp(prefix="phasewell-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("needs the right to mount a small file system")
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def test_a_full_disk_of_the_server_ends_in_74_and_the_same_command_goes_on(small_disk: Path, tmp_path: Path) -> None:
    sample = replace(SAMPLE, cells_per_field=4000, scored=False)
    run = write_database_run(tmp_path / "run", sample)
    with running_server() as own:
        place = small_disk / "space"
        place.mkdir()
        if os.geteuid() == 0:
            shutil.chown(place, "pgserver")  # the user as whom the wheel runs a server of root
        own.execute(
            "postgres", f"CREATE TABLESPACE small LOCATION '{place}'", "CREATE DATABASE crowded TABLESPACE small"
        )
        with pytest.raises(StorageError, match="disk is full") as caught:
            load_run(run, own.dsn("crowded"), workers=1)
        assert caught.value.exit_code == 74
        assert check_parts(own, "crowded") >= 1
        assert own.query("crowded", "SELECT count(*) AS n FROM phasewell.runs") == [{"n": 0}]
        subprocess.run(["mount", "-o", "remount,size=256m", small_disk], check=True)
        load_run(run, own.dsn("crowded"), workers=1)
        assert check_parts(own, "crowded") == len(open_results(run).manifest.parts)
        assert own.query("crowded", "SELECT count(*) AS n FROM phasewell.current_runs") == [{"n": 1}]
        own.stop(signal.SIGINT)
