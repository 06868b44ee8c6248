"""What is planned for one unit: the smallest thing that a plan, a task and the ledger share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SAMPLE_FIELDS = 2  # fields per well and sampled time whose labels are kept for the report


@dataclass(frozen=True)
class UnitPlan:
    """One unit to process: its content key, how many frames are present, and the fields whose labels are kept."""

    well: str
    time: int
    key: str
    n_present: int
    label_fields: tuple[str, ...] = ()

    @property
    def address(self) -> tuple[str, int]:
        """(well, time), as the ledger knows it."""
        return self.well, self.time


def count_label_fields(labels: Literal["none", "sample", "all"], n_fields: int) -> int:
    """Return of how many fields of a unit labels are kept at most, as `run.labels` has it."""
    return {"none": 0, "sample": min(SAMPLE_FIELDS, n_fields), "all": n_fields}[labels]
