"""Sections that describe populations: passages, growth, pictures, sizes, components; verdicts stand beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from phasewell.report.blocks import Block, Cell, Column, Figure, Image, Images, Paragraph, Section, Table
from phasewell.report.paper_r import describing_charts as charts
from phasewell.report.paper_r.describing_axes import clouds, components
from phasewell.report.paper_r.describing_sizes import compare_table, sizes
from phasewell.report.paper_r.describing_verdicts import verdicts
from phasewell.report.theme import PAGE_WIDTH, hour_text, plain, to_spec

if TYPE_CHECKING:
    from phasewell.report.paper_r.outcome import Outcome

__all__ = ["sections", "verdicts"]


def sections(outcome: Outcome) -> list[Section]:
    """Return the sections of the steps that were made, in the order of the paper."""
    makers = {
        "passages": passages,
        "growth": growth,
        "pictures": pictures,
        "sizes": sizes,
        "spread": spread,
        "components": components,
        "clouds": clouds,
    }
    return [make(outcome, outcome.steps[name]) for name, make in makers.items() if name in outcome.steps]


def passages(outcome: Outcome, step: Mapping[str, Any]) -> Section:
    """Return the passage ledger: harvests, limits, and whether they are the potencies of the plate map."""
    title = "Passage ledger"
    if "reason" in step:
        return Section("passages", title, [Paragraph(f"Not shown: {step['reason']}.", "muted")])
    rows = [
        {"clone": c["clone"], "passage": p, "harvested": h, "potency": c["limit"]}
        for c in step["clones"]
        for p, h in zip(c["passages"], c["harvested"], strict=True)
    ]
    n = len(step["clones"])
    words = f"Harvested cells of {n} clones at every passage; the last passage of each is its limit."
    caption = (
        f"Figure 2a. Cells harvested at each passage; the dashed line is the seeding of {step['seeded_in_paper']:,} "
        f"cells per dish. {outcome.stamp(n)}"
    )
    chart = charts.passages_chart(rows, step["seeded_in_paper"], PAGE_WIDTH)
    blocks: list[Block] = [Figure("passages", to_spec(chart, words, 2 * len(rows)), caption), _ledger(outcome, step)]
    if step["differing"]:
        text = "The limit in the ledger is not the potency in the plate map for "
        blocks.append(Paragraph(f"{text}{', '.join(step['differing'])}; models use the plate map.", "warning"))
    if step["still_growing"]:
        text = f"The last harvest is larger than its seeding for {', '.join(step['still_growing'])}: these limits are "
        blocks.append(Paragraph(f"{text}lower bounds, for the clone may have gone on.", "warning"))
    if step["not_in_ledger"]:
        blocks.append(Paragraph(f"The ledger lacks {', '.join(step['not_in_ledger'])}.", "warning"))
    if step["not_on_plate"]:
        blocks.append(Paragraph(f"Not on this plate: {', '.join(step['not_on_plate'])}.", "muted"))
    lead = (
        "The limit is the number of the last passage; the paper counts passages from the cell bank, P3. A clone whose "
        "last harvest still exceeds the seeding has not been followed to its limit."
    )
    return Section("passages", title, blocks, lead)


def _ledger(outcome: Outcome, step: Mapping[str, Any]) -> Table:
    columns = [
        Column("Clone"),
        Column("Limit", ".0f"),
        Column("Plate map", ".0f"),
        Column("First passage", ".0f"),
        Column("Largest harvest (cells)", ",d"),
        Column("Last harvest (cells)", ",d"),
        Column("Doublings in all", ".1f"),
        Column("State"),
    ]
    rows: list[list[Cell]] = [
        [
            c["clone"],
            c["limit"],
            c["potency"],
            c["passages"][0],
            max(c["harvested"]),
            c["harvested"][-1],
            c["doublings"],
            "arrested" if c["arrested"] else "still growing",
        ]
        for c in step["clones"]
    ]
    return Table("Serial passages of every clone", columns, rows, outcome.stamp(len(rows)))


def growth(outcome: Outcome, step: Mapping[str, Any]) -> Section:
    """Return growth curves, folds and growth against potency, and clones beside bulk lots."""
    potency = {row["clone"]: row["potency"] for row in step["clones"]}
    curves = [
        {"well": w["well"], "lot": w["lot"], "group": group, "potency": potency.get(w["lot"]), "hour": plain(hour)}
        | {"cells": plain(cells) if cells else None}
        for group, wells in (("clones", step["wells"]), ("bulk lots", step["bulk"]))
        for w in wells
        for hour, cells in zip(w["times_h"], w["cells_per_field"], strict=True)
    ]
    hours = step["wells"][0]["times_h"]
    span = f"{hour_text(step['first_h'])} to {hour_text(step['last_h'])} h"
    words = f"Cells per field over {span}, one line per well, {len(step['wells'])} wells of clones."
    dashed = "; dashed: wells of bulk lots" if step["bulk"] else ""
    caption = f"Figure 2c. Growth of the clones{dashed}. {outcome.stamp()}"
    chart = charts.growth_curves(curves, hours, PAGE_WIDTH)
    blocks: list[Block] = [Figure("growth-curves", to_spec(chart, words, 2 * len(curves)), caption)]
    blocks += _folds(outcome, step, span)
    blocks.append(_growth_line(outcome, step))
    if step["comparison"]:
        blocks.append(
            compare_table(outcome, [{"title": "fold", **step["comparison"]}], "Growth of clones and bulk lots")
        )
    definition = step["definition"][0].upper() + step["definition"][1:]
    lead = f"{definition} Cells that touch and are not parted count as one, so that counts fall behind in a crowd."
    return Section("growth", "Growth", blocks, lead)


def _folds(outcome: Outcome, step: Mapping[str, Any], span: str) -> list[Block]:
    errors: dict[str, list[float]] = {}
    for well in (*step["wells"], *step["bulk"]):
        errors.setdefault(well["lot"], []).append(well["fold_error"] or 0.0)
    lots = [("clones", c["clone"], c["fold"]) for c in step["clones"]]
    lots += [("bulk lots", c["lot"], c["fold"]) for c in step.get("bulk_lots", ())]
    known = [(group, name, fold) for group, name, fold in lots if fold is not None]
    if not known:
        return [Paragraph("No clone has cells at the first and the last hour, so that no fold is defined.", "warning")]
    rows = []
    for group, name, fold in sorted(known, key=lambda row: (row[0] != "clones", -row[2])):
        error = sum(e * e for e in errors[name]) ** 0.5 / len(errors[name])
        rows.append({"group": group, "lot": name, "fold": plain(fold)})
        rows[-1] |= {"low": plain(max(fold - error, 0.0)), "high": plain(fold + error)}
    words = (
        f"Fold of every clone over {span}; {step['above_limit']} of {step['n_clones']} above {step['limit']:g}-fold."
    )
    caption = (
        f"{step['above_limit']} of {step['n_clones']} clones grew more than {step['limit']:g}-fold over {span} (dashed "
        f"line). Bars are standard errors by chance of the fields imaged. {outcome.stamp()}"
    )
    return [
        Figure("growth-fold", to_spec(charts.fold_bars(rows, step["limit"], PAGE_WIDTH), words, len(rows)), caption)
    ]


def line_words(line: Mapping[str, Any] | None) -> str:
    """Return R2, p and n of a line, with the R2 that chance gives."""
    if line is None:
        return "no line: fewer than three clones, or no difference between them"
    return f"R² = {line['r2']:.2f}, p = {line['p']:.2g}, n = {line['n']} (by chance R² = {line['r2_by_chance']:.2f})"


def _growth_line(outcome: Outcome, step: Mapping[str, Any]) -> Figure:
    rows = [
        {"clone": c["clone"], "x": plain(c["fold"]), "potency": plain(c["potency"])}
        for c in step["clones"]
        if c["fold"] is not None
    ]
    words = line_words(step["fold_line"])
    caption = f"Figure 2d. Growth rate (fold) against the serial-passage limit: {words}. {outcome.stamp(len(rows))}"
    chart = charts.line_scatter(rows, step["fold_line"], "Growth rate (fold)", words, PAGE_WIDTH)
    return Figure("growth-potency", to_spec(chart, f"Growth rate against serial-passage limit: {words}", 40), caption)


def pictures(outcome: Outcome, step: Mapping[str, Any]) -> Section:
    """Return crops of a place over hours, for clones of highest and lowest potency and bulk lots."""
    title = "Pictures over time"
    if "reason" in step:
        return Section("pictures", title, [Paragraph(f"Not shown: {step['reason']}.", "muted")])
    rows = []
    for row in step["rows"]:
        limit = f", limit {row['potency']:g} passages" if row["potency"] is not None else ""
        shown = [
            Image(p["image"], f"{hour_text(p['time_h'])} h", (p["height_px"], p["width_px"])) for p in row["pictures"]
        ]
        rows.append((f"{row['lot']} ({row['group']}{limit}) · well {row['well']}", shown))
    side_um = step["rows"][0]["pictures"][0]["width_px"] * step["pixel_size_um"]
    caption = (
        f"Figure 3b. The same place of a well over hours, {side_um:.0f} µm wide, unscaled grey values. "
        f"{outcome.stamp(len(rows), 'wells')}"
    )
    blocks: list[Block] = [Images(rows, caption)]
    if step["missing"]:
        blocks.append(Paragraph(f"{step['missing']} frames could not be read and are left out.", "warning"))
    return Section(
        "pictures", title, blocks, "What pictures show is a place, not a statistic; the next section counts."
    )


def spread(outcome: Outcome, step: Mapping[str, Any]) -> Section:
    """Return SD of area against potency at the last hour, and R2 at every hour."""
    title = "Spread of areas and potency"
    if "reason" in step:
        return Section("spread", title, [Paragraph(f"Not shown: {step['reason']}.", "muted")])
    shown = next(row for row in step["by_hour"] if row["time_h"] == step["shown_h"])
    rows = [
        {"clone": name, "x": plain(value), "potency": plain(potency)}
        for name, value, potency in zip(step["names"], shown["sd_area"], step["potency"], strict=True)
        if value is not None
    ]
    hour, words = hour_text(step["shown_h"]), line_words(shown["line"])
    caption = (
        f"Figure 3d. SD of area over all cells at {hour} h against the serial-passage limit: {words}. The paper does "
        f"not name its hour; the last is shown. {outcome.stamp(len(rows))}"
    )
    chart = charts.line_scatter(rows, shown["line"], f"SD of area at {hour} h (µm²)", words, PAGE_WIDTH)
    figure = Figure("spread-potency", to_spec(chart, f"SD of area against potency: {words}", 40), caption)
    columns = [
        Column("Hour", ".4g"),
        Column("R²", ".2f"),
        Column("Slope (passages per 100 µm²)", ".2f"),
        Column("p", ".2g"),
    ]
    columns.append(Column(""))
    cells: list[list[Cell]] = []
    for row in step["by_hour"]:
        line = row["line"]
        best = f"selected: largest of {step['selected_of']}" if row["time_h"] == step["selected_h"] else ""
        numbers: list[Cell] = [None] * 3 if line is None else [line["r2"], 100 * line["slope"], line["p"]]
        cells.append([row["time_h"], *numbers, best])
    note = f"The largest R² of many hours is larger than one of them by chance. {outcome.stamp(len(rows))}"
    return Section("spread", title, [figure, Table("The same line at every hour", columns, cells, note)])
