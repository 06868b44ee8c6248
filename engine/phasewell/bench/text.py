"""What a bench run says to people: ceilings, rows, and the one verdict."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import Any

from phasewell.bench.documents import BenchDocument
from phasewell.bench.rows import Row

_WIDTH = 118
_BUSY = 0.5  # load per core from which on rates are those of a busy machine


def describe_document(document: BenchDocument) -> str:
    """Return the text of a bench run; its last line is the verdict."""
    return "\n".join(
        (
            *_conditions(document),
            "",
            table_text(("ceiling", "measured", "how"), [_ceiling_cells(one) for one in document.ceilings], "lrl"),
            table_text(
                ("boundary", "batch", "frames/s", "p50 ms", "p95 ms", "spread", "of ceiling", "GB RAM", "parity"),
                [_row_cells(row) for row in document.rows],
                "lrrrrrrrl",
            ),
            *_notes(document),
            document.verdict.sentence,
        )
    )


def _conditions(document: BenchDocument) -> list[str]:
    under = document.conditions
    facts = under["hardware"]
    lines = [
        f"phasewell bench{' --quick' if document.quick else ''}: {facts['name']}, {facts['hardware']}, "
        f"{facts['memory_bytes'] / 2**30:.0f} GiB, commit {under['commit']}, {document.seconds:.0f} s",
        f"frames: {under['frames_of_plate']} {document.rows[0].frame}" if document.rows else "no rows",
    ]
    if is_busy(under):
        lines.append(
            f"the machine was busy: load {under['load_average']:g} on {under['cores']} cores before the start; "
            "rates are lower than it can do"
        )
    return lines


def is_busy(conditions: dict[str, Any]) -> bool:
    """Return whether others used the cores when the measurement began."""
    return float(conditions["load_average"]) > _BUSY * float(conditions["cores"])


def _ceiling_cells(ceiling: Any) -> tuple[str, str, str]:
    value = "-" if ceiling.value is None else f"{ceiling.value:,.3g} {ceiling.unit}"
    return ceiling.title, value, ceiling.how


def _row_cells(row: Row) -> tuple[str, ...]:
    if row.frames_per_s is None:
        return row.boundary, "", row.state, *[""] * 6
    return (
        row.boundary,
        str(row.batch_frames),
        f"{row.frames_per_s:,.1f}",
        f"{row.p50_ms:,.1f}",
        f"{row.p95_ms:,.1f}",
        f"{row.spread:.0%}",
        share_text(row),
        f"{(row.peak_host_bytes or 0) / 1e9:.1f}",
        "yes",
    )


def share_text(row: Row) -> str:
    """Return the larger of the two shares of a ceiling and which ceiling it is, in short."""
    shares = [(row.tflop_per_s_share, "matrix"), (row.gb_per_s_share, (row.gb_per_s_ceiling or "").partition(",")[0])]
    known = [(share, name) for share, name in shares if share is not None]
    if not known:
        return "-"
    share, name = max(known)
    return f"{share:.1%} {name.removeprefix('memory ').removeprefix('storage ')}"


def _notes(document: BenchDocument) -> list[str]:
    rows = document.rows
    networks = dict.fromkeys(row.engine.partition("; ")[2] or row.engine for row in rows if row.tflop_per_s is not None)
    lines = [f"network: {engine}" for engine in networks]
    compared = dict.fromkeys((row.boundary, row.parity.describe()) for row in rows if row.parity)
    lines += [f"parity, {boundary}: {told}" for boundary, told in compared]
    missing = dict.fromkeys((r.boundary, r.state, r.reason, r.remedy) for r in rows if r.frames_per_s is None)
    lines += [f"{state}, {boundary}: {reason}; {remedy}" for boundary, state, reason, remedy in missing]
    if any((share or 0) > 1 for row in rows for share in (row.tflop_per_s_share, row.gb_per_s_share)):
        lines.append(
            "a share above 100 %: the ceiling was measured while others used the machine, or by a slower library"
        )
    lines.append(f"kept for `phasewell plan`: {document.remembered}")
    return [*(textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in lines), ""]


def table_text(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    """Return aligned columns; `sides` has l or r for each. Long cells of the last column wrap below themselves."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head, side in zip(heads, sides, strict=True):
        last = head == heads[-1]
        table.add_column(head, justify="right" if side == "r" else "left", no_wrap=not last, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, highlight=False, markup=False)
    console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
