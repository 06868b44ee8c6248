"""A run in a terminal: the plate as a map of its wells, and the words beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from phasewell.names import one_line
from phasewell.plate import row_name, well_position
from phasewell.runs.watching.status_text import clock, share_done, status_rows
from phasewell.runs.watching.unit_board import DONE, LACKING, QUARANTINED, WAITING, WORKING, count_finished, well_state

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.text import Text

_MARKS = {WAITING: "·", WORKING: "▸", DONE: "✓", LACKING: "○", QUARANTINED: "!"}
_ASCII_MARKS = {WAITING: ".", WORKING: ">", DONE: "#", LACKING: "o", QUARANTINED: "!"}
_STYLES = {
    WAITING: "grey62",
    WORKING: "bold white on dodger_blue3",
    DONE: "white on dark_green",
    LACKING: "white on medium_purple4",
    QUARANTINED: "bold white on dark_orange3",
}
_WORDS = {WAITING: "waiting", WORKING: "in work", DONE: "done", LACKING: "missing", QUARANTINED: "quarantined"}
_BAR_WIDTH, _LEAST_ROWS = 40, 4


def watch_run(documents: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Show documents as `runs.watch` yields them until there are no more, and return the last one.

    In a terminal the picture is redrawn in place; elsewhere one line is printed whenever a number changes.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(file=sys.stdout)
    last: Mapping[str, Any] = {}
    if not console.is_terminal:
        before = ""
        for last in documents:
            line = status_line(last)
            if line != before:
                print(line, flush=True)
            before = line
        return last
    with Live(console=console, auto_refresh=False, transient=False) as live:
        for last in documents:
            live.update(draw_status(last, console), refresh=True)
    return last


def status_line(document: Mapping[str, Any]) -> str:
    """Return a status as one line without times, so that it changes only with the run."""
    share = share_done(document)
    percent = "-" if share is None else f"{int(1000 * share) / 10:.1f} %"
    counts = " ".join(f"{name}={document.get(name) or 0}" for name in ("expected", "done", "quarantined", "missing"))
    rate = document.get("frames_per_s")
    return one_line(f"{document.get('state')}: {percent} {counts}" + (f" frames_per_s={rate:.1f}" if rate else ""))


def draw_status(document: Mapping[str, Any], console: Console) -> Group:
    """Return what a console of this width shows: title, bar, words, plate, legend."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    share = share_done(document) or 0.0
    marks = _MARKS if _can_show(console, "".join(_MARKS.values()) + "█░") else _ASCII_MARKS
    full, empty = ("█", "░") if marks is _MARKS else ("#", "-")
    width = min(_BAR_WIDTH, max(console.width - 12, 1))
    filled = int(width * share)
    percent = int(1000 * share) / 10
    wells: Mapping[str, Any] = document.get("wells") or {}
    rows = status_rows(document)
    room = console.height - len({well_position(well)[0] for well in wells}) - 7  # title, bar, numbers, legend
    if console.is_terminal and len(rows) > room:  # the plate says more than the last of the words
        rows = rows[: max(room, _LEAST_ROWS)]
    words = Table.grid(padding=(0, 2))
    for name, value in rows:
        words.add_row(Text(name, style="dim"), Text(one_line(value)))
    title = Text(one_line(str(document.get("plate") or "run")), style="bold")
    title.append(f"  {clock(document.get('at'))}", style="not bold dim")
    parts: list[Any] = [title, Text(f"{full * filled}{empty * (width - filled)} {percent:.1f} %"), words]
    if wells:
        parts += [Text(), draw_plate(wells, console.width, marks), draw_legend(marks)]
    return Group(*parts)


def draw_plate(wells: Mapping[str, Mapping[str, Any]], width: int, marks: Mapping[str, str] = _MARKS) -> Text:
    """Return the plate as a map in which every well has a mark, and where `width` allows it how many times are done."""
    from rich.text import Text

    places = {well_position(well): counts["units"] for well, counts in wells.items()}
    n_rows, n_columns = (max(place[axis] for place in places) + 1 for axis in (0, 1))
    full = 2 + max(len("{}/{}".format(*count_finished(units))) for units in places.values())
    room = (width - 3) // n_columns
    cell = full if room >= full else min(max(room, 1), 3)
    text = Text(no_wrap=True)
    if cell > 2:
        text.append("   " + "".join(f"{column + 1:^{cell}}" for column in range(n_columns)) + "\n", style="dim")
    for row in range(n_rows):
        text.append(f"{row_name(row):<3}", style="dim")
        for column in range(n_columns):
            units = places.get((row, column))
            if units is None:
                text.append(" " * cell)
                continue
            letter = well_state(units)
            words = marks[letter] + ("{}/{}".format(*count_finished(units)) if cell == full else "")
            gap = 1 if cell > 1 else 0
            text.append(f"{words:<{cell - gap}}", style=_STYLES[letter])
            text.append(" " * gap)
        text.append("\n")
    return text


def draw_legend(marks: Mapping[str, str]) -> Text:
    """Return what the marks mean."""
    from rich.text import Text

    text = Text()
    for letter, word in _WORDS.items():
        text.append(f" {marks[letter]} ", style=_STYLES[letter])
        text.append(f" {word}  ")
    return text


def _can_show(console: Console, characters: str) -> bool:
    try:
        characters.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
