"""What a local Dask worker does before its first task: leave Ctrl-C to the driver, and import what tasks need."""

from __future__ import annotations

import importlib
import signal
from typing import Any

_NEEDED = (
    "phasewell.runs.executors.worker_flow",
    "phasewell.segmentation",
    "phasewell.descriptors",
    "phasewell.quality",
    "phasewell.images.store",
    "phasewell.images.platemap",
    "phasewell.tables.parts",
    "phasewell_kernels.cpu",
)


def dask_setup(_worker: Any) -> None:
    """Ignore SIGINT, which a terminal sends to the whole process group: the driver ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _NEEDED:
        importlib.import_module(name)
    importlib.import_module("pyarrow").array([])  # at its first array it looks for pandas, which takes half a second
