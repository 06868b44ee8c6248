"""What the verbs of the command line share: their common options, and how an answer is shown."""

from __future__ import annotations

import json as jsonlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from phasewell.names import terminal_text

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON document on stdout; text goes to stderr.")]
Set = Annotated[tuple[str, ...], Parameter(name="--set", help="Override a key: section.key=value. May be repeated.")]
OnDevice = Annotated[str | None, Parameter(name="--device", help="cpu, cuda, cuda:N or auto: sets compute.device.")]
Quiet = Annotated[bool, Parameter(name=("-q", "--quiet"), negative="", help="No progress bar.")]


def device_setting(device: str | None) -> tuple[str, ...]:
    """Return the setting that `--device` stands for, as `--set` takes it; none where it was left out."""
    return () if device is None else (f"compute.device={jsonlib.dumps(device)}",)


def show(document: Mapping[str, Any], text: str, json: bool) -> None:
    """Print text for people, or one JSON document for programs and the text beside it."""
    if json:
        print(jsonlib.dumps(document, indent=2, allow_nan=False, default=str))
    stream = sys.stderr if json else sys.stdout
    print(terminal_text(text, getattr(stream, "encoding", None)), file=stream)
