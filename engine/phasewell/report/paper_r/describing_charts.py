"""Charts of populations: growth, sizes, principal components and passages, each from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phasewell.report.theme import ACCENT, CATEGORIES, SEQUENTIAL, WARNING, hour_text, inline, plain

GROUP_COLOURS = {"clones": ACCENT, "bulk lots": WARNING}
HUES_20 = (
    *CATEGORIES,
    "#8db8f2", "#f2b48a", "#86cfae", "#e39fcb", "#c3b5ee", "#dcc07a", "#ee9aa0", "#93d2de", "#bccb8a", "#c7b1a4",
)  # fmt: skip
"""Ten hues and their lighter twins, for up to twenty clones."""
_AREA_LABEL = "format(pow(10, datum.value), '.2~s')"
POTENCY = "Serial-passage limit (passages)"


def potency_colour(rows: Sequence[Mapping[str, Any]], title: str = POTENCY) -> Any:
    """Return the colour encoding of the field `potency` of rows; the ramp is cut for light and dark pages."""
    import altair as alt

    ramp = alt.SchemeParams(name=SEQUENTIAL, extent=[0.15, 0.9])
    grades = sorted({row["potency"] for row in rows if row["potency"] is not None})
    legend = alt.Legend(title=title, type="symbol", format="~g", values=grades, symbolOpacity=1)
    return alt.Color("potency:Q", scale=alt.Scale(scheme=ramp, zero=False, nice=False), legend=legend)


def clone_colour(names: Sequence[str], legend: bool = True) -> Any:
    """Return the colour encoding of the field `clone`: a hue of its own for each of up to twenty."""
    import altair as alt

    hues = [HUES_20[i % len(HUES_20)] for i in range(len(names))]
    shown = alt.Legend(title="Clone", columns=1, symbolOpacity=1, symbolSize=90) if legend else None
    return alt.Color("clone:N", title="Clone", scale=alt.Scale(domain=list(names), range=hues), legend=shown)


_PLACES = (
    (0, -10), (0, 12), (13, 2), (-13, 2), (12, -9), (-12, 11),
    (17, 2), (-17, 2), (0, -21), (0, 23), (17, -10), (-17, 12),
)  # fmt: skip
"""Of a label about its point in px, the best first; the outer ones are for points that lie on each other."""
_UNREADABLE = 5  # a name on another name, counted in points that a name covers


def point_labels(
    rows: Sequence[Mapping[str, Any]], x: Any, y: Any, y_field: str = "y", size: tuple[float, float] = (280.0, 280.0)
) -> list[Any]:
    """Return the names of clones beside their points, where they cover the fewest other points and names.

    What all names begin with is left out where a number remains: clone04 becomes 04. `size` is about width and height
    of the points' part of the chart in px.
    """
    import altair as alt

    stems = {str(row["clone"]).rstrip("0123456789") for row in rows}
    short = stems.pop() if len(stems) == 1 else ""
    known = [row for row in rows if row["x"] is not None and row[y_field] is not None]
    spans = [(min(v), (max(v) - min(v)) or 1.0) for v in ([row[f] for row in known] for f in ("x", y_field)) if v]
    points = [
        (size[0] * (row["x"] - spans[0][0]) / spans[0][1], -size[1] * (row[y_field] - spans[1][0]) / spans[1][1])
        for row in known
    ]
    names: list[tuple[float, float]] = []
    parts: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row, (left, top) in zip(known, points, strict=True):

        def covered(place: tuple[int, int], left: float = left, top: float = top) -> int:
            at = (left + place[0], top + place[1])
            hit = [
                sum(abs(at[0] - other[0]) < 15 and abs(at[1] - other[1]) < 10 for other in others)
                for others in (points, names)
            ]
            return hit[0] + _UNREADABLE * hit[1]

        best = min(_PLACES, key=covered)
        names.append((left + best[0], top + best[1]))
        parts.setdefault(best, []).append({**row, "label": str(row["clone"])[len(short) :] or row["clone"]})
    layers = []
    for (dx, dy), part in parts.items():
        marks = alt.Chart(inline(part)).mark_text(dx=dx, dy=dy, fontSize=10.5)
        layers.append(marks.encode(x=x, y=y, text=alt.Text("label:N", title="Label")))
    return layers


def growth_curves(rows: Sequence[Mapping[str, Any]], hours: Sequence[float], width: int) -> Any:
    """Return cells per field over hours: a line per well of a clone by potency, bulk lots dashed (figure 2c).

    Rows have well, lot, group, potency (None for bulk), hour and cells.
    """
    import altair as alt

    axis = alt.Axis(grid=False, values=[plain(h) for h in hours], labelOverlap=True)
    x = alt.X("hour:Q", title="Time after seeding (h)", axis=axis, scale=alt.Scale(zero=False, nice=False, padding=12))
    known = [row["cells"] for row in rows if row["cells"]] or [1.0]
    ends = [plain(min(known) * 0.9, 3), plain(max(known) * 1.1, 3)]
    scale = alt.Scale(type="log", domain=ends, nice=False)
    y = alt.Y("cells:Q", title="Cells per field (cells, log scale)", scale=scale)
    tooltip = [
        alt.Tooltip("lot:N", title="Clone or lot"),
        alt.Tooltip("well:N", title="Well"),
        alt.Tooltip("hour:Q", title="Time (h)"),
        alt.Tooltip("cells:Q", title="Cells per field", format=".4~g"),
    ]
    colour = potency_colour(rows)
    clones = alt.Chart(inline([row for row in rows if row["group"] == "clones"]))
    lines = clones.mark_line(strokeWidth=2, invalid="break-paths-show-domains")
    points = clones.mark_point(filled=True, size=22, opacity=1)
    layers = [
        lines.encode(x=x, y=y, color=colour, detail="well:N"),
        points.encode(x=x, y=y, color=colour, tooltip=tooltip),
    ]
    if bulk := [row for row in rows if row["group"] != "clones"]:
        dashed = alt.Chart(inline(bulk)).mark_line(strokeDash=[4, 3], strokeWidth=1.5, color=WARNING, opacity=0.8)
        layers.insert(0, dashed.encode(x=x, y=y, detail="well:N", tooltip=tooltip))
    return alt.layer(*layers).properties(width=width - 200, height=300)


def fold_bars(rows: Sequence[Mapping[str, Any]], limit: float, width: int) -> Any:
    """Return the fold of every clone and lot with its standard error, and the line of the limit; rows in order."""
    import altair as alt

    names = [row["lot"] for row in rows]
    base = alt.Chart(inline(rows))
    groups = [name for name in GROUP_COLOURS if any(row["group"] == name for row in rows)]
    legend = alt.Legend(title=None, orient="top") if len(groups) > 1 else None
    scale = alt.Scale(domain=groups, range=[GROUP_COLOURS[name] for name in groups])
    x = alt.X("lot:N", title="Clone or lot", sort=names, axis=alt.Axis(labelAngle=-45))
    bars = base.mark_bar(cornerRadiusEnd=1, opacity=0.85).encode(
        x=x,
        y=alt.Y("fold:Q", title="Fold, last hour / first hour"),
        color=alt.Color("group:N", title="Group", scale=scale, legend=legend),
        tooltip=[alt.Tooltip("lot:N", title="Clone or lot"), alt.Tooltip("fold:Q", title="Fold", format=".2f")],
    )
    errors = base.mark_rule(color="var(--ink)", strokeWidth=1.2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    rule = alt.Chart(inline([{"limit": limit}])).mark_rule(color="var(--ink-2)", strokeDash=[5, 4])
    return alt.layer(bars, errors, rule.encode(y="limit:Q")).properties(width=width - 80, height=220)


def line_scatter(
    rows: Sequence[Mapping[str, Any]], line: Mapping[str, Any] | None, x_title: str, words: str, width: int
) -> Any:
    """Return one point per clone with the fitted line; rows have clone, x and potency (figures 2d and 3d)."""
    import altair as alt

    x = alt.X("x:Q", title=x_title, scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(grid=False))
    y = alt.Y("potency:Q", title=POTENCY, scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(tickMinStep=1))
    tooltip = [alt.Tooltip("clone:N", title="Clone"), alt.Tooltip("x:Q", title=x_title, format=".4~g")]
    base = alt.Chart(inline(rows))
    points = base.mark_point(filled=True, size=70, color=ACCENT, opacity=0.9).encode(x=x, y=y, tooltip=tooltip)
    side = min(420, width - 80)
    layers = [points, *point_labels(rows, x, y, "potency", (side - 28, 272))]
    known = [row["x"] for row in rows if row["x"] is not None]
    if line is not None and known:
        ends = [
            {"x": plain(v), "potency": plain(line["intercept"] + line["slope"] * v)} for v in (min(known), max(known))
        ]
        drawn = alt.Chart(inline(ends)).mark_line(color="var(--ink-3)", strokeDash=[5, 4], strokeWidth=1.5)
        layers.insert(0, drawn.encode(x=x, y=y))
    return alt.layer(*layers).properties(width=side, height=300, title=alt.TitleParams(text=words, fontSize=13))


def group_densities(
    panels: Mapping[str, Sequence[Mapping[str, Any]]],
    even: Mapping[str, Sequence[Mapping[str, Any]]],
    marks: Mapping[str, Sequence[Mapping[str, Any]]],
    width: int,
) -> Any:
    """Return densities of log10 area by group, a panel by title, with a dotted line at each group's mean (figure 3a).

    Rows have group, x (log10 um2) and density; `even` is the same with every lot counting the same, dashed; `marks`
    has rows of group and x for each title.
    """
    import altair as alt

    groups = [g for g in GROUP_COLOURS if any(row["group"] == g for rows in panels.values() for row in rows)]
    colour = alt.Color(
        "group:N",
        title="Group",
        scale=alt.Scale(domain=groups, range=[GROUP_COLOURS[g] for g in groups]),
        legend=alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1),
    )
    columns = min(2, max(len(panels), 1))
    charts = []
    for title, rows in panels.items():
        x, y = _density_axes(panels)
        base = alt.Chart(inline(rows)).mark_area(opacity=0.22, line={"strokeWidth": 2}, interpolate="monotone")
        curves = base.encode(x=x, y=y, color=colour)
        means = alt.Chart(inline(marks[title])).mark_rule(strokeDash=[2, 3], strokeWidth=1.8)
        lots = alt.Chart(inline(even.get(title, []))).mark_line(strokeDash=[5, 3], strokeWidth=1.2, opacity=0.8)
        chart = alt.layer(curves, lots.encode(x=x, y=y, color=colour), means.encode(x=x, color=colour))
        charts.append(chart.properties(width=width // columns - 80, height=150, title=title))
    return alt.concat(*charts, columns=columns, spacing={"row": 26, "column": 34}).resolve_scale(color="shared")


def _density_axes(panels: Mapping[str, Sequence[Mapping[str, Any]]], tick_count: int = 6) -> tuple[Any, Any]:
    """Return the axes of densities; all panels have the same, so that they can be compared."""
    import altair as alt

    places = [row["x"] for rows in panels.values() for row in rows]
    scale = alt.Scale(domain=[min(places), max(places)], nice=False)
    axis = alt.Axis(labelExpr=_AREA_LABEL, grid=False, tickCount=tick_count)
    x = alt.X("x:Q", title="Cell area (µm², log scale)", axis=axis, scale=scale)
    top = plain(1.05 * max(row["density"] for rows in panels.values() for row in rows), 3)
    height = alt.Scale(domain=[0, top], nice=False)
    y = alt.Y("density:Q", title="Density per log10 unit", stack=None, scale=height, axis=alt.Axis(tickCount=3))
    return x, y


def clone_densities(panels: Mapping[str, Sequence[Mapping[str, Any]]], hours: Sequence[float], width: int) -> Any:
    """Return densities of log10 area over time, a panel per clone, a colour per hour (figure 3c)."""
    import altair as alt

    names = [f"{hour_text(hour)} h" for hour in hours]
    ramp = ["#3b7dd8", "#2f9e73", "#b0892a", "#d9622b", "#c2549d"]
    hues = [ramp[round(i * (len(ramp) - 1) / max(len(names) - 1, 1))] for i in range(len(names))]
    legend = alt.Legend(title="Time", orient="top", symbolType="stroke", symbolStrokeWidth=3)
    colour = alt.Color("hour:N", title="Time", sort=names, scale=alt.Scale(domain=names, range=hues), legend=legend)
    columns = 3
    charts = []
    for title, rows in panels.items():
        x, y = _density_axes(panels, 4)
        curves = alt.Chart(inline(rows)).mark_line(strokeWidth=1.6, interpolate="monotone")
        chart = curves.encode(x=_titled(x, "Cell area (µm²)"), y=_titled(y, "Density"), color=colour)
        charts.append(chart.properties(width=width // columns - 74, height=96, title=title))
    return alt.concat(*charts, columns=columns, spacing={"row": 20, "column": 26}).resolve_scale(color="shared")


def _titled(channel: Any, title: str) -> Any:
    channel.title = title
    return channel


def numbers_over_hours(panels: Mapping[str, Sequence[Mapping[str, Any]]], hours: Sequence[float], width: int) -> Any:
    """Return means over lots with bars of one SD, a panel per number; rows have group, hour, mean, low and high."""
    import altair as alt

    groups = [g for g in GROUP_COLOURS if any(row["group"] == g for rows in panels.values() for row in rows)]
    colour = alt.Color(
        "group:N",
        title="Group",
        scale=alt.Scale(domain=groups, range=[GROUP_COLOURS[g] for g in groups]),
        legend=alt.Legend(title=None, orient="top", symbolOpacity=1),
    )
    axis = alt.Axis(grid=False, values=[plain(h) for h in hours], labelOverlap=True)
    x = alt.X("hour:Q", title="Time (h)", axis=axis, scale=alt.Scale(zero=False, nice=False, padding=12))
    charts = []
    for title, rows in panels.items():
        base = alt.Chart(inline(rows))
        y = alt.Y("mean:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
        tooltip = [alt.Tooltip("lots:Q", title="Lots"), alt.Tooltip("mean:Q", title="Mean", format=".4~g")]
        lines = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
        points = base.mark_point(filled=True, size=34, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip)
        bars = base.mark_rule(opacity=0.5, strokeWidth=1.4).encode(
            x=x, y=alt.Y("low:Q", title=title), y2="high:Q", color=colour
        )
        charts.append(alt.layer(bars, lines, points).properties(width=width // len(panels) - 84, height=180))
    return alt.hconcat(*charts, spacing=30).resolve_scale(color="shared")


def passages_chart(rows: Sequence[Mapping[str, Any]], seeded: float, width: int) -> Any:
    """Return the harvest of every passage, a line per clone, and the cells seeded as a rule (figure 2a).

    Rows have clone, passage, harvested and potency, which here is the limit.
    """
    import altair as alt

    passages = sorted({row["passage"] for row in rows})
    x = alt.X(
        "passage:Q",
        title="Passage",
        axis=alt.Axis(grid=False, values=passages, format="d"),
        scale=alt.Scale(zero=False, nice=False, padding=14),
    )
    y = alt.Y(
        "harvested:Q", title="Harvested (cells, log scale)", scale=alt.Scale(type="log"), axis=alt.Axis(format="~s")
    )
    base = alt.Chart(inline([row for row in rows if row["harvested"]]))
    tooltip = [
        alt.Tooltip("clone:N", title="Clone"),
        alt.Tooltip("passage:Q", title="Passage"),
        alt.Tooltip("harvested:Q", title="Harvested (cells)", format=",d"),
    ]
    colour = potency_colour(rows)
    lines = base.mark_line(strokeWidth=1.8).encode(x=x, y=y, color=colour, detail="clone:N")
    points = base.mark_point(filled=True, size=34, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip)
    rule = alt.Chart(inline([{"seeded": seeded}])).mark_rule(color="var(--ink-2)", strokeDash=[5, 4])
    return alt.layer(rule.encode(y="seeded:Q"), lines, points).properties(width=width - 200, height=280)
