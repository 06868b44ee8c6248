"""What the verbs of the command line share: their common options, and how an answer is shown."""

from __future__ import annotations

import json as jsonlib
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import MissingArgumentError, Parameter

from phasewell.names import terminal_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cyclopts import App, CycloptsError

Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON document on stdout; text goes to stderr.")]
Set = Annotated[tuple[str, ...], Parameter(name="--set", help="Override a key: section.key=value. May be repeated.")]
OnDevice = Annotated[str | None, Parameter(name="--device", help="cpu, cuda, cuda:N or auto: sets compute.device.")]
RunFile = Annotated[
    Path, Parameter(help="Configuration of the run, such as run.toml; phasewell config init writes one.")
]
RunFolder = Annotated[Path, Parameter(help="Folder of a run.")]
Quiet = Annotated[bool, Parameter(name=("-q", "--quiet"), negative="", help="No progress bar.")]


def device_setting(device: str | None) -> tuple[str, ...]:
    """Return the setting that `--device` stands for, as `--set` takes it; none where it was left out."""
    return () if device is None else (f"compute.device={jsonlib.dumps(device)}",)


def default_text(value: Any) -> str | None:
    """Return what `--help` says of a default: nothing for what is off or empty, because that says nothing."""
    return None if value is None or value is False or value == () else str(value)


def describe_usage(error: CycloptsError) -> str:
    """Return what is wrong with a command line: the missing argument by its name, and where help is."""
    verb = " ".join(error.command_chain or ())
    message = str(error)
    if isinstance(error, MissingArgumentError) and error.argument is not None and error.keyword is None:
        name = error.argument.name
        positional = error.argument.field_info.is_positional
        message = f"{name.lstrip('-').upper() if positional else name} is missing"
    about = f"{verb}: " if verb else ""
    return f"{about}{message.removesuffix('.')}; see {' '.join(filter(None, ('phasewell', verb, '--help')))}"


def options_of(app: App, tokens: list[str]) -> set[str]:
    """Return the options, such as `--pixel-size-um`, of the verb that a command line calls."""
    _, apps, _ = app.parse_commands(tokens)
    if not apps[-1].default_command:
        return set()
    arguments = apps[-1].assemble_argument_collection()
    return {name for argument in arguments for name in argument.names if name.startswith("--")}


def with_options(message: str, options: Collection[str]) -> str:
    """Return a message of the library in the words of the command line.

    An argument named as `plate=` or `layout='table'` becomes `--plate` or `--layout table`, and a name with an
    underscore, such as `pixel_size_um`, its option; keys of the configuration (`foreign.plane`), paths and quoted text
    stay.
    """
    for option in sorted(options, key=len, reverse=True):
        name = option.removeprefix("--").replace("-", "_")
        text = rf"(?<![\w./'\"-]){name}"
        message = re.sub(rf"{text}='([^']*)'", rf"{option} \1", message)
        message = re.sub(rf"{text}=(?=[;,.\s]|$)", option, message)
        message = re.sub(rf"{text}=", f"{option} ", message)
        if "_" in name:
            message = re.sub(rf"{text}(?![\w./'\"=-])", option, message)
    return message


def show(document: Mapping[str, Any], text: str, json: bool) -> None:
    """Print text for people, or one JSON document for programs and the text beside it."""
    if json:
        print(jsonlib.dumps(document, indent=2, allow_nan=False, default=str))
    stream = sys.stderr if json else sys.stdout
    print(terminal_text(text, getattr(stream, "encoding", None)), file=stream)
