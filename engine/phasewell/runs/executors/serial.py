"""All units in this process: needs nothing, and is what every other executor must equal."""

from __future__ import annotations

from phasewell.runs.worker.pipeline import process_units
from phasewell.runs.worker.receipts import BeginUnit, CheckStop, Lease, TakeReceipt, TaskContext, ignore_begin
from phasewell.runs.worker.task import forget_plate


def run_serially(
    context: TaskContext,
    leases: tuple[Lease, ...],
    take: TakeReceipt,
    check: CheckStop,
    begin: BeginUnit = ignore_begin,
) -> None:
    """Process every unit here; a signal stops between two batches of frames."""
    forget_plate()
    process_units(context, [unit for lease in leases for unit in lease], take, check, begin)
