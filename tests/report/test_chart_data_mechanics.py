"""The tables behind charts: every column has the title that the chart shows, and helpers are no data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import altair as alt
from phasewell.report.blocks import Figure, Fold
from phasewell.report.chart_data import data_tables
from phasewell.report.content import Content
from phasewell.report.pages import compose
from phasewell.report.theme import inline, to_spec


def figures(blocks: Any) -> list[Figure]:
    found = [block for block in blocks if isinstance(block, Figure)]
    return found + [figure for block in blocks if isinstance(block, Fold) for figure in figures(block.blocks)]


def test_columns_are_the_fields_that_the_chart_shows_with_their_titles() -> None:
    rows = [{"well": f"A0{i}", "hour": 6.0 * i, "cells": i, "helper": 1} for i in range(4)]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("hour:Q", title="Time (h)"), y=alt.Y("cells:Q", title="Cells (cells)")
    )
    rule = alt.Chart(inline([{"limit": 2.0}])).mark_rule().encode(y="limit:Q")
    chart = alt.layer(base.mark_line(), base.mark_point().encode(tooltip=[alt.Tooltip("well:N", title="Well")]), rule)
    spec = to_spec(chart.properties(title="Growth"), "cells over time", 8, {"helper": "Helper (no unit)"})
    (table,) = spec["usermeta"]["tables"]
    assert table["title"] == "Growth"
    assert table["columns"] == [
        ["well", "Well"], ["hour", "Time (h)"], ["cells", "Cells (cells)"], ["helper", "Helper (no unit)"]
    ]  # fmt: skip
    assert spec["datasets"][table["data"]] == rows


def test_panels_have_a_table_each_by_their_title() -> None:
    def panel(name: str, unit: str) -> Any:
        chart = alt.Chart(inline([{"x": i, "share": i, "of": name} for i in range(3)]))
        return chart.mark_line().encode(
            x=alt.X("x:Q", title=f"{name} ({unit})"), y=alt.Y("share:Q", axis=alt.Axis(title="% of cells"))
        )

    tables = data_tables(alt.hconcat(panel("Area", "px²"), panel("Length", "px")).to_dict())
    assert [(t["title"], t["columns"]) for t in tables] == [
        ("Area (px²)", [["x", "Area (px²)"], ["share", "% of cells"]]),
        ("Length (px)", [["x", "Length (px)"], ["share", "% of cells"]]),
    ]


def test_a_chart_without_rows_has_no_table() -> None:
    assert data_tables(alt.Chart(inline([])).mark_point().encode(x="x:Q").to_dict()) == []


def channels(node: Any) -> Any:
    """Yield the quantitative axes of a chart."""
    if isinstance(node, dict):
        for name, channel in node.get("encoding", {}).items():
            if name in ("x", "y") and isinstance(channel, dict) and channel.get("type") == "quantitative":
                yield channel
        for value in node.values():
            yield from channels(value)
    elif isinstance(node, list):
        for value in node:
            yield from channels(value)


def test_every_figure_of_a_report_has_data_words_and_titled_axes(content: Callable[..., Content]) -> None:
    wells = tuple(f"A{i:02d}" for i in range(1, 8))
    page = compose(content(wells, models=True, scores=("low", "high"), pictures=1))
    found = [figure for section in page.sections for figure in figures(section.blocks)]
    assert len(found) >= 11
    for figure in found:
        assert figure.spec["usermeta"]["tables"], figure.name
        assert len(figure.spec["description"]) > 20, figure.name
        for channel in channels(figure.spec):
            title = channel.get("title") or (channel.get("axis") or {}).get("title")
            assert title, f"{figure.name}: an axis without title: {channel}"
