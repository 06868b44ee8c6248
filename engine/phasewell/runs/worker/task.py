"""One unit between its shard and its committed part: read frame by frame, judged, assembled, written."""

from __future__ import annotations

import functools
import os
import socket
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pyarrow import Table

from phasewell.config import Config
from phasewell.device import Device
from phasewell.errors import InputError, StorageError, UsageError
from phasewell.frames import FrameBatch
from phasewell.plate import FrameKey, FrameRecord, Plate, UnitReader
from phasewell.runs.folder.code import code_version
from phasewell.runs.folder.kept_labels import keep_labels
from phasewell.runs.folder.keys import cells_stage, unit_key
from phasewell.runs.folder.ledger import CELLS, SCORES, parts_folder
from phasewell.runs.folder.source_plate import open_configured
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.worker.allocation import keep_freed_memory
from phasewell.runs.worker.assembly import MeasuredFrame, assemble_part
from phasewell.runs.worker.measuring import measure_frames
from phasewell.runs.worker.receipts import CheckStop, Receipt, TaskContext
from phasewell.runs.worker.scoring import ScoredFrame, Scorer, assemble_scores
from phasewell.tables.parts import PartFile, write_part

_TRIES = 3  # of whatever the disk refuses
_Result = TypeVar("_Result")


class UnitTask:
    """A unit in work: `read` its frames, `keep` what was measured and scored, `commit` when nothing is left.

    `keys` are the frames that are to be computed, `due` the stages. Threads may work on different frames at the same
    time.
    Raises InputError when the plate changed since the plan or its record file is damaged.
    """

    def __init__(
        self, context: TaskContext, plate: Plate, planned: UnitPlan, condemned: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._started = time.monotonic()
        self._context, self._plate, self.planned = context, plate, planned
        unit = plate.unit(planned.well, planned.time)
        self._source: UnitReader = plate.reader.open_unit(unit)
        stage = cells_stage(plate, context.config, context.code_version)
        if unit_key(stage, unit, plate.times_h[unit.time], self._source.records) != planned.key:
            raise InputError(f"{unit}: its frames changed since the run was planned; run the command again")
        keys = self._source.keys
        out = {key.field: (key, condemned[key.field]) for key in keys if key.field in condemned}
        self._measured = {name: MeasuredFrame(key, reason) for name, (key, reason) in out.items()}
        self._scored = {name: ScoredFrame(key, reason) for name, (key, reason) in out.items()}
        self.due = planned.due
        self.keys: tuple[FrameKey, ...] = tuple(key for key in keys if key.field not in condemned)
        self._index = {key: index for index, key in enumerate(keys)}
        self._damaged: set[FrameKey] = set()
        self._quarantined: tuple[FrameRecord, ...] = ()  # all records, where none of the frames can be had
        self._failure: str | None = None
        self._guard = threading.Lock()
        self._left = len(self.keys) * len(self.due)  # results that are still to come
        self._notes: dict[str, None] = {}
        try:
            self._try("opened", self._source.open)
        except InputError as error:  # such as damaged metadata of one well: it costs its units, not the run
            self._quarantined, self._failure = _quarantine_all(self._source.records, error), traceback.format_exc()
            self.keys, self._left = (), 0

    @property
    def labelled(self) -> frozenset[FrameKey]:
        """The frames whose labels are kept."""
        if CELLS not in self.due:
            return frozenset()
        return frozenset(key for key in self.keys if key.field in self.planned.label_fields)

    def read(self, key: FrameKey, out: NDArray[np.uint8]) -> bool:
        """Write a frame into `out` (height, width); return False when it is damaged.

        Raises StorageError when the disk refuses three times.
        """
        return self._try("read", lambda: self._source.read_into(self._index[key], out)) is None

    def lose(self, key: FrameKey) -> bool:
        """Take note of a damaged frame; return whether it was the last one."""
        with self._guard:
            self._damaged.add(key)
            self._left -= len(self.due)
            return self._left == 0

    def keep(self, frame: MeasuredFrame, notes: Sequence[str] = ()) -> bool:
        """Take the cells of one frame and notes on how they came about; return whether nothing is left."""
        with self._guard:
            self._measured[frame.key.field] = frame
            self._notes.update(dict.fromkeys(notes))
            self._left -= 1
            return self._left == 0

    def keep_score(self, frame: ScoredFrame) -> bool:
        """Take the scores of one frame; return whether nothing is left."""
        with self._guard:
            self._scored[frame.key.field] = frame
            self._left -= 1
            return self._left == 0

    def close(self) -> None:
        """Close the shard."""
        self._source.close()

    def commit(self) -> Receipt:
        """Write labels and parts durably and return the receipt; raises StorageError when that fails."""
        self.close()
        records = self._quarantined or self._source.records_after(self._damaged)
        tables = [self._commit_stage(stage, records) for stage in self.due]
        sha256 = {stage: part.sha256 for stage, (part, _) in zip(self.due, tables, strict=True)}
        table = tables[0][1]
        status = table.column("status").to_pylist()
        cells = table.column("n_cells").to_pylist() if CELLS in self.due else []
        results: list[MeasuredFrame | ScoredFrame] = [*self._measured.values(), *self._scored.values()]
        failures = {frame.reason: frame.failure for frame in results if frame.failure}
        texts = [text for text in (*failures.values(), self._failure) if text]
        return Receipt(
            well=self.planned.well,
            time=self.planned.time,
            sha256=sha256.get(CELLS, ""),
            n_processed=status.count("processed"),
            n_quarantined=status.count("quarantined"),
            n_missing=status.count("missing"),
            n_cells=sum(n or 0 for n in cells),
            seconds=time.monotonic() - self._started,
            host=socket.gethostname(),
            pid=os.getpid(),
            device=self._context.device,
            failures=tuple(texts),
            scores_sha256=sha256.get(SCORES, ""),
            reasons=Counter(reason for reason in table.column("reason").to_pylist() if reason),
            notes=tuple(self._notes),
        )

    def _commit_stage(self, stage: str, records: Sequence[FrameRecord]) -> tuple[PartFile, Table]:
        context, planned, key = self._context, self.planned, self.planned.keys()[stage]
        if stage == CELLS:
            if planned.label_fields:  # before the part, which says that all is done
                labels = {field: frame.labels for field, frame in self._measured.items() if frame.labels is not None}
                keep_labels(context.run_folder, self._plate, planned, labels)
            table = assemble_part(self._plate, records, self._measured, key, context.code_version)
        else:
            assert context.scoring is not None
            table = assemble_scores(context.scoring, self._plate, records, self._scored, key)
        return write_part(context.run_folder / parts_folder(stage), planned.well, planned.time, key, table), table

    def _try(self, done: str, call: Callable[[], _Result]) -> _Result:
        for attempt in range(1, _TRIES + 1):
            try:
                return call()
            except OSError as error:
                if attempt == _TRIES:
                    unit = self._plate.unit(self.planned.well, self.planned.time)
                    raise StorageError(
                        f"{unit}: cannot be {done} ({error}); run the command again to resume"
                    ) from error
        raise AssertionError(attempt)


def process_unit(
    context: TaskContext,
    planned: UnitPlan,
    check: CheckStop | None = None,
    condemned: Mapping[str, str] = MappingProxyType({}),
    enter: Callable[[str], None] | None = None,
) -> Receipt:
    """Read, judge, segment, describe and commit one unit, one thing after the other, in this thread.

    `check` is called between batches and may raise. `condemned` are fields that killed a process, with the reason:
    they are quarantined without being computed. `enter` is told each field before its frame, one frame at a time.
    Raises UsageError when this host has other code than the driver, InputError when the plate changed since the
    plan, StorageError when the shard cannot be read or the part cannot be written.
    """
    plate = prepare_worker(context)
    device = Device(context.device, context.config.compute.engine, context.threads)
    scorer = make_scorer(context) if SCORES in planned.due else None
    task = UnitTask(context, plate, planned, condemned)
    try:
        size = 1 if enter else device.batch_frames
        buffer = np.empty((min(size, len(task.keys)), *plate.frame_shape), np.uint8)
        for start in range(0, len(task.keys), size):
            if check:
                check()
            wanted = task.keys[start : start + size]
            if enter:
                enter(wanted[0].field)
            keys: list[FrameKey] = []
            for key in wanted:
                if task.read(key, buffer[len(keys)]):
                    keys.append(key)
                else:
                    task.lose(key)
            batch = FrameBatch(buffer[: len(keys)], plate.pixel_size_um, tuple(keys))
            if CELLS in task.due:
                for frame in measure_frames(batch, device, context.config, task.labelled):
                    task.keep(frame)
            if scorer:
                for scored in scorer.score(scorer.show(batch.pixels, batch.keys, device)):
                    task.keep_score(scored)
        return task.commit()
    finally:
        task.close()


def prepare_worker(context: TaskContext) -> Plate:
    """Make this process ready for units of a run and return their plate; raises UsageError for other code."""
    keep_freed_memory()
    if code_version() != context.code_version:
        raise UsageError(
            f"host {socket.gethostname()}: phasewell {code_version()}, the run was planned with "
            f"{context.code_version}; install the same version everywhere"
        )
    return _plate(context.config, context.plate_digest)


def make_scorer(context: TaskContext) -> Scorer | None:
    """Return who scores frames in this process, None where nobody does.

    Raises UsageError for a host that would score otherwise than planned.
    """
    if context.scoring is None:
        return None
    return Scorer(context.scoring, Device(context.device, context.config.compute.engine, context.threads))


def forget_plate() -> None:
    """Open the plate anew for the next unit: a process may see several runs, and the store may change between them."""
    _plate.cache_clear()


@functools.lru_cache(maxsize=1)
def _plate(config: Config, plate_digest: str) -> Plate:  # noqa: ARG001 - a plate that changed is opened anew
    return open_configured(config)


def _quarantine_all(records: Sequence[FrameRecord], error: Exception) -> tuple[FrameRecord, ...]:
    reason = f"error:{type(error).__name__}"
    return tuple(
        replace(record, status="quarantined", reason=reason, sha256=None) if record.status == "present" else record
        for record in records
    )
