"""What a run tells while it works: events.jsonl, heartbeat.json and, at its end, status.json and the last line.

Device, host and times live only here; no part, profile or manifest knows them.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from phasewell.durable import temporary_beside, write_failure
from phasewell.manifest import PartEntry
from phasewell.runs.ledger import CELLS
from phasewell.runs.planning import Plan
from phasewell.runs.receipts import Receipt

EVENTS_NAME, HEARTBEAT_NAME, STATUS_NAME = "events.jsonl", "heartbeat.json", "status.json"
BEAT_S = 2.0
_RATE_WINDOW = 256  # receipts over which frames per second are taken

ReportProgress = Callable[[int, int], None]  # frames done, frames in all


class Observer:
    """Counts receipts, writes events and a heartbeat, and reports progress. A context manager: it owns a thread."""

    def __init__(self, folder: Path, progress: ReportProgress | None) -> None:
        self.folder, self._progress = folder, progress
        self.n_processed = self.n_quarantined = self.n_missing = self.n_total = 0
        self._seen: set[tuple[str, int]] = set()
        self._measured: dict[tuple[str, int], PartEntry] = {}  # units of which only scores are due
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RATE_WINDOW)
        self._state: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        (self.folder / STATUS_NAME).unlink(missing_ok=True)  # it told of the run before
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def n_done(self) -> int:
        """Frames of finished units: processed, quarantined and missing."""
        return self.n_processed + self.n_quarantined + self.n_missing

    def plan_made(self, plan: Plan) -> None:
        """Count what earlier runs have finished."""
        self.n_total = plan.n_expected
        remaining = {unit.address: unit.due for unit in plan.remaining}
        for address, item in plan.ledgers[CELLS].done.items():
            if CELLS not in remaining.get(address, (CELLS,)):
                self._measured[address] = item.entry
            elif address not in remaining:
                self._seen.add(address)
                self.n_processed += item.entry.n_processed
                self.n_quarantined += item.entry.n_quarantined
                self.n_missing += item.entry.n_missing
        self._state = {"run_id": plan.run_id, "plate": plan.plate, "device": plan.device, "executor": plan.executor}
        self._facts = plan.facts.to_dict()
        scores = plan.scoring.session_document() if plan.scoring else None
        self._recent.append((time.monotonic(), 0))
        sizes = {"workers": plan.workers, "units": len(plan.units), "to_do": len(plan.remaining)}
        self.event("planned", **self._state, facts=self._facts, **sizes, scores_by=scores)
        if self._progress:
            self._progress(self.n_done, self.n_total)

    def take(self, receipt: Receipt) -> None:
        """Count a finished unit once, however often it was executed."""
        address = (receipt.well, receipt.time)
        if address in self._seen:
            return
        self._seen.add(address)
        counts = self._measured.get(address, receipt)
        self.n_processed += counts.n_processed
        self.n_quarantined += counts.n_quarantined
        self.n_missing += counts.n_missing
        self._recent.append((time.monotonic(), receipt.n_frames))
        place = {"host": receipt.host, "pid": receipt.pid, "device": receipt.device}
        unit = {"well": receipt.well, "time": receipt.time, "sha256": receipt.sha256}
        unit |= {"scores_sha256": receipt.scores_sha256} if receipt.scores_sha256 else {}
        self.event("unit", **unit, frames=receipt.n_frames, seconds=round(receipt.seconds, 4), **place)
        for failure in receipt.failures:
            self.event("failure", well=receipt.well, time=receipt.time, traceback=failure, **place)
        for note in receipt.notes:
            self.event("note", well=receipt.well, time=receipt.time, note=note, **place)
        self._state |= {"last_unit": f"{receipt.well}-t{receipt.time:03d}", "last_unit_at": _now()}
        if self._progress:
            self._progress(self.n_done, self.n_total)

    def event(self, kind: str, **facts: Any) -> None:
        """Append one line to events.jsonl; raises StorageError when that fails."""
        path = self.folder / EVENTS_NAME
        line = json.dumps({"at": _now(), "event": kind, **facts}, default=str) + "\n"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise write_failure(path, error, len(line)) from error

    def frames_per_s(self) -> float | None:
        """Rate over the last receipts of this run; None before the first."""
        recent = list(self._recent)
        if len(recent) < 2:
            return None
        return sum(frames for _, frames in recent[1:]) / max(time.monotonic() - recent[0][0], 1e-9)

    def counts(self) -> dict[str, int]:
        """Return the counts of frames so far."""
        return {
            "expected": self.n_total,
            "done": self.n_processed,
            "quarantined": self.n_quarantined,
            "missing": self.n_missing,
        }

    def finish(self, status: str, exit_code: int, resume: str, message: str | None = None) -> str:
        """Write status.json as far as the disk allows and return the last line."""
        line = last_line(status, self.counts(), resume)
        document: dict[str, Any] = {
            "status": status,
            "exit_code": exit_code,
            **self.counts(),
            "resume": resume,
            "message": message,
        }
        document["device"] = self._facts or None  # None: refused before the device was looked at
        with suppress(OSError):  # a full disk is why the run ends; the line is printed all the same
            _replace(self.folder / STATUS_NAME, {**document, "last_line": line, "at": _now()})
            self.event("ended", status=status, exit_code=exit_code, message=message)
        return line

    def _beat(self) -> None:
        while True:
            rate = self.frames_per_s()
            left = self.n_total - self.n_done
            document = {
                "at": _now(),
                "pid": os.getpid(),
                "host": socket.gethostname(),
                **self._state,
                **self.counts(),
                "frames_per_s": rate and round(rate, 2),
                "eta_s": round(left / rate, 1) if rate else None,
            }
            with suppress(OSError):  # the parts will tell of a full disk
                _replace(self.folder / HEARTBEAT_NAME, document)
            if self._over.wait(BEAT_S):
                return


def last_line(status: str, counts: Mapping[str, int], resume: str) -> str:
    """Return the line that every run ends with, for people and for programs."""
    done, quarantined, missing = (counts.get(name, 0) for name in ("done", "quarantined", "missing"))
    return f'status={status} done={done} quarantined={quarantined} missing={missing} resume="{resume}"'


def _replace(path: Path, document: dict[str, Any]) -> None:
    """Replace a file at once, without waiting for the disk: it may be lost, but never torn."""
    temporary = temporary_beside(path)
    temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
