"""What a layout gives: one entry per file that could be a frame, with its address in the words of the source."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path

from phasewell.errors import InputError
from phasewell.images.layouts.folder import Ignored, SourceFile, printable
from phasewell.names import stored_name
from phasewell.plate import parse_well


@dataclass(frozen=True)
class LayoutOptions:
    """What the caller says about the source; each layout reads the part it needs."""

    pattern: str | None = None  # regex: a regular expression, or the name of a known scheme
    table: Path | None = None  # table: CSV, TSV or Parquet; a relative path counts from the source, then from here
    columns: dict[str, str] = field(default_factory=dict)  # table: role -> name of the column that plays it
    well_names: dict[str, str] = field(default_factory=dict)  # name in the source -> well, such as {"A": "A01"}
    channel: str | None = None  # which channel, where a table has one column of files per channel


@dataclass(frozen=True)
class Entry:
    """One file with the address its layout gives it.

    `well` is canonical; `time` counts as the source counts, None where it does not count; `time_h` are hours since
    the source's zero, `acquired_s` an absolute time in seconds, `scan_s` one that all frames of a scan share and that
    places them where the source does not count; `x_um`, `y_um` a stage position, relative to something that is the
    same for all fields of the well. `page` is the frame's image in a file of several, from 0; None = the only one.
    `problem` is (reason, detail) when the address itself is unusable; the key parts may then be None.
    """

    file: SourceFile
    well: str | None
    field: str
    time: int | None = None
    plate: str | None = None
    channel: str | None = None
    plane: str | None = None
    time_h: float | None = None
    acquired_s: float | None = None
    scan_s: float | None = None
    page: int | None = None
    x_um: float | None = None
    y_um: float | None = None
    pixel_size_um: float | None = None
    pixel_size_source: str | None = None
    problem: tuple[str, str] | None = None
    flags: tuple[str, ...] = ()
    field_named: bool = True  # False where `field` is only the default


@dataclass(frozen=True)
class Listing:
    """Everything a layout found: entries, ignored files with reasons, and what the source announces.

    `y_up`: the source's stage y axis points up. `absent`: files a table or index names that are not there.
    `plate_shape`: (rows, columns) of wells where the source says it.
    """

    layout: str
    entries: tuple[Entry, ...]
    ignored: tuple[Ignored, ...]
    unmatched: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    plate_name: str | None = None
    channel_names: dict[str, str] = field(default_factory=dict)  # channel id -> its name in the source
    announced: dict[str, dict[str, int]] = field(default_factory=dict)  # plate -> such as {"times": 6}
    notes: tuple[str, ...] = ()
    y_up: bool = False
    plate_shape: tuple[int, int] | None = None


def canonical_number(text: str) -> str:
    """Return a field, channel or plane name with leading zeros of a plain number removed: `001` is `1`."""
    text = stored_name(text.strip())
    return str(int(text)) if text.isascii() and text.isdigit() else text


def read_well(text: str, names: dict[str, str]) -> tuple[str | None, tuple[str, str] | None]:
    """Return (canonical well, None), or (None, ("bad_index", why)) when the text names no well."""
    try:
        return parse_well(names.get(text.strip(), text)), None
    except InputError as error:
        return None, ("bad_index", printable(str(error)))


def read_time(text: str | None) -> tuple[int | None, tuple[str, str] | None]:
    """Return (time as the source counts, None), or (None, ("bad_index", why)); no text is no time and no problem."""
    if text is None:
        return None, None
    cleaned = text.strip()
    try:
        value = float(cleaned)  # tables write 3 as 3.0
    except ValueError:
        value = -1.0
    if not (0 <= value < 1e9) or value != int(value):
        return None, ("bad_index", f"time {printable(cleaned)!r}: expected a whole number from 0")
    return int(value), None


def leave_out(files: tuple[SourceFile, ...]) -> tuple[list[SourceFile], list[Ignored]]:
    """Part files into those named like images and those to ignore because they are not."""
    images = [file for file in files if file.is_image]
    return images, [Ignored(file.name, "not an image name") for file in files if not file.is_image]


def moment_s(text: str) -> float | None:
    """Return an ISO 8601 moment in seconds since 1970, in UTC where it names no zone; None for any other text."""
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
