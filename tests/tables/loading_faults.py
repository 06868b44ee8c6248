"""What can go wrong while a run is loaded, done for real: loaders killed, the server stopped, connections cut.

Short in the tests; the long campaign is `make load-faults`.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from database_runs import Sample, write_database_run
from phasewell.tables import load_run, open_results
from phasewell.tables.postgres.dsn import parse_dsn
from phasewell.tables.postgres.migrating import migrations
from phasewell.tables.relations import table_batches
from phasewell.tables.schema import arrow_schema
from postgres_server import Server, running_server

SAMPLE = Sample(wells=("A01", "A02", "B01"), n_times=4)
_children = multiprocessing.get_context("forkserver")
_children.set_forkserver_preload(["loading_faults"])  # a loader starts in milliseconds: its imports are done once


def load_in_child(run: str, uri: str, pause_s: float, told: Any, parts: Any) -> None:
    """Load a run as a process of its own does; `pause_s` after every part leaves room for faults."""

    def tell(_done: int, _total: int) -> None:
        parts.value += 1
        time.sleep(pause_s)

    report = load_run(Path(run), parse_dsn(uri, "test"), workers=2, progress=tell, patience_s=120)
    told.put(report.to_dict())


class Loader:
    """A loader in a process of its own; `parts` counts what it has committed."""

    def __init__(self, run: Path, uri: str, pause_s: float = 0.0) -> None:
        self._told: Any = _children.Queue()
        self.parts: Any = _children.Value("i", 0)
        given = (str(run), uri, pause_s, self._told, self.parts)
        self.process = _children.Process(target=load_in_child, args=given)
        self.process.start()

    def wait_for_parts(self, n: int) -> None:
        """Wait until it has committed n parts, or has ended."""
        while self.parts.value < n and self.process.is_alive():
            time.sleep(0.002)

    def finish(self) -> dict[str, Any]:
        """Wait for the end and return the report."""
        report: dict[str, Any] = self._told.get(timeout=300)
        self.process.join()
        assert self.process.exitcode == 0
        return report

    def kill(self) -> bool:
        """Kill it with SIGKILL; return whether it was still at work."""
        self.process.kill()
        self.process.join()
        return self.process.exitcode == -signal.SIGKILL


def expected_rows(run: Path) -> dict[str, list[str]]:
    """Return the rows of every table of a run as its files have them, sorted."""
    made = table_batches(open_results(run))
    tables = {name: pa.concat_tables([arrow_schema(name).empty_table(), *batches]) for name, batches in made}
    return {name: sorted(map(repr, table.to_pylist())) for name, table in tables.items()}


def check_whole(server: Server, database: str, run: Path) -> None:
    """Check that the database holds exactly the files' rows, each once: what a clean load gives."""
    for name, rows in expected_rows(run).items():
        names = ", ".join(arrow_schema(name).names)
        table = server.table(database, f"SELECT {names} FROM phasewell.{name}")
        assert sorted(map(repr, table.to_pylist())) == rows, f"{name} differs from a clean load"
    check_parts(server, database)


def check_parts(server: Server, database: str) -> int:
    """Check that every part in the ledger is there with all its rows and nothing else is; return how many there are."""
    parts = server.query(
        database,
        "SELECT l.stage, l.n_frames, l.n_cells, (SELECT count(*) FROM phasewell_store.cells c "
        "WHERE c.part_id = l.part_id) AS cells, (SELECT count(*) FROM phasewell_store.frames f "
        "WHERE f.part_id = l.part_id) AS frames, (SELECT count(*) FROM phasewell_store.scores s "
        "WHERE s.part_id = l.part_id) AS scores FROM phasewell_store.load_ledger l",
    )
    for part in parts:
        assert part["cells"] == part["n_cells"]
        assert part["frames"] == (part["n_frames"] if part["stage"] == "cells" else 0)
        assert part["scores"] == (2 * part["n_frames"] if part["stage"] == "scores" else 0)
    for table in ("cells", "frames", "moments", "scores"):
        orphans = f"SELECT count(*) AS n FROM phasewell_store.{table} t WHERE NOT EXISTS "
        orphans += "(SELECT FROM phasewell_store.load_ledger l WHERE l.part_id = t.part_id)"
        assert server.query(database, orphans) == [{"n": 0}], table
    return len(parts)


def kill_loaders(server: Server, run: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill loaders at random moments until `kills` were at work; a load that ends before is checked and begun anew."""
    rng, databases, killed, ended = random.Random(seed), itertools.count(), 0, 0
    seen: list[int] = []
    database = server.create(f"killed{next(databases)}")
    while killed < kills:
        loader = Loader(run, server.uri(database), pause_s=0.01)
        loader.wait_for_parts(rng.randrange(0, 8))
        time.sleep(rng.uniform(0, 0.05))
        if loader.kill():
            killed += 1
            there = server.query(database, "SELECT to_regclass('phasewell_store.load_ledger') IS NOT NULL AS there")
            seen.append(check_parts(server, database) if there[0]["there"] else -1)
        else:
            ended += 1
            check_whole(server, database, run)
            database = server.create(f"killed{next(databases)}")
    Loader(run, server.uri(database)).finish()
    check_whole(server, database, run)
    return {"killed": killed, "ended_before": ended, "parts_after_each_kill": seen}


def stop_server(server: Server, run: Path, away_s: float, how: signal.Signals) -> dict[str, Any]:
    """Stop the server while a loader is at work, and start it again after `away_s`; the loader ends by itself."""
    database = server.create(f"stopped{how.name}")
    loader = Loader(run, server.uri(database), pause_s=0.05)
    loader.wait_for_parts(2)
    server.stop(how)
    time.sleep(away_s)
    assert loader.process.is_alive()
    server.start()
    report = loader.finish()
    check_whole(server, database, run)
    assert report["n_retries"] >= 1
    return {"how": how.name, "away_s": away_s, "retries": report["n_retries"]}


def load_together(server: Server, run: Path, loaders: int) -> dict[str, Any]:
    """Start several loaders of one run at once on an empty database: every part is written by one of them."""
    database = server.create("together")
    running = [Loader(run, server.uri(database)) for _ in range(loaders)]
    reports = [loader.finish() for loader in running]
    check_whole(server, database, run)
    written = [report["n_parts_loaded"] for report in reports]
    assert sum(written) == len(open_results(run).manifest.parts)
    assert sorted(report["migrated"] for report in reports) == [0] * (loaders - 1) + [len(migrations())]
    return {"written": written}


class CuttingProxy:
    """Passes bytes between loader and server, and cuts the connection at a COMMIT.

    `cut` "before": the server never hears of it. "after": the server has committed, its answer is lost.
    """

    def __init__(self, server: Server, cut: str, every: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="phasewell-cut-"))
        self._target = f"{server.socket_folder}/.s.PGSQL.5432"
        self._cut, self._every, self._commits, self.cuts = cut, every, 0, 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def uri(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def close(self) -> None:
        self._listener.close()
        (self.folder / ".s.PGSQL.5432").unlink()
        self.folder.rmdir()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.connect(self._target)
        swallow = threading.Event()

        def back() -> None:
            while data := server.recv(1 << 16):
                if swallow.is_set():  # the answer to COMMIT: the server has done it
                    break
                client.sendall(data)
            _hang_up(client, server)

        threading.Thread(target=_quietly, args=(back,), daemon=True).start()

        def forth() -> None:
            while data := client.recv(1 << 16):
                if data.startswith(b"Q") and b"COMMIT" in data[:20]:
                    self._commits += 1
                    if self._commits % self._every == 0:
                        self.cuts += 1
                        if self._cut == "before":
                            break
                        swallow.set()
                        server.sendall(data)
                        return
                server.sendall(data)
            _hang_up(client, server)

        _quietly(forth)


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except OSError:
        return


def _hang_up(*sockets: socket.socket) -> None:
    for each in sockets:
        _quietly(lambda each=each: each.shutdown(socket.SHUT_RDWR))  # type: ignore[misc]
        each.close()


def cut_commits(server: Server, run: Path, cut: str, every: int) -> dict[str, Any]:
    """Load through a proxy that cuts the connection at every n-th COMMIT; the load ends whole all the same."""
    database = server.create(f"cut{cut}")
    proxy = CuttingProxy(server, cut, every)
    report = load_run(run, parse_dsn(proxy.uri(database), "test"), workers=1, patience_s=60)
    proxy.close()
    check_whole(server, database, run)
    assert proxy.cuts >= 2
    assert report.n_retries >= proxy.cuts
    return {"cut": cut, "cuts": proxy.cuts, "retries": report.n_retries}


def main() -> int:
    """Run the long campaign and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--away-s", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_server(durable=True) as server:
        run = write_database_run(Path(folder) / "run", replace(SAMPLE, n_times=12, cells_per_field=60))
        print("kill -9:", kill_loaders(server, run, given.kills, given.seed), flush=True)
        for how in (signal.SIGINT, signal.SIGQUIT):
            print("server stopped:", stop_server(server, run, given.away_s, how), flush=True)
        print("loaders at once:", load_together(server, run, 3), flush=True)
        for cut in ("before", "after"):
            print("COMMIT cut:", cut_commits(server, run, cut, 7), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
