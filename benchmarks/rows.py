"""One schema of benchmark rows: what was measured, under which conditions, with which parity."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def conditions(*distributions: str) -> dict[str, Any]:
    """Return commit, versions, processor, cores and load: what a number means without them is nothing."""
    versions = {name: importlib.metadata.version(name) for name in ("phasewell", "numpy", "scipy", *distributions)}
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": versions,
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 2),
    }


def write_rows(name: str, rows: list[dict[str, Any]], *distributions: str, folder: Path = RESULTS) -> Path:
    """Write rows to <folder>/<name>.jsonl, each with the conditions; an old file of this name is replaced."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.jsonl"
    under = conditions(*distributions)
    path.write_text("".join(json.dumps({**row, "conditions": under}, allow_nan=False) + "\n" for row in rows))
    return path


def _commit() -> str:
    here = Path(__file__).parent
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or os.environ.get("PHASEWELL_COMMIT", "unknown")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
