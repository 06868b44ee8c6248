"""The verb `status`: parse, call one function, print."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from phasewell.console import Json, RunFolder, show
from phasewell.errors import EXIT_DONE, StalledError, UsageError

_Flag = Parameter(negative="")


def status(
    run: RunFolder,
    *,
    watch: Annotated[bool, _Flag] = False,
    interval_s: float = 2.0,
    notify: tuple[str, ...] = (),
    json: Json = False,
) -> int:
    """Say how far a run is, from any machine that sees its folder; nothing is written there.

    With --watch the plate is shown until the run ends, and the exit code is the run's: 0, 10, ..., or 76 when its
    process is gone. Ctrl-C ends the watching only.

    Parameters
    ----------
    watch
        Go on until the run ends: the plate as a map, frames per second, time left, memory.
    interval_s
        Seconds between two looks.
    notify
        With --watch: a program that is started, never by a shell, when the run ends or stalls, also when its process
        or its machine died. Repeat the option for arguments; {event}, {status}, {run} and {message} are filled in.
    """
    from phasewell.runs import status as run_status

    if not watch:
        if notify:
            raise UsageError("status --notify: needs --watch; a run itself notifies by [watch] notify in its file")
        report = run_status(run)
        show(report, "\n".join(_lines(report)), json)
        return EXIT_DONE
    from phasewell.plate_screen import watch_run
    from phasewell.runs import watch as watch_documents
    from phasewell.runs.watching.notification import check_command

    if interval_s <= 0:
        raise UsageError(f"status --interval-s {interval_s:g}: expected more than 0 seconds")
    check_command(notify)
    documents = _telling(watch_documents(run, interval_s), notify)
    if json:
        last: Mapping[str, Any] = {}
        for last in documents:
            print(jsonlib.dumps(last, allow_nan=False, default=str), flush=True)
    else:
        last = watch_run(documents)
    code = last.get("exit_code")
    return int(code) if code is not None else EXIT_DONE if last.get("state") == "done" else StalledError.exit_code


def _telling(documents: Iterator[dict[str, Any]], command: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Hand documents on; start the command at a stall, once until it is over, and at the end."""
    from phasewell.runs.watching.notification import notify

    stalled, last = False, None
    for last in documents:
        if command and last["stalled"] and not stalled:
            _complain(notify(command, "stall", last, 30.0))
        stalled = last["stalled"]
        yield last
    if command and last is not None:
        _complain(notify(command, "end", last, 30.0))


def _complain(failure: str | None) -> None:
    if failure:
        print(f"phasewell: status --notify: {failure}", file=sys.stderr)


def _lines(report: Mapping[str, Any]) -> list[str]:
    """Return every known fact as `key: value` on one line; wells are for --watch and --json."""
    from phasewell.names import one_line

    known = {key: value for key, value in report.items() if value not in (None, {}) and key not in ("wells", "times")}
    return [one_line(f"{key}: {_words(value)}") for key, value in known.items()]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(f"{n} {name}" for name, n in value.items()) if isinstance(value, dict) else str(value)
