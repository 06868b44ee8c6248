"""A GPU that vanishes: its worker ends, its leases go to the others, nothing is lost and nothing is twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from phasewell import runs
from phasewell.cli import main
from phasewell.config import Config
from phasewell.device import Device
from phasewell.errors import DeviceLostError
from phasewell.runs.executors import worker_flow
from phasewell.runs.executors.isolation import process_isolated
from phasewell.runs.folder.keys import cells_stage
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.worker.pipeline import process_units
from phasewell.runs.worker.receipts import Receipt, TaskContext

Make = Callable[..., Config]
Digests = Callable[[Path], dict[str, str]]

# every worker process loses its device after one unit, as long as there are tokens
LOSING = """
import sys
from pathlib import Path
if "--multiprocessing-fork" in sys.argv:
    from phasewell.errors import DeviceLostError
    from phasewell.runs.executors import worker_flow
    process_units = worker_flow.process_units
    def losing(context, units, take, check):
        def take_one(receipt):
            take(receipt)
            for token in sorted(Path(__file__).parent.glob("token-*")):
                try:
                    token.unlink()
                except FileNotFoundError:
                    continue
                raise DeviceLostError("the GPU has fallen off the bus")
        process_units(context, units, take_one, check)
    worker_flow.process_units = losing
"""


def events_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def in_two(units: Sequence[UnitPlan], *_: Any) -> tuple[tuple[UnitPlan, ...], ...]:
    return tuple(tuple(part) for part in (units[:4], units[4:]) if part)


@pytest.mark.slow
def test_leases_of_a_lost_device_go_to_the_others(
    make_config: Make, digests: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    clean = digests(runs.run(make_config("clean")).folder)
    (tmp_path / "sitecustomize.py").write_text(LOSING)
    for number in range(2):
        (tmp_path / f"token-{number}").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("phasewell.runs.planning.run_plan.make_leases", in_two)
    run = runs.run(make_config(executor="dask", workers=2))
    assert not list(tmp_path.glob("token-*"))  # two losses did happen
    assert digests(run.folder) == clean
    events = events_of(run.folder)
    units = [(event["well"], event["time"]) for event in events if event["event"] == "unit"]
    kinds = {event["event"] for event in events}
    assert len(units) == len(set(units))
    assert "failure" not in kinds
    if "workers_lost" not in kinds:  # on a machine too busy to start a worker in time, the driver does the rest itself
        assert len(units) == 6
        assert "fallen off the bus" in (run.folder / "events.jsonl").read_text()


def test_a_worker_never_uses_a_lost_device_again(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def process_units(context: Any, units: Any, take: Any, check: Any) -> None:
        calls.append(context)
        take(Receipt(*next(units).address, "0" * 64, 1, 0, 0, 0, 0.0, "host", 1, "cpu"))
        raise DeviceLostError("gone")

    monkeypatch.setattr(worker_flow, "process_units", process_units)
    monkeypatch.setattr(worker_flow, "_worker_address", lambda: "here")
    monkeypatch.setattr(worker_flow, "_lost", "")
    monkeypatch.setattr(worker_flow, "_flow", None)
    context = TaskContext(make_config(), Path("/nowhere"), "", "", "cpu")
    lease = (UnitPlan("A01", 0, "key", 1), UnitPlan("A01", 1, "key", 1))
    first = worker_flow.work_lease(context, lease)
    assert [receipt.time for receipt in first.receipts] == [0]
    assert first.lost == "gone"
    again = worker_flow.work_lease(context, lease)
    assert (again.receipts, again.lost) == ((), "gone")
    assert len(calls) == 1


def test_units_of_two_leases_share_one_pipeline(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []

    def process_units(context: Any, units: Any, take: Any, check: Any) -> None:
        starts.append(context.device)
        for unit in units:
            take(Receipt(*unit.address, "0" * 64, 1, 0, 0, 0, 0.0, "host", 1, "cpu"))

    monkeypatch.setattr(worker_flow, "process_units", process_units)
    monkeypatch.setattr(worker_flow, "_worker_address", lambda: "here")
    monkeypatch.setattr(worker_flow, "_lost", "")
    monkeypatch.setattr(worker_flow, "_flow", None)
    context = TaskContext(make_config(), Path("/nowhere"), "", "", "cpu")
    for time in range(5):
        outcome = worker_flow.work_lease(context, (UnitPlan("A01", time, "key", 1),))
        assert [receipt.time for receipt in outcome.receipts] == [time]
    assert starts == ["cpu"]
    other = TaskContext(make_config(), Path("/elsewhere"), "", "", "cpu")
    worker_flow.work_lease(other, (UnitPlan("A01", 0, "key", 1),))
    assert len(starts) == 2  # another run has a pipeline of its own
    flow = worker_flow._flow
    assert flow is not None
    flow.close()
    flow.thread.join(10)
    assert not flow.thread.is_alive()
    assert flow.enter((UnitPlan("A01", 0, "key", 1),)) is None  # the next lease makes a new one


def test_an_error_ends_its_leases_and_the_next_lease_starts_anew(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [OSError("disk"), None]

    def process_units(context: Any, units: Any, take: Any, check: Any) -> None:
        error = errors.pop(0)
        for unit in units:
            if error:
                raise error
            take(Receipt(*unit.address, "0" * 64, 1, 0, 0, 0, 0.0, "host", 1, "cpu"))

    monkeypatch.setattr(worker_flow, "process_units", process_units)
    monkeypatch.setattr(worker_flow, "_worker_address", lambda: "here")
    monkeypatch.setattr(worker_flow, "_lost", "")
    monkeypatch.setattr(worker_flow, "_flow", None)
    context = TaskContext(make_config(), Path("/nowhere"), "", "", "cpu")
    lease = (UnitPlan("A01", 0, "key", 1),)
    with pytest.raises(OSError, match="disk"):
        worker_flow.work_lease(context, lease)
    assert len(worker_flow.work_lease(context, lease).receipts) == 1


def test_serial_ends_with_69_and_the_same_command_goes_on(
    make_config: Make,
    digests: Digests,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def lose(context: Any, units: Any, take: Any, check: Any, *_: Any) -> None:
        def take_one(receipt: Receipt) -> None:
            take(receipt)
            raise DeviceLostError("device cuda:0: gone")

        process_units(context, units, take_one, check)

    clean = digests(runs.run(make_config("clean")).folder)
    config = tmp_path / "run.toml"
    config.write_text(f'[plate]\nstore = "{store}"\n[run]\noutput = "{tmp_path / "run"}"\n[compute]\ndevice = "cpu"\n')
    with monkeypatch.context() as once:
        once.setattr("phasewell.runs.executors.serial.process_units", lose)
        assert main(["run", str(config), "--quiet"]) == 69
    told = capsys.readouterr().err
    assert "device cuda:0: gone" in told
    assert f'resume="phasewell run {config}"' in told
    assert len(list((tmp_path / "run" / "parts" / "cells").glob("*.parquet"))) >= 1
    assert main(["run", str(config), "--quiet"]) == 10
    assert digests(tmp_path / "run") == clean


class BrokenGpu:
    """A CuPy whose GPU does not compute."""

    def __init__(self) -> None:
        self.cuda = SimpleNamespace(Device=self._fail)

    def _fail(self, index: int) -> Any:
        raise RuntimeError(f"cudaErrorECCUncorrectable on {index}")


def test_a_broken_gpu_is_told_from_a_frame_that_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasewell.device.count_gpus", lambda: 1)
    monkeypatch.setattr("phasewell.device._import_cupy", BrokenGpu)
    with pytest.raises(DeviceLostError, match=r"cuda:0: does not compute .*ECC"):
        Device("cuda").prove()
    Device("cpu").prove()


LOSING_ALONE = """
import sys
if "--multiprocessing-fork" in sys.argv:
    from phasewell.errors import DeviceLostError
    from phasewell.runs.executors import isolation
    process_unit = isolation.process_unit
    def losing(context, unit, condemned, enter):
        def enter_field(field):
            enter(field)
            if field == "2":
                raise DeviceLostError("illegal address")
        return process_unit(context, unit, condemned=condemned, enter=enter_field)
    isolation.process_unit = losing
"""


def test_alone_a_frame_that_loses_the_device_is_left_out(
    make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phasewell.images import open_plate, plate_digest
    from phasewell.runs.folder.code import code_version
    from phasewell.runs.folder.keys import unit_key

    (tmp_path / "sitecustomize.py").write_text(LOSING_ALONE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    config = make_config(labels="none")
    (config.run.output / "parts" / "cells").mkdir(parents=True)
    plate = open_plate(config.plate.store)
    unit = plate.unit("A02", 0)
    stage = cells_stage(plate, config, code_version())
    key = unit_key(stage, unit, plate.times_h[0], plate.reader.read_records(unit))
    context = TaskContext(config, config.run.output, plate_digest(plate), code_version(), "cpu")
    receipt = process_isolated(context, UnitPlan("A02", 0, key, 3), lambda: None, 60.0)
    assert (receipt.n_processed, receipt.n_quarantined) == (2, 1)
