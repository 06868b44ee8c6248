"""Calls timed one by one: the first apart, then the middle, the slow end and the spread of the others."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Pace:
    """For how long a piece of work is measured: at least `least_calls` and `least_s`, at most `most_s` seconds.

    The first call is the warm-up and counts for neither. One call is always measured.
    """

    least_calls: int = 3
    least_s: float = 0.5
    most_s: float = 5.0


@dataclass(frozen=True)
class Times:
    """Seconds of the first call, which warms up, and of every later one."""

    warm_up_s: float
    calls_s: tuple[float, ...]

    @property
    def p50_s(self) -> float:
        """Median of the later calls."""
        return float(np.median(self.calls_s))

    @property
    def p95_s(self) -> float:
        """95th percentile of the later calls; the slowest one of few."""
        return float(np.quantile(self.calls_s, 0.95))

    @property
    def spread(self) -> float:
        """(slowest - fastest) / median of the later calls."""
        return (max(self.calls_s) - min(self.calls_s)) / self.p50_s if self.p50_s else 0.0


def time_calls(call: Callable[[], Any], pace: Pace, around: AbstractContextManager[Any] | None = None) -> Times:
    """Time a call that returns when its work is done; `around` is entered once the first call has warmed up."""
    warm_up_s = _time_once(call)
    calls: list[float] = []
    with around or nullcontext():
        began = time.perf_counter()
        while not _is_enough(pace, len(calls), time.perf_counter() - began):
            calls.append(_time_once(call))
    return Times(warm_up_s, tuple(calls))


def time_on_gpu(cupy: Any, call: Callable[[], Any], pace: Pace) -> Times:
    """Time work that a call only puts into the current stream, between events on the GPU."""
    warm_up_s = _time_once(lambda: (call(), cupy.cuda.get_current_stream().synchronize()))
    calls: list[float] = []
    began = time.perf_counter()
    while not _is_enough(pace, len(calls), time.perf_counter() - began):
        calls += _between_events(cupy, call, max(pace.least_calls, 1))
    return Times(warm_up_s, tuple(calls))


def _is_enough(pace: Pace, calls: int, elapsed_s: float) -> bool:
    return calls > 0 and (elapsed_s >= pace.most_s or (calls >= pace.least_calls and elapsed_s >= pace.least_s))


def _time_once(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _between_events(cupy: Any, call: Callable[[], Any], count: int) -> Sequence[float]:
    # all are queued before the first is waited for: the GPU never waits for Python between two of them
    marks = [cupy.cuda.Event() for _ in range(count + 1)]
    marks[0].record()
    for mark in marks[1:]:
        call()
        mark.record()
    marks[-1].synchronize()
    return [cupy.cuda.get_elapsed_time(one, two) / 1e3 for one, two in itertools.pairwise(marks)]
