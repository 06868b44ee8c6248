"""Write the report of a run."""

from __future__ import annotations

from pathlib import Path


def write_report(run_dir: Path | str, output: Path | str | None = None) -> Path:
    raise NotImplementedError
