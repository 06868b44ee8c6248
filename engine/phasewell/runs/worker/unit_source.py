"""Units on their way into the pipeline: opened one after the other, handed out frame by frame."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

from phasewell.plate import FrameKey, Plate
from phasewell.runs.folder.unit_plan import UnitPlan, count_label_fields
from phasewell.runs.worker.lanes import Lanes
from phasewell.runs.worker.memory import LABELS_IN_WORK_BYTES
from phasewell.runs.worker.receipts import TaskContext
from phasewell.runs.worker.task import UnitTask

END: Any = object()  # last in a queue; each thread that takes it puts it back for the others
_PATIENCE_S = 0.05  # how long a batch that has frames waits for more of them


class StoppedError(Exception):
    """The pipeline ends early; whoever finds out leaves at once."""


class UnitSource:
    """Opens units in order, each when one of `n_permits` is there for it, and hands out their frames.

    `settle` is called with a unit that has no frame to measure.
    """

    def __init__(
        self, open_unit: Callable[[UnitPlan], UnitTask], n_permits: int, settle: Callable[[UnitTask], None]
    ) -> None:
        self._open, self._settle = open_unit, settle
        self._changed = threading.Condition()
        self._frames: deque[tuple[UnitTask, FrameKey]] = deque()
        self._in_work: set[UnitTask] = set()
        self._all_opened = self._stopped = False
        self._permits: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(n_permits):
            self._permits.put(None)

    @property
    def is_empty(self) -> bool:
        """True when every frame has been handed out and no unit will come."""
        return self._all_opened and not self._frames

    def open_units(self, units: Iterable[UnitPlan]) -> None:
        """Open every unit, as far ahead as there are permits; raises StoppedError once the others have stopped."""
        following = iter(units)
        while True:
            self._permits.get()
            unit = None if self._stopped else next(following, None)
            if self._stopped:
                raise StoppedError
            if unit is None:
                break
            task = self._open(unit)
            with self._changed:
                self._in_work.add(task)
                self._frames.extend((task, key) for key in task.keys)
                self._changed.notify_all()
            if not task.keys:
                self._settle(task)
        with self._changed:
            self._all_opened = True
            self._changed.notify_all()

    def take(self, most: int, others: Collection[Any]) -> list[tuple[UnitTask, FrameKey]]:
        """Return up to `most` frames; none when no more will come, or where `others` would wait for them too long.

        Raises StoppedError once the others have stopped.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._frames or self._all_opened or self._stopped, _PATIENCE_S if others else None
            )
            if self._stopped:
                raise StoppedError
            return [self._frames.popleft() for _ in range(min(most, len(self._frames)))]

    def finish(self, task: UnitTask) -> None:
        """Another unit may take the place of this one."""
        with self._changed:
            self._in_work.discard(task)
        self._permits.put(None)

    def stop(self) -> None:
        """Let every thread that waits here leave."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._permits.put(None)

    def close(self) -> None:
        """Close the units that will not be committed; no thread reads them any more."""
        with self._changed:
            for task in self._in_work:
                task.close()


def count_units(context: TaskContext, plate: Plate, lanes: Lanes) -> int:
    """Return how many units may be in work at once: enough to fill the ring, few enough for their label images."""
    n_fields = max(len(plate.fields), 1)
    labelled = count_label_fields(context.config.run.labels, n_fields)
    labels = labelled * plate.frame_shape[0] * plate.frame_shape[1] * 4
    count = -(-lanes.n_buffers * lanes.batch_frames // n_fields) + lanes.n_writers + 1
    return max(min(count, LABELS_IN_WORK_BYTES // max(labels, 1)), 2)
