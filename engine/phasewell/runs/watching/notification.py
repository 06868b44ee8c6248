"""Tells somebody that a run ended or stalled: one command, started without a shell."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from phasewell.errors import UsageError
from phasewell.names import one_line

PLACES = ("{event}", "{status}", "{run}", "{message}")
"""Arguments that stand for a fact. Each is a whole argument, so that a fact stays one, whatever is in it."""


def check_command(command: Sequence[str]) -> None:
    """Raise UsageError for a command whose facts could be taken for something else than text."""
    for i, argument in enumerate(command):
        inside = [place for place in PLACES if place in argument and place != argument]
        if inside:
            raise UsageError(
                f"watch.notify: {inside[0]} is part of the argument {argument!r}; make it an argument of its own, "
                "or read the facts from standard input or from the environment (PHASEWELL_MESSAGE and so on)"
            )
        if argument in PLACES and (i == 0 or command[i - 1] in ("-c", "-e", "--command", "--eval")):
            raise UsageError(
                f"watch.notify: {argument} would be run as a program; give it after the program's own arguments, "
                "or use PHASEWELL_MESSAGE from the environment"
            )


def notify(command: Sequence[str], event: str, document: Mapping[str, Any], timeout_s: float) -> str | None:
    """Run a command with the facts of a run; return None, or why it failed.

    `event` is end or stall; `document` is a status as `runs.status` returns it. The command gets the facts as a JSON
    document on standard input, as PHASEWELL_EVENT, _STATUS, _RUN and _MESSAGE in its environment, and in place of the
    arguments {event}, {status}, {run} and {message}. It is never given to a shell, its output is not read, and after
    `timeout_s` it is killed.
    """
    facts = {
        "event": event,
        "status": str(document.get("state")),
        "run": str(document.get("run")),
        "message": one_line(event_message(event, document)),
    }
    arguments = [facts[argument[1:-1]] if argument in PLACES else argument for argument in command]
    told = json.dumps({**document, **facts}, default=str)
    try:
        ended = subprocess.run(
            arguments,
            input=told.encode(),
            env={**os.environ, **{f"PHASEWELL_{name.upper()}": value for name, value in facts.items()}},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{arguments[0]}: did not end within {timeout_s:g} s and was killed"
    except (OSError, ValueError) as error:
        return f"{arguments[0]}: cannot be run ({error})"
    return f"{arguments[0]}: ended with {ended.returncode}" if ended.returncode else None


def event_message(event: str, document: Mapping[str, Any]) -> str:
    """Return the sentence that a person reads; it begins with the program's name, never with what data say."""
    counts = "{done} of {expected} frames, {quarantined} quarantined, {missing} missing".format(
        **{name: document.get(name) or 0 for name in ("done", "expected", "quarantined", "missing")}
    )
    text = f"phasewell: {'stalled' if event == 'stall' else document.get('state')}: plate {document.get('plate')}"
    reason = document.get("message")
    return f"{text}: {counts}{f': {reason}' if reason else ''}"
