"""Many units on one worker: readers -> ring of buffers -> lanes (-> scorers) -> writers, each a few threads.

A buffer holds a batch of frames, which may come from several units, so that memory is bounded by the ring whatever the
size of a unit. Readers fill buffers with the frames of units in their order, lanes measure them, writers commit a unit
as soon as its last frame is there. Where frames are scored, lanes also make their pictures and go on, and scorers hand
these to the network: cells of later units are measured while it works. Nothing of this shows in a part: every result
has the address of its frame.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewell.device import Device
from phasewell.errors import DeviceLostError
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey, Plate
from phasewell.runs.folder.ledger import CELLS, SCORES
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.worker.lanes import Lane, plan_lanes
from phasewell.runs.worker.measuring import take_frames
from phasewell.runs.worker.receipts import BeginUnit, CheckStop, Receipt, TakeReceipt, TaskContext, ignore_begin
from phasewell.runs.worker.scoring import Shown
from phasewell.runs.worker.task import UnitTask, make_scorer, prepare_worker
from phasewell.runs.worker.unit_source import END, StoppedError, UnitSource, count_units

_CHECK_S = 0.2  # between two looks whether to stop
_OPENER_S = 1.0
_SCORERS = 2  # so that one hands the network frames while another waits for its last ones


@dataclass
class _Batch:
    """A buffer of the ring, and what its first frames are."""

    pixels: NDArray[np.uint8]  # (capacity, height, width)
    frames: list[tuple[UnitTask, FrameKey]] = field(default_factory=list)


def process_units(
    context: TaskContext,
    units: Iterable[UnitPlan],
    take: TakeReceipt,
    check: CheckStop,
    begin: BeginUnit = ignore_begin,
) -> None:
    """Bring units from the plate store to committed parts.

    `units` is pulled by another thread, no further ahead than the ring is deep; it may wait long for its next one.
    `take` gets each receipt as soon as its unit is committed, and `check` is called at least every 0.2 s, both in this
    thread; whatever they raise ends the work. `begin` is told each unit as it is opened, by another thread. The first
    error of any thread is raised here after the others have stopped and what was committed by then has been taken;
    `units.close()` is called, if there is one.
    Raises what `process_unit` raises.
    """
    _Pipeline(context, prepare_worker(context), units, begin).run(take, check)


class _Pipeline:
    def __init__(self, context: TaskContext, plate: Plate, units: Iterable[UnitPlan], begin: BeginUnit) -> None:
        device = Device(context.device, context.config.compute.engine, context.threads)
        n_frames = sum(unit.n_present for unit in units) if isinstance(units, Sequence) else None
        self._lanes = lanes = plan_lanes(context, device, plate.frame_shape, n_frames)
        self._pixel_size_um = plate.pixel_size_um
        self._units = units
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._free: queue.SimpleQueue[_Batch] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[_Batch] = queue.SimpleQueue()
        self._scorer = make_scorer(context)
        self._shown: queue.SimpleQueue[tuple[list[UnitTask], Shown]] = queue.SimpleQueue()
        self._measured: queue.SimpleQueue[UnitTask] = queue.SimpleQueue()  # units of which nothing is left to compute
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()  # receipts, an error, or the end
        self._unmade = lanes.n_buffers

        def open_unit(unit: UnitPlan) -> UnitTask:
            begin(unit)
            return UnitTask(context, plate, unit)

        self._source = UnitSource(open_unit, count_units(context, plate, lanes), self._measured.put)
        self._next: dict[str, queue.SimpleQueue[Any]] = {
            "reader": self._full,
            "lane": self._shown if self._scorer else self._measured,
            "scorer": self._measured,
            "writer": self._news,
        }
        loops: dict[str, list[Callable[[], None]]] = {
            "opener": [partial(self._source.open_units, units)],
            "reader": [self._read] * lanes.n_readers,
            "lane": [partial(self._measure, lane) for lane in lanes.lanes],
            "scorer": [self._score] * (_SCORERS if self._scorer else 0),
            "writer": [self._write] * lanes.n_writers,
        }
        self._working = {stage: len(each) for stage, each in loops.items()}
        self._threads = [
            threading.Thread(target=self._run, args=(stage, loop), name=f"phasewell-{stage}-{number}", daemon=True)
            for stage, each in loops.items()
            for number, loop in enumerate(each)
        ]

    def run(self, take: TakeReceipt, check: CheckStop) -> None:
        """Start all threads and listen to them until they are done."""
        for thread in self._threads:
            thread.start()
        try:
            while True:
                check()
                try:
                    item = self._news.get(timeout=_CHECK_S)
                except queue.Empty:
                    continue
                if item is END:
                    break
                if isinstance(item, BaseException):
                    self._stop()
                    self._hand_over(take)
                    raise item
                take(item)
        except DeviceLostError:  # its memory cannot be given back
            self._stop()
            raise
        except BaseException:
            self._stop()
            self._release()
            raise
        self._stop()
        self._release()

    def _release(self) -> None:
        for lane in self._lanes.lanes:
            lane.release()

    def _stop(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        self._source.stop()
        if callable(close := getattr(self._units, "close", None)):
            with contextlib.suppress(ValueError):  # of a generator that waits in the opener
                close()
        for each in (self._free, self._full, self._shown, self._measured):
            each.put(END)
        opener, *others = self._threads
        for thread in others:
            thread.join()
        opener.join(_OPENER_S)  # unless it waits for the next unit
        self._source.close()

    def _hand_over(self, take: TakeReceipt) -> None:
        # receipts of units that were committed while an error was on its way
        with contextlib.suppress(queue.Empty):
            while True:
                item = self._news.get_nowait()
                if isinstance(item, Receipt):
                    with contextlib.suppress(Exception):  # the error that is on its way came first
                        take(item)

    def _run(self, stage: str, loop: Callable[[], None]) -> None:
        try:
            loop()
        except StoppedError:
            return
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            self._news.put(error)
            return
        with self._guard:
            self._working[stage] -= 1
            last = self._working[stage] == 0
        if last and stage in self._next:
            self._next[stage].put(END)

    def _get(self, source: queue.SimpleQueue[Any]) -> Any:
        """Return the next item, or END when there will be none."""
        item = source.get()
        if item is END:
            source.put(END)
        if self._over.is_set():
            raise StoppedError
        return item

    def _read(self) -> None:
        while True:
            batch = self._take_buffer()
            while (room := len(batch.pixels) - len(batch.frames)) and (span := self._source.take(room, batch.frames)):
                for task, key in span:
                    if self._over.is_set():
                        raise StoppedError
                    if task.read(key, batch.pixels[len(batch.frames)]):
                        batch.frames.append((task, key))
                    elif task.lose(key):
                        self._measured.put(task)
            (self._full if batch.frames else self._free).put(batch)
            if not batch.frames and self._source.is_empty:
                return

    def _take_buffer(self) -> _Batch:
        with self._guard:
            make = self._unmade > 0 and self._free.empty()
            self._unmade -= make
        if make:
            return _Batch(self._lanes.make_buffer())
        batch: _Batch = self._get(self._free)
        return batch

    def _measure(self, lane: Lane) -> None:
        while (batch := self._get(self._full)) is not END:
            tasks = [task for task, _ in batch.frames]
            frames = FrameBatch(batch.pixels[: len(tasks)], self._pixel_size_um, tuple(key for _, key in batch.frames))
            labelled = frozenset().union(*(task.labelled for task in set(tasks)))
            measured, scored = ([i for i, task in enumerate(tasks) if stage in task.due] for stage in (CELLS, SCORES))
            found, notes = lane.measure(take_frames(frames, measured), labelled) if measured else ([], ())
            shown = lane.show(take_frames(frames, scored), self._scorer) if scored and self._scorer else None
            batch.frames.clear()
            self._free.put(batch)
            for i, frame in zip(measured, found, strict=True):
                if tasks[i].keep(frame, notes):
                    self._measured.put(tasks[i])
            if shown:
                self._shown.put(([tasks[i] for i in scored], shown))

    def _score(self) -> None:
        assert self._scorer is not None
        while (item := self._get(self._shown)) is not END:
            tasks, shown = item
            for task, frame in zip(tasks, self._scorer.score(shown), strict=True):
                if task.keep_score(frame):
                    self._measured.put(task)

    def _write(self) -> None:
        while (task := self._get(self._measured)) is not END:
            self._news.put(task.commit())
            self._source.finish(task)
