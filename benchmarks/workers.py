"""Processes that do one kind of work on one core each, so that programs without threads of their own can use two cores.

Each worker is bound to a core, holds its frames and waits on a pipe: between calls it costs nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")}


class Workers:
    """Workers, one per core of this process; `setup(*arguments)` in each returns its pieces of work by name."""

    def __init__(self, setup: Callable[..., Mapping[str, Callable[[], Any]]], *arguments: Any) -> None:
        """Start the workers; raises RuntimeError with the reason when one cannot."""
        context = multiprocessing.get_context("spawn")
        self.seconds = 0.0  # of processor time in all calls so far
        self._pipes: list[Connection] = []
        before = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(ONE_THREAD)
        try:
            for core in sorted(os.sched_getaffinity(0)):
                ours, theirs = context.Pipe()
                context.Process(target=_serve, args=(theirs, core, setup, arguments), daemon=True).start()
                self._pipes.append(ours)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        for pipe in self._pipes:
            _receive(pipe)

    def __len__(self) -> int:
        return len(self._pipes)

    def run(self, name: str, workers: int) -> None:
        """Let the first `workers` workers do one piece of work at the same time."""
        for pipe in self._pipes[:workers]:
            pipe.send((name, False))
        for pipe in self._pipes[:workers]:
            self.seconds += _receive(pipe)[0]

    def result(self, name: str) -> Any:
        """Return what the first worker's piece of work returns."""
        self._pipes[0].send((name, True))
        return _receive(self._pipes[0])[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for pipe in self._pipes:
            pipe.send(None)


def _receive(pipe: Connection) -> Any:
    done, answer = pipe.recv()
    if not done:
        raise RuntimeError(f"worker: {answer}")
    return answer


def _serve(pipe: Connection, core: int, setup: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.sched_setaffinity(0, {core})
    try:
        work = setup(*arguments)
        pipe.send((True, None))
        while order := pipe.recv():
            name, wanted = order
            before = time.process_time()
            found = work[name]()
            pipe.send((True, (time.process_time() - before, found if wanted else None)))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # the other end is gone
        return
    except Exception as error:  # noqa: BLE001  whatever a peer raises is told where it is noticed
        pipe.send((False, f"{type(error).__name__}: {error}"))
