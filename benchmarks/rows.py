"""Rows of this folder's benchmarks: one JSON file a benchmark, each row with the conditions of the run.

What a rate of the engine itself must carry is `phasewell.bench.rows`; here are kernels, peers and models as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phasewell.bench.conditions import describe_conditions

RESULTS = Path(__file__).parent / "results"


def write_rows(name: str, rows: list[dict[str, Any]], *distributions: str, folder: Path = RESULTS) -> Path:
    """Write rows to <folder>/<name>.jsonl, each with the conditions; an old file of this name is replaced."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.jsonl"
    under = describe_conditions(*distributions, folder=Path(__file__).parent)
    path.write_text("".join(json.dumps({**row, "conditions": under}, allow_nan=False) + "\n" for row in rows))
    return path
