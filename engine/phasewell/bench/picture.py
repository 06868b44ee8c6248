"""The picture of a comparison: the rate of every boundary on both machines, and how many times faster the second is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from phasewell.bench.comparison import Comparison, Pair, Side, rate_text
from phasewell.bench.verdict import REQUIRED_FRAMES_PER_S
from phasewell.report.theme import CATEGORIES, PAGE_WIDTH, inline, plain, to_spec

_LABELS_PX, _GAP_PX, _BOUNDARY_PX = 250, 36, 52
_BARS_SHARE = 0.62  # of the width beside the labels
_DASHES = [4, 3]


def draw_rates(compared: Comparison, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the Vega-Lite document: bars of both machines, and points of the ratio beside them."""
    import altair as alt

    boundaries = [pair.boundary for pair in pairs]
    height = _BOUNDARY_PX * len(pairs)
    beside = PAGE_WIDTH - _LABELS_PX - _GAP_PX
    rows = [
        {"boundary": pair.boundary, "machine": name, "rate": plain(side.frames_per_s), "label": _label(side)}
        for pair in pairs
        for name, side in zip(compared.names, (pair.first, pair.second), strict=True)
        if side.frames_per_s
    ]
    bars = _bars(compared, boundaries, rows).properties(width=int(beside * _BARS_SHARE), height=height)
    chart = bars
    if any(pair.ratio for pair in pairs):
        points = _ratios(compared, boundaries, pairs)
        points = points.properties(width=int(beside * (1 - _BARS_SHARE)) - _GAP_PX, height=height)
        chart = alt.hconcat(bars, points, spacing=_GAP_PX)
    return to_spec(chart, _describe(compared, pairs), 3 * len(rows))


def _bars(compared: Comparison, boundaries: list[str], rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    names = list(compared.names)
    low, high = _decades([row["rate"] for row in rows])
    axis = alt.Axis(labelLimit=_LABELS_PX, labelFontSize=12.5, ticks=False, domain=False)
    y = alt.Y("boundary:N", sort=boundaries, title=None, axis=axis, scale=alt.Scale(paddingInner=0.25))
    decades = alt.Axis(values=[10.0**n for n in range(round(math.log10(low)), round(math.log10(high)) + 1)])
    x = alt.X("rate:Q", title="Frames per second", axis=decades, scale=alt.Scale(type="log", domain=[low, high]))
    legend = alt.Legend(title=None, orient="top", labelLimit=400, symbolType="square")
    colour = alt.Color("machine:N", scale=alt.Scale(domain=names, range=list(CATEGORIES[:2])), legend=legend)
    offset = alt.YOffset("machine:N", sort=names)
    tooltip = [alt.Tooltip("boundary:N", title="Boundary"), alt.Tooltip("machine:N", title="Machine")]
    tooltip.append(alt.Tooltip("label:N", title="Frames/s"))
    chart = alt.Chart(inline(rows)).encode(y=y, yOffset=offset, x=x)
    layers = [
        chart.mark_bar(height={"band": 0.9}).encode(x2=alt.datum(low), color=colour, tooltip=tooltip),
        chart.mark_text(align="left", dx=5, fontSize=12).encode(text="label:N"),
    ]
    required = compared.verdicts[0].boundary
    if required in boundaries and low < REQUIRED_FRAMES_PER_S < high:
        need = alt.Chart(inline([{"boundary": required, "rate": REQUIRED_FRAMES_PER_S}]))
        tick = need.mark_tick(thickness=2.5, size=_BOUNDARY_PX - 6, color="var(--ink)")
        layers.append(tick.encode(y=y, x=x))
    return alt.layer(*layers)


def _ratios(compared: Comparison, boundaries: list[str], pairs: Sequence[Pair]) -> Any:
    import altair as alt

    rows = [
        {
            "boundary": pair.boundary,
            "ratio": plain(pair.ratio),
            "label": f"{'' if pair.clear else '~ '}{pair.ratio:.3g}",
        }
        for pair in pairs
        if pair.ratio is not None
    ]
    scale = alt.Scale(domain=boundaries, paddingInner=0.25)
    y = alt.Y("boundary:N", sort=boundaries, title=None, axis=None, scale=scale)
    most = 1.3 * max(row["ratio"] for row in rows)
    title = f"{compared.names[1]} / {compared.names[0]}"
    x = alt.X("ratio:Q", title=title, axis=alt.Axis(tickCount=4), scale=alt.Scale(domain=[0, max(most, 1.3)]))
    chart = alt.Chart(inline(rows)).encode(y=y, x=x)
    return alt.layer(
        alt.Chart(inline([{"ratio": 1}])).mark_rule(strokeDash=_DASHES).encode(x=x),
        chart.mark_point(filled=True, size=80, opacity=1, color=CATEGORIES[2]),
        chart.mark_text(align="left", dx=9, fontSize=12).encode(text="label:N"),
    )


def _decades(rates: Sequence[float]) -> tuple[float, float]:
    """Return powers of ten below and above all rates: where bars of a logarithmic scale begin and end."""
    return 10.0 ** math.floor(math.log10(min(rates))), 10.0 ** math.ceil(math.log10(max(rates) * 1.5))


def _label(side: Side) -> str:
    rate = side.frames_per_s or 0.0
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _describe(compared: Comparison, pairs: Sequence[Pair]) -> str:
    a, b = compared.names
    said = [f"{pair.boundary}: {a} {rate_text(pair.first)}, {b} {rate_text(pair.second)}" for pair in pairs]
    return "Frames per second. " + "; ".join(said)
