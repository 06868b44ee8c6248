"""Whether runs of one plate's name are of one plate: two plates of a name must not pass for versions of each other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from phasewell.errors import UsageError
from phasewell.names import one_line
from phasewell.tables.postgres.session import Connection
from phasewell.tables.postgres.storage import STORE
from phasewell.tables.results import Results


def check_same_plate(connection: Connection, results: Results, name: str, run_no: int) -> None:
    """Check that the runs which the database shows under a plate's name are of the plate of this run.

    They are when plate digests are equal, or when a measured frame of the same well is the same, pixel by pixel: so it
    is after a plate grew, was completed or got another plate map. Frames that were not measured do not count, because
    black frames are equal on every plate. Raises UsageError naming the other run and what to do.
    """
    others = connection.fetch(
        f"SELECT run_no, run_id, plate_digest FROM {STORE}.runs "
        "WHERE plate = $1 AND run_no <> $2 AND loaded_at IS NOT NULL ORDER BY run_no DESC",
        (name, run_no),
    )
    if not others or any(row["plate_digest"] == results.manifest.plate_digest for row in others):
        return
    if _shares_a_frame(connection, results, [int(row["run_no"]) for row in others]):
        return
    raise UsageError(
        f"{results.folder}: the database has another plate {one_line(name)} (run {others[0]['run_id'][:12]}): none of "
        "its frames is one of this run. Load this plate under a name of its own (--plate-name NAME), or, if it is the "
        "same plate from other files, with --current, which shows this run in its place; nothing of it is shown now"
    )


def _shares_a_frame(connection: Connection, results: Results, run_nos: Iterable[int]) -> bool:
    numbers = ", ".join(map(str, run_nos))
    entries = sorted((entry for entry in results.manifest.parts if entry.stage == "cells"), key=lambda each: each.well)
    for well, parts in groupby(entries, key=lambda entry: entry.well):
        found = connection.fetch(
            f"SELECT f.frame_sha256 AS digest FROM {STORE}.run_parts u JOIN {STORE}.frames f ON f.part_id = u.part_id "
            f"WHERE u.run_no IN ({numbers}) AND u.stage = 'cells' AND u.well = $1 AND f.status = 'processed'",
            (well,),
        )
        there = {row["digest"] for row in found}
        for entry in parts if there else ():
            rows = results.read_entry(entry, ("status", "frame_sha256")).to_pylist()
            if any(row["status"] == "processed" and row["frame_sha256"] in there for row in rows):
                return True
    return False
