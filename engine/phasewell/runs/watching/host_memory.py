"""What the processes of a run take of this host. All sizes are in bytes."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from phasewell.device_facts import host_free_bytes, host_memory_bytes

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int | None = None, proc: Path = Path("/proc")) -> int | None:
    """Return what a process and all that descend from it hold in memory; None where the system does not tell.

    `pid` left out is this process. Pages that several of them share count in each.
    """
    children: dict[int, list[int]] = defaultdict(list)
    pages: dict[int, int] = {}
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):  # processes end while we look
            # the name of a program may hold blanks and brackets: fields count from the last bracket
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            children[int(fields[1])].append(int(folder.name))
            pages[int(folder.name)] = int(fields[21])
    found, waiting = 0, [os.getpid() if pid is None else pid]
    if waiting[0] not in pages:
        return None
    while waiting:
        process = waiting.pop()
        found += pages.get(process, 0) * _PAGE_BYTES
        waiting += children.pop(process, [])
    return found


def host_state(folder: Path) -> dict[str, Any]:
    """Return memory of the run's processes on this host, the host's own, and what is free where the run writes."""
    disk = None
    with suppress(OSError):
        disk = shutil.disk_usage(folder).free
    return {
        "memory_bytes": resident_bytes(),
        "host_memory_bytes": host_memory_bytes(),
        "host_free_bytes": host_free_bytes(),
        "disk_free_bytes": disk,
    }
