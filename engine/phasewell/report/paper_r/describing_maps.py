"""Charts of principal components: clones in two colourings, what an axis is made of, and clouds in fixed axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phasewell.report.paper_r.describing_charts import clone_colour, point_labels, potency_colour
from phasewell.report.theme import ACCENT, inline, plain


def component_maps(rows: Sequence[Mapping[str, Any]], explained: Sequence[float], width: int) -> Any:
    """Return PC2 against PC1 twice, coloured by clone and by potency (figures 3e and 3f); rows clone, potency, x, y."""
    import altair as alt

    names = [row["clone"] for row in rows]
    shares = [*explained, 0.0][:2]
    x = alt.X("x:Q", title=f"PC1 ({100 * shares[0]:.0f} % of variance)", scale=alt.Scale(zero=False, padding=18))
    y = alt.Y("y:Q", title=f"PC2 ({100 * shares[1]:.0f} % of variance)", scale=alt.Scale(zero=False, padding=18))
    tooltip = [alt.Tooltip("clone:N", title="Clone"), alt.Tooltip("potency:Q", title="Serial-passage limit")]
    base = alt.Chart(inline(rows))
    points = base.mark_point(filled=True, size=95, opacity=0.95)
    labels = point_labels(rows, x, y)
    side = width // 2 - 170
    by_clone = alt.layer(points.encode(x=x, y=y, color=clone_colour(names), tooltip=tooltip), *labels)
    by_potency = alt.layer(points.encode(x=x, y=y, color=potency_colour(rows, "Passages"), tooltip=tooltip), *labels)
    left = by_clone.properties(width=side, height=side, title="By clone")
    right = by_potency.properties(width=side, height=side, title="By serial-passage limit")
    return alt.hconcat(left, right, spacing=34).resolve_scale(color="independent")


def shares_by_hour(rows: Sequence[Mapping[str, Any]], hours: Sequence[float], width: int) -> Any:
    """Return how much of PC1 and PC2 each hour makes: squared loadings added up, in %; rows axis, hour and share."""
    import altair as alt

    axes = list(dict.fromkeys(row["axis"] for row in rows))
    x = alt.X("hour:O", title="Time (h)", sort=[plain(h) for h in hours], axis=alt.Axis(labelAngle=0))
    charts = []
    for name in axes:
        bars = alt.Chart(inline([row for row in rows if row["axis"] == name])).mark_bar(cornerRadiusEnd=1, color=ACCENT)
        charts.append(
            bars.encode(
                x=x,
                y=alt.Y("share:Q", title="Share of the axis (%)"),
                tooltip=[alt.Tooltip("share:Q", title="Share (%)", format=".1f")],
            ).properties(width=width // len(axes) - 84, height=140, title=name)
        )
    return alt.hconcat(*charts, spacing=30)


def cloud_maps(
    panels: Sequence[tuple[str, Sequence[Mapping[str, Any]]]],
    domain: tuple[Sequence[float], Sequence[float]],
    explained: Sequence[float],
    names: Sequence[str],
    width: int,
) -> Any:
    """Return one panel per number of fields in the axes of one window; rows have clone, x and y (figure 5).

    `domain` holds the ends of x and y for all panels, so that they can be compared.
    """
    import altair as alt

    side = min(250, width // max(len(panels), 1) - 90)
    shares = [*explained, 0.0][:2]
    scales = [alt.Scale(domain=[plain(end) for end in ends], nice=False, zero=False) for ends in domain]
    x = alt.X("x:Q", title=f"PC1 ({100 * shares[0]:.0f} %)", scale=scales[0], axis=alt.Axis(tickCount=4))
    y = alt.Y("y:Q", title=f"PC2 ({100 * shares[1]:.0f} %)", scale=scales[1], axis=alt.Axis(tickCount=4))
    charts = []
    for number, (title, rows) in enumerate(panels):
        last = number == len(panels) - 1
        points = alt.Chart(inline(rows)).mark_point(filled=True, size=11, opacity=0.55)
        chart = points.encode(x=x, y=y, color=clone_colour(names, legend=last))
        charts.append(chart.properties(width=side, height=side, title=title))
    return alt.hconcat(*charts, spacing=24).resolve_scale(color="independent")
