"""Load a finished run into PostgreSQL: every part once, in a transaction of its own, whatever happens on the way.

A part's rows and its line in the load ledger are committed together. Who finds the line has nothing to do: after a
kill, after a lost answer to COMMIT, and when another loader was faster. Readers see a run when its last transaction is
committed, and of every plate one current run.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from phasewell import __version__
from phasewell.errors import UnavailableError, UsageError
from phasewell.manifest import PartEntry, canonical_json
from phasewell.names import one_line
from phasewell.plate import Plate
from phasewell.tables.postgres.dsn import Dsn
from phasewell.tables.postgres.migrating import migrate, verify
from phasewell.tables.postgres.part_rows import PartRows, check_values, part_rows, with_number
from phasewell.tables.postgres.same_plate import check_same_plate
from phasewell.tables.postgres.session import PATIENCE_S, Connection, Session, TryAgainError
from phasewell.tables.postgres.storage import JSON_COLUMNS, PART_STAGES, RUN_TABLES, STORE, stored_names
from phasewell.tables.relations import table_batches
from phasewell.tables.results import Results, open_results
from phasewell.tables.schema import arrow_schema

WORKERS = 2  # connections: one stores while another reads
Unit = tuple[str, str, int]  # stage, well, time


@dataclass(frozen=True)
class LoadReport:
    """What a load did: parts and rows written by it, and what was there before."""

    run_id: str
    plate: str
    database: str  # host, port and database; never a user or password
    migrated: int  # steps of the schema that were taken
    n_parts: int
    n_parts_loaded: int
    n_parts_already: int
    n_parts_replaced: int
    rows: dict[str, int]  # written, by table
    is_current: bool
    n_retries: int

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.n_parts_loaded or self.n_parts_replaced or any(self.rows.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON takes it."""
        return asdict(self) | {"changed": self.changed}

    def to_text(self) -> str:
        """Return the report in a line."""
        if not self.changed:
            text = f"already loaded: {self.n_parts} parts, 0 rows changed"
        else:
            rows = ", ".join(f"{count} {name}" for name, count in self.rows.items() if count)
            text = f"loaded {self.n_parts_loaded} of {self.n_parts} parts ({rows})"
        state = "current" if self.is_current else "not the current run of its plate"
        return f"{self.database}: plate {one_line(self.plate)}, run {self.run_id[:12]} ({state}): {text}"


def load_run(
    run_dir: Path | str,
    dsn: Dsn,
    plate: Plate | None = None,
    *,
    make_current: bool = False,
    plate_name: str | None = None,
    workers: int = WORKERS,
    patience_s: float = PATIENCE_S,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> LoadReport:
    """Load a finished run and return what was written; a second load of the same run writes nothing.

    The schema is made or brought up to date first. A run becomes the current one of its plate when it is loaded for
    the first time, or by `make_current`. Another plate of the same name is refused, unless `make_current` says that
    it is the same one; `plate_name`, said at the first load of a run, is what the database calls the plate. `plate`
    adds what only the plate store knows; `patience_s` is how long the server may stay away, `say` is told when it
    does. Every part that is not loaded yet is checked before the first row is written.
    Raises InputError (files not finished or damaged), UsageError (rights, schema, login),
    UnavailableError (the server stayed away; the same command goes on), StorageError (the server's disk is full).
    """
    if workers < 1:
        raise UsageError(f"load: {workers} workers; expected 1 or more")
    results = open_results(run_dir)
    run_tables = _run_tables(results, plate)
    session = Session(dsn, patience_s, say)
    try:
        prepare = partial(_prepare, results=results, run=run_tables["runs"], name=plate_name, check=not make_current)
        steps, run_no, name = session.transaction(prepare)
        there = session.transaction(lambda connection: _parts_of(connection, run_no))
        entries = results.manifest.parts
        todo = [entry for entry in entries if there.get(_unit(entry)) != entry.sha256]
        for entry in todo:
            results.check_entry(entry)
        rows, copied, replaced, lost = _load_parts(
            results, todo, session, partial(Session, dsn, patience_s, say), (run_no, name), workers, progress
        )
        finish = partial(
            _finish, run_no=run_no, name=name, results=results, tables=run_tables, make_current=make_current
        )
        written, is_current = session.transaction(finish)
        rows |= {name: run_tables[name].num_rows for name in RUN_TABLES if written}
    finally:
        session.close()
    return LoadReport(
        run_id=results.manifest.run_id,
        plate=name,
        database=dsn.shown,
        migrated=steps,
        n_parts=len(entries),
        n_parts_loaded=copied,
        n_parts_already=len(entries) - len(todo),
        n_parts_replaced=replaced,
        rows=rows,
        is_current=is_current,
        n_retries=session.lost + lost,
    )


def _unit(entry: PartEntry) -> Unit:
    return entry.stage, entry.well, entry.time


def _n_frames(entry: PartEntry) -> int:
    return entry.n_processed + entry.n_quarantined + entry.n_missing


def _run_tables(results: Results, plate: Plate | None) -> dict[str, pa.Table]:
    """Return what belongs to the run as a whole, by table, with the columns of its storage."""
    tables = {}
    for name, batches in table_batches(results, plate):
        if name in RUN_TABLES or name == "runs":
            schema = arrow_schema(name)
            whole = pa.concat_tables([schema.empty_table(), *batches]).select(list(stored_names(name)))
            check_values(whole, f"{results.folder}: {name}")
            tables[name] = whole.replace_schema_metadata(None)
    return tables


def _load_parts(
    results: Results,
    entries: Sequence[PartEntry],
    first: Session,
    connect: Callable[[], Session],
    run: tuple[int, str],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[dict[str, int], int, int, int]:
    """Load parts over several connections; return (rows written by table, parts written, replaced, retries).

    While the server stores one worker's rows, another reads its part. Every worker holds one part in memory.
    """
    waiting, sessions = iter(entries), threading.local()
    rows = dict.fromkeys((*PART_STAGES, *RUN_TABLES), 0)
    copied = replaced = frames = 0

    def load(entry: PartEntry) -> tuple[PartEntry, PartRows, bool, bool]:
        part = part_rows(results.read_entry(entry), entry.stage, f"{results.folder}: {entry.well} time {entry.time}")
        work = partial(_load_part, run_no=run[0], plate=run[1], entry=entry, rows=part)
        return entry, part, *sessions.session.transaction(work)

    def enter() -> None:
        sessions.session = spare.pop() if spare else connect()
        opened.append(sessions.session)

    spare, opened = [first], list[Session]()
    with ThreadPoolExecutor(workers, "load", enter) as pool:
        running = {pool.submit(load, entry) for entry in itertools.islice(waiting, workers + 1)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(load, entry) for entry in itertools.islice(waiting, len(done))}
                for entry, part, written, was_there in (each.result() for each in done):
                    replaced += was_there
                    if written:
                        copied += 1
                        rows |= {name: rows[name] + table.num_rows for name, table in part.tables.items()}
                    frames += _n_frames(entry)
                    if progress is not None:
                        progress(frames, sum(map(_n_frames, entries)))
        finally:
            pool.shutdown(cancel_futures=True)
            for session in opened:
                session.close()
    return rows, copied, replaced, sum(session.lost for session in opened if session is not first)


def _prepare(
    connection: Connection, *, results: Results, run: pa.Table, name: str | None, check: bool
) -> tuple[int, int, str]:
    """Bring the schema up to date, check it, enter the run; return (steps of the schema, number of the run, its plate).

    What the database calls the plate of a run is said at its first load and stays.
    """
    steps = migrate(connection, __version__)
    verify(connection)
    row = run.to_pylist()[0]
    if name is not None:
        row["plate"] = name
    values = [f"CAST(${place} AS json)" if name in JSON_COLUMNS else f"${place}" for place, name in enumerate(row, 1)]
    connection.execute(
        f"INSERT INTO {STORE}.runs ({', '.join(row)}) VALUES ({', '.join(values)}) ON CONFLICT (run_id) DO NOTHING",
        tuple(row.values()),
    )
    found = connection.fetch(
        f"SELECT run_no, plate, loaded_at IS NOT NULL AS shown FROM {STORE}.runs WHERE run_id = $1", (row["run_id"],)
    )[0]
    if name is not None and found["plate"] != name:
        if found["shown"]:
            raise UsageError(
                f"{results.folder}: its run is in the database as plate {one_line(found['plate'])}, not "
                f"{one_line(name)}: load it without --plate-name"
            )
        connection.execute(f"UPDATE {STORE}.runs SET plate = $1 WHERE run_no = $2", (name, found["run_no"]))
        found["plate"] = name
    if check and not found["shown"]:
        check_same_plate(connection, results, found["plate"], found["run_no"])
    return steps, int(found["run_no"]), str(found["plate"])


def _parts_of(connection: Connection, run_no: int) -> dict[Unit, str]:
    """Return the digest of every part that is loaded for a run, by unit."""
    found = connection.fetch(
        f"SELECT u.stage, u.well, u.time, l.sha256 FROM {STORE}.run_parts u "
        f"JOIN {STORE}.load_ledger l ON l.part_id = u.part_id WHERE u.run_no = {int(run_no)}"
    )
    return {(row["stage"], row["well"], row["time"]): row["sha256"] for row in found}


def _load_part(
    connection: Connection, *, run_no: int, plate: str, entry: PartEntry, rows: PartRows
) -> tuple[bool, bool]:
    """Give the run this part for its unit; return (whether its rows were written, whether it replaced another).

    One transaction. A part that the ledger knows already, of this or another run, is only referred to.
    """
    unit = (run_no, entry.stage, entry.well, entry.time)
    connection.fetch("SELECT CAST(pg_advisory_xact_lock($1) AS text)", (_lock_of(unit),))
    found = connection.fetch(
        f"INSERT INTO {STORE}.load_ledger (sha256, stage, plate, well, time, time_h, n_frames, n_cells) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (sha256) DO NOTHING RETURNING part_id",
        (entry.sha256, entry.stage, plate, *unit[2:], rows.time_h, _n_frames(entry), entry.n_cells),
    )
    if found:
        for name, table in rows.tables.items():
            connection.copy(STORE, name, with_number("part_id", found[0]["part_id"], table))
    known = found or connection.fetch(f"SELECT part_id FROM {STORE}.load_ledger WHERE sha256 = $1", (entry.sha256,))
    if not known:
        raise TryAgainError(f"another loader removed the part of {entry.well} time {entry.time}")
    part_id = known[0]["part_id"]
    before = connection.fetch(
        f"SELECT part_id FROM {STORE}.run_parts WHERE run_no = $1 AND stage = $2 AND well = $3 AND time = $4", unit
    )
    if before and before[0]["part_id"] == part_id:
        return False, False
    connection.execute(
        f"INSERT INTO {STORE}.run_parts (run_no, stage, well, time, part_id) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (run_no, stage, well, time) DO UPDATE SET part_id = EXCLUDED.part_id",
        (*unit, part_id),
    )
    if before:
        _remove_unused(connection, before[0]["part_id"], entry.stage)
    return bool(found), bool(before)


def _lock_of(what: tuple[int, str, str, int] | str) -> int:
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:8], "big", signed=True)


def _remove_unused(connection: Connection, part_id: int, stage: str) -> None:
    """Delete a part and its rows unless a run still refers to it."""
    unused = connection.fetch(
        f"DELETE FROM {STORE}.load_ledger l WHERE l.part_id = $1 "
        f"AND NOT EXISTS (SELECT FROM {STORE}.run_parts u WHERE u.part_id = l.part_id) RETURNING l.part_id",
        (part_id,),
    )
    for table in (name for name, of in PART_STAGES.items() if unused and of == stage):
        connection.execute(f"DELETE FROM {STORE}.{table} WHERE part_id = $1", (part_id,))


def _finish(
    connection: Connection,
    *,
    run_no: int,
    name: str,
    results: Results,
    tables: dict[str, pa.Table],
    make_current: bool,
) -> tuple[bool, bool]:
    """Write what belongs to the whole run where it changed, and show the run; return (written, is current)."""
    # a server that answers COMMIT before its log is on disk must not do so here: this flush covers all parts before it
    connection.fetch(
        "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
    )
    run = connection.fetch(
        f"SELECT tables_sha256, loaded_at IS NOT NULL AS shown FROM {STORE}.runs WHERE run_no = $1 FOR UPDATE",
        (run_no,),
    )[0]
    expected = {_unit(entry): entry.sha256 for entry in results.manifest.parts}
    there = _parts_of(connection, run_no)
    for unit in sorted(set(there) - set(expected)):
        _forget_unit(connection, (run_no, *unit))
        del there[unit]
    if there != expected:
        raise UnavailableError(
            f"{results.folder}: another loader changed run {results.manifest.run_id} at the same time; load it again"
        )
    digest = _digest(tables)
    write = digest != run["tables_sha256"]
    if write:
        for table in RUN_TABLES:
            connection.execute(f"DELETE FROM {STORE}.{table} WHERE run_no = $1", (run_no,))
            connection.copy(STORE, table, with_number("run_no", run_no, tables[table]))
    if write or not run["shown"]:
        connection.execute(
            f"UPDATE {STORE}.runs SET tables_sha256 = $1, loaded_at = coalesce(loaded_at, now()) WHERE run_no = $2",
            (digest, run_no),
        )
    if make_current or not run["shown"]:
        _show(connection, run_no, name, None if make_current else results)
    current = connection.fetch(f"SELECT run_no FROM {STORE}.current_run WHERE plate = $1", (name,))
    return write, current[0]["run_no"] == run_no


def _show(connection: Connection, run_no: int, name: str, results: Results | None) -> None:
    """Make the run the current one of its plate; given `results`, check that no other plate has its name.

    Loaders of one plate's name wait for each other here: what another one has shown meanwhile is checked against.
    """
    if results is not None:
        connection.fetch("SELECT CAST(pg_advisory_xact_lock($1) AS text)", (_lock_of(name),))
        check_same_plate(connection, results, name, run_no)
    connection.execute(
        f"INSERT INTO {STORE}.current_run (plate, run_no) VALUES ($1, $2) "
        "ON CONFLICT (plate) DO UPDATE SET run_no = EXCLUDED.run_no",
        (name, run_no),
    )


def _forget_unit(connection: Connection, unit: tuple[int, str, str, int]) -> None:
    """Take a unit that the run no longer has out of it."""
    gone = connection.fetch(
        f"DELETE FROM {STORE}.run_parts WHERE run_no = $1 AND stage = $2 AND well = $3 AND time = $4 RETURNING part_id",
        unit,
    )
    for row in gone:
        _remove_unused(connection, row["part_id"], unit[1])


def _digest(tables: dict[str, pa.Table]) -> str:
    digest = hashlib.sha256()
    for name in RUN_TABLES:
        digest.update(name.encode())
        for row in tables[name].to_pylist():
            digest.update(canonical_json(row))
    return digest.hexdigest()
