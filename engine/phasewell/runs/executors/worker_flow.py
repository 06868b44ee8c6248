"""What a worker process does with its leases: they flow through one pipeline, which never runs empty between two.

A pipeline fills and drains: with one per lease, the kernels would wait for the first shard and for the last fsync of
every lease. So a worker has two leases at a time, and the units of both go into the same pipeline.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from phasewell.errors import DeviceLostError
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.worker.pipeline import process_units
from phasewell.runs.worker.receipts import Lease, Receipt, TaskContext

LEASES_PER_WORKER = 2
IDLE_S = 30.0  # without a lease for that long, a pipeline ends and gives its memory back
_TURN_S = 0.5


@dataclass(frozen=True)
class LeaseOutcome:
    """What became of a lease. `lost` says why this worker must not use its device again; then some receipts lack."""

    receipts: tuple[Receipt, ...]
    worker: str
    lost: str = ""


@dataclass
class _Ticket:
    """A lease that waits for its receipts."""

    left: int
    receipts: list[Receipt] = field(default_factory=list)
    error: BaseException | None = None
    ended: threading.Event = field(default_factory=threading.Event)


_flow: _Flow | None = None
_flow_lock = threading.Lock()
_lost = ""  # why the device of this process must not be used again


def work_lease(context: TaskContext, lease: Lease) -> LeaseOutcome:
    """Process the units of a lease on this worker and return their receipts. This is what a Dask worker runs.

    A lost device is no exception but an outcome: the units that were done are told, and the driver ends this process.
    """
    global _lost  # noqa: PLW0603 - a CUDA context belongs to the process, and so does its loss
    worker = _worker_address()
    if _lost:
        return LeaseOutcome((), worker, _lost)
    ticket = _enter(context, lease)
    ticket.ended.wait()
    if isinstance(ticket.error, DeviceLostError):
        _lost = str(ticket.error)
        return LeaseOutcome(tuple(ticket.receipts), worker, _lost)
    if ticket.error is not None:
        raise ticket.error
    return LeaseOutcome(tuple(ticket.receipts), worker)


def _enter(context: TaskContext, lease: Lease) -> _Ticket:
    """Put a lease into the pipeline of this process; a new one where there is none, or one of another run."""
    global _flow  # noqa: PLW0603 - one pipeline per process
    with _flow_lock:
        if _flow is not None and _flow.context != context:
            _flow.close()
            _flow.thread.join()  # two pipelines at once would not fit into memory
            _flow = None
        ticket = _flow.enter(lease) if _flow is not None else None
        if ticket is None:
            _flow = _Flow(context)
            ticket = _flow.enter(lease)
        assert ticket is not None
        return ticket


class _Flow:
    """A pipeline in a thread of its own, and the leases that are in it."""

    def __init__(self, context: TaskContext) -> None:
        self.context = context
        self.thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._lock = threading.Lock()
        self._units = _Units(self._leave_if_idle)
        self._waiting: defaultdict[tuple[str, int], deque[_Ticket]] = defaultdict(deque)
        self._over = False
        self.thread.start()

    def enter(self, lease: Lease) -> _Ticket | None:
        """Take a lease; None when this pipeline has ended."""
        ticket = _Ticket(len(lease))
        with self._lock:
            if self._over:
                return None
            for unit in lease:
                self._waiting[unit.address].append(ticket)
        for unit in lease:
            self._units.put(unit)
        return ticket

    def close(self) -> None:
        """Let the pipeline end after what it has; no lease enters any more."""
        with self._lock:
            self._over = True
        self._units.put(None)

    def _run(self) -> None:
        error: BaseException = RuntimeError("the pipeline ended before all units were done")
        try:
            process_units(self.context, self._units, self._take, lambda: None)
        except BaseException as caught:  # noqa: BLE001 - whatever it is, the leases raise it
            error = caught
        with self._lock:
            self._over = True
            left = {id(ticket): ticket for tickets in self._waiting.values() for ticket in tickets}
            self._waiting.clear()
        for ticket in left.values():
            ticket.error = error
            ticket.ended.set()

    def _take(self, receipt: Receipt) -> None:
        with self._lock:
            tickets = self._waiting[receipt.well, receipt.time]
            ticket = tickets.popleft()
            if not tickets:
                del self._waiting[receipt.well, receipt.time]
            ticket.receipts.append(receipt)
            ticket.left -= 1
            done = ticket.left == 0
        if done:
            ticket.ended.set()

    def _leave_if_idle(self) -> bool:
        with self._lock:
            self._over = self._over or not self._waiting
            return self._over


class _Units:
    """The units of all leases in the order they came; waits for more of them, up to IDLE_S."""

    def __init__(self, leave_if_idle: Callable[[], bool]) -> None:
        self._queue: queue.SimpleQueue[UnitPlan | None] = queue.SimpleQueue()
        self._leave_if_idle = leave_if_idle
        self._closed = threading.Event()

    def put(self, unit: UnitPlan | None) -> None:
        """Add a unit; None ends the units."""
        self._queue.put(unit)

    def close(self) -> None:
        """End a wait for the next unit: the pipeline has failed."""
        self._closed.set()
        self._queue.put(None)

    def __iter__(self) -> Iterator[UnitPlan]:
        return self

    def __next__(self) -> UnitPlan:
        while not self._closed.is_set():
            try:
                unit = self._queue.get(timeout=IDLE_S)
            except queue.Empty:
                if self._leave_if_idle():
                    break
                continue
            if unit is None:
                break
            return unit
        raise StopIteration


def _worker_address() -> str:
    from distributed import get_worker

    return str(get_worker().address)
