"""Leases on a Dask cluster: worker processes of this host, or the workers of a running scheduler.

Dask persists nothing and may run a task twice or lose its result; both are harmless, because a task's work is on disk
and its bytes are the same every time. This module only feeds tasks and listens; the driver recovers.
"""

from __future__ import annotations

import logging
import queue
import socket
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from phasewell.errors import SecurityError, UnavailableError
from phasewell.runs.isolation import process_isolated
from phasewell.runs.pipeline import process_lease
from phasewell.runs.receipts import CheckStop, Lease, TakeReceipt, TaskContext, WorkersLostError

# measured: the defaults leave a driver waiting for ever when workers are gone, and a stopped worker for 5 minutes
SETTINGS = {
    "distributed.scheduler.allowed-failures": 2,  # blamed for a third death: the lease goes on in isolation
    "distributed.scheduler.no-workers-timeout": "120s",
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.comm.timeouts.tcp": "12s",  # below 11 s its keep-alive arithmetic fails
    "distributed.worker.daemon": True,  # no worker outlives its driver
    "distributed.worker.preload": ["phasewell.runs.executors.worker_start"],
    "distributed.admin.tick.limit": "60s",  # a busy core is no reason for a warning
}
_POLL_S = 0.2
_CLOSE_S = 8
_NO_WORKER_S = 60.0
_SETTLE_S = 30


class DaskExecutor:
    """Runs leases on `workers` local processes, or on the workers of the scheduler at `address`.

    Raises UnavailableError without the extra `cluster` or when the scheduler does not answer, and SecurityError for a
    scheduler on another host without TLS.
    """

    def __init__(self, workers: int, address: str | None, stall_timeout_s: float) -> None:
        try:
            import distributed
        except ImportError as error:
            raise UnavailableError(
                "executor dask needs phasewell[cluster]: `phasewell doctor` shows how to install it; "
                "or set compute.executor to serial"
            ) from error
        self._distributed: Any = distributed
        self.workers, self.address, self.stall_timeout_s = workers, address, stall_timeout_s
        if address is not None:
            _refuse_open_address(address)

    def __call__(self, context: TaskContext, leases: tuple[Lease, ...], take: TakeReceipt, check: CheckStop) -> None:
        """Feed leases through a bounded window and hand receipts on as they arrive."""
        waiting = deque(leases)
        running: dict[Any, Lease] = {}
        finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._connect(min(self.workers, len(leases))) as client:
            last_news = last_worker = time.monotonic()
            while waiting or running:
                check()
                while waiting and len(running) < self._window(client):
                    lease = waiting.popleft()
                    name = f"{lease[0].well}-t{lease[0].time:03d}-{lease[0].key[:16]}-{len(lease)}"
                    future = client.submit(process_lease, context, lease, key=name, pure=False)
                    running[future] = lease
                    future.add_done_callback(finished.put)
                with suppress(queue.Empty):
                    future = finished.get(timeout=_POLL_S)
                    last_news = time.monotonic()
                    self._settle(context, future, running.pop(future), take, check)
                now = time.monotonic()
                last_worker = now if self._count_workers(client) else last_worker
                if now - last_news > self.stall_timeout_s or now - last_worker > _NO_WORKER_S:
                    raise WorkersLostError(f"no finished unit for {now - last_news:.0f} s")

    def _window(self, client: Any) -> int:
        return 2 * max(self._count_workers(client), 1) + 1

    @staticmethod
    def _count_workers(client: Any) -> int:
        try:
            return len(client.scheduler_info()["workers"])  # what the scheduler last told, no round trip
        except (KeyError, OSError, ValueError) as error:
            raise WorkersLostError(f"scheduler lost: {error}") from error

    def _settle(self, context: TaskContext, future: Any, lease: Lease, take: TakeReceipt, check: CheckStop) -> None:
        if future.status == "finished":
            try:
                receipts = future.result(timeout=_SETTLE_S)
            except (OSError, TimeoutError) as error:  # the worker died with its result; the parts are on disk
                raise WorkersLostError(str(error)) from error
            for receipt in receipts:
                take(receipt)
            return
        failure = future.exception(timeout=_SETTLE_S) if future.status == "error" else None
        if isinstance(failure, self._distributed.KilledWorker):
            for unit in lease:  # one of them may kill processes; the others are innocent
                take(process_isolated(context, unit, check, self.stall_timeout_s))
        elif failure is None or type(failure).__module__.startswith("distributed"):
            raise WorkersLostError(f"{future.status}: {failure}")
        else:
            raise failure

    @contextmanager
    def _connect(self, workers: int) -> Iterator[Any]:
        import dask

        distributed = self._distributed
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # the driver says what matters
        with dask.config.set(SETTINGS):
            cluster = None
            try:
                if self.address is None:
                    cluster = distributed.LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        processes=True,
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",
                        worker_dashboard_address="127.0.0.1:0",
                        silence_logs=logging.CRITICAL,
                    )
                client = distributed.Client(cluster or self.address, timeout=60, set_as_default=False)
            except (OSError, RuntimeError) as error:
                where = self.address or "a local cluster"
                raise UnavailableError(f"scheduler {where}: does not answer ({error}); is it running?") from error
            try:
                yield client
            finally:
                with suppress(OSError, TimeoutError, RuntimeError):
                    client.close(timeout=_CLOSE_S)
                if cluster is not None:
                    with suppress(OSError, TimeoutError, RuntimeError):
                        cluster.close(timeout=_CLOSE_S)


def _refuse_open_address(address: str) -> None:
    parts = urllib.parse.urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ("tls", "inproc"):
        return
    try:
        hosts = {str(info[4][0]) for info in socket.getaddrinfo(parts.hostname or "", None)}
    except OSError as error:
        raise UnavailableError(f"scheduler {address}: unknown host ({error.strerror})") from error
    if not all(host == "::1" or host.startswith("127.") for host in hosts):
        raise SecurityError(
            f"scheduler {address}: anybody who reaches it could run code; use tls:// with certificates, see "
            "distributed.comm.tls in the Dask configuration"
        )
