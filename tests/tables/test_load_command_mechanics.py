"""The command `load` on a run the product made: DuckDB without a database, PostgreSQL with one, no secret anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from phasewell.cli import main
from phasewell.errors import InputError, PhasewellError, StorageError, UnavailableError, UsageError
from phasewell.tables.postgres.dsn import VARIABLE, parse_dsn
from phasewell.tables.postgres.session import explain
from postgres_server import Server

SECRET = "hunter2-s3cret"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command")
    plate = ["simulate", str(folder / "plate.zarr"), "--clones", "2", "--fields", "2", "--times", "2", "--size", "160"]
    assert main([*plate, "-q"]) == 0
    config = ['[plate]\nstore = "plate.zarr"', '[run]\noutput = "run"', '[compute]\ndevice = "cpu"']
    (folder / "run.toml").write_text("\n".join(config) + "\n")
    assert main(["run", str(folder / "run.toml"), "-q"]) == 0
    return folder / "run"


def said(capfd: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    out, err = capfd.readouterr()
    return json.loads(out), err


def test_a_run_of_the_product_is_loaded_and_no_file_of_it_changes(
    server: Server, database: str, run_dir: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    # the server trusts its socket: a password is sent along and must show up nowhere
    dsn = server.uri(database).replace("postgres@", f"postgres:{SECRET}@")
    monkeypatch.setenv(VARIABLE, dsn)
    assert main(["load", str(run_dir), "--json"]) == 0
    document, text = said(capfd)
    assert document["n_parts_loaded"] == document["n_parts"] == 4
    assert document["rows"]["frames"] == 8
    assert SECRET not in json.dumps(document) + text
    assert main(["load", str(run_dir), "--json", "--current"]) == 0
    assert said(capfd)[0]["changed"] is False
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before
    clones = server.query(database, "SELECT annotations ->> 'clone' AS c FROM phasewell.current_wells ORDER BY well")
    assert len({row["c"] for row in clones}) == 2
    stored = server.query(database, "SELECT string_agg(query, ' ') AS q FROM pg_stat_activity")
    assert SECRET not in str(stored)
    assert main(["report", str(run_dir)]) == 0
    for path in run_dir.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_without_a_database_it_is_duckdb(
    run_dir: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert main(["load", str(run_dir), "--json"]) == 0
    path = Path(said(capfd)[0]["database"])
    assert path == run_dir / "results.duckdb"
    with duckdb.connect(str(path), read_only=True) as embedded:
        assert embedded.execute("SELECT count(*) FROM current_frames").fetchall() == [(8,)]
    path.unlink()


def test_a_server_that_is_not_there_ends_in_69_and_says_what_to_do(
    run_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dsn"
    file.write_text(f"postgresql://ann:{SECRET}@/x?host={tmp_path}")
    assert main(["load", str(run_dir), "--dsn-file", str(file), "--patience-s", "0.3"]) == 69
    text = "".join(capfd.readouterr())
    assert "run the same command again" in text
    assert "trying again" in text
    assert SECRET not in text
    assert main(["load", str(run_dir), "--dsn-file", str(file), "--workers", "0"]) == 64


def test_nobody_else_on_the_machine_sees_the_password(run_dir: Path, tmp_path: Path) -> None:
    """Words of the command line are public: the loader is given the DSN in its environment, and shows none of it."""
    dsn = f"postgresql://ann:{SECRET}@/x?host={tmp_path}"
    command = [sys.executable, "-m", "phasewell", "load", str(run_dir), "--patience-s", "1"]
    with subprocess.Popen(command, env={**os.environ, VARIABLE: dsn}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        rest = process.stderr.read()
    assert process.returncode == 69
    assert SECRET.encode() not in words
    assert SECRET not in first + rest
    assert "Traceback" not in first + rest


class RefusedError(Exception):
    """What the driver raises."""

    def __init__(self, text: str, sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "at_door", "kind"),
    [
        (RefusedError("[libpq] Failed to connect: FATAL:  password authentication failed for user"), True, UsageError),
        (RefusedError("[libpq] Failed to connect: FATAL:  the database system is starting up"), True, None),
        (RefusedError("[libpq] Failed to connect: Connection refused"), True, None),
        (RefusedError("terminating connection due to administrator command"), False, None),
        (RefusedError("server closed the connection unexpectedly"), False, None),
        (RefusedError("deadlock detected", "40P01"), False, None),
        (RefusedError("canceling statement due to lock timeout", "55P03"), False, None),
        (RefusedError("cannot execute INSERT in a read-only transaction", "25006"), False, None),
        (RefusedError("could not extend file: No space left on device", "53100"), False, StorageError),
        (RefusedError("permission denied for table cells", "42501"), False, UsageError),
        (RefusedError("relation does not exist. SQLSTATE: 42P01"), False, UsageError),
        (RefusedError("duplicate key value violates unique constraint", "23505"), False, InputError),
        (RefusedError("invalid byte sequence", "22021"), False, InputError),
        (RefusedError("internal error", "XX000"), False, UnavailableError),
        (RefusedError("nothing anybody knows"), False, UnavailableError),
    ],
)
def test_an_error_of_the_server_is_waited_out_or_named(
    error: RefusedError, at_door: bool, kind: type[PhasewellError] | None
) -> None:
    dsn = parse_dsn(f"postgresql://ann:{SECRET}@db.lab/results", "test")
    error.args = (f"{error.args[0]} {SECRET}",)
    found = explain(error, dsn, at_door)
    assert type(found) is (type(None) if kind is None else kind)
    assert found is None or (SECRET not in str(found) and "db.lab" in str(found))
