"""The pipeline of a worker: the same bytes however it is cut, every error at every stage, nothing that hangs."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phasewell import runs
from phasewell.config import Config
from phasewell.device import Device
from phasewell.errors import InputError, StorageError, UsageError
from phasewell.images.shards import Shard
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.interruption import InterruptedRunError
from phasewell.runs.worker import pipeline
from phasewell.runs.worker.lanes import CpuLane, Lanes, plan_lanes
from phasewell.runs.worker.pipeline import process_units
from phasewell.runs.worker.receipts import Receipt, TaskContext
from phasewell.runs.worker.task import UnitTask
from phasewell.tables.parts import find_parts, read_part

Make = Callable[..., Config]


@dataclass(frozen=True)
class Case:
    """A plate, its units, and the parts that they must become."""

    context: TaskContext
    units: tuple[UnitPlan, ...]
    expected: frozenset[str]


@pytest.fixture
def case(make_config: Make) -> Case:
    config = make_config(labels="none")
    whole = runs.run(make_config("whole", labels="none"))
    plan = runs.plan(config)
    context = TaskContext(config, config.run.output, plan.plate_digest, plan.code_version, "cpu", 2)
    return Case(context, plan.units, frozenset(names(whole.folder)))


def names(folder: Path) -> list[str]:
    return [part.path.name for part in find_parts(folder / "parts" / "cells")]


def into(case: Case, name: str) -> TaskContext:
    """Return the context of a run into another folder."""
    folder = case.context.run_folder.with_name(name)
    (folder / "parts" / "cells").mkdir(parents=True)
    return replace(case.context, run_folder=folder)


def cut(
    monkeypatch: pytest.MonkeyPatch, frames: int, lanes: int, readers: int, writers: int, buffers: int = 0
) -> list[int]:
    """Let pipelines have these sizes; returns a list with an item per buffer that they make."""
    made: list[int] = []

    class Cut(Lanes):
        @property
        def n_buffers(self) -> int:
            return buffers or super().n_buffers

    def plan(context: TaskContext, device: Device, frame_shape: tuple[int, int], _n_frames: int | None) -> Lanes:
        def make() -> Any:
            made.append(frames)
            return np.full((frames, *frame_shape), 77, np.uint8)

        lane = CpuLane(Device("cpu", device.engine, 1), context.config)
        return Cut(lanes, frames, readers, writers, [lane] * lanes, make)

    monkeypatch.setattr(pipeline, "plan_lanes", plan)
    return made


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("phasewell-")]


FOLDERS = itertools.count()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 7), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3), st.randoms()
)  # fmt: skip
def test_no_size_and_no_order_shows(
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    frames: int,
    lanes: int,
    readers: int,
    writers: int,
    buffers: int,
    chance: random.Random,
) -> None:
    context, units = into(case, f"run-{next(FOLDERS)}"), list(case.units)
    chance.shuffle(units)
    made = cut(monkeypatch, frames, lanes, readers, writers, buffers)
    taken: list[Receipt] = []
    process_units(context, units if chance.random() < 0.5 else iter(units), taken.append, lambda: None)
    assert set(names(context.run_folder)) == case.expected
    assert {(receipt.well, receipt.time) for receipt in taken} == {unit.address for unit in units}
    assert len(taken) == len(units)
    assert len(made) <= (buffers or readers + lanes + 1)
    assert not threads()


def test_a_unit_may_be_executed_twice(case: Case) -> None:
    context, taken = into(case, "twice"), list[Receipt]()
    for _ in range(2):
        process_units(context, case.units[:2], taken.append, lambda: None)
    process_units(context, (), taken.append, lambda: None)
    assert sorted((r.well, r.time, r.n_frames) for r in taken) == [("A01", 0, 3)] * 2 + [("A01", 1, 3)] * 2
    assert len(names(context.run_folder)) == 2


def fail_at(monkeypatch: pytest.MonkeyPatch, stage: str, error: BaseException, after: int) -> None:
    """Let the `after`-th call of a stage raise."""
    owner, name = {
        "open": (UnitTask, "__init__"),
        "read": (UnitTask, "read"),
        "measure": (CpuLane, "measure"),
        "keep": (UnitTask, "keep"),
        "commit": (UnitTask, "commit"),
    }[stage]
    whole, calls, guard = getattr(owner, name), itertools.count(), threading.Lock()

    def failing(*arguments: Any, **keywords: Any) -> Any:
        with guard:
            number = next(calls)
        if number == after:
            raise error
        return whole(*arguments, **keywords)

    monkeypatch.setattr(owner, name, failing)


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("after", [0, 4])
@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("open", InputError("records")),
        ("read", StorageError("disk")),
        ("measure", UsageError("preset")),
        ("measure", MemoryError("lane")),
        ("keep", RuntimeError("bug")),
        ("commit", StorageError("full")),
    ],
)
def test_an_error_of_any_stage_is_raised_and_what_is_done_stays(
    case: Case, monkeypatch: pytest.MonkeyPatch, stage: str, error: Exception, after: int, lanes: int
) -> None:
    context, taken = into(case, "failing"), list[Receipt]()
    with monkeypatch.context() as once:
        cut(once, 2, lanes, 2, 2)
        fail_at(once, stage, error, after)
        with pytest.raises(type(error)) as caught:
            process_units(context, case.units, taken.append, lambda: None)
    assert caught.value is error
    assert not threads()
    done = names(context.run_folder)
    assert set(done) <= case.expected
    assert len(done) == len(taken), "what was committed was taken"
    process_units(context, case.units, taken.append, lambda: None)
    assert set(names(context.run_folder)) == case.expected


@pytest.mark.parametrize("error", [InterruptedRunError("signal"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["check", "take"])
def test_an_interruption_ends_all_threads(case: Case, where: str, error: BaseException) -> None:
    context = into(case, "interrupted")

    def interrupt(*_: object) -> None:
        raise error

    doing: dict[str, Any] = {"take": lambda _: None, "check": lambda: None} | {where: interrupt}
    with pytest.raises(type(error)):
        process_units(context, case.units, doing["take"], doing["check"])
    assert not threads()
    assert set(names(context.run_folder)) <= case.expected


class Slow(Iterator[UnitPlan]):
    """Units that come when they are let through; the last call waits until it is closed."""

    def __init__(self, units: tuple[UnitPlan, ...]) -> None:
        self._units = iter(units)
        self.pulled = 0
        self.closed = threading.Event()

    def __next__(self) -> UnitPlan:
        unit = next(self._units, None)
        if unit is None:
            assert self.closed.wait(60)
            raise StopIteration
        self.pulled += 1
        return unit

    def close(self) -> None:
        self.closed.set()


def test_units_that_come_late_hold_nothing_up(case: Case) -> None:
    """Receipts come while the next unit is awaited, `check` is asked meanwhile, and the end closes what waits."""
    context, units, taken, checks = into(case, "late"), Slow(case.units[:3]), list[Receipt](), itertools.count()

    def check() -> None:
        if len(taken) == 3 and next(checks) >= 3:
            raise InterruptedRunError("enough")

    with pytest.raises(InterruptedRunError, match="enough"):
        process_units(context, units, taken.append, check)
    assert units.closed.is_set()
    assert len(names(context.run_folder)) == 3


def test_units_are_pulled_as_far_ahead_as_they_can_be_held(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    units = Slow(case.units)
    monkeypatch.setattr(pipeline, "count_units", lambda *_: 2)
    ahead, commit = list[int](), UnitTask.commit
    units.close()

    def counting(task: UnitTask) -> Receipt:
        ahead.append(units.pulled - len(ahead))
        return commit(task)

    monkeypatch.setattr(UnitTask, "commit", counting)
    process_units(into(case, "ahead"), units, lambda _: None, lambda: None)
    assert len(ahead) == 6
    assert max(ahead) <= 2 + 1  # one that is committed has let the next one in


def test_work_is_counted(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit is opened once, every present frame is read once and every part is written and made durable once."""
    counts = dict.fromkeys(("open", "read", "fsync", "rename"), 0)
    guard = threading.Lock()

    def count(owner: Any, name: str, what: str) -> None:
        whole = getattr(owner, name)

        def counting(*arguments: Any, **keywords: Any) -> Any:
            with guard:
                counts[what] += 1
            return whole(*arguments, **keywords)

        monkeypatch.setattr(owner, name, counting)

    context = into(case, "counted")
    for owner, name, what in (
        (Shard, "__init__", "open"),
        (Shard, "read_into", "read"),
        (os, "fsync", "fsync"),
        (Path, "replace", "rename"),
    ):
        count(owner, name, what)
    process_units(context, case.units, lambda _: None, lambda: None)
    assert counts == {"open": 6, "read": 17, "fsync": 2 * 6, "rename": 6}  # 6 units x 3 fields, one frame is missing


def test_a_unit_whose_shard_is_gone_is_quarantined(case: Case, store: Path) -> None:
    shards = sorted((store / "A" / "01" / "0" / "0" / "c").rglob("0"))
    next(path for path in shards if path.is_file()).unlink()
    context, taken = into(case, "gone"), list[Receipt]()
    process_units(context, case.units, taken.append, lambda: None)
    assert sorted(receipt.n_quarantined for receipt in taken) == [0, 0, 0, 0, 2, 3]
    rows = [row for part in find_parts(context.run_folder / "parts" / "cells") for row in read_part(part).to_pylist()]
    assert [row["reason"] for row in rows if row["well"] == "A01" and row["time"] == 0] == ["chunk_damaged"] * 3


def test_lanes_fit_the_cores_and_the_frames(case: Case) -> None:
    lanes = plan_lanes(case.context, Device("cpu", threads=4), (1000, 1000), 10_000)
    assert (len(lanes.lanes), lanes.batch_frames, lanes.n_readers, lanes.n_buffers) == (4, 16, 2, 7)
    few = plan_lanes(case.context, Device("cpu", threads=4), (1000, 1000), 12)
    assert few.batch_frames == 1, "every lane gets some"
    large = plan_lanes(case.context, Device("cpu", threads=4), (4096, 4096), None)
    assert large.batch_frames == 4, "64 MiB"
    many = plan_lanes(case.context, Device("cpu", threads=64), (1000, 1000), None)
    assert len(many.lanes) == 16
    assert all(lane.device.threads == 4 for lane in many.lanes if isinstance(lane, CpuLane))
    assert len(plan_lanes(case.context, Device("cpu", "arrays", 4), (100, 100), None).lanes) == 1
