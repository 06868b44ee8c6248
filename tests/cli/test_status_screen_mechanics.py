"""`status --watch` in terminals of every width, without colours, without Unicode, and where there is no terminal."""

from __future__ import annotations

import io
import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from phasewell.cli import main
from phasewell.plate_screen import draw_plate, draw_status, watch_run
from phasewell.runs.watching.unit_board import UnitBoard
from rich.console import Console

HOSTILE = "\x1b[2Jgone\r\n\x07'; DROP TABLE cells; -- <b>🧫"
SIZES = ((2, 3), (8, 12), (16, 24), (32, 48))


def board(rows: int, columns: int, times: int = 15) -> dict[str, Any]:
    from phasewell.plate import row_name

    wells = [f"{row_name(row)}{column + 1:02d}" for row in range(rows) for column in range(columns)]
    made = UnitBoard([(well, time) for well in wells for time in range(times)])
    for time in range(times):
        made.finish(("A01", time), 4, 0, 0)
    made.finish(("A02", 0), 3, 1, 0)
    made.finish(("B01", 0), 3, 0, 1)
    made.begin(("B02", 0))
    return made.to_document()


def document(**facts: Any) -> dict[str, Any]:
    base = {"state": "running", "plate": "night", "expected": 90, "done": 66, "quarantined": 1, "missing": 1}
    base |= {"frames_per_s": 203.4, "eta_s": 4000.0, "memory_bytes": 3 << 30, "at": "2026-01-02T03:04:05.678+00:00"}
    return {**base, "reasons": {"too_bright": 1}, **board(8, 12), **facts}


def drawn(width: int, encoding: str = "utf-8", colour: bool = False, **facts: Any) -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding) as stream:
        console = Console(file=stream, width=width, force_terminal=colour, legacy_windows=False)
        console.print(draw_status(document(**facts), console))
        stream.flush()
        return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0] * size[1]} wells")
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_plate_fits_and_shows_every_well(size: tuple[int, int], width: int) -> None:
    text = draw_plate(board(*size)["wells"], width).plain
    lines = [line for line in text.split("\n") if line]
    assert max(map(len, lines)) <= max(width, size[1] + 3)
    body = lines[-size[0] :]
    marks = "".join(body)
    assert [marks.count(mark) for mark in "✓!○▸"] == [1, 1, 1, 1]
    assert marks.count("·") == size[0] * size[1] - 4
    assert ("15/15" in text) == (width - 3 >= 7 * size[1])


def test_words_say_what_colours_say() -> None:
    plain = drawn(100)
    assert "\x1b" not in plain
    assert "night  2026-01-02 03:04:05 UTC" in plain
    assert "66 of 90 processed, 1 quarantined, 1 missing (75.5 %)" in plain
    assert "203.4 frames/s" in plain
    assert "about 67 min" in plain
    assert "3.0 GiB by the run's processes" in plain
    assert "too_bright 1" in plain
    for mark in ("✓15/15", "!1/15", "○1/15", "▸0/15", "·0/15"):
        assert mark in plain
    assert "\x1b[" in drawn(100, colour=True)


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = drawn(100, encoding="ascii")
    for mark in ("#15/15", "!1/15", "o1/15", ">0/15", ".0/15", "####"):
        assert mark in text


def test_names_cannot_act_on_the_terminal() -> None:
    text = drawn(100, plate=HOSTILE, message=HOSTILE)
    assert not set(text) & set("\x1b\x07\r")
    assert r"\x1b[2Jgone\r\n\x07'; DROP TABLE cells; -- <b>🧫" in text


def test_a_terminal_is_drawn_in_place(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "30")
    documents = [document(done=1), document(done=66), document(done=88, state="incomplete", plate=HOSTILE)]
    assert watch_run(documents) == documents[-1]
    out = capsys.readouterr().out
    assert out.count("processed, 1 quarantined") >= 3
    assert "\x1b[1A" in out, "the cursor goes up and the picture is drawn over the last one"
    assert "\x1b[2Jgone" not in out
    assert all(line in out for line in ("1 of 90", "66 of 90", "88 of 90", "finished, with quarantined"))


def write_run(folder: Path, **end: Any) -> Path:
    (folder / "run.json").write_text(json.dumps({"plate": HOSTILE, "run_id": "x"}))
    beat = {**document(), "beat": 4, "pid": 7, "host": socket.gethostname()}
    (folder / "heartbeat.json").write_text(json.dumps(beat))
    if end:
        (folder / "status.json").write_text(json.dumps({**document(), **end}))
    return folder


@pytest.mark.parametrize("code", [0, 10, 74])
def test_watching_ends_with_the_code_of_the_run(tmp_path: Path, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    status = {0: "done", 10: "incomplete", 74: "failed"}[code]
    (tmp_path / "manifest.json").write_text("{}")
    if code == 74:
        (tmp_path / "manifest.json").unlink()
    write_run(tmp_path, status=status, exit_code=code)
    assert main(["status", str(tmp_path), "--watch"]) == code
    assert capsys.readouterr().out == f"{status}: 75.5 % expected=90 done=66 quarantined=1 missing=1\n"


def test_watching_a_run_whose_process_was_killed_ends_with_76(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path)
    assert main(["status", str(tmp_path), "--watch", "--json"]) == 76
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["state"] == "interrupted"


def test_the_watcher_notifies_when_the_run_cannot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tmp_path / "told.json"
    program = tmp_path / "tell.py"
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\nfrom pathlib import Path\n"
        f"Path({str(told)!r}).write_text(json.dumps([sys.argv[1:], json.load(sys.stdin)['done']]))\n"
    )
    program.chmod(0o755)
    run = write_run(tmp_path)
    arguments = ["status", str(run), "--watch", f"--notify={program}", "--notify={event}", "--notify={message}"]
    assert main(arguments) == 76
    (event, message), done = json.loads(told.read_text())
    assert (event, done) == ("end", 66)
    assert message.startswith(r"phasewell: interrupted: plate \x1b[2Jgone\r\n")
    assert main(["status", str(run), "--notify", str(program)]) == 64
    assert "--watch" in capsys.readouterr().err


def test_plain_status_is_one_line_a_fact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(write_run(tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert lines["state"] == "interrupted"
    assert lines["done"] == "66"
    assert "wells" not in lines
