"""The section on sizes: densities of log10 area, medians and tests on lots, homogeneity and round cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.report.blocks import Block, Cell, Column, Figure, Paragraph, Section, Table
from phasewell.report.paper_r import describing_charts as charts
from phasewell.report.theme import PAGE_WIDTH, hour_text, plain, to_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.report.paper_r.outcome import Outcome

SHOWN_H = (6.0, 30.0, 60.0, 90.0)
_UNITS = {"um2": "µm²"}
TESTED_H = (6.0, 30.0)
"""Hours at which the paper gives medians and tests."""


def groups_of(step: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the groups of lots with their numbers, clones first."""
    return [(name, step["groups"][name]) for name in charts.GROUP_COLOURS if name in step["groups"]]


def nearest(times_h: Sequence[float], wanted: Sequence[float]) -> list[int]:
    """Return the places of the hours nearest to the wanted ones, each once, in order."""
    hours = np.array(times_h)
    return sorted({int(np.abs(hours - hour).argmin()) for hour in wanted})


def sizes(outcome: Outcome, step: Mapping[str, Any]) -> Section:
    """Return figures 3a and 3c, medians by hour and the tests of clones against bulk lots."""
    shown = nearest(step["times_h"], SHOWN_H)
    blocks: list[Block] = [
        *_groups(outcome, step, shown),
        *_clones(outcome, step, shown),
        _medians(outcome, step, shown),
    ]
    tested = {step["times_h"][t] for t in nearest(step["times_h"], (*TESTED_H, step["times_h"][-1]))}
    tests = [row for row in step["tests"] if row["time_h"] in tested]
    if tests:
        blocks.append(compare_table(outcome, tests, "Clones against bulk lots"))
    elif "reason" in step:
        blocks.append(Paragraph(f"No comparison with bulk cells: {step['reason']}.", "muted"))
    blocks += _over_hours(outcome, step)
    rule = step["round_rule"]
    lead = (
        f"{step['kernel']}. Sizes are of cells above {step['limit_px']} px, which are {step['limit_um2']:.4g} µm²; "
        "the limit is in pixels, as the paper gives it. A cell counts as round with a form factor up to "
        f"{rule['largest_form_factor']:g}, a compactness up to {rule['largest_compactness']:g} and an area up to "
        f"{rule['largest_um2']:g} µm²: our rule, the paper saw round cells by eye. Those joined to a neighbour are "
        "not counted."
    )
    return Section("sizes", "Sizes and round cells", blocks, lead)


def _short(value: float) -> str:
    """Return a number with two significant digits, or as a whole number from 100 on."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"


def compare_table(outcome: Outcome, rows: list[Mapping[str, Any]], caption: str) -> Table:
    """Return comparisons of clones with bulk lots; `time_h` is left empty where a row has none."""
    columns = [
        Column("Number"),
        Column("Hour", ".4g"),
        *(Column(t, ".4g", "Clones") for t in ("mean", "SD")),
        *(Column(t, ".4g", "Bulk lots") for t in ("mean", "SD")),
        Column("n"),
        Column("Difference (95 %)"),
        Column("Student p", ".2g"),
        Column("Welch p", ".2g"),
        Column("Hedges g", ".2f"),
    ]
    cells: list[list[Cell]] = [
        [
            f"{row['title']} ({_UNITS[row['unit']]})" if row["unit"] in _UNITS else row["title"],
            row.get("time_h"),
            *(row[key] for key in ("mean_first", "sd_first", "mean_second", "sd_second")),
            f"{row['n_first']}\u00a0+\u00a0{row['n_second']}",
            f"{_short(row['difference'])} ({_short(row['low'])} to {_short(row['high'])})",
            *(row[key] for key in ("student_p", "welch_p", "hedges_g")),
        ]
        for row in rows
    ]
    n = rows[0]["n_first"] + rows[0]["n_second"] if rows else 0
    note = (
        "n counts lots, not cells. Student's t pools the variances, as in the paper; Welch's does not. Hedges g is the "
        f"difference in pooled SDs, corrected for few lots. {outcome.stamp(n, 'lots')}"
    )
    return Table(caption, columns, cells, note)


def _curve(step: Mapping[str, Any], density: Sequence[float] | None, **labels: Any) -> list[dict[str, Any]]:
    """Return the rows of one density; bare ends beyond the last cells are cut off."""
    if density is None:
        return []
    y = np.array(density, np.float64)
    inside = np.flatnonzero(y > 0.002 * y.max())
    first, last = max(int(inside[0]) - 1, 0), int(inside[-1]) + 2
    pairs = zip(step["grid_log10_um2"][first:last], density[first:last], strict=True)
    return [{**labels, "x": plain(x, 4), "density": plain(v, 3)} for x, v in pairs]


def _groups(outcome: Outcome, step: Mapping[str, Any], shown: Sequence[int]) -> list[Block]:
    panels: dict[str, list[dict[str, Any]]] = {}
    means: dict[str, list[dict[str, Any]]] = {}
    even: dict[str, list[dict[str, Any]]] = {}
    for t in shown:
        title = f"{hour_text(step['times_h'][t])} h"
        for group, found in groups_of(step):
            pooled = found["pooled"][t]
            rows = _curve(step, pooled["density"], group=group)
            if rows:
                panels.setdefault(title, []).extend(rows)
                mean = {"group": group, "x": plain(math.log10(pooled["mean_um2"]), 4)}
                means.setdefault(title, []).append(mean)
                even.setdefault(title, []).extend(_curve(step, pooled["density_of_lots"], group=group))
    if not panels:
        return [Paragraph("Too few cells for a density at any hour.", "warning")]
    parts = []
    for group, found in groups_of(step):
        counts = [f"{found['pooled'][t]['n']:,} at {hour_text(step['times_h'][t])} h" for t in shown]
        parts.append(f"{group}: {', '.join(counts)} cells of {len(found['lots'])} lots")
    n = sum(len(found["lots"]) for found in dict(groups_of(step)).values())
    drawn = "Size of cells, pooled; dashed: every lot counts the same; dotted: mean area"
    caption = f"Figure 3a. {drawn}. {'; '.join(parts)}. {outcome.stamp(n, 'lots')}"
    words = "Density of log10 cell area by group at several hours; " + "; ".join(parts)
    marks = sum(map(len, panels.values()))
    return [
        Figure("size-groups", to_spec(charts.group_densities(panels, even, means, PAGE_WIDTH), words, marks), caption)
    ]


def _clones(outcome: Outcome, step: Mapping[str, Any], shown: Sequence[int]) -> list[Block]:
    lots, potency = step["groups"]["clones"]["lots"], step["potency"]
    panels: dict[str, list[dict[str, Any]]] = {}
    for name in sorted(lots, key=lambda clone: -potency[clone]):
        for t in shown:
            rows = _curve(step, lots[name][t]["density"], hour=f"{hour_text(step['times_h'][t])} h")
            panels.setdefault(f"{name} · {potency[name]:g}", []).extend(rows)
    panels = {title: rows for title, rows in panels.items() if rows}
    if not panels:
        return []
    hours = [step["times_h"][t] for t in shown]
    caption = (
        "Figure 3c. Size of cells over time, a panel per clone, by falling serial-passage limit (the number beside the "
        f"name). {outcome.stamp(len(panels))}"
    )
    words = f"Density of log10 cell area of each of {len(panels)} clones at {', '.join(f'{h:g}' for h in hours)} h"
    marks = sum(map(len, panels.values()))
    return [Figure("size-clones", to_spec(charts.clone_densities(panels, hours, PAGE_WIDTH), words, marks), caption)]


def by_lot(lots: Mapping[str, Any], time: int, key: str) -> NDArray[np.float64]:
    """Return one number of every lot at an hour, (lots,), NaN where undefined."""
    return np.array([math.nan if rows[time][key] is None else rows[time][key] for rows in lots.values()])


def _medians(outcome: Outcome, step: Mapping[str, Any], shown: Sequence[int]) -> Table:
    columns = [Column("Hour", ".4g"), Column("Group"), Column("Lots", ".0f"), Column("Cells above the limit", ",d")]
    columns += [
        Column(t, ".0f") for t in ("Median of all cells (µm²)", "Mean of lots' medians (µm²)", "SD of these (µm²)")
    ]
    columns += [Column("Small cells (%)", ".1f"), Column("Round cells (%)", ".1f")]
    rows: list[list[Cell]] = []
    for t in shown:
        for group, found in groups_of(step):
            medians = by_lot(found["lots"], t, "median_um2")
            medians = medians[np.isfinite(medians)]
            shares = [by_lot(found["lots"], t, key) for key in ("small_share", "round_share")]
            percents = [100 * float(np.nanmean(s)) if np.isfinite(s).any() else None for s in shares]
            row: list[Cell] = [
                step["times_h"][t],
                group.replace(" ", "\u00a0"),
                len(found["lots"]),
                found["pooled"][t]["n"],
            ]
            row += [found["pooled"][t]["median_um2"], float(medians.mean()) if len(medians) else None]
            row += [float(medians.std(ddof=1)) if len(medians) > 1 else None, *percents]
            rows.append(row)
    n = sum(len(found["lots"]) for found in dict(groups_of(step)).values())
    note = f"Small: at most {step['limit_px']} px. Shares are means over lots, of all cells. {outcome.stamp(n, 'lots')}"
    return Table("Sizes over time", columns, rows, note)


def _over_hours(outcome: Outcome, step: Mapping[str, Any]) -> list[Block]:
    if len(step["times_h"]) < 2:
        return []
    titles = {
        "Median area (µm²)": ("median_um2", 1),
        "SD of log10 area": ("sd_log10", 1),
        "Round cells (%)": ("round_share", 100),
    }
    panels: dict[str, list[dict[str, Any]]] = {}
    for title, (key, factor) in titles.items():
        for group, found in groups_of(step):
            for t, hour in enumerate(step["times_h"]):
                values = factor * by_lot(found["lots"], t, key)
                values = values[np.isfinite(values)]
                if len(values):
                    mean, sd = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
                    row = {"group": group, "hour": plain(hour), "mean": plain(mean), "lots": len(values)}
                    panels.setdefault(title, []).append(
                        row | {"low": plain(max(mean - sd, 0.0)), "high": plain(mean + sd)}
                    )
    if not panels:
        return []
    n = sum(len(found["lots"]) for found in dict(groups_of(step)).values())
    caption = f"Size, homogeneity and round cells over time: mean and SD over lots. {outcome.stamp(n, 'lots')}"
    chart = charts.numbers_over_hours(panels, step["times_h"], PAGE_WIDTH)
    words = "Median area, SD of log10 area and share of round cells over hours, by group"
    return [Figure("size-hours", to_spec(chart, words, 3 * sum(map(len, panels.values()))), caption)]
