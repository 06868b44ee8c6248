"""What is planned for one unit: the smallest thing that a plan, a task and the ledger share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SAMPLE_FIELDS = 4  # fields per well and sampled time whose labels are kept: as many as the report shows of a well


@dataclass(frozen=True)
class UnitPlan:
    """One unit to process: its content keys, how many frames are present, and the fields whose labels are kept.

    `due` are the stages that are to be computed; a plan knows every unit with all stages that the run has.
    """

    well: str
    time: int
    key: str
    n_present: int
    label_fields: tuple[str, ...] = ()
    scores_key: str = ""  # empty where nobody scores
    due: tuple[str, ...] = ("cells",)

    @property
    def address(self) -> tuple[str, int]:
        """(well, time), as the ledger knows it."""
        return self.well, self.time

    def keys(self) -> dict[str, str]:
        """Return the content key of every stage, "" where the run has it not."""
        return {"cells": self.key, "scores": self.scores_key}


def count_label_fields(labels: Literal["none", "sample", "all"], n_fields: int) -> int:
    """Return of how many fields of a unit labels are kept at most, as `run.labels` has it."""
    return {"none": 0, "sample": min(SAMPLE_FIELDS, n_fields), "all": n_fields}[labels]
