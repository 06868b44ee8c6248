"""How every chart looks: type, colours that follow the page's light or dark scheme, and the form charts take.

Colours of text and lines are CSS variables of the page (`var(--ink)`), so one chart serves light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from phasewell.report.chart_data import data_tables

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
PAGE_WIDTH = 900
"""Width in px of a chart that fills the text column of a 1280 px window."""

CATEGORIES = (
    "#3b7dd8", "#e07b39", "#2f9e73", "#c2549d", "#8a6fd1",
    "#b0892a", "#d64550", "#3fa0b3", "#7a8f3a", "#8c6d5a",
)  # fmt: skip
"""Ten hues of middle lightness: legible on white and on near-black."""
ACCENT, WARNING = "#3b7dd8", "#d9622b"
SEQUENTIAL, DIVERGING = "viridis", "blueorange"

CANVAS_MARKS = 4000
"""Charts with more marks than this are drawn on a canvas: as SVG they would make the page slow."""


def chart_config() -> dict[str, Any]:
    """Return the Vega-Lite configuration shared by all charts of a page."""
    axis = {
        "labelColor": "var(--ink-2)",
        "titleColor": "var(--ink-2)",
        "domainColor": "var(--rule)",
        "tickColor": "var(--rule)",
        "gridColor": "var(--hair)",
        "labelFontSize": 12,
        "titleFontSize": 12.5,
        "titleFontWeight": 600,
        "titlePadding": 10,
        "labelLimit": 160,
    }
    legend = {
        "labelColor": "var(--ink-2)",
        "titleColor": "var(--ink-2)",
        "labelFontSize": 12,
        "titleFontSize": 12.5,
        "titleFontWeight": 600,
        "titleLimit": 260,
        "labelLimit": 180,
        "gradientLength": 130,
        "gradientThickness": 12,
    }
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": axis,
        "legend": legend,
        "title": {
            "anchor": "start",
            "color": "var(--ink)",
            "fontSize": 14,
            "fontWeight": 600,
            "subtitleColor": "var(--ink-2)",
            "subtitleFontSize": 12.5,
            "subtitlePadding": 4,
            "offset": 12,
        },
        "header": {"labelColor": "var(--ink)", "titleColor": "var(--ink-2)", "labelFontSize": 12.5},
        "text": {"color": "var(--ink)", "fontSize": 11.5},
        "rule": {"color": "var(--ink-3)"},
        "range": {"category": list(CATEGORIES)},
        "concat": {"spacing": 34},
        "facet": {"spacing": 22},
    }


def to_spec(chart: Any, description: str, marks: int, titles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the Vega-Lite document of an altair chart as plain JSON, without configuration and external names.

    `description` becomes the chart's accessible label; `marks` is about how many marks it draws. `titles` names fields
    of the data that only a transform reads, with their units, for the table of the chart's data.
    Data stay inline; a NaN or an infinity raises ValueError, because JSON cannot say it.
    """
    spec: dict[str, Any] = chart.to_dict()
    for key in ("config", "$schema"):  # the page holds one configuration; the schema is an address on the web
        spec.pop(key, None)
    spec["description"] = description
    spec["usermeta"] = {"renderer": "canvas" if marks > CANVAS_MARKS else "svg", "tables": data_tables(spec, titles)}
    return spec


def hour_text(hour: float) -> str:
    """Return an hour with at most two decimals, without trailing zeros."""
    return f"{hour:.2f}".rstrip("0").rstrip(".")


def as_letters(digest: str) -> str:
    """Return the first digits of a digest as letters: a figure's name is made of lower-case letters and hyphens."""
    return "".join(chr(ord("a") + int(digit, 16)) for digit in digest[:8])


def plain(value: Any, digits: int = 5) -> Any:
    """Return a JSON value: None for NaN and infinities, floats rounded to `digits` significant digits."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    if not math.isfinite(number):
        return None
    return float(f"{number:.{digits}g}")


def records(**columns: Iterable[Any]) -> list[dict[str, Any]]:
    """Return columns of equal length as a list of rows in plain JSON values."""
    names = list(columns)
    return [dict(zip(names, map(plain, row), strict=True)) for row in zip(*columns.values(), strict=True)]


def inline(rows: Sequence[Any]) -> Any:
    """Return rows as inline chart data; altair's row limit does not apply, the callers bound their rows."""
    import altair as alt

    return alt.InlineData(values=list(rows))
