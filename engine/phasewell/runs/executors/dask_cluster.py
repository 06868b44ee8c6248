"""Leases on worker processes of this host, or on the workers of a running Dask scheduler."""

from __future__ import annotations

import logging
import socket
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from phasewell.errors import SecurityError, UnavailableError
from phasewell.runs.executors.leases import LeaseFeed, open_client
from phasewell.runs.executors.worker_flow import LEASES_PER_WORKER
from phasewell.runs.worker.receipts import BeginUnit, CheckStop, Lease, TakeReceipt, TaskContext, ignore_begin

if TYPE_CHECKING:
    from concurrent.futures import Executor


class DaskExecutor:
    """Runs leases on `workers` local processes, or on the workers of the scheduler at `address`.

    Raises UnavailableError without the extra `cluster` or when the scheduler does not answer, and SecurityError for a
    scheduler on another host without TLS.
    """

    def __init__(self, workers: int, address: str | None, stall_timeout_s: float) -> None:
        try:
            import distributed  # noqa: F401 - asked for now, so that its absence is told before any work
        except ImportError as error:
            raise UnavailableError(
                "executor dask needs phasewell[cluster]: `phasewell doctor` shows how to install it; "
                "or set compute.executor to serial"
            ) from error
        self.workers, self.address, self.stall_timeout_s = workers, address, stall_timeout_s
        if address is not None:
            _refuse_open_address(address)

    def __call__(
        self,
        context: TaskContext,
        leases: tuple[Lease, ...],
        take: TakeReceipt,
        check: CheckStop,
        begin: BeginUnit = ignore_begin,
    ) -> None:
        """Return when every unit of every lease has a receipt."""

        def make_cluster() -> Any:
            from distributed import LocalCluster

            return LocalCluster(**cluster_options(min(self.workers, len(leases))))

        with open_client(None if self.address else make_cluster, self.address) as client:
            LeaseFeed(client, context, take, check, self.stall_timeout_s, begin=begin).run(leases)


@contextmanager
def open_pool(workers: int, address: str | None) -> Iterator[Executor]:
    """Yield an executor of plain functions on `workers` local processes, or on the scheduler at `address`.

    For work that holds the interpreter: one thread a process. Errors as `DaskExecutor`.
    """
    checked = DaskExecutor(workers, address, stall_timeout_s=0.0)

    def make_cluster() -> Any:
        from distributed import LocalCluster

        return LocalCluster(**cluster_options(checked.workers) | {"threads_per_worker": 1})

    with open_client(None if address else make_cluster, address) as client:
        yield client.get_executor(pure=False)


def cluster_options(workers: int) -> dict[str, Any]:
    """Return what a cluster of this host is made with: processes that nobody else can reach."""
    return {
        "n_workers": workers,
        "threads_per_worker": LEASES_PER_WORKER,
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",
        "worker_dashboard_address": "127.0.0.1:0",
        "silence_logs": logging.CRITICAL,
    }


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
