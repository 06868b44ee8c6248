"""Where leases run: one file per executor, all with one call."""

from __future__ import annotations

from phasewell.config import ComputeConfig
from phasewell.runs.receipts import Executor


def make_executor(compute: ComputeConfig, workers: int) -> Executor:
    """Return the executor that the configuration names; the heavy ones are imported here, when asked for."""
    if compute.executor == "dask":
        from phasewell.runs.executors.dask_cluster import DaskExecutor

        return DaskExecutor(workers, compute.scheduler, compute.stall_timeout_s)
    from phasewell.runs.executors.serial import run_serially

    return run_serially
