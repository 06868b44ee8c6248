"""What a local Dask worker does before its first task: leave Ctrl-C to the driver, and import what tasks need."""

from __future__ import annotations

import importlib
import signal
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Ignore SIGINT, which a terminal sends to the whole process group: the driver ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("runs.executors.worker_flow", "segmentation", "descriptors", "quality", "images.store"):
        importlib.import_module(f"phasewell.{name}")
