"""status.html: how far a run is, for whoever opens its folder over a file share; it needs nothing but a browser."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phasewell.plate import row_name, well_position
from phasewell.runs.watching.status_text import clock, share_done, status_rows
from phasewell.runs.watching.unit_board import DONE, LACKING, QUARANTINED, WAITING, WORKING, count_finished, well_state

PAGE_NAME = "status.html"
MARKS = {WAITING: "", WORKING: "▸", DONE: "✓", LACKING: "○", QUARANTINED: "!"}
STATE_WORDS = {
    WAITING: "waiting",
    WORKING: "in work",
    DONE: "done",
    LACKING: "has missing frames",
    QUARANTINED: "has quarantined frames",
}
"""What a letter of `unit_board` means, for a well."""
_TEMPLATES = Path(__file__).parent / "templates"
_SILENT_PERIODS = 3  # of writing, after which the page says that nobody writes it any more
_TROUBLED = 400  # wells that are listed


def render_status(document: Mapping[str, Any], every_s: float) -> str:
    """Return the page of a status as `runs.status` has it, that is written anew every `every_s` seconds.

    Every text is escaped; only the page's own style and script may act, and nothing can be fetched.
    """
    from markupsafe import Markup

    wells: Mapping[str, Any] = document.get("wells") or {}
    positions = [well_position(well) for well in wells]
    n_columns = max((column for _, column in positions), default=-1) + 1
    live = document.get("state") in ("running", "stalled")
    share = share_done(document) or 0.0
    at = str(document.get("at") or datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"))
    troubled = [(well, counts) for well, counts in wells.items() if counts["quarantined"] or counts["missing"]]
    style, script = (_read(name) for name in ("status.css", "status.js"))
    return str(
        _template().render(
            policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; "
            "form-action 'none'",
            style=Markup(style),
            script=Markup(script),
            plate=document.get("plate") or "run",
            state=document.get("state"),
            live=live,
            at=at,
            at_text=clock(at),
            written_ms=int(datetime.datetime.fromisoformat(at).timestamp() * 1000),
            silent_ms=int(1000 * max(60.0, _SILENT_PERIODS * every_s)),
            refresh_s=max(5, round(every_s)),
            every_s=f"{every_s:g}",
            share=f"{share:.4f}",
            percent=f"{int(1000 * share) / 10:.1f} %",
            rows=status_rows(document),
            wells=wells,
            n_times=len(document.get("times") or ()),
            columns=range(1, n_columns + 1),
            size="" if n_columns <= 12 else "medium" if n_columns <= 24 else "small",
            grid=_grid(wells, max((row for row, _ in positions), default=-1) + 1, n_columns),
            legend=[(letter, MARKS[letter], words) for letter, words in STATE_WORDS.items()],
            troubled=sorted(troubled, key=lambda item: -item[1]["quarantined"])[:_TROUBLED],
        )
    )


def _grid(wells: Mapping[str, Any], n_rows: int, n_columns: int) -> list[dict[str, Any]]:
    by_place = {well_position(well): (well, counts) for well, counts in wells.items()}
    rows = []
    for row in range(n_rows):
        cells = [_cell(*by_place[row, column]) if (row, column) in by_place else None for column in range(n_columns)]
        rows.append({"name": row_name(row), "cells": cells})
    return rows


def _cell(well: str, counts: Mapping[str, Any]) -> dict[str, str]:
    letter = well_state(counts["units"])
    finished, units = count_finished(counts["units"])
    title = f"{well}: {finished} of {units} times finished, {STATE_WORDS[letter]}; frames processed {counts['done']}, "
    title += f"quarantined {counts['quarantined']}, missing {counts['missing']}"
    return {"kind": letter, "mark": MARKS[letter], "text": f"{finished}/{units}", "title": title}


@functools.cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("status.html")


@functools.cache
def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
