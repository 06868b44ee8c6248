"""The page of two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from phasewell.cells import DESCRIPTORS
from phasewell.manifest import read_manifest
from phasewell.report import plate_maps
from phasewell.report.blocks import Block, Cell, Column, Fact, Facts, Figure, Fold, Page, Paragraph, Section, Table
from phasewell.report.compared_models import models_section, scores_section
from phasewell.report.compared_runs import Comparison, read_run
from phasewell.report.document import prepare_output, write_page
from phasewell.report.measures import UNITS, Measure, shown_time
from phasewell.report.theme import ACCENT, DIVERGING, PAGE_WIDTH, WARNING, hour_text, inline, plain, to_spec

PAGE_NAME = "comparison.html"
MOST_ROWS = 200
_FIRST, _SECOND = "first run", "second run"


def write_comparison(first: Path | str, second: Path | str, output: Path | str | None = None) -> Path:
    """Write the page that sets two finished runs side by side as one HTML file, and return its path.

    `output` defaults to comparison.html in the first run's folder. The same runs give the same bytes. Raises
    OutputError before any work when the file cannot be made, InputError when a run is not finished or damaged, or when
    they have no well or hour in common.
    """
    if output is None:
        read_manifest(Path(first))  # before a folder is made: a mistyped run leaves none behind
    path = prepare_output(Path(output) if output is not None else Path(first) / PAGE_NAME)
    compared = Comparison(read_run(Path(first)), read_run(Path(second)))
    return write_page(path, compose_comparison(compared))


def compose_comparison(compared: Comparison) -> Page:
    """Return the page of a comparison."""
    sections = (
        _summary(compared),
        _settings(compared),
        _wells(compared),
        _descriptors(compared),
        _frames(compared),
        models_section(compared),
        scores_section(compared),
    )
    runs = (compared.first, compared.second)
    simulated = "Frames of at least one of the runs were made by a program." if any(r.simulated for r in runs) else ""
    names = " and ".join(dict.fromkeys(run.manifest.plate for run in runs))
    ids = " beside ".join(run.manifest.run_id[:12] for run in runs)
    return Page(f"Two runs of {names}", f"phasewell comparison · run {ids}", simulated, sections)


def _summary(compared: Comparison) -> Section:
    first, second = compared.first, compared.second
    cells = compared.parts().get("cells", (0, 0, 0))
    facts = [Fact("Cell tables of the same bytes", f"{cells[0]:,} of {cells[1]:,}", "parts of both runs, by SHA-256")]
    facts += [
        Fact(title, f"{one:,} | {other:,}", f"{other - one:+,}")
        for title, one, other in (
            ("Frames measured", first.manifest.n_processed, second.manifest.n_processed),
            ("Frames quarantined", first.manifest.n_quarantined, second.manifest.n_quarantined),
            ("Frames missing", first.manifest.n_missing, second.manifest.n_missing),
            ("Cells", first.n_cells, second.n_cells),
        )
    ]
    blocks: list[Block] = [Facts(facts), *_verdict(compared)]
    rows: list[list[Cell]] = [
        [title, get(first), get(second), "same" if get(first) == get(second) else "different"]
        for title, get in _IDENTITY
    ]
    columns = [Column(""), Column("First"), Column("Second"), Column("")]
    blocks.append(Table("The two runs", columns, rows))
    parts: list[list[Cell]] = [[stage, *counts] for stage, counts in compared.parts().items()]
    head = [Column("Stage"), *(Column(t, ",d") for t in ("Same bytes", "In both runs", "In one run only"))]
    blocks.append(Table("Parts", head, parts, "A part is one well at one hour."))
    return Section("summary", "Summary", blocks)


_IDENTITY: tuple[tuple[str, Any], ...] = (
    ("Run", lambda run: run.manifest.run_id),
    ("Plate", lambda run: run.manifest.plate),
    ("Plate digest", lambda run: run.manifest.plate_digest[:16]),
    ("Code version", lambda run: run.manifest.code_version),
    ("Descriptor definitions", lambda run: run.manifest.definitions),
    ("Wells × hours", lambda run: f"{len(run.wells)} × {len(run.hours)}"),
    ("Frames expected", lambda run: f"{run.manifest.n_expected:,}"),
)


def _verdict(compared: Comparison) -> list[Block]:
    found: list[Block] = []
    if not compared.same_plate:
        text = "The plates differ: wells of the same name are set side by side, but they are not the same frames."
        found.append(Paragraph(text, "warning"))
    if compared.first.manifest.definitions != compared.second.manifest.definitions:
        found.append(Paragraph("The descriptors are defined differently; their values are not comparable.", "warning"))
    counts = compared.parts()
    alike = all(same == both and not single for same, both, single in counts.values())
    if alike:
        total = sum(both for _, both, _ in counts.values())
        found.append(Paragraph(f"All {total:,} parts have the same bytes: the runs have the same numbers.", "note"))
    else:
        left = ", ".join(f"{both - same:,} of {both:,} {stage}" for stage, (same, both, _) in counts.items())
        found.append(Paragraph(f"Parts of both runs whose bytes differ: {left}.", "note"))
    return found


def _settings(compared: Comparison) -> Section:
    rows: list[list[Cell]] = [list(row) for row in compared.settings()]
    if not rows:
        return Section("settings", "Settings", [Paragraph("The configurations are equal.", "note")])
    columns = [Column("Key"), Column("First"), Column("Second")]
    return Section("settings", "Settings", [Table("Keys that differ", columns, rows)])


def _wells(compared: Comparison) -> Section:
    first, second = compared.pair("cells_per_field")
    blocks: list[Block] = []
    if np.isfinite(first + second).any():
        blocks += [_map(compared, second - first), _scatter(compared, first, second), _growth(compared, first, second)]
    else:
        blocks.append(Paragraph("No well was measured at one hour in both runs.", "note"))
    lead = f"{len(compared.wells)} wells and {len(compared.hours)} hours are in both runs."
    return Section("wells", "Wells", blocks, lead)


def _map(compared: Comparison, difference: Any) -> Figure:
    time = shown_time(difference)
    hour = f"{hour_text(compared.hours[time])} h"
    measure = Measure("difference", "Cells per field, second − first", "cells / field", difference)
    reach = float(np.nanmax(np.abs(difference[:, time]))) or 1.0
    chart = plate_maps.plate_map(compared.wells, measure, time, PAGE_WIDTH // 2, DIVERGING)
    words = f"Heat map of the difference in cells per field at {hour}, at most {reach:.3g} cells per field either way"
    caption = f"At {hour}, the last hour at which most wells were measured in both. Grey: not in both."
    return Figure("difference-map", to_spec(chart, words, 3 * len(compared.wells)), caption)


def _scatter(compared: Comparison, first: Any, second: Any) -> Figure:
    import altair as alt

    rows = [
        {"well": well, "hour": plain(hour), "first": plain(first[w, t]), "second": plain(second[w, t])}
        for w, well in enumerate(compared.wells)
        for t, hour in enumerate(compared.hours)
        if np.isfinite(first[w, t] + second[w, t])
    ]
    top = 1.04 * float(np.nanmax([first, second])) or 1.0
    domain = alt.Scale(domain=[0, plain(top)], nice=False)
    x = alt.X("first:Q", title="First run: cells per field (cells)", scale=domain)
    y = alt.Y("second:Q", title="Second run: cells per field (cells)", scale=domain)
    ends = inline([{"first": 0, "second": 0}, {"first": plain(top), "second": plain(top)}])
    line = alt.Chart(ends).mark_line(color="var(--ink-3)", strokeDash=[5, 4], strokeWidth=1.2).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("well:N", title="Well"),
        alt.Tooltip("hour:Q", title="Time (h)"),
        alt.Tooltip("first:Q", title="First run", format=".4~g"),
        alt.Tooltip("second:Q", title="Second run", format=".4~g"),
    ]
    points = alt.Chart(inline(rows)).mark_point(filled=True, size=34, opacity=0.6, color=ACCENT)
    chart = alt.layer(line, points.encode(x=x, y=y, tooltip=tooltip)).properties(width=360, height=360)
    words = f"Cells per field of {len(rows)} wells and hours, second run against first run"
    caption = "One point per well and hour; on the dashed line the runs agree."
    return Figure("agreement", to_spec(chart, words, len(rows)), caption)


def _growth(compared: Comparison, first: Any, second: Any) -> Figure:
    import altair as alt

    rows = []
    for name, values in ((_FIRST, first), (_SECOND, second)):
        for t, hour in enumerate(compared.hours):
            here = values[np.isfinite(values[:, t]), t]
            if len(here):
                low, middle, high = np.quantile(here, (0.1, 0.5, 0.9))
                row = {"run": name, "hour": plain(hour), "cells": plain(middle), "low": plain(low), "high": plain(high)}
                rows.append(row)
    base = alt.Chart(inline(rows))
    title = "Cells per field (cells)"
    x = alt.X(
        "hour:Q", title="Time (h)", axis=alt.Axis(grid=False), scale=alt.Scale(zero=False, nice=False, padding=12)
    )
    scale = alt.Scale(domain=[_FIRST, _SECOND], range=[ACCENT, WARNING])
    colour = alt.Color("run:N", scale=scale, legend=alt.Legend(title=None, symbolOpacity=1, orient="top"))
    band = base.mark_area(opacity=0.14).encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q", color=colour)
    lines = base.mark_line(point=True).encode(x=x, y=alt.Y("cells:Q", title=title), color=colour)
    chart = alt.layer(band, lines).properties(width=PAGE_WIDTH - 120, height=260)
    titles = {"low": "10 % quantile over wells (cells)", "high": "90 % quantile over wells (cells)"}
    words = "Median cells per field over the wells of both runs, over time"
    return Figure(
        "growth", to_spec(chart, words, 4 * len(rows), titles), "Median over wells; band: 10–90 % of the wells."
    )


def _descriptors(compared: Comparison) -> Section:
    rows: list[list[Cell]] = []
    for descriptor in DESCRIPTORS:
        first, second = compared.pair(f"{descriptor.name}_mean")
        both = np.isfinite(first + second)
        if not both.any():
            continue
        difference = np.where(both, second - first, np.nan)
        spread = float(np.std(first[both], ddof=1)) if both.sum() > 1 else float("nan")
        w, t = np.unravel_index(int(np.nanargmax(np.abs(difference))), difference.shape)
        mean = float(difference[both].mean())
        row: list[Cell] = [descriptor.title, UNITS[descriptor.unit], float(first[both].mean())]
        row += [float(second[both].mean()), mean, mean / spread if spread > 0 else None, float(difference[w, t])]
        rows.append([*row, f"{compared.wells[w]}, {hour_text(compared.hours[t])} h"])
    columns = [
        Column("Mean of"),
        Column("Unit"),
        *(Column(title, ".5g") for title in ("First", "Second", "Difference")),
    ]
    columns += [Column("Difference / SD", "+.3f"), Column("Largest difference", "+.4g"), Column("At")]
    note = "Means over the wells and hours of both runs; SD is over the wells and hours of the first run, ddof 1."
    blocks: list[Block] = [Table("Descriptors, pooled cells of a well", columns, rows, note)]
    return Section("descriptors", "Descriptors", blocks)


def _frames(compared: Comparison) -> Section:
    counts = compared.transitions()
    rows: list[list[Cell]] = [[one, other, n] for (one, other), n in sorted(counts.items())]
    blocks: list[Block] = [
        Table("Frames of both runs", [Column("First"), Column("Second"), Column("Frames", ",d")], rows)
    ]
    changed = compared.changed_frames()
    if not changed:
        blocks.append(Paragraph("No frame of both runs has another status.", "note"))
        return Section("frames", "Frames", blocks)
    each: list[list[Cell]] = [
        [well, field, hour_text(hour), _state(one), _state(other)]
        for (well, field, hour), one, other in changed[:MOST_ROWS]
    ]
    note = "" if len(changed) <= MOST_ROWS else f"The first {MOST_ROWS} of {len(changed):,}."
    columns = [Column("Well"), Column("Field"), Column("Hour", ".4g"), Column("First"), Column("Second")]
    blocks.append(Fold(f"{len(changed):,} frames whose status differs", [Table("Frames", columns, each, note)]))
    return Section("frames", "Frames", blocks)


def _state(state: tuple[str, str]) -> str:
    return ": ".join(dict.fromkeys(text for text in state if text))
