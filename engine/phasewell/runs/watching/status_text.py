"""The words of a status, which the terminal, the page and a message share."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from phasewell.runs.watching.unit_board import describe_reasons

_GIB = 2**30
_WORDS = {
    "running": "running",
    "stalled": "stalled: no unit has ended for too long",
    "interrupted": "interrupted: nothing works on it; the same command resumes",
    "failed": "failed",
    "incomplete": "finished, with quarantined or missing frames",
    "done": "done: every expected frame was processed",
}


def state_words(document: Mapping[str, Any]) -> str:
    """Return what the state of a run means."""
    return _WORDS.get(str(document.get("state")), str(document.get("state")))


def share_done(document: Mapping[str, Any]) -> float | None:
    """Return the share of expected frames that are settled: processed, quarantined or missing; None before a plan."""
    expected = document.get("expected")
    if not expected:
        return None
    return sum(document.get(name) or 0 for name in ("done", "quarantined", "missing")) / float(expected)


def status_rows(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, value) for people, in the order in which somebody asks at night; nothing unknown is listed."""
    rows = [("state", state_words(document)), ("frames", _frames(document))]
    if reasons := document.get("reasons"):
        rows.append(("reasons", describe_reasons(reasons)))
    rate, left = document.get("frames_per_s"), document.get("eta_s")
    if rate is not None:
        rows.append(("rate", f"{rate:,.1f} frames/s"))
    if left is not None:
        rows.append(("time left", f"about {duration(left)}"))
    if document.get("memory_bytes"):
        rows.append(("memory", _memory(document)))
    if document.get("gpu_memory_bytes") is not None:
        used, total = document["gpu_memory_bytes"], document.get("gpu_total_bytes") or 0
        rows.append(("GPU memory", f"{used / _GIB:.1f} of {total / _GIB:.1f} GiB used, by all processes"))
    if document.get("disk_free_bytes") is not None:
        rows.append(("disk", f"{document['disk_free_bytes'] / _GIB:.1f} GiB free"))
    if document.get("device"):
        rows.append(("device", f"{document['device']}, executor {document.get('executor')}"))
    if document.get("last_unit"):
        rows.append(("last unit", str(document["last_unit"])))
    if document.get("pid"):
        rows.append(("process", f"{document['pid']} on {document.get('host')}"))
    if document.get("message"):
        rows.append(("message", str(document["message"])))
    if document.get("state") not in ("running", "done") and document.get("resume"):
        rows.append(("resume", str(document["resume"])))
    return rows


def duration(seconds: float) -> str:
    """Return seconds as people say them: "45 s", "12 min", "3 h 05 min", "2 d 4 h"."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"


def clock(at: str | None) -> str:
    """Return an instant as date and minute in UTC; "-" where it is not known."""
    try:
        return f"{datetime.datetime.fromisoformat(str(at)).astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return "-"


def _frames(document: Mapping[str, Any]) -> str:
    if document.get("expected") is None:
        return "not planned yet"
    share = share_done(document)
    done, expected = document.get("done") or 0, document["expected"]
    text = f"{done:,} of {expected:,} processed"
    text += f", {document.get('quarantined') or 0:,} quarantined, {document.get('missing') or 0:,} missing"
    return text if share is None else f"{text} ({int(1000 * share) / 10:.1f} %)"


def _memory(document: Mapping[str, Any]) -> str:
    text = f"{document['memory_bytes'] / _GIB:.1f} GiB by the run's processes"
    total, free = document.get("host_memory_bytes"), document.get("host_free_bytes")
    if total and free is not None:
        text += f"; {free / _GIB:.1f} of {total / _GIB:.1f} GiB free on {document.get('host') or 'the host'}"
    return text
