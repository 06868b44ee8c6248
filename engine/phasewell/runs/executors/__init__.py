"""Where leases run: one file per executor, all with one call."""

from __future__ import annotations

from phasewell.config import ComputeConfig
from phasewell.device import Device
from phasewell.runs.worker.receipts import Executor


def make_executor(compute: ComputeConfig, device: Device, workers: int, gpu_bytes: int) -> Executor:
    """Return the executor that the configuration names; the heavy ones are imported here, when asked for.

    `workers` and `gpu_bytes` per worker are the plan's.
    """
    if compute.executor == "dask-cuda":
        from phasewell.runs.executors.cuda_cluster import CudaExecutor

        first = device.index
        return CudaExecutor(tuple(range(first, first + workers)), gpu_bytes, compute.stall_timeout_s)
    if compute.executor == "dask":
        from phasewell.runs.executors.dask_cluster import DaskExecutor

        return DaskExecutor(workers, compute.scheduler, compute.stall_timeout_s)
    from phasewell.runs.executors.serial import run_serially

    return run_serially
