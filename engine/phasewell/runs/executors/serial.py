"""One unit after the other in this process: needs nothing, and is what every other executor must equal."""

from __future__ import annotations

from phasewell.runs.receipts import CheckStop, Lease, TakeReceipt, TaskContext
from phasewell.runs.task import forget_plate, process_unit


def run_serially(context: TaskContext, leases: tuple[Lease, ...], take: TakeReceipt, check: CheckStop) -> None:
    """Process every unit here; a signal stops between two batches of frames."""
    forget_plate()
    for lease in leases:
        for unit in lease:
            check()
            take(process_unit(context, unit, check))
