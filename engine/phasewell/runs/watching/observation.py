"""What a run tells while it works: events.jsonl, heartbeat.json, status.html and, at its end, status.json.

Device, host and times live only here; no part, profile or manifest knows them.
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from phasewell.config import WatchConfig
from phasewell.device import Device
from phasewell.durable import temporary_beside, write_failure
from phasewell.errors import PhasewellError
from phasewell.manifest import PartEntry
from phasewell.runs.folder.ledger import CELLS, LedgerEntry
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.planning.run_plan import Plan
from phasewell.runs.watching.host_memory import host_state
from phasewell.runs.watching.notification import notify
from phasewell.runs.watching.status_page import PAGE_NAME, render_status
from phasewell.runs.watching.unit_board import UnitBoard
from phasewell.runs.worker.receipts import Receipt

EVENTS_NAME, HEARTBEAT_NAME, STATUS_NAME = "events.jsonl", "heartbeat.json", "status.json"
BEAT_S = 2.0
_RATE_WINDOW = 256  # receipts over which frames per second are taken

ReportProgress = Callable[[int, int], None]  # frames done, frames in all


class Observer:
    """Counts receipts, writes events, heartbeat and page, reports progress, and tells of an end or a stall.

    A context manager: it owns a thread. A run is stalled when no unit has ended for `stall_s`.
    """

    def __init__(
        self,
        folder: Path,
        progress: ReportProgress | None = None,
        watch: WatchConfig | None = None,
        stall_s: float = float("inf"),
    ) -> None:
        self.folder, self._progress = folder, progress
        self._watch, self._stall_s = watch or WatchConfig(), stall_s
        self.n_processed = self.n_quarantined = self.n_missing = self.n_total = 0
        self._seen: set[tuple[str, int]] = set()
        self._measured: dict[tuple[str, int], LedgerEntry] = {}  # units of which only scores are due
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RATE_WINDOW)
        self._state: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self._board, self._reasons = UnitBoard(), Counter[str]()
        self._read_gpu: Callable[[], dict[str, int]] | None = None
        self._beats, self._began, self._last_unit = 0, _now(), time.monotonic()
        self._told_of_stall = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="heartbeat", daemon=True)

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
        self._board = UnitBoard(unit.address for unit in plan.units)
        remaining = {unit.address: unit.due for unit in plan.remaining}
        for address, item in plan.ledgers[CELLS].done.items():
            if CELLS not in remaining.get(address, (CELLS,)):
                self._measured[address] = item
            elif address not in remaining:
                self._seen.add(address)
                self._count(address, item.entry, item.reasons)
        self._state = {"run_id": plan.run_id, "plate": plan.plate, "device": plan.device, "executor": plan.executor}
        self._facts = plan.facts.to_dict()
        scores = plan.scoring.session_document() if plan.scoring else None
        self._last_unit = time.monotonic()
        self._recent.append((self._last_unit, 0))
        self._read_gpu = _gpu_reader(plan.device)
        sizes = {"workers": plan.workers, "units": len(plan.units), "to_do": len(plan.remaining)}
        self.event("planned", **self._state, facts=self._facts, **sizes, scores_by=scores)
        if self._progress:
            self._progress(self.n_done, self.n_total)

    def begin(self, unit: UnitPlan) -> None:
        """Take note that a worker has a unit; any thread may call it."""
        self._board.begin(unit.address)

    def workers_lost(self, message: str) -> None:
        """Take note that nothing is in work any more."""
        self._board.workers_gone()
        self.event("workers_lost", message=message)

    def take(self, receipt: Receipt) -> None:
        """Count a finished unit once, however often it was executed."""
        address = (receipt.well, receipt.time)
        if address in self._seen:
            return
        self._seen.add(address)
        known = self._measured.get(address)
        self._count(address, known.entry if known else receipt, known.reasons if known else receipt.reasons)
        self._last_unit, self._told_of_stall = time.monotonic(), False
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

    def _count(self, address: tuple[str, int], counts: PartEntry | Receipt, reasons: Mapping[str, int]) -> None:
        self.n_processed += counts.n_processed
        self.n_quarantined += counts.n_quarantined
        self.n_missing += counts.n_missing
        self._reasons.update(reasons)
        self._board.finish(address, counts.n_processed, counts.n_quarantined, counts.n_missing)

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
        document |= {
            "plate": self._state.get("plate"),
            "last_unit": self._state.get("last_unit"),
            "reasons": dict(self._reasons),
            **self._board.to_document(),
        }
        with suppress(OSError):  # a full disk is why the run ends; the line is printed all the same
            _replace(self.folder / STATUS_NAME, {**document, "last_line": line, "at": _now()})
            self.event("ended", status=status, exit_code=exit_code, message=message)
        self._over.set()
        self._thread.join()
        told = {**self.document(), "state": status, "message": message, "resume": resume, "exit_code": exit_code}
        self._write_page({**told, "frames_per_s": None, "eta_s": None})
        self._tell("end", told)
        return line

    def document(self) -> dict[str, Any]:
        """Return how the run stands now, as `runs.status` would see it."""
        rate = self.frames_per_s()
        left = self.n_total - self.n_done
        quiet_s = time.monotonic() - self._last_unit
        gpu = self._read_gpu() if self._read_gpu else {}
        return {
            "at": _now(),
            "beat": self._beats,
            "started": self._began,
            "run": str(self.folder),
            "state": "stalled" if quiet_s > self._stall_s else "running",
            "pid": os.getpid(),
            "host": socket.gethostname(),
            **self._state,
            **self.counts(),
            "reasons": dict(self._reasons),
            "frames_per_s": rate and round(rate, 2),
            "eta_s": round(left / rate, 1) if rate else None,
            "quiet_s": round(quiet_s, 1),
            **host_state(self.folder),
            **gpu,
            **self._board.to_document(),
        }

    def _work(self) -> None:
        page_due = 0.0
        while True:
            document = self.document()
            with suppress(OSError):  # the parts will tell of a full disk
                _replace(self.folder / HEARTBEAT_NAME, document)
            self._beats += 1
            stalled = document["state"] == "stalled"
            if stalled and not self._told_of_stall:
                self._told_of_stall, page_due = True, 0.0
                self.event_if_possible("stalled", quiet_s=document["quiet_s"])
                threading.Thread(target=self._tell, args=("stall", document), name="notify", daemon=True).start()
            if time.monotonic() >= page_due:
                self._write_page(document)
                page_due = time.monotonic() + self._watch.page_every_s
            if self._over.wait(BEAT_S):
                return

    def _write_page(self, document: dict[str, Any]) -> None:
        with suppress(OSError):
            _replace_text(self.folder / PAGE_NAME, render_status(document, self._watch.page_every_s))

    def _tell(self, event: Literal["end", "stall"], document: dict[str, Any]) -> None:
        if self._watch.notify and event in self._watch.notify_on:
            failure = notify(self._watch.notify, event, document, self._watch.notify_timeout_s)
            self.event_if_possible("notified", about=event, failure=failure)

    def event_if_possible(self, kind: str, **facts: Any) -> None:
        """Append a line to events.jsonl; a disk that takes none is told of by the parts."""
        with suppress(OSError):
            self.event(kind, **facts)


def _gpu_reader(device: str) -> Callable[[], dict[str, int]] | None:
    """Return what tells the memory of a GPU; None for a CPU, and where asking would take some of it."""
    if not device.startswith("cuda") or importlib.util.find_spec("pynvml") is None:
        return None

    def read() -> dict[str, int]:
        try:
            facts = Device(device).facts()
        except (PhasewellError, RuntimeError, OSError):  # a GPU that is lost is told of by the workers
            return {}
        used = facts.memory_bytes - facts.free_bytes
        return {"gpu_memory_bytes": used, "gpu_total_bytes": facts.memory_bytes}

    return read


def last_line(status: str, counts: Mapping[str, int], resume: str) -> str:
    """Return the line that every run ends with, for people and for programs."""
    done, quarantined, missing = (counts.get(name, 0) for name in ("done", "quarantined", "missing"))
    return f'status={status} done={done} quarantined={quarantined} missing={missing} resume="{resume}"'


def _replace(path: Path, document: dict[str, Any]) -> None:
    """Replace a file at once, without waiting for the disk: it may be lost, but never torn."""
    _replace_text(path, json.dumps(document, indent=1) + "\n")


def _replace_text(path: Path, text: str) -> None:
    temporary = temporary_beside(path)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
