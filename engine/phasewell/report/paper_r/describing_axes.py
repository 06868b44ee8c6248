"""Sections on principal components: the clones in them, what the axes are made of, and clouds in fixed axes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.report.blocks import Block, Cell, Column, Figure, Paragraph, Section, Table
from phasewell.report.paper_r import describing_maps as maps
from phasewell.report.theme import PAGE_WIDTH, hour_text, plain, to_spec

if TYPE_CHECKING:
    from phasewell.report.paper_r.outcome import Outcome


def components(outcome: Outcome, step: Mapping[str, Any]) -> Section:
    """Return figures 3e and 3f, the loadings (supplementary table 2) and how much of an axis each hour makes."""
    title = "Principal components"
    if "reason" in step:
        return Section("components", title, [Paragraph(f"Not shown: {step['reason']}.", "muted")])
    rows = [
        {
            "clone": c["clone"],
            "potency": plain(c["potency"]),
            "x": plain(c["scores"][0]),
            "y": plain([*c["scores"], 0.0][1]),
        }
        for c in step["clones"]
    ]
    words = f"{len(rows)} clones in the first two principal components of their profiles, by clone and by potency"
    caption = (
        f"Figures 3e and 3f. Profiles in their principal components; {step['recipe']}. Signs are fixed: the largest "
        f"loading of an axis is positive. {outcome.stamp(len(rows))}"
    )
    chart = maps.component_maps(rows, step["explained"], PAGE_WIDTH)
    blocks: list[Block] = [
        Figure("components", to_spec(chart, words, 4 * len(rows)), caption),
        _axes_table(outcome, step),
        _loadings(outcome, step),
        *_hours(outcome, step),
    ]
    if step["left_out"]:
        names = ", ".join(step["left_out"][:6]) + (" ..." if len(step["left_out"]) > 6 else "")
        text = f"{len(step['left_out'])} columns are constant or undefined for some clone and left out: {names}."
        blocks.append(Paragraph(text, "warning"))
    lead = (
        "The axes know nothing of the potencies. A line through one of several axes and 15 potencies finds something "
        "by chance often enough; the models below are tested on clones they never saw."
    )
    return Section("components", title, blocks, lead)


def _axes_table(outcome: Outcome, step: Mapping[str, Any]) -> Table:
    columns = [
        Column("Axis"),
        Column("Variance (%)", ".1f"),
        Column("Unscaled (%)", ".1f"),
        Column("R² with potency", ".2f"),
    ]
    columns += [Column("Slope", ".3f"), Column("p", ".2g"), Column("p × axes", ".2g")]
    rows: list[list[Cell]] = []
    for i, (share, unscaled, line) in enumerate(
        zip_longest(step["explained"], step["explained_unscaled"], step["potency_lines"])
    ):
        numbers: list[Cell] = [None] * 4
        if line is not None:
            numbers = [line["r2"], line["slope"], line["p"], min(1.0, line["p"] * len(step["explained"]))]
        shares: list[Cell] = [None if s is None else 100 * s for s in (share, unscaled)]
        rows.append([f"PC{i + 1}", *shares, *numbers])
    note = (
        "Unscaled: shares where columns keep their units, as R's prcomp by default. Slope in passages per unit of the "
        f"axis; the last column multiplies p by the number of axes looked at. {outcome.stamp(len(step['clones']))}"
    )
    return Table("Axes", columns, rows, note)


def _loadings(outcome: Outcome, step: Mapping[str, Any]) -> Table:
    shown = step["loadings"][:2]
    columns = [
        c for i in range(len(shown)) for c in (Column("Term", "", f"PC{i + 1}"), Column("Loading", ".3f", f"PC{i + 1}"))
    ]
    rows: list[list[Cell]] = []
    for entries in zip_longest(*shown):
        rows.append([cell for e in entries for cell in ((None, None) if e is None else (e["title"], e["loading"]))])
    note = f"Supplementary table 2. The terms of largest size, of unit vectors. {outcome.stamp(len(step['clones']))}"
    return Table("Loadings", columns, rows, note)


def _hours(outcome: Outcome, step: Mapping[str, Any]) -> list[Block]:
    hours = [row["time_h"] for row in step["share_by_hour"]]
    n_axes = min(2, len(step["explained"]))
    if len(hours) < 2:
        return []
    rows = [
        {"axis": f"PC{i + 1}", "hour": plain(row["time_h"]), "share": plain(100 * row["shares"][i])}
        for row in step["share_by_hour"]
        for i in range(n_axes)
    ]
    early = [row["shares"][1] for row in step["share_by_hour"] if n_axes > 1 and 24 <= row["time_h"] <= 30]
    said = f" The hours 24 to 30 make {100 * sum(early):.0f} % of PC2." if early else ""
    caption = (
        f"How much of each axis an hour makes: squared loadings of its terms, added up; even shares would be "
        f"{100 / len(hours):.1f} %.{said} {outcome.stamp(len(step['clones']))}"
    )
    words = "Share of PC1 and PC2 by hour"
    return [
        Figure("components-hours", to_spec(maps.shares_by_hour(rows, hours, PAGE_WIDTH), words, len(rows)), caption)
    ]


def clouds(outcome: Outcome, step: Mapping[str, Any]) -> Section:
    """Return figure 5's maps: clouds of resampled cells in the fixed axes of each window, and how far they part."""
    title = "Resampled cells in fixed axes"
    if "reason" in step:
        return Section("clouds", title, [Paragraph(f"Not shown: {step['reason']}.", "muted")])
    blocks: list[Block] = [_separation(outcome, step)]
    for window in step["windows"]:
        blocks.append(_window(outcome, step, window))
    lead = (
        f"{step['bootstraps']} times, {step['resampled']}; means and SDs are made again. The axes of a window come "
        "from all its clouds together, of every number of fields, and stay fixed. This says what chance in the cells "
        "does; the bootstraps of fields, which models are tested on, stand below and are another thing."
    )
    return Section("clouds", title, blocks, lead)


def _range(window: Mapping[str, Any]) -> str:
    first, last = hour_text(window["first_h"]), hour_text(window["last_h"])
    return f"{first} h" if first == last else f"{first}–{last} h"


def _separation(outcome: Outcome, step: Mapping[str, Any]) -> Table:
    columns = [Column("Window")]
    columns += [Column(f"{count} fields", ".1f", "SD between clones / SD of a cloud") for count in step["fields"]]
    columns += [Column(f"{count} fields", ".2f", "SD of a cloud") for count in step["fields"]]
    rows: list[list[Cell]] = [
        [
            _range(window),
            *(c["separation"] for c in window["conditions"]),
            *(c["sd_within"] for c in window["conditions"]),
        ]
        for window in step["windows"]
    ]
    cells = ", ".join(
        f"{count}: {np.median([v for v in row if v is not None]):,.0f}"
        for count, row in zip(step["fields"], step["cells_per_hour"], strict=True)
    )
    note = (
        "In the first two axes. A larger number tells clones apart better. Median cells of a clone and hour by number "
        f"of fields: {cells}. {outcome.stamp()}"
    )
    return Table("How well windows and numbers of fields part the clones", columns, rows, note)


def _window(outcome: Outcome, step: Mapping[str, Any], window: Mapping[str, Any]) -> Figure:
    panels = []
    for condition in window["conditions"]:
        rows = []
        for clone, points in zip(step["clones"], condition["points"], strict=True):
            pairs = [[*point, 0.0][:2] for point in points]
            rows += [{"clone": clone, "x": x, "y": y} for x, y in pairs if x is not None and y is not None]
        panels.append((f"{condition['fields']} fields", rows))
    ends = []
    for key in ("x", "y"):
        values = [row[key] for _, rows in panels for row in rows] or [0.0]
        pad = 0.06 * (max(values) - min(values)) or 1.0
        ends.append((min(values) - pad, max(values) + pad))
    name = _range(window)
    n = sum(len(rows) for _, rows in panels)
    names = list(dict.fromkeys(step["clones"]))
    chart = maps.cloud_maps(panels, (ends[0], ends[1]), window["explained"], names, PAGE_WIDTH)
    words = f"Clouds of resampled cells of {len(names)} clones, window {name}, by number of fields"
    caption = f"Figure 5, window {name}: {window['recipe']}. {outcome.stamp(n, 'points')}"
    anchor = f"clouds-{hour_text(window['last_h']).replace('.', '-')}"
    return Figure(anchor, to_spec(chart, words, n), caption)
