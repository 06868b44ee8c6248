"""How far a run is, seen from any shell that sees its folder; writes nothing."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from phasewell.errors import InputError
from phasewell.runs.commit import MANIFEST_NAME, read_run_document
from phasewell.runs.ledger import CELLS, SCORES, parts_folder
from phasewell.runs.lock import is_locked, lock_holder
from phasewell.runs.observation import BEAT_S, HEARTBEAT_NAME, STATUS_NAME
from phasewell.tables.parts import find_parts

_SILENT_BEATS = 15  # without a heartbeat for that long the driver is not working


def status(run_dir: Path | str) -> dict[str, Any]:
    """Return the state of a run as a JSON document.

    `state` is running, stalled, interrupted, failed, incomplete or done; counts are frames. `stalled` means that the
    lock is held but the heartbeat has stopped, or that no unit ended within the run's stall timeout.
    Raises InputError when the folder is no run.
    """
    folder = Path(run_dir)
    document = read_run_document(folder)
    if not document:
        raise InputError(f"{folder}: no run.json: no run here; start one with `phasewell run`")
    beat, end = _read(folder / HEARTBEAT_NAME), _read(folder / STATUS_NAME)
    running = is_locked(folder)
    age_s = _age_s(beat.get("at"))
    quiet_s = _age_s(beat.get("last_unit_at") or lock_holder(folder).get("started"))
    limit_s = document.get("config", {}).get("compute", {}).get("stall_timeout_s", float("inf"))
    silent = age_s is None or age_s > _SILENT_BEATS * BEAT_S
    stalled = running and (silent or (quiet_s is not None and quiet_s > limit_s))
    if running:
        state = "stalled" if stalled else "running"
    elif (folder / MANIFEST_NAME).exists():
        state = str(end.get("status", "done")) if end.get("exit_code") in (0, 10) else "done"
    else:
        state = (
            str(end.get("status", "interrupted")) if end.get("status") in ("failed", "interrupted") else "interrupted"
        )
    known = end if not running and end else beat
    return {
        "run": str(folder),
        "run_id": document.get("run_id"),
        "plate": document.get("plate"),
        "state": state,
        "stalled": stalled,
        **{name: known.get(name) for name in ("expected", "done", "quarantined", "missing")},
        "parts": sum(1 for _ in find_parts(folder / parts_folder(CELLS))),
        "scores_parts": sum(1 for _ in find_parts(folder / parts_folder(SCORES))),
        "frames_per_s": beat.get("frames_per_s") if running else None,
        "eta_s": beat.get("eta_s") if running else None,
        "heartbeat_age_s": age_s,
        "last_unit": beat.get("last_unit"),
        "pid": lock_holder(folder).get("pid") if running else None,
        "host": lock_holder(folder).get("host") if running else None,
        "message": end.get("message") if not running else None,
        "resume": end.get("resume"),
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _age_s(at: Any) -> float | None:
    try:
        then = datetime.datetime.fromisoformat(str(at))
    except ValueError:
        return None
    return round((datetime.datetime.now(datetime.UTC) - then).total_seconds(), 1)
