"""What travels between the driver and its workers: a description of the work out, small receipts back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from phasewell.config import Config
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.worker.scoring import ScoringPlan


@dataclass(frozen=True)
class TaskContext:
    """All that a worker needs beside the units: nothing in it depends on the worker."""

    config: Config
    run_folder: Path  # absolute
    plate_digest: str
    code_version: str
    device: str
    threads: int = 1  # of the kernels of a process, on a CPU; on a GPU its lanes
    batch_frames: int = 0  # frames of a lane at once; 0 = as many as the device takes
    scoring: ScoringPlan | None = None  # who scores; None where nobody does


@dataclass(frozen=True)
class Receipt:
    """What became of one unit. The parts on disk are the truth; this only tells the driver where to look.

    Counts are those of the cells part where it was due, else of the scores part.
    """

    well: str
    time: int
    sha256: str  # of the cells part; empty where it was not due
    n_processed: int
    n_quarantined: int
    n_missing: int
    n_cells: int
    seconds: float
    host: str
    pid: int
    device: str
    failures: tuple[str, ...] = ()  # one traceback per kind of failure
    scores_sha256: str = ""  # of the scores part; empty where it was not due
    reasons: Mapping[str, int] = field(default_factory=dict)  # why frames were not processed, with counts
    notes: tuple[str, ...] = ()  # such as "out of memory: 64 -> 32 frames at once"

    @property
    def n_frames(self) -> int:
        """Expected frames of the unit."""
        return self.n_processed + self.n_quarantined + self.n_missing


Lease = tuple[UnitPlan, ...]
TakeReceipt = Callable[[Receipt], None]
CheckStop = Callable[[], None]  # raises Interrupted once a signal has arrived
BeginUnit = Callable[[UnitPlan], None]  # a worker has the unit; called from any thread


def ignore_begin(_unit: UnitPlan) -> None:
    """Nobody wants to know which units are in work."""


class Executor(Protocol):
    """Runs leases somewhere and hands back receipts as they come, in any order.

    Raises WorkersLostError when its workers died or made no progress; what is committed stays committed.
    """

    def __call__(
        self,
        context: TaskContext,
        leases: tuple[Lease, ...],
        take: TakeReceipt,
        check: CheckStop,
        begin: BeginUnit = ignore_begin,
    ) -> None:
        """Return when every unit of every lease has a receipt."""
        ...


class WorkersLostError(Exception):
    """The workers are gone or silent; the driver looks what is done and starts new ones."""
