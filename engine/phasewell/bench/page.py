"""The page of a comparison: one HTML file with the picture and the tables, which opens offline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phasewell.bench.comparison import Comparison, Limit, Pair, rate_text
from phasewell.bench.picture import draw_rates
from phasewell.bench.rows import say_frames_per_s
from phasewell.bench.verdict import REQUIRED_FRAMES_PER_S
from phasewell.report.blocks import OFFLINE, Column, Fact, Facts, Figure, Page, Paragraph, Section, Table
from phasewell.report.document import prepare_output, write_page

_TONES = {"met": "plain", "not met": "warning", "not measured": "warning"}


def write_comparison_page(compared: Comparison, path: Path) -> Path:
    """Write the page; raises OutputError when the file cannot be made, StorageError when the disk is full."""
    return write_page(prepare_output(path), compose_page(compared))


def compose_page(compared: Comparison) -> Page:
    """Return the page: verdicts, the picture, rates, ceilings, and the conditions that differ."""
    a, b = compared.names
    return Page(
        title=" and ".join(dict.fromkeys(compared.hardware)),
        subtitle=f"phasewell bench compare · {a}, {b}",
        simulated="",
        sections=(
            Section(
                "verdict",
                "The requirement",
                [_verdicts(compared)],
                lead=f"{compared.verdicts[0].requirement[:1].upper()}{compared.verdicts[0].requirement[1:]}.",
            ),
            Section("rates", "Rates", list(_rates(compared))),
            Section("ceilings", "Ceilings", [_limits(compared)], lead="What each machine can do at most, same run."),
            Section("conditions", "Conditions", list(_conditions(compared))),
        ),
        footer=f"Ratios are second / first. {OFFLINE}",
    )


def _verdicts(compared: Comparison) -> Facts:
    facts = []
    for name, verdict, title in zip(compared.names, compared.verdicts, compared.titles, strict=True):
        rate = "not measured" if verdict.frames_per_s is None else say_frames_per_s(verdict.frames_per_s)
        detail = (
            f"{verdict.state}, {verdict.factor:.2f} of {REQUIRED_FRAMES_PER_S:.0f}" if verdict.factor else verdict.state
        )
        limit = f"; limited by the {verdict.limited_by}" if verdict.limited_by else ""
        facts.append(Fact(name, rate, f"{detail}{limit}. {title}", _TONES[verdict.state]))
    return Facts(facts)


def _rates(compared: Comparison) -> Iterator[Any]:
    a, b = compared.names
    drawn = [pair for pair in compared.best if pair.first.frames_per_s or pair.second.frames_per_s]
    if drawn:
        caption = (
            "Fastest batch of each boundary. Left: frames per second on a logarithmic scale, the requirement as a dark "
            "stroke where it applies. Right: how many times faster."
        )
        yield Figure("rates", draw_rates(compared, drawn), caption)
    rates = [Column(name, ",.1f", "frames/s") for name in compared.names]
    shares = [Column(name, group="share of a ceiling") for name in compared.names]
    columns = (Column("Boundary"), Column("Batch", "d"), *rates, Column(f"{b} / {a}", ".2f", "ratio"), *shares)
    note = "A ratio in brackets is smaller than the spread of the repeats: no difference is shown."
    yield Table("Every batch size", columns, [_pair_cells(pair) for pair in compared.pairs], note)
    checks = [(pair.boundary, pair.batch or "-", pair.first.parity, pair.second.parity) for pair in compared.pairs]
    yield Table("Parity with the CPU", (Column("Boundary"), Column("Batch"), Column(a), Column(b)), checks)


def _pair_cells(pair: Pair) -> list[str | int | float | None]:
    ratio: str | float | None = pair.ratio
    if pair.ratio is not None and not pair.clear:
        ratio = f"({pair.ratio:.2f})"
    rates = [s.frames_per_s if s.frames_per_s is not None else rate_text(s) for s in (pair.first, pair.second)]
    batch = int(pair.batch) if pair.batch.isdigit() else None
    return [pair.boundary, batch, *rates, ratio, pair.first.share, pair.second.share]


def _limits(compared: Comparison) -> Table:
    a, b = compared.names
    columns = (Column("Ceiling"), Column("Unit"), Column(a, ",.3g"), Column(b, ",.3g"), Column(f"{b} / {a}", ".2f"))
    return Table("Ceilings of both machines", columns, [_limit_cells(limit) for limit in compared.limits])


def _limit_cells(limit: Limit) -> list[str | float | None]:
    values = ("not measured" if value is None else value for value in (limit.first, limit.second))
    return [limit.name, limit.unit, *values, limit.ratio]


def _conditions(compared: Comparison) -> Iterator[Any]:
    doubtful = [one for one in compared.differences if one.doubtful]
    machine = [one for one in compared.differences if not one.doubtful]
    columns = (Column("Condition"), Column(compared.names[0]), Column(compared.names[1]))
    if doubtful:
        yield Paragraph(
            "These conditions differ and do not belong to the machine: part of a difference above may be theirs.",
            "warning",
        )
        yield Table("Differ, and may matter", columns, [(one.condition, one.first, one.second) for one in doubtful])
    else:
        yield Paragraph("Code, versions, frames and effort are the same in both results.")
    if machine:
        yield Table("The machines", columns, [(one.condition, one.first, one.second) for one in machine])
