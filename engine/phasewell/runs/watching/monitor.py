"""How far a run is, seen from any machine that sees its folder; writes nothing."""

from __future__ import annotations

import datetime
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phasewell.errors import InputError
from phasewell.manifest import MANIFEST_NAME
from phasewell.runs.folder.documents import read_run_document
from phasewell.runs.folder.ledger import CELLS, SCORES, parts_folder
from phasewell.runs.folder.lock import is_locked, lock_holder
from phasewell.runs.watching.observation import BEAT_S, HEARTBEAT_NAME, STATUS_NAME
from phasewell.tables.parts import find_parts

SILENT_S = 15 * BEAT_S  # without a heartbeat for that long the driver is not working
_PATIENCE_S = 3 * BEAT_S  # to see a heartbeat move, where clocks cannot be compared
_OF_THE_END = ("done", "incomplete", "failed", "interrupted")
_OF_NOW = (
    *("frames_per_s", "eta_s", "memory_bytes", "host_memory_bytes", "host_free_bytes", "disk_free_bytes"),
    *("gpu_memory_bytes", "gpu_total_bytes", "device", "executor"),
)


def status(run_dir: Path | str) -> dict[str, Any]:
    """Return the state of a run as a JSON document.

    `state` is running, stalled, interrupted, failed, incomplete or done; counts are frames, sizes bytes. `stalled`
    means that the run lives but its heartbeat has stopped, or that no unit ended within the run's stall timeout.
    `wells` has a letter per time and counts of frames for every well (see `runs.unit_board`), `reasons` why frames
    were not processed. From another machine, whose lock on the folder may not be seen, a run lives when its heartbeat
    is new or changes while we look, up to 6 s.
    Raises InputError when the folder is no run.
    """
    follower = RunFollower(run_dir)
    document = follower.look()
    deadline = time.monotonic() + _PATIENCE_S
    while follower.in_doubt and time.monotonic() < deadline:
        time.sleep(BEAT_S / 4)
        document = follower.look()
    return document


def watch(run_dir: Path | str, interval_s: float = BEAT_S) -> Iterator[dict[str, Any]]:
    """Yield the state of a run every `interval_s` until it has ended; the last one says how.

    Raises InputError when the folder is no run.
    """
    follower = RunFollower(run_dir)
    while True:
        document = follower.look()
        yield document
        if document["state"] in _OF_THE_END and not follower.in_doubt:
            return
        time.sleep(interval_s)


class RunFollower:
    """Looks at one run again and again; tells a living one by its lock, or elsewhere by a heartbeat that changes."""

    def __init__(self, run_dir: Path | str) -> None:
        self.folder = Path(run_dir)
        self.in_doubt = False
        """True while it cannot be said whether a process of another machine still works on the run."""
        self._began = time.monotonic()
        self._last_beat: Any = None
        self._moved: float | None = None  # when a heartbeat was seen to change, by this machine's clock

    def look(self) -> dict[str, Any]:
        """Return the state of the run now, as `status` describes it; raises InputError where there is no run."""
        document = read_run_document(self.folder)
        beat, end = _read(self.folder / HEARTBEAT_NAME), _read(self.folder / STATUS_NAME)
        if not document and not beat:
            raise InputError(f"{self.folder}: no run.json: no run here; start one with `phasewell run`")
        age_s = _age_s(beat.get("at"))
        running = not end and self._is_running(beat, age_s)
        holder = lock_holder(self.folder)
        limit_s = document.get("config", {}).get("compute", {}).get("stall_timeout_s", float("inf"))
        quiet_s = _age_s(beat.get("last_unit_at") or holder.get("started"))
        stalled = running and (self._is_silent(age_s) or _is_over(quiet_s, limit_s) or beat.get("state") == "stalled")
        state = ("stalled" if stalled else "running") if running else self._final_state(end)
        known = end if end and not running else beat
        return {
            "run": str(self.folder),
            "run_id": document.get("run_id"),
            "plate": document.get("plate") or beat.get("plate"),
            "state": state,
            "stalled": stalled,
            **{name: known.get(name) for name in ("expected", "done", "quarantined", "missing")},
            "reasons": known.get("reasons") or {},
            "parts": sum(1 for _ in find_parts(self.folder / parts_folder(CELLS))),
            "scores_parts": sum(1 for _ in find_parts(self.folder / parts_folder(SCORES))),
            **{name: beat.get(name) if running else None for name in _OF_NOW},
            "started": beat.get("started"),
            "at": known.get("at"),
            "heartbeat_age_s": age_s,
            "last_unit": known.get("last_unit"),
            "pid": (beat.get("pid") or holder.get("pid")) if running else None,
            "host": (beat.get("host") or holder.get("host")) if running else None,
            "message": None if running else end.get("message") or self._why_unknown(beat, state),
            "exit_code": end.get("exit_code") if not running else None,
            "resume": end.get("resume"),
            "times": known.get("times") or [],
            "wells": known.get("wells") or {},
        }

    def _is_running(self, beat: dict[str, Any], age_s: float | None) -> bool:
        if beat.get("beat") != self._last_beat:
            self._moved = time.monotonic() if self._last_beat is not None else self._moved
            self._last_beat = beat.get("beat")
        self.in_doubt = False
        if is_locked(self.folder):
            return True
        if not beat or beat.get("host") == socket.gethostname():
            return False  # the lock would be seen: its process is gone
        if self._moved is not None:
            return time.monotonic() - self._moved < SILENT_S
        if age_s is not None and abs(age_s) < SILENT_S:
            return True
        self.in_doubt = time.monotonic() - self._began < _PATIENCE_S
        return False

    def _is_silent(self, age_s: float | None) -> bool:
        if self._moved is not None:
            return time.monotonic() - self._moved > SILENT_S
        return age_s is None or age_s > SILENT_S

    def _final_state(self, end: dict[str, Any]) -> str:
        told = str(end.get("status"))
        if (self.folder / MANIFEST_NAME).exists():
            return told if end.get("exit_code") in (0, 10) else "done"
        return told if told in ("failed", "interrupted") else "interrupted"

    def _why_unknown(self, beat: dict[str, Any], state: str) -> str | None:
        if state != "interrupted" or not beat:
            return None
        return f"no word since {beat.get('at')} from process {beat.get('pid')} on host {beat.get('host')}"


def _is_over(seconds: float | None, limit_s: float) -> bool:
    return seconds is not None and seconds > limit_s


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
