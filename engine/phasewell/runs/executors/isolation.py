"""One unit in a process of its own, frame by frame: what kills or hangs it costs only its frame."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from phasewell.device import Device
from phasewell.errors import DeviceLostError, StalledError
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.worker.receipts import CheckStop, Receipt, TaskContext
from phasewell.runs.worker.task import process_unit

_DEATHS = 2  # of a process at the same frame, before that frame is left out
_POLL_S = 0.2


def process_isolated(context: TaskContext, unit: UnitPlan, check: CheckStop, timeout_s: float) -> Receipt:
    """Process a unit in processes that may die; frames that killed two are quarantined as `crash` or `timeout`.

    Raises StalledError when processes die before they reach any frame, and whatever `process_unit` raises.
    """
    condemned: dict[str, str] = {}
    deaths: Counter[str] = Counter()
    while deaths[""] < _DEATHS:
        outcome, field = _try_once(context, unit, condemned, check, timeout_s)
        if isinstance(outcome, Receipt):
            return outcome
        if isinstance(outcome, BaseException):
            raise outcome
        deaths[field] += 1
        if field and deaths[field] >= _DEATHS:
            condemned[field] = outcome
    raise StalledError(
        f"well {unit.well} time {unit.time}: processes die before its first frame; is there enough memory? "
        "Run the command again to resume"
    )


def _try_once(
    context: TaskContext, unit: UnitPlan, condemned: Mapping[str, str], check: CheckStop, timeout_s: float
) -> tuple[Receipt | BaseException | str, str]:
    """Return (receipt, error, or how the process ended, the field it was at)."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_run, args=(theirs, context, unit, dict(condemned)), daemon=True)
    process.start()
    theirs.close()
    field, last_news = "", time.monotonic()
    try:
        while True:
            check()
            if ours.poll(_POLL_S):
                message: Any = ours.recv()
                last_news = time.monotonic()
                if not isinstance(message, str):
                    return message, field
                field = message
            elif time.monotonic() - last_news > timeout_s:
                return "timeout", field
    except EOFError:
        return "crash", field
    finally:
        process.kill()
        process.join()
        ours.close()


def _run(pipe: Connection, context: TaskContext, unit: UnitPlan, condemned: dict[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver ends this process
    sound = False
    try:
        Device(context.device, context.config.compute.engine).prove()  # a broken GPU is no fault of a frame
        sound = True
        outcome: Receipt | BaseException = process_unit(context, unit, condemned=condemned, enter=pipe.send)
    except DeviceLostError as error:
        if sound:
            os._exit(1)  # as if the frame had killed the process
        outcome = error
    except BaseException as error:  # noqa: BLE001 - whatever it is, the driver decides
        outcome = error
    pipe.send(outcome)
