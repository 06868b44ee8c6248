"""Leases on the GPUs of this host, one process each: its GPU is the first it sees, its memory one pool."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from phasewell.device import count_gpus, explain_absence, forget_gpus
from phasewell.errors import UnavailableError
from phasewell.runs.executors.dask_cluster import cluster_options
from phasewell.runs.executors.leases import SETTINGS, LeaseFeed, open_client
from phasewell.runs.worker.receipts import BeginUnit, CheckStop, Lease, TakeReceipt, TaskContext, ignore_begin

_POOL_GRAIN = 256  # bytes; a pool's size must be a multiple of it


class CudaExecutor:
    """Runs leases on `gpus`, numbers as CuPy counts them; `pool_bytes` of each are taken at the start.

    Raises UnavailableError without the extra `cuda13`, or without a GPU: nothing runs elsewhere instead.
    """

    def __init__(self, gpus: tuple[int, ...], pool_bytes: int, stall_timeout_s: float) -> None:
        try:
            import dask_cuda  # noqa: F401 - asked for now, so that its absence is told before any work
        except ImportError as error:
            raise UnavailableError(
                f"executor dask-cuda needs phasewell[cuda13] ({error}): `phasewell doctor` shows how to install it; "
                "or set compute.executor to serial"
            ) from error
        self.gpus, self.pool_bytes, self.stall_timeout_s = gpus, pool_bytes, stall_timeout_s

    def __call__(
        self,
        context: TaskContext,
        leases: tuple[Lease, ...],
        take: TakeReceipt,
        check: CheckStop,
        begin: BeginUnit = ignore_begin,
    ) -> None:
        """Return when every unit of every lease has a receipt."""
        forget_gpus()  # the driver calls again after losses
        if not count_gpus():
            raise UnavailableError(f"executor dask-cuda: {explain_absence()}; or set compute.executor to serial")
        gpus = self.gpus[: len(leases)]

        def make_cluster() -> Any:
            from dask_cuda import LocalCUDACluster

            return LocalCUDACluster(**cuda_options(visible_gpus(gpus), self.pool_bytes))

        with open_client(make_cluster) as client:
            there = replace(context, device="cuda:0")  # a worker sees its own GPU first
            LeaseFeed(client, there, take, check, self.stall_timeout_s, context, begin).run(leases)


def cuda_options(gpus: list[int | str], pool_bytes: int) -> dict[str, Any]:
    """Return what the cluster is made with; `gpus` are numbers or UUIDs as CUDA_VISIBLE_DEVICES has them.

    Results lie on disk, never in Dask: so nothing is to be spilled from GPU or host, and no limit is set on
    them; what a worker takes was planned to fit.
    """
    return {
        **cluster_options(len(gpus)),
        "CUDA_VISIBLE_DEVICES": gpus,
        "memory_limit": None,
        "device_memory_limit": None,
        "rmm_pool_size": -(-pool_bytes // _POOL_GRAIN) * _POOL_GRAIN,
        "rmm_allocator_external_lib_list": ["cupy"],
        "protocol": "tcp",
        "preload": SETTINGS["distributed.worker.preload"],  # this cluster names preloads of its own beside these only
    }


def visible_gpus(gpus: tuple[int, ...]) -> list[int | str]:
    """Return GPUs that CuPy counts as this process was told of them: CUDA_VISIBLE_DEVICES may hide some."""
    from dask_cuda.utils import parse_cuda_visible_device

    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is None:
        return list(gpus)
    visible = [parse_cuda_visible_device(one) for one in told.split(",")]
    return [visible[gpu] for gpu in gpus]
