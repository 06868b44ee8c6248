"""What goes wrong costs what it must and says so: frames, workers, locks, disks, other code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from phasewell import runs
from phasewell.config import Config
from phasewell.errors import (
    InputError,
    LockedError,
    OutputError,
    SecurityError,
    StalledError,
    StorageError,
    UnavailableError,
    UsageError,
)
from phasewell.runs.executors.dask_cluster import DaskExecutor
from phasewell.runs.executors.isolation import process_isolated
from phasewell.runs.folder.lock import RunLock, is_locked
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.interruption import InterruptedRunError
from phasewell.runs.planning.run_plan import make_leases
from phasewell.runs.worker import measuring
from phasewell.runs.worker.receipts import TaskContext, WorkersLostError
from phasewell.tables.parts import find_parts, read_part

Make = Callable[..., Config]
Digests = Callable[[Path], dict[str, str]]
UNIT = ("A02", 0)


@pytest.fixture
def fail_on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Make measuring raise for one field of one unit, at first `times` times; returns the list of batch sizes."""

    def install(error: Exception, field: str = "2", times: int = 10**9) -> list[int]:
        measure, sizes, left = measuring.measure_batch, [], [times]

        def failing(batch: Any, *arguments: Any, **keywords: Any) -> Any:
            sizes.append(len(batch))
            if left[0] and any((key.well, key.time, key.field) == (*UNIT, field) for key in batch.keys):
                left[0] -= 1
                raise error
            return measure(batch, *arguments, **keywords)

        monkeypatch.setattr(measuring, "measure_batch", failing)
        return sizes

    return install


def rows_of(folder: Path) -> dict[tuple[str, int, str], dict[str, Any]]:
    parts = find_parts(folder / "parts" / "cells")
    return {(p.well, p.time, row["field"]): row for p in parts for row in read_part(p).to_pylist()}


def events_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_an_exception_costs_only_its_frame(make_config: Make, fail_on: Callable[..., list[int]]) -> None:
    clean = rows_of(runs.run(make_config("clean", labels="none")).folder)
    fail_on(ValueError("strange frame"))
    result = runs.run(make_config(labels="none"))
    rows = rows_of(result.folder)
    hurt = rows.pop((*UNIT, "2"))
    assert (hurt["status"], hurt["reason"], hurt["n"]) == ("quarantined", "error:ValueError", None)
    del clean[*UNIT, "2"]
    assert rows == clean
    failures = [event for event in events_of(result.folder) if event["event"] == "failure"]
    assert len(failures) == 1
    assert "strange frame" in failures[0]["traceback"]


def test_damaged_metadata_of_a_well_cost_that_well(make_config: Make, store: Path) -> None:
    clean = rows_of(runs.run(make_config("clean", labels="none")).folder)
    (store / "A" / "01" / "0" / "0" / "zarr.json").unlink()
    result = runs.run(make_config(labels="none"))
    rows = rows_of(result.folder)
    assert {row["reason"] for key, row in rows.items() if key[0] == "A01"} == {"error:InputError"}
    assert {key: row for key, row in rows.items() if key[0] != "A01"} == {
        k: r for k, r in clean.items() if k[0] != "A01"
    }
    failures = [event["traceback"] for event in events_of(result.folder) if event["event"] == "failure"]
    assert len(failures) == 2
    assert "zarr.json" in failures[0]


def test_an_exception_that_passes_leaves_no_trace(
    make_config: Make, digests: Digests, fail_on: Callable[..., list[int]]
) -> None:
    clean = digests(runs.run(make_config("clean")).folder)
    fail_on(MemoryError(), times=2)
    assert digests(runs.run(make_config()).folder) == clean


def test_a_failed_frame_is_tried_again_by_the_next_run(
    make_config: Make, digests: Digests, fail_on: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as once:
        measure = measuring.measure_batch

        def failing(batch: Any, *arguments: Any, **keywords: Any) -> Any:
            if any((key.well, key.time) == UNIT for key in batch.keys):
                raise MemoryError
            return measure(batch, *arguments, **keywords)

        once.setattr(measuring, "measure_batch", failing)
        assert runs.run(make_config()).n_quarantined == 2 + 3
    assert [unit.address for unit in runs.plan(make_config()).remaining] == [UNIT]
    assert runs.run(make_config()).n_quarantined == 2
    assert digests(make_config().run.output) == digests(runs.run(make_config("clean")).folder)


def test_an_error_of_the_configuration_ends_the_run(make_config: Make, fail_on: Callable[..., list[int]]) -> None:
    fail_on(UsageError("segmentation.preset: wrong"))
    with pytest.raises(UsageError, match="preset") as caught:
        runs.run(make_config(), resume="phasewell run run.toml")
    assert 'resume="phasewell run run.toml"' in caught.value.__notes__[0]
    state = runs.status(make_config().run.output)
    assert state["state"] == "failed"
    assert "preset" in state["message"]


def test_second_run_is_refused_and_the_first_goes_on(make_config: Make) -> None:
    config = make_config()
    refusals: list[str] = []

    def start_another(done: int, _total: int) -> None:
        if done and not refusals:
            with pytest.raises(LockedError) as caught:
                runs.run(config)
            refusals.append(str(caught.value))
            assert caught.value.__notes__ == ['status=refused done=0 quarantined=0 missing=0 resume="the same call"']
            assert runs.status(config.run.output)["state"] == "running"

    assert runs.run(config, progress=start_another).n_processed == 15
    assert f"pid {os.getpid()}" in refusals[0]
    assert "host" in refusals[0]
    assert "since" in refusals[0]


def test_lock_dies_with_its_process(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from phasewell.runs.folder.lock import RunLock\n"
        "with RunLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert is_locked(tmp_path)
        with pytest.raises(LockedError), RunLock(tmp_path):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not is_locked(tmp_path)
    with RunLock(tmp_path):
        assert is_locked(tmp_path)


@pytest.mark.parametrize("place", ["file", "below a file", "/proc/phasewell"])
def test_output_that_cannot_be_made_is_refused_before_any_work(
    make_config: Make, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    output = {"file": tmp_path / "file", "below a file": tmp_path / "file" / "run"}.get(place, Path(place))
    config = make_config()
    monkeypatch.setattr("phasewell.runs.driver.plan_plate", lambda *_: pytest.fail("planned"))
    with pytest.raises(OutputError, match=r"set run\.output"):
        runs.run(config.model_copy(update={"run": config.run.model_copy(update={"output": output})}))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; skips by name where it cannot be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_disk_too_small_is_refused_before_and_survived_while_it_fills(
    make_config: Make, digests: Digests, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config()
    config = config.model_copy(update={"run": config.run.model_copy(update={"output": small_disk / "run"})})
    with pytest.raises(StorageError, match="bytes free, about"):
        runs.run(config)
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 60_000))
    monkeypatch.setattr("phasewell.runs.driver._check_disk", lambda _plan: None)
    with pytest.raises(StorageError, match="free") as caught:
        runs.run(config)
    assert caught.value.exit_code == 74
    assert not (config.run.output / "manifest.json").exists()
    (small_disk / "ballast").unlink()
    runs.run(config)
    assert digests(config.run.output) == digests(runs.run(make_config("whole")).folder)


def test_failed_fsync_is_reported_and_the_unit_not_counted(
    make_config: Make, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, calls = os.fsync, []

    def failing(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 9:
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    with monkeypatch.context() as once:
        once.setattr(os, "fsync", failing)
        with pytest.raises(StorageError):
            runs.run(make_config())
    runs.run(make_config())
    assert digests(make_config().run.output) == digests(runs.run(make_config("whole")).folder)


def test_plate_that_changes_during_the_run_is_noticed(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasewell.images.plate_digest", lambda _plate: os.urandom(8).hex(), raising=False)
    with pytest.raises(InputError, match="changed during the run"):
        runs.run(make_config())
    assert not (make_config().run.output / "manifest.json").exists()


def context_of(config: Config) -> tuple[TaskContext, UnitPlan]:
    plan = runs.plan(config)
    context = TaskContext(config, config.run.output, plan.plate_digest, plan.code_version, "cpu")
    return context, next(unit for unit in plan.units if unit.address == UNIT)


def test_worker_with_other_code_is_refused(make_config: Make) -> None:
    from dataclasses import replace

    from phasewell.runs.worker.task import process_unit

    context, unit = context_of(make_config())
    with pytest.raises(UsageError, match="install the same version"):
        process_unit(replace(context, code_version="0.0.0+other"), unit)


def test_isolated_unit_equals_the_same_unit_in_process(make_config: Make, digests: Digests) -> None:
    config = make_config(labels="none")
    whole = runs.run(make_config("whole", labels="none"))
    (config.run.output / "parts" / "cells").mkdir(parents=True)
    context, unit = context_of(config)
    receipt = process_isolated(context, unit, lambda: None, 60.0)
    assert receipt.n_processed == 3
    (part,) = find_parts(config.run.output / "parts" / "cells")
    assert digests(whole.folder)[f"parts/cells/{part.path.name}"] == part.sha256


DEADLY = """
import os, signal, sys
if "--multiprocessing-fork" in sys.argv:
    from phasewell.runs.worker import measuring
    measure = measuring.measure_batch
    def deadly(batch, *arguments, **keywords):
        if any(key.field == "2" for key in batch.keys):
            os.kill(os.getpid(), signal.SIGSEGV)
        return measure(batch, *arguments, **keywords)
    measuring.measure_batch = deadly
"""


def test_a_frame_that_kills_its_process_costs_only_itself(
    make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = rows_of(runs.run(make_config("whole", labels="none")).folder)
    (tmp_path / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    config = make_config(labels="none")
    (config.run.output / "parts" / "cells").mkdir(parents=True)
    context, unit = context_of(config)
    receipt = process_isolated(context, unit, lambda: None, 60.0)
    assert (receipt.n_processed, receipt.n_quarantined) == (2, 1)
    rows = rows_of(config.run.output)
    assert rows[*UNIT, "2"]["reason"] == "crash"
    assert all(rows[*UNIT, field] == clean[*UNIT, field] for field in ("1", "3"))


def test_processes_that_die_before_any_frame_end_the_run(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasewell.runs.executors.isolation._try_once", lambda *_: ("crash", ""))
    context, unit = context_of(make_config())
    with pytest.raises(StalledError, match="before its first frame"):
        process_isolated(context, unit, lambda: None, 1.0)


def test_lost_workers_are_replaced_and_then_given_up(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []

    def lose(context: TaskContext, leases: Any, take: Any, *_: Any) -> None:
        starts.append(sum(len(lease) for lease in leases))
        raise WorkersLostError("gone")

    monkeypatch.setattr("phasewell.runs.driver.make_executor", lambda *_: lose)
    with pytest.raises(StalledError, match="6 units remain"):
        runs.run(make_config())
    assert starts == [6, 6, 6, 6]


def test_lost_workers_lose_no_finished_unit(
    make_config: Make, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phasewell.runs.worker.task import process_unit

    def half(context: TaskContext, leases: Any, take: Any, *_: Any) -> None:
        units = [unit for lease in leases for unit in lease]
        for unit in units[: (len(units) + 1) // 2]:
            receipt = process_unit(context, unit)
            take(receipt)
            take(receipt)  # a task may be executed twice
        if len(units) > 1:
            raise WorkersLostError("gone")

    clean = digests(runs.run(make_config("clean")).folder)
    monkeypatch.setattr("phasewell.runs.driver.make_executor", lambda *_: half)
    assert runs.run(make_config()).n_processed == 15
    assert digests(make_config().run.output) == clean


def test_scheduler_elsewhere_needs_tls() -> None:
    with pytest.raises(SecurityError, match="tls://"):
        DaskExecutor(1, "tcp://192.0.2.7:8786", 10.0)
    with pytest.raises(SecurityError):
        DaskExecutor(1, "192.0.2.7:8786", 10.0)
    DaskExecutor(1, "tls://192.0.2.7:8786", 10.0)
    DaskExecutor(1, "tcp://127.0.0.1:8786", 10.0)


def test_dask_without_its_extra_says_how_to_get_it(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UnavailableError, match=r"phasewell\[cluster\]"):
        runs.run(make_config(executor="dask"))
    assert not make_config().run.output.exists()


def test_leases_hold_enough_work_and_every_unit_once() -> None:
    units = [UnitPlan("A01", i, "k", 10) for i in range(100)]
    leases = make_leases(units, pixels=1000, pixels_per_s=10_000.0, lease_s=2.0, workers=2)  # 1 s a unit
    assert [unit for lease in leases for unit in lease] == units
    assert {len(lease) for lease in leases} == {2}
    assert len(make_leases(units[:4], 1000, 10_000.0, 60.0, 2)) == 4  # few units: shared out all the same
    assert make_leases([], 1000, 10_000.0, 2.0, 2) == ()


def test_interrupted_error_has_the_exit_code_of_its_signal() -> None:
    assert InterruptedRunError("").exit_code == 130
