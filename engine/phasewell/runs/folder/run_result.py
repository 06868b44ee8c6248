"""A finished run, as `run` returns it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phasewell.manifest import MANIFEST_NAME


@dataclass(frozen=True)
class RunResult:
    """A finished run. `exit_code` is 0 when every expected frame was processed, else 10."""

    folder: Path
    run_id: str
    n_expected: int
    n_processed: int
    n_quarantined: int
    n_missing: int
    n_cells: int
    exit_code: int
    last_line: str

    @property
    def manifest(self) -> Path:
        """The run's commit point."""
        return self.folder / MANIFEST_NAME

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON document of the result."""
        return {**asdict(self), "folder": str(self.folder), "manifest": str(self.manifest)}
