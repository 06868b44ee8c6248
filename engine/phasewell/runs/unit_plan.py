"""What is planned for one unit: the smallest thing that a plan, a task and the ledger share."""

from __future__ import annotations

from dataclasses import dataclass


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
