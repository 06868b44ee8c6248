"""The numbers and the picture of docs/kernels.md, generated from rows so that none is typed.

Usage: python benchmarks/kernels_page.py [--check]
Replaces what stands between the two `measured` comments and draws docs/kernels.svg; --check only says whether the
text is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from readme_table import asks_for_check, read_rows, replace_measured

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURE = DOCS / "kernels.md", DOCS / "kernels.svg"
FUSED, DESCRIPTORS, PIECES = "frames to labels", "labels and adjusted", "a binary frame"  # how the boundaries begin
INSTRUCTIONS = {"plain": "plain", "avx2": "AVX2", "avx512": "AVX-512"}
WHOLE = "frame to cells in one"  # the kernel whose rows say what an instruction set brings
PAPER, INK, QUIET, RULE = "#ffffff", "#1f2328", "#59636e", "#d1d9e0"
DARK = {PAPER: "#0d1117", INK: "#f0f6fc", QUIET: "#9198a1", RULE: "#3d444d"}
COLOURS = {"kernels": "#3b7dd8", "arrays": "#8a6fd1", "peer": "#e07b39"}

Rows = list[dict[str, Any]]


def main() -> int:
    """Write the page's part and the picture, or with --check return 1 when the page is out of date."""
    check = asks_for_check(__doc__)
    rows = read_rows("kernels")
    status = replace_measured(PAGE, measured(rows), check)
    if rows and not check:
        PICTURE.write_text(draw(rows), encoding="utf-8")
    return status


def measured(rows: Rows) -> list[str]:
    """Return the generated part of the page."""
    if not rows:
        return ["Not measured."]
    under = rows[0]["conditions"]
    before = max(row["load_average_before"] for row in rows)
    versions = ", ".join(f"{name} {version}" for name, version in under["versions"].items() if name != "phasewell")
    conditions = [
        f"{under['cores']} cores {under['processor']}, load average {before:g} before, commit {under['commit']}; "
        f"{rows[0]['frame']}; {rows[0]['clock']}. {versions}. GPU: not measured.",
    ]
    return [
        "![Frames per second from frames to labels and descriptors](kernels.svg)",
        "",
        "**Frames to labels and 12 descriptors** (background, eight steps, descriptors; store excluded):",
        "",
        *chain_table(rows, FUSED, "frames/s", "frames_per_s"),
        "",
        "**12 descriptors of given labels:**",
        "",
        *chain_table(rows, DESCRIPTORS, "cells/s", "cells_per_s"),
        "",
        "**8-connected pieces of a binary frame:**",
        "",
        *chain_table(rows, PIECES, "frames/s", "frames_per_s"),
        "",
        *instruction_table(rows),
        "**Every kernel by itself**, one core, ms per frame (150 / 600 cells); share: of a copy's bytes per second "
        f"in the same run ({rows[0]['copy_gb_per_s']:.0f} GB/s read + written), 600 cells, best instructions:",
        "",
        *kernel_table(rows),
        "",
        *agreement(rows),
        "",
        *conditions,
    ]


def chain_table(rows: Rows, boundary: str, unit: str, key: str) -> list[str]:
    """Return the chains of one boundary: rates on one core and on two, and the ratio to the best peer on two."""
    chosen = [row for row in rows if row["section"] == "chain" and row["boundary"].startswith(boundary)]
    counts = sorted({row["cells_per_frame"] for row in chosen})
    heads = [
        f"{count} cells: {part}" for count in counts for part in ("1 core", "2 processes", "spread", "x best peer")
    ]
    lines = [f"| {unit} | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for who, preset in dict.fromkeys((row["who"], row["preset"]) for row in chosen):
        cells = []
        for count in counts:
            one, two = (
                _one(chosen, who=who, preset=preset, cells_per_frame=count, cores=c) for c in ("1 core", "2 processes")
            )
            cells += [_rate(one[key]), f"**{_rate(two[key])}**", f"{two['spread']:.0%}"]
            cells.append(f"{two['times_the_best_peer']:.1f}")
        told = f"{who}, `{preset}`" if boundary == FUSED and who.startswith("phasewell") else who
        lines.append(f"| {told} | {' | '.join(cells)} |")
    return lines


def instruction_table(rows: Rows) -> list[str]:
    """Return the fused way with every instruction set on one core; nothing where no row has it."""
    chosen = [row for row in rows if row["section"] == "kernel" and row["kernel"] == WHOLE]
    if not chosen:
        return []
    columns = list(dict.fromkeys((row["preset"], row["cells_per_frame"]) for row in chosen))
    columns.sort(key=lambda column: column[0])
    heads = [f"`{preset}`, {count} cells" for preset, count in columns]
    lines = [
        "**What the processor's instruction set brings**, frames to the integers of cells in one call, one core:",
        "",
        f"| frames/s | {' | '.join(heads)} |",
        "|---" * (1 + len(heads)) + "|",
    ]
    for isa, told in INSTRUCTIONS.items():
        found = [_one(chosen, instructions=isa, preset=p, cells_per_frame=n) for p, n in columns]
        lines.append(f"| {told} | {' | '.join(_rate(row['frames_per_s']) for row in found)} |")
    return [*lines, ""]


def kernel_table(rows: Rows) -> list[str]:
    """Return the kernels with every instruction set."""
    chosen = [row for row in rows if row["section"] == "kernel"]
    counts = sorted({row["cells_per_frame"] for row in chosen})
    lines = [
        f"| kernel | preset | bytes counted | {' | '.join(INSTRUCTIONS.values())} | GB/s | share |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kernel, preset in dict.fromkeys((row["kernel"], row["preset"]) for row in chosen):
        found = {
            isa: [_one(chosen, kernel=kernel, preset=preset, instructions=isa, cells_per_frame=n) for n in counts]
            for isa in INSTRUCTIONS
        }
        times = [" / ".join(f"{row['p50_ms']:.2f}" for row in found[isa]) for isa in INSTRUCTIONS]
        best = found[list(INSTRUCTIONS)[-1]][-1]
        rate = f"{best['gb_per_s']:.1f} | {best['share_of_ceiling']:.0%}"
        lines.append(f"| {kernel} | {preset} | {best['bytes_counted']} | {' | '.join(times)} | {rate} |")
    return lines


def agreement(rows: Rows) -> list[str]:
    """Return what parity the same run found."""
    ours = [row["parity"] for row in rows if row["who"] == "phasewell kernels"]
    verdicts = [value for parity in ours for value in parity.values() if isinstance(value, bool)]
    told = f"{sum(verdicts)} of {len(verdicts)} comparisons of kernels and arrays are equal bit for bit"
    lines = [f"Parity, in the rows: {told}."]
    facts: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row["cores"] == "1 core" and "not_comparable" in row["parity"]:
            about = (row["who"], row["boundary"], row["parity"]["not_comparable"])
            facts.setdefault(about, []).append(_fact(row))
    told = [f"- {who}: {'; '.join(found)}. Not comparable: {why}." for (who, _, why), found in facts.items()]
    return [*lines, "", *told]


def _fact(row: dict[str, Any]) -> str:
    parity, cells = row["parity"], f"{row['cells_per_frame']} cells a frame"
    if "iou_of_foreground_with_paper_r" in parity:
        objects = f"{parity['cells_of_first_frame']} objects in the first frame against {parity['cells_of_ours']}"
        return f"{cells}: {objects}, foreground IoU {parity['iou_of_foreground_with_paper_r']:.2f}"
    differences = parity["max_relative_difference"].items()
    worst = ", ".join(f"{name} {value:.0e}" for name, value in differences) or "none shared"
    return f"{cells}: largest relative differences of shared descriptors: {worst}"


def draw(rows: Rows) -> str:
    """Return the picture as SVG: frames per second on two cores, ours and the peers', on a logarithmic axis."""
    import altair as alt
    import vl_convert

    chosen = [
        row
        for row in rows
        if row["section"] == "chain" and row["boundary"].startswith(FUSED) and row["cores"] == "2 processes"
    ]
    bars = [
        {
            "who": row["who"] + (f", {row['preset']}" if row["who"].startswith("phasewell") else ""),
            "kind": row["who"].removeprefix("phasewell ") if row["who"].startswith("phasewell") else "peer",
            "rate": row["frames_per_s"],
            "told": _rate(row["frames_per_s"]),
            "cells": f"{row['cells_per_frame']} cells a frame",
        }
        for row in chosen
    ]
    order = list(dict.fromkeys(bar["who"] for bar in bars))
    ticks = [1, 10, 100, 1000]
    scale = alt.Scale(type="log", domain=[1, 2 * max(bar["rate"] for bar in bars)])
    colour = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    base = alt.Chart(alt.InlineData(values=bars)).encode(
        y=alt.Y("who:N", sort=order, title=None),
        x=alt.X(
            "rate:Q",
            scale=scale,
            title="frames per second, 2 cores (logarithmic)",
            axis=alt.Axis(values=ticks, format="d"),
        ),
    )
    shown = base.mark_bar(height=17, cornerRadiusEnd=2).encode(
        color=alt.Color("kind:N", scale=colour, legend=None), x2=alt.datum(1)
    )
    told = base.mark_text(align="left", dx=5, color=INK, fontSize=12).encode(text="told:N")
    order_of_panels = list(dict.fromkeys(bar["cells"] for bar in bars))
    chart = (
        alt.layer(shown, told)
        .properties(width=300, height=26 * len(order))
        .facet(column=alt.Column("cells:N", title=None, sort=order_of_panels))
    )
    chart = chart.properties(
        title="1000 x 1000 px: background, eight steps, 12 descriptors", background=PAPER, padding=16
    )
    spec = chart.configure(**_look()).to_dict()
    return _for_light_and_dark(vl_convert.vegalite_to_svg(spec))


def _look() -> dict[str, Any]:
    from phasewell.report.theme import FONT

    axis = {
        "labelColor": INK,
        "titleColor": QUIET,
        "domainColor": RULE,
        "tickColor": RULE,
        "gridColor": RULE,
        "labelLimit": 240,
    }
    return {
        "font": FONT,
        "axis": {**axis, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        "view": {"stroke": None},
        "header": {"labelColor": INK, "labelFontSize": 13, "labelFontWeight": "bold"},
        "title": {"color": INK, "fontSize": 15, "anchor": "start", "offset": 12},
    }


def _for_light_and_dark(svg: str) -> str:
    # the colours of paper, ink and rules follow the reader's scheme; a viewer without style sheets shows the light one
    rules = "".join(
        f'[{part}="{light}"]{{{part}:{dark}}}' for light, dark in DARK.items() for part in ("fill", "stroke")
    )
    head, opened, rest = svg.partition(">")
    return f"{head}{opened}<style>@media (prefers-color-scheme:dark){{{rules}}}</style>{rest}\n"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _one(rows: Iterable[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (found,) = (row for row in rows if all(row.get(key) == value for key, value in wanted.items()))
    return found


if __name__ == "__main__":
    sys.exit(main())
