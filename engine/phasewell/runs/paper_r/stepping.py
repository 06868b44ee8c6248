"""Steps made one after the other in this process, or many at once on an executor while this process makes others.

Every step is kept as soon as it is known here, so that a kill costs what was being made and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TYPE_CHECKING, Any, NamedTuple

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from phasewell.runs.folder.step_ledger import StepLedger

Document = Mapping[str, Any]
AHEAD = 16  # steps that wait on an executor at a time: their profiles lie in memory
_LOOK_S = 0.2  # how often a signal is looked for while workers work


class Step(NamedTuple):
    """One step of a reproduction; `make` is called with what `arguments` returns, here or in another process.

    `arguments` is called when the step's turn comes, so that a thousand steps do not hold their profiles at once.
    """

    name: str
    title: str
    make: Callable[..., Document]
    arguments: Callable[[], tuple[Any, ...]]

    def run(self) -> Document:
        """Make the step here."""
        return make_alone(self.make, *self.arguments())


def make_alone(make: Callable[..., Document], *arguments: Any) -> Document:
    """Call `make` with one thread: the matrices are small, and bits may depend on how many share a product."""
    with threadpool_limits(1):
        return make(*arguments)


def run_steps(
    here: Iterable[Step],
    anywhere: Iterable[Step],
    kept: StepLedger,
    executor: Executor | None,
    say: Callable[[str], None],
    check: Callable[[], None],
) -> dict[str, dict[str, Any]]:
    """Return the documents of all steps by name, made now unless `kept` has them.

    Steps of `here` are made in this process, those of `anywhere` on the executor meanwhile; without one everything is
    made here in order. `say` is told the title of a step that begins here or comes back; `check` raises to stop.
    """
    found: dict[str, dict[str, Any]] = {}
    flow = None if executor is None else _Flow(anywhere, kept, executor, say)
    for step in here if flow else (*here, *anywhere):
        check()
        if flow:
            found |= flow.take()
        say(step.title)
        found[step.name] = kept.once(step.name, step.run)
    while flow and flow.is_busy:
        check()
        found |= flow.take(_LOOK_S)
    return found


class _Flow:
    """Steps on an executor, never more than AHEAD at a time."""

    def __init__(self, steps: Iterable[Step], kept: StepLedger, executor: Executor, say: Callable[[str], None]) -> None:
        self._left: Iterator[Step] = iter(steps)
        self._kept, self._executor, self._say = kept, executor, say
        self._under_way: dict[Future[Document], Step] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._fill()

    @property
    def is_busy(self) -> bool:
        """Whether a step is under way, or one was found that its receiver has not taken."""
        return bool(self._under_way or self._known)

    def take(self, timeout_s: float = 0.0) -> dict[str, dict[str, Any]]:
        """Return the documents that are known since the last call, after `timeout_s` at most; others are begun."""
        done, _ = wait(self._under_way, timeout_s, FIRST_COMPLETED) if self._under_way else (set(), set())
        for future in [one for one in self._under_way if one in done]:  # in their order
            step = self._under_way.pop(future)
            self._say(step.title)
            self._known[step.name] = self._kept.once(step.name, future.result)
        self._fill()
        known, self._known = self._known, {}
        return known

    def _fill(self) -> None:
        while len(self._under_way) < AHEAD and (step := next(self._left, None)) is not None:
            if self._kept.is_done(step.name):
                self._known[step.name] = self._kept.once(step.name, step.run)
            else:
                self._under_way[self._executor.submit(make_alone, step.make, *step.arguments())] = step
