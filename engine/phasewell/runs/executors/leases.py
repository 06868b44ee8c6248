"""Feeds leases to the workers of any Dask client, and listens; the driver recovers.

Dask persists nothing and may run a task twice or lose its result; both are harmless, because a task's work is on disk
and its bytes are the same every time.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from phasewell.errors import UnavailableError
from phasewell.runs.executors.isolation import process_isolated
from phasewell.runs.executors.worker_flow import LEASES_PER_WORKER, LeaseOutcome, work_lease
from phasewell.runs.worker.receipts import (
    BeginUnit,
    CheckStop,
    Lease,
    Receipt,
    TakeReceipt,
    TaskContext,
    WorkersLostError,
    ignore_begin,
)

# measured: the defaults leave a driver waiting for ever when workers are gone, and a stopped worker for 5 minutes
SETTINGS = {
    "distributed.scheduler.allowed-failures": 2,  # blamed for a third death: the lease goes on in isolation
    "distributed.scheduler.no-workers-timeout": "120s",
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.comm.timeouts.tcp": "12s",  # below 11 s its keep-alive arithmetic fails
    "distributed.worker.daemon": True,  # no worker outlives its driver
    "distributed.worker.preload": ["phasewell.runs.executors.worker_start"],
    "distributed.admin.tick.limit": "60s",  # a busy core is no reason for a warning
    # measured: what Dask watches by default takes 10 % of a core beside one idle worker, with these settings 2 %
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.scheduler.active-memory-manager.start": False,  # there is nothing in Dask's memory
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.worker.profile.enabled": False,
}
LOST_DEVICES = 3  # under one lease, before its units go on one by one in processes of their own
CLOSE_S = 8
_POLL_S = 0.2
_COUNT_S = 1.0  # between two questions to the scheduler how many workers it has
_NO_WORKER_S = 60.0
_BROKEN_S = 1.0  # until a worker with a lost device is ended; no lease is given out in that time
_SETTLE_S = 30


class LeaseFeed:
    """The leases of one run on one client. `isolated` is the context of units that are processed beside the cluster."""

    def __init__(
        self,
        client: Any,
        context: TaskContext,
        take: TakeReceipt,
        check: CheckStop,
        stall_timeout_s: float,
        isolated: TaskContext | None = None,
        begin: BeginUnit = ignore_begin,
    ) -> None:
        self.client, self.context, self.stall_timeout_s = client, context, stall_timeout_s
        self._take, self._check, self._begin, self._isolated = take, check, begin, isolated or context
        self._waiting: deque[Lease] = deque()
        self._running: dict[Any, Lease] = {}
        self._finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._losses: Counter[tuple[str, int]] = Counter()  # of devices, by the first unit of the rest of a lease
        self._notes: dict[tuple[str, int], str] = {}
        self._broken: dict[str, float] = {}  # workers whose device is lost, and since when we know

    def run(self, leases: tuple[Lease, ...]) -> None:
        """Feed leases through a bounded window and hand receipts on; raises WorkersLostError for the driver."""
        self._waiting.extend(leases)
        last_news = last_worker = time.monotonic()
        asked, workers = 0.0, 0
        while self._waiting or self._running:
            self._check()
            if (now := time.monotonic()) - asked > _COUNT_S:
                asked, workers = now, self._count_workers()
            window = (LEASES_PER_WORKER + 1) * max(workers, 1)  # one more than it works on: its next
            self._replace_broken()
            while self._waiting and len(self._running) < window and not self._broken:
                self._submit(self._waiting.popleft())
            with suppress(queue.Empty):
                future = self._finished.get(timeout=_POLL_S)
                last_news = time.monotonic()
                self._settle(future, self._running.pop(future))
            now = time.monotonic()
            last_worker = now if workers else last_worker
            if now - last_news > self.stall_timeout_s or now - last_worker > _NO_WORKER_S:
                raise WorkersLostError(f"no finished lease for {now - last_news:.0f} s")

    def _submit(self, lease: Lease) -> None:
        losses = self._losses[lease[0].address]
        name = f"{lease[0].well}-t{lease[0].time:03d}-{lease[0].key[:16]}-{len(lease)}-{losses}"
        future = self.client.submit(work_lease, self.context, lease, key=name, pure=False)
        self._running[future] = lease
        for unit in lease:
            self._begin(unit)
        future.add_done_callback(self._finished.put)

    def _count_workers(self) -> int:
        try:
            return int(self.client.scheduler_info(n_workers=0)["n_workers"])
        except (KeyError, OSError, ValueError) as error:
            raise WorkersLostError(f"scheduler lost: {error}") from error

    def _settle(self, future: Any, lease: Lease) -> None:
        if future.status == "finished":
            try:
                outcome: LeaseOutcome = future.result(timeout=_SETTLE_S)
            except (OSError, TimeoutError) as error:  # the worker died with its result; the parts are on disk
                raise WorkersLostError(str(error)) from error
            for receipt in outcome.receipts:
                self._tell(receipt)
            if outcome.lost:
                self._give_to_another(outcome, lease)
            return
        from distributed import KilledWorker

        failure = future.exception(timeout=_SETTLE_S) if future.status == "error" else None
        if isinstance(failure, KilledWorker):
            self._isolate(lease)  # one of its units may kill processes; the others are innocent
        elif failure is None or type(failure).__module__.startswith("distributed"):
            raise WorkersLostError(f"{future.status}: {failure}")
        else:
            raise failure

    def _give_to_another(self, outcome: LeaseOutcome, lease: Lease) -> None:
        """Note that a worker's device is lost and put what it left undone in front of the other leases."""
        done = {(receipt.well, receipt.time) for receipt in outcome.receipts}
        rest = tuple(unit for unit in lease if unit.address not in done)
        self._broken.setdefault(outcome.worker, time.monotonic())
        if not rest:
            return
        losses = self._losses[lease[0].address] + 1
        self._losses[rest[0].address] = losses
        self._notes[rest[0].address] = f"device lost: {outcome.lost}; worker {outcome.worker} was ended"
        if losses >= LOST_DEVICES:
            self._isolate(rest)
        else:
            self._waiting.appendleft(rest)

    def _replace_broken(self) -> None:
        """End workers whose device is lost, soon after: what their other leases came to lies in their memory."""
        known = [worker for worker, since in self._broken.items() if time.monotonic() - since > _BROKEN_S]
        if known:
            with suppress(OSError, TimeoutError, RuntimeError):  # where one does not come back, the others go on
                self.client.restart_workers(known, timeout=_SETTLE_S, raise_for_error=False)
            for worker in known:
                del self._broken[worker]

    def _isolate(self, lease: Lease) -> None:
        for unit in lease:
            self._tell(process_isolated(self._isolated, unit, self._check, self.stall_timeout_s))

    def _tell(self, receipt: Receipt) -> None:
        note = self._notes.pop((receipt.well, receipt.time), None)
        self._take(replace(receipt, notes=(*receipt.notes, note)) if note else receipt)


@contextmanager
def open_client(make_cluster: Callable[[], Any] | None, address: str | None = None) -> Iterator[Any]:
    """Yield a client of a cluster that is made here and closed again, or of the scheduler at `address`.

    Raises UnavailableError when the cluster does not start or the scheduler does not answer.
    """
    import dask
    import distributed

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # the driver says what matters
    with dask.config.set(SETTINGS):
        cluster = None
        try:
            cluster = make_cluster() if make_cluster else None
            client = distributed.Client(cluster or address, timeout=60, set_as_default=False)
        except (OSError, RuntimeError) as error:
            where = address or "a local cluster"
            raise UnavailableError(f"scheduler {where}: does not answer ({error}); is it running?") from error
        try:
            yield client
        finally:
            for each in (client, cluster):
                with suppress(OSError, TimeoutError, RuntimeError):
                    if each is not None:
                        each.close(timeout=CLOSE_S)
