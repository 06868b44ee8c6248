"""One session with a server: statements, transactions that are tried again while the server is away, and its errors."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from phasewell.errors import InputError, PhasewellError, StorageError, UnavailableError, UsageError
from phasewell.tables.postgres.dsn import Dsn

T = TypeVar("T")
PATIENCE_S = 600.0  # how long a server may stay away
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
LOCK_TIMEOUT_S = 30
# what passes by itself: connection lost, server stopping or starting, too many connections, serialisation, deadlock,
# lock timeout, a part another loader replaced between two statements
_PASSING = re.compile("08(?!P01)|57P|53300|53400|40001|40P01|55P03|55006|23503|25006")
_CONFIGURATION = re.compile("28|3D|3F|42|0A|2BP01|25P0[34]")  # rights, names, types: only a person can mend it
_REFUSED_AT_DOOR = re.compile(
    r"password authentication failed|no password supplied|role .* does not exist|database .* does not exist"
    r"|no pg_hba\.conf entry|is not permitted to log in|permission denied for database|invalid (connection option"
    r"|URI query parameter|integer value|sslmode value|port number)|does not support SSL|certificate"
)


class Connection:
    """One open connection, always inside a transaction; errors are those of the driver."""

    def __init__(self, dsn: Dsn) -> None:
        """Connect, and set what keeps a lost loader from blocking others."""
        from adbc_driver_postgresql import dbapi

        self._connection = dbapi.connect(dsn.conninfo)
        try:
            self.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
            self.execute("SET idle_in_transaction_session_timeout = '300s'")
            self.execute("SET standard_conforming_strings = on")
            self.commit()
        except BaseException:
            self.close()
            raise

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement that returns nothing; parameters are $1, $2, ..."""
        with self._cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of one statement, each by the names of its columns."""
        with self._cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return [dict(row) for row in cursor.fetch_arrow_table().to_pylist()]

    def copy(self, schema: str, table: str, rows: pa.Table) -> None:
        """Append rows by binary COPY; their columns are found by name and must have exactly the table's types."""
        if rows.num_rows:
            with self._cursor() as cursor:
                cursor.adbc_ingest(table, rows, mode="append", db_schema_name=schema)

    def commit(self) -> None:
        """Commit the open transaction; the next statement begins another."""
        self._connection.commit()

    def close(self) -> None:
        """Close without a word: what was not committed is undone by the server."""
        with contextlib.suppress(Exception):
            self._connection.close()

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            with contextlib.suppress(Exception):  # of a lost connection; what happened is raised already
                cursor.close()


class TryAgainError(Exception):
    """What the work found changed under its hands; the transaction is tried again like one that was lost."""


class Session:
    """Transactions with one server, each tried again on a new connection until it is known to be committed.

    The work given to `transaction` must find out by itself what an earlier try has committed: the answer to a COMMIT
    may be lost. `say` is told when the server is waited for.
    """

    def __init__(self, dsn: Dsn, patience_s: float = PATIENCE_S, say: Callable[[str], None] = lambda _: None) -> None:
        """Keep what is needed to connect; nothing connects yet."""
        self._dsn, self._patience_s, self._say = dsn, patience_s, say
        self._connection: Connection | None = None
        self.lost = 0  # tries that failed

    def transaction(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns once its transaction is committed.

        Raises UnavailableError when the server stays away longer than the patience, and at once what only a person
        can mend: UsageError (rights, names), StorageError (the server's disk is full), InputError (refused data).
        """
        from adbc_driver_manager import Error

        started, pause = None, FIRST_PAUSE_S
        while True:
            try:
                self._connection = self._connection or Connection(self._dsn)
                result = work(self._connection)
                self._connection.commit()
                return result
            except Error as error:
                at_door = self._connection is None
                self.close()
                failure = explain(error, self._dsn, at_door)
                if failure is not None:
                    raise failure from None  # the driver's own text may hold the DSN
                reason = driver_message(self._dsn.redact(str(error)))
            except TryAgainError as error:
                self.close()
                reason = str(error)
            except BaseException:
                self.close()  # the transaction is undone
                raise
            self.lost += 1
            now = time.monotonic()
            started = now if started is None else started
            if now - started + pause > self._patience_s:
                raise UnavailableError(
                    f"{self._dsn.shown}: the database stayed away for {now - started:.0f} s ({reason}); nothing is "
                    "half loaded and the run's files are complete: run the same command again when the database is back"
                ) from None
            self._say(f"{self._dsn.shown}: {reason}; trying again in {pause:.1f} s")
            time.sleep(pause * random.uniform(0.75, 1.0))  # two loaders that met do not meet again
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def explain(error: Any, dsn: Dsn, at_door: bool) -> PhasewellError | None:
    """Return the error that a driver's error is for the user; None when it may pass by itself.

    `at_door`: while connecting, when the driver knows no SQLSTATE.
    """
    text = driver_message(dsn.redact(str(error)))
    state = getattr(error, "sqlstate", None) or ""
    if not state:
        state = found[1] if (found := re.search(r"SQLSTATE: (\w{5})", text)) else ""
    if not state:
        if at_door and _REFUSED_AT_DOOR.search(text):
            return UsageError(f"{dsn.shown}: {text}; check user, password and database")
        lost = at_door or "server" in text or "connection" in text or "SSL" in text
        return None if lost else UnavailableError(f"{dsn.shown}: {text}; nothing of this part was loaded")
    if _PASSING.match(state):
        return None
    if state == "53100":
        return StorageError(f"{dsn.shown}: the server's disk is full ({text}); make room, then run the command again")
    if _CONFIGURATION.match(state):
        return UsageError(f"{dsn.shown}: {text}; nothing of this part was loaded; ask who runs the database")
    if state[:2] in ("22", "23"):
        return InputError(f"{dsn.shown}: the database refused rows: {text}; nothing of this part was loaded")
    return UnavailableError(f"{dsn.shown}: {text}; nothing of this part was loaded")


def driver_message(text: str) -> str:
    """Return the driver's message on one line, without the statement that it repeats."""
    text = re.split(r"\s*Query was:", text)[0] + "".join(re.findall(r"\s*SQLSTATE: \w+", text)[-1:])
    return " ".join(text.split())
