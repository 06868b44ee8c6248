"""What a run tells while it works: heartbeat, page, metrics and message, and what another machine makes of it."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from phasewell import runs
from phasewell.config import Config, WatchConfig
from phasewell.errors import EXIT_INCOMPLETE, UnavailableError, UsageError
from phasewell.runs.watching import monitor, observation
from phasewell.runs.watching.monitor import RunFollower
from phasewell.runs.watching.notification import check_command, notify
from phasewell.runs.watching.status_page import render_status
from phasewell.runs.watching.unit_board import UnitBoard, count_finished, well_state
from phasewell.runs.worker.receipts import TaskContext, WorkersLostError
from phasewell.tables.parts import find_parts, read_part

Make = Callable[..., Config]
HOSTILE = "'; touch hacked; $(touch hacked) `touch hacked`\n-rf \x1b[31m<b>&🧫\""


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def watched(config: Config, **settings: Any) -> Config:
    return config.model_copy(update={"watch": WatchConfig(**settings)})


@pytest.fixture
def quick_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observation, "BEAT_S", 0.01)


@pytest.fixture
def recorder(tmp_path: Path) -> tuple[Path, Path]:
    """Return (program, file): the program adds a JSON line with its arguments, environment and input to the file."""
    program, told = tmp_path / "tell.py", tmp_path / "told.jsonl"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "mine = {k: v for k, v in os.environ.items() if k.startswith('PHASEWELL_')}\n"
        f"with open({str(told)!r}, 'a') as file:\n"
        "    print(json.dumps({'argv': sys.argv[1:], 'env': mine, 'stdin': json.load(sys.stdin)}), file=file)\n"
    )
    program.chmod(0o755)
    return program, told


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def counts_on_disk(folder: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for part in find_parts(folder / "parts" / "cells"):
        status = read_part(part, ["status"]).column("status").to_pylist()
        well = found.setdefault(part.well, {"done": 0, "quarantined": 0, "missing": 0})
        for name, letter in (("done", "processed"), ("quarantined", "quarantined"), ("missing", "missing")):
            well[name] += status.count(letter)
    return found


def test_status_says_of_every_well_what_its_parts_say(make_config: Make) -> None:
    folder = runs.run(make_config()).folder
    state = runs.status(folder)
    told = {well: {name: counts[name] for name in counts if name != "units"} for well, counts in state["wells"].items()}
    assert told == counts_on_disk(folder)
    assert {well: counts["units"] for well, counts in state["wells"].items()} == {"A01": "dd", "A02": "dm", "B01": "qd"}
    assert state["times"] == [0, 1]
    assert state["reasons"] == {"all_black": 1, "missing": 1, "too_bright": 1}
    next(find_parts(folder / "parts" / "cells")).path.unlink()  # resumed: the rest is known from the ledger
    runs.run(make_config())
    assert runs.status(folder) == state | {
        name: runs.status(folder)[name] for name in ("at", "started", "heartbeat_age_s", "last_unit")
    }


@pytest.mark.usefixtures("quick_beat")
def test_while_it_works_heartbeat_and_page_follow(make_config: Make) -> None:
    config, seen = make_config(), []

    def look(done: int, total: int) -> None:
        if not done or done == total:
            return
        deadline = time.monotonic() + 20
        while (state := runs.status(config.run.output))["done"] is None or (
            state["done"] + state["quarantined"] + state["missing"] < done
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        letters = "".join(well["units"] for well in state["wells"].values())
        assert 3 * sum(letter in "dmq" for letter in letters) == done
        assert state["state"] == "running"
        assert state["memory_bytes"] > 10_000_000
        assert 0 < state["host_free_bytes"] <= state["host_memory_bytes"]
        assert state["disk_free_bytes"] > 0
        seen.append((config.run.output / "status.html").read_text())

    runs.run(config, progress=look)
    assert seen
    assert all('http-equiv="refresh"' in page and 'class="badge running"' in page for page in seen)
    last = (config.run.output / "status.html").read_text()
    assert 'http-equiv="refresh"' not in last
    assert 'class="badge incomplete"' in last
    assert "all_black 1, missing 1, too_bright 1" in last


def test_units_in_work_are_told_and_wait_again_when_workers_are_lost(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phasewell.runs.worker.task import process_unit

    letters: list[str] = []
    observers: list[observation.Observer] = []
    start = observation.Observer.__enter__

    def remember(self: observation.Observer) -> observation.Observer:
        observers.append(self)
        return start(self)

    def units() -> str:
        return "".join(well["units"] for well in observers[0].document()["wells"].values())

    def executor(context: TaskContext, leases: Any, take: Any, check: Any, begin: Any) -> None:
        first, second, *rest = [unit for lease in leases for unit in lease]
        letters.append(units())
        for unit in (first, second):
            begin(unit)
        letters.append(units())
        if not rest:
            return
        take(process_unit(context, first))
        letters.append(units())
        if len(letters) == 3:
            raise WorkersLostError("gone")
        for unit in (second, *rest):
            take(process_unit(context, unit))

    monkeypatch.setattr(observation.Observer, "__enter__", remember)
    monkeypatch.setattr("phasewell.runs.driver.make_executor", lambda *_: executor)
    runs.run(make_config())
    assert letters[:4] == ["wwwwww", "rrwwww", "drwwww", "dwwwww"]
    assert units() == "dddmqd"


@pytest.mark.parametrize("compute", [{}, {"executor": "dask", "workers": 1}], ids=["serial", "dask"])
def test_real_executors_begin_every_unit(
    compute: dict[str, Any], make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[str, int]] = []
    tell = observation.Observer.begin
    monkeypatch.setattr(
        observation.Observer, "begin", lambda self, unit: (begun.append(unit.address), tell(self, unit))[1]
    )
    runs.run(make_config(**compute))
    assert sorted(begun) == [(well, time) for well in ("A01", "A02", "B01") for time in (0, 1)]


def test_watching_changes_no_number(make_config: Make) -> None:
    config = make_config()
    first = runs.run(config)
    other = watched(config, page_every_s=5, notify=("true",), metrics_port=0)
    assert runs.plan(other).run_id == first.run_id
    before = first.manifest.read_bytes()
    runs.run(other)
    assert first.manifest.read_bytes() == before
    assert b"notify" not in before


def test_a_page_escapes_what_data_say_and_lets_only_its_own_script_act() -> None:
    page = render_status(board_document(plate=HOSTILE, message=HOSTILE), 30)
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;🧫" in page
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    for element in ("style", "script"):
        text = page.partition(f"<{element}>")[2].partition(f"</{element}>")[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{element}-src &#39;sha256-{digest.replace('+', '&#43;')}" in policy[1] or digest in policy[1]


def board_document(**facts: Any) -> dict[str, Any]:
    board = UnitBoard(
        [(f"{row}{column:02d}", time) for row in "ABCDEFGH" for column in range(1, 13) for time in (0, 3)]
    )
    board.begin(("A01", 0))
    board.finish(("A02", 3), 1, 2, 0)
    base = {"state": "running", "plate": "p", "at": "2026-01-02T03:04:05.678+00:00", "expected": 9, "done": 4}
    return {**base, "quarantined": 2, "missing": 0, **board.to_document(), **facts}


def test_a_board_keeps_what_is_finished() -> None:
    board = UnitBoard([("A01", 2), ("A01", 5), ("B01", 2)])
    assert board.to_document() == {
        "times": [2, 5],
        "wells": {
            "A01": {"units": "ww", "done": 0, "quarantined": 0, "missing": 0},
            "B01": {"units": "w ", "done": 0, "quarantined": 0, "missing": 0},
        },
    }
    board.finish(("A01", 5), 4, 0, 1)
    board.begin(("A01", 5))  # a lease that is given out once more
    board.begin(("A01", 2))
    assert board.to_document()["wells"]["A01"] == {"units": "rm", "done": 4, "quarantined": 0, "missing": 1}
    assert [count_finished(units) for units in ("rm", "w ", "dq", "  ")] == [(1, 2), (0, 1), (2, 2), (0, 0)]
    assert [well_state(units) for units in ("dd", "dw", "dq", "qw", "qr", "dm")] == ["d", "w", "q", "q", "r", "m"]


def write_beat(folder: Path, number: int, at: datetime.datetime, **facts: Any) -> None:
    (folder / "run.json").write_text('{"plate": "p", "run_id": "x"}')
    beat = {"beat": number, "at": at.isoformat(), "host": "elsewhere", "pid": 7, "expected": 8, "done": 3, **facts}
    (folder / "heartbeat.json").write_text(json.dumps(beat))


def test_from_another_machine_a_moving_heartbeat_is_life_whatever_the_clocks_say(tmp_path: Path) -> None:
    slow_clock = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=5)
    write_beat(tmp_path, 3, slow_clock)
    follower = RunFollower(tmp_path)
    assert follower.look()["state"] == "interrupted"
    assert follower.in_doubt
    write_beat(tmp_path, 4, slow_clock)
    state = follower.look()
    assert (state["state"], state["stalled"], state["host"], state["pid"]) == ("running", False, "elsewhere", 7)
    assert not follower.in_doubt
    write_beat(tmp_path, 5, slow_clock, state="stalled")
    assert follower.look()["state"] == "stalled"
    (tmp_path / "status.json").write_text(json.dumps({"status": "failed", "exit_code": 74, "message": "disk full"}))
    state = follower.look()
    assert (state["state"], state["exit_code"], state["message"]) == ("failed", 74, "disk full")


def test_from_another_machine_silence_is_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_beat(tmp_path, 3, datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=5))
    monkeypatch.setattr(monitor, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(monitor, "BEAT_S", 0.04)
    state = runs.status(tmp_path)
    assert (state["state"], state["done"]) == ("interrupted", 3)
    assert "process 7 on host elsewhere" in state["message"]
    write_beat(tmp_path, 3, datetime.datetime.now(datetime.UTC))
    assert runs.status(tmp_path)["state"] == "running"
    write_beat(tmp_path, 3, datetime.datetime.now(datetime.UTC), host=socket.gethostname())
    assert runs.status(tmp_path)["state"] == "interrupted", "on its own machine the lock would be seen"


def test_watch_goes_on_until_the_end(make_config: Make) -> None:
    config = make_config()
    states: list[str] = []

    def follow(done: int, total: int) -> None:
        if done and not states:
            states.append(next(runs.watch(config.run.output, 0.01))["state"])

    runs.run(config, progress=follow)
    documents = list(runs.watch(config.run.output, 0.01))
    assert states == ["running"]
    assert [(document["state"], document["exit_code"]) for document in documents] == [("incomplete", EXIT_INCOMPLETE)]


def test_a_command_is_told_of_the_end_without_a_shell(make_config: Make, recorder: tuple[Path, Path]) -> None:
    program, told = recorder
    result = runs.run(watched(make_config(), notify=(str(program), "--to", "me", "{message}", "{status}")))
    (call,) = lines_of(told)
    message = "phasewell: incomplete: plate small: 15 of 18 frames, 2 quarantined, 1 missing"
    assert call["argv"] == ["--to", "me", message, "incomplete"]
    assert call["env"]["PHASEWELL_EVENT"] == "end"
    assert call["env"]["PHASEWELL_RUN"] == str(result.folder)
    assert (call["stdin"]["done"], call["stdin"]["exit_code"], call["stdin"]["message"]) == (15, 10, message)
    events = [event for event in lines_of(result.folder / "events.jsonl") if event["event"] == "notified"]
    assert [(event["about"], event["failure"]) for event in events] == [("end", None)]


def test_what_data_say_stays_one_argument_and_text(
    recorder: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, told = recorder
    monkeypatch.chdir(tmp_path)
    document = {"state": "failed", "plate": HOSTILE, "run": "/r", "message": HOSTILE}
    assert notify((str(program), "{message}", "{event}"), "end", document, 30) is None
    (call,) = lines_of(told)
    assert len(call["argv"]) == 2
    assert call["argv"][0].startswith("phasewell: failed: plate '; touch hacked; $(touch hacked)")
    assert r"\n-rf \x1b[31m<b>&🧫" in call["argv"][0]
    assert "\n" not in call["argv"][0]
    assert call["stdin"]["plate"] == HOSTILE
    assert not (tmp_path / "hacked").exists()


def test_a_command_that_fails_is_noted_and_changes_nothing(make_config: Make, tmp_path: Path) -> None:
    result = runs.run(watched(make_config(), notify=(str(tmp_path / "absent"),)))
    assert result.exit_code == EXIT_INCOMPLETE
    events = [event for event in lines_of(result.folder / "events.jsonl") if event["event"] == "notified"]
    assert "cannot be run" in events[0]["failure"]
    assert notify(("false",), "end", {}, 30) == "false: ended with 1"
    assert "was killed" in str(notify(("sleep", "60"), "end", {}, 0.1))


def test_commands_in_which_a_fact_could_become_code_are_refused(make_config: Make) -> None:
    for command in (("sh", "-c", "{message}"), ("{message}",), ("mail", "-s", "about {message}")):
        with pytest.raises(UsageError, match=r"watch\.notify"):
            check_command(command)
        with pytest.raises(UsageError, match=r"watch\.notify"):
            runs.run(watched(make_config(), notify=command))
    check_command(("sh", "-c", 'mail -s "$1" me', "-", "{message}"))


@pytest.mark.usefixtures("quick_beat")
def test_a_stall_is_told_once_and_shown(
    make_config: Make, recorder: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from phasewell.runs.worker.task import process_unit

    program, told = recorder
    config = watched(make_config(stall_timeout_s=0.5), notify=(str(program), "{event}"), notify_on=("stall",))

    def executor(context: TaskContext, leases: Any, take: Any, check: Any, begin: Any) -> None:
        deadline = time.monotonic() + 30
        while not told.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)  # several more beats
        assert runs.status(config.run.output)["stalled"]
        assert 'class="badge stalled"' in (config.run.output / "status.html").read_text()
        for unit in [unit for lease in leases for unit in lease]:
            take(process_unit(context, unit))

    monkeypatch.setattr("phasewell.runs.driver.make_executor", lambda *_: executor)
    runs.run(config)
    calls = lines_of(told)
    assert calls[0]["argv"] == ["stall"]
    assert calls[0]["stdin"]["message"].startswith("phasewell: stalled: plate small: 0 of 18 frames")


def fetch(address: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_served_to_this_machine_while_the_run_works(make_config: Make) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")
    config = watched(make_config(), metrics_port=0)
    answers: list[tuple[int, str]] = []
    addresses: list[str] = []

    def look(done: int, total: int) -> None:
        if done == total:
            events = lines_of(config.run.output / "events.jsonl")
            (address,) = [event["address"] for event in events if event["event"] == "metrics"]
            addresses.append(address)
            answers.append(fetch(address))
            answers.append(fetch(address, Host="rebound.example"))
            answers.append(fetch(address.replace("/metrics", "/../etc/passwd")))

    runs.run(config, progress=look)
    assert [status for status, _ in answers] == [200, 403, 404]
    assert addresses[0].startswith("http://127.0.0.1:")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in parser.text_string_to_metric_families(answers[0][1])
        for sample in family.samples
    }
    assert samples["phasewell_frames", "done"] == 15
    assert samples["phasewell_frames", "expected"] == 18
    assert samples["phasewell_reasons", "too_bright"] == 1
    assert samples["phasewell_units", "done"] == 4
    assert samples["phasewell_units", "quarantined"] == 1
    assert samples["phasewell_settled_ratio",] == 1
    assert samples["phasewell_memory_bytes",] > 10_000_000
    with pytest.raises(urllib.error.URLError):
        fetch(addresses[0])


def test_a_taken_port_ends_the_run_before_it_begins(make_config: Make) -> None:
    pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=rf"metrics_port {port}"):
            runs.run(watched(make_config(), metrics_port=port))
