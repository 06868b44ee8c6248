"""SIGINT and SIGTERM end a run soon, with everything committed so far; a second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from phasewell.errors import EXIT_SIGINT, EXIT_SIGTERM, PhasewellError


class InterruptedRunError(PhasewellError):
    """The run was told to stop (130); the same command resumes."""

    exit_code = EXIT_SIGINT


class TerminatedRunError(InterruptedRunError):
    """The run was told to stop by SIGTERM (143); the same command resumes."""

    exit_code = EXIT_SIGTERM


class StopSignal:
    """Remembers the first signal; `check` raises it where the run can stop."""

    def __init__(self) -> None:
        self.number: int | None = None

    def check(self) -> None:
        """Raise InterruptedRunError or TerminatedRunError once a signal has arrived."""
        if self.number == signal.SIGTERM:
            raise TerminatedRunError("terminated; the same command resumes")
        if self.number is not None:
            raise InterruptedRunError("interrupted; the same command resumes")


@contextmanager
def stop_on_signals() -> Iterator[StopSignal]:
    """Take SIGINT and SIGTERM while the block runs; outside of the main thread signals stay as they are."""
    stop = StopSignal()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous: dict[signal.Signals, Any] = {}

    def remember(number: int, _frame: FrameType | None) -> None:
        stop.number = number
        for each, handler in previous.items():
            signal.signal(each, handler)  # the next one acts at once

    for handled in (signal.SIGINT, signal.SIGTERM):
        previous[handled] = signal.getsignal(handled)
    for handled in list(previous):
        signal.signal(handled, remember)
    try:
        yield stop
    finally:
        for handled, handler in previous.items():
            signal.signal(handled, handler)
