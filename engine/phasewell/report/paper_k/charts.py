"""The charts of a reproduction of paper K, each from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phasewell.report.theme import ACCENT, CATEGORIES, WARNING, inline, plain

_STAR = (
    "M0,-1L0.294,-0.405L0.951,-0.309L0.476,0.155L0.588,0.809L0,0.5"
    "L-0.588,0.809L-0.476,0.155L-0.951,-0.309L-0.294,-0.405Z"
)
UNIT = [0, 1]


def search_progress(series: Mapping[str, Mapping[str, Any]], width: int, columns: int = 3) -> Any:
    """Return the value of every trial, the best so far and a star at the best, a panel for each search (figure 2a)."""
    import altair as alt

    values = [t["value"] for search in series.values() for t in search["trials"] if t["value"] is not None]
    low = min(values, default=0.0)
    domain = [plain(max(0.0, low - 0.05), 3), plain(min(1.0, max(values, default=1.0) + 0.05), 3)]
    each = width // min(columns, max(len(series), 1)) - 60
    charts = [_one_search(title, search, each, domain) for title, search in series.items()]
    rows = [alt.hconcat(*charts[i : i + columns], spacing=26) for i in range(0, len(charts), columns)]
    return alt.vconcat(*rows, spacing=26)


def _one_search(title: str, search: Mapping[str, Any], width: int, domain: list[float]) -> Any:
    import altair as alt

    best = search["best_place"]
    rows = [
        {"trial": t["place"] + 1, "value": plain(t["value"]), "best": plain(t["best_value"]), "guided": t["guided"]}
        for t in search["trials"]
    ]
    y_scale = alt.Scale(domain=domain, nice=False)
    ticks = list(range(1, len(rows) + 1)) if len(rows) <= 10 else None
    axis = alt.Axis(grid=False, format="d", **({"values": ticks} if ticks else {}))
    x = alt.X("trial:Q", title="Trial", axis=axis, scale=alt.Scale(padding=10, nice=False, zero=False))
    base = alt.Chart(inline(rows)).encode(x=x)
    line = base.mark_line(interpolate="step-after", color=ACCENT, strokeWidth=2).encode(
        y=alt.Y("best:Q", title="Mean accuracy over folds", scale=y_scale)
    )
    tooltip = [alt.Tooltip("trial:Q", title="Trial"), alt.Tooltip("value:Q", title="Accuracy", format=".4f")]
    points = base.mark_point(filled=True, size=30, opacity=0.6, color="var(--ink-3)").encode(
        y=alt.Y("value:Q", scale=y_scale), tooltip=tooltip
    )
    star = (
        alt.Chart(inline([rows[best]]))
        .mark_point(shape=_STAR, filled=True, size=220, color=WARNING, opacity=1)
        .encode(x=x, y=alt.Y("value:Q", scale=y_scale), tooltip=tooltip)
    )
    subtitle = f"best {search['best_value']:.3f} at trial {best + 1}"
    return alt.layer(line, points, star).properties(
        width=width, height=190, title=alt.TitleParams(text=title, subtitle=subtitle)
    )


def metric_bars(rows: Sequence[Mapping[str, Any]], names: Sequence[str], metrics: Sequence[str], width: int) -> Any:
    """Return grouped bars with error bars of one SD; rows have network, metric, mean, low, high (figure 2b)."""
    import altair as alt

    x = alt.X("metric:N", title=None, sort=list(metrics), axis=alt.Axis(labelAngle=0, labelLimit=100))
    offset = alt.XOffset("network:N", sort=list(names))
    colour = alt.Color(
        "network:N",
        sort=list(names),
        title=None,
        scale=alt.Scale(domain=list(names), range=list(CATEGORIES[: len(names)])),
        legend=alt.Legend(orient="top"),
    )
    y = alt.Y("mean:Q", title="Mean over folds", scale=alt.Scale(domain=UNIT, clamp=True))
    tooltip = [alt.Tooltip("network:N", title="Network"), alt.Tooltip("metric:N", title="Metric")]
    tooltip += [alt.Tooltip("mean:Q", title="Mean", format=".3f"), alt.Tooltip("sd:Q", title="SD", format=".3f")]
    base = alt.Chart(inline(rows))
    bars = base.mark_bar(cornerRadiusEnd=1).encode(x=x, xOffset=offset, y=y, color=colour, tooltip=tooltip)
    errors = base.mark_rule(color="var(--ink)", strokeWidth=1.2).encode(
        x=x, xOffset=offset, y=alt.Y("low:Q"), y2="high:Q"
    )
    return alt.layer(bars, errors).properties(width=width - 60, height=260)


def roc_curves(curves: Mapping[str, Mapping[str, Any] | None], width: int) -> Any:
    """Return ROC curves by title, with the diagonal of chance; curves that are undefined are left out."""
    import altair as alt

    known = {title: curve for title, curve in curves.items() if curve}
    rows = [
        {"series": title, "false": plain(false), "true": plain(true), "order": order}
        for title, curve in known.items()
        for order, (false, true) in enumerate(
            zip(curve["false_positive_rate"], curve["true_positive_rate"], strict=True)
        )
    ]
    axis = alt.Axis(tickCount=5)
    x = alt.X("false:Q", title="1 − specificity", axis=axis, scale=alt.Scale(domain=UNIT, nice=False))
    y = alt.Y("true:Q", title="Sensitivity", axis=axis, scale=alt.Scale(domain=UNIT, nice=False))
    colour = alt.Color(
        "series:N",
        title=None,
        scale=alt.Scale(domain=list(known), range=list(CATEGORIES[: len(known)])),
        legend=alt.Legend(labelLimit=320),
    )
    lines = alt.Chart(inline(rows)).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, order="order:Q")
    chance = inline([{"false": 0, "true": 0}, {"false": 1, "true": 1}])
    diagonal = alt.Chart(chance).mark_line(color="var(--ink-3)", strokeDash=[5, 4], strokeWidth=1.2).encode(x=x, y=y)
    side = min(320, width // 2)
    return alt.layer(diagonal, lines).properties(width=side, height=side)


def confusion_maps(matrices: Mapping[str, Sequence[Sequence[int]]], classes: Sequence[str], width: int) -> Any:
    """Return confusion matrices by title: truth down, call across, counts and shares of the truth's row."""
    import altair as alt

    per_row = 3
    side = min(170, width // per_row - 90)
    charts = []
    for title, matrix in matrices.items():
        rows = []
        for truth, counts in zip(classes, matrix, strict=True):
            total = sum(counts)
            for called, count in zip(classes, counts, strict=True):
                share = count / total if total else 0.0
                text = f"{count:,} ({100 * share:.0f} %)"
                rows.append({"truth": truth, "called": called, "share": plain(share), "text": text})
        base = alt.Chart(inline(rows)).encode(
            x=alt.X("called:N", title="Called class", sort=list(classes), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("truth:N", title="True class", sort=list(classes)),
        )
        squares = base.mark_rect().encode(
            color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=UNIT), legend=None)
        )
        ink = alt.condition("datum.share > 0.55", alt.value("#ffffff"), alt.value("#10151f"))
        words = base.mark_text(fontSize=11.5).encode(text="text:N", color=ink)
        charts.append(alt.layer(squares, words).properties(width=side, height=side, title=title))
    rows_of = [alt.hconcat(*charts[i : i + per_row], spacing=40) for i in range(0, len(charts), per_row)]
    return alt.vconcat(*rows_of, spacing=28)


def histograms(panels: Mapping[str, Mapping[str, Sequence[int]]], names: Sequence[str], title: str, width: int) -> Any:
    """Return share of frames per bin of 0 to 1, a panel by title with the series of counts of some names."""
    import altair as alt

    each = width // max(len(panels), 1) - 70
    charts = []
    for heading, panel in panels.items():
        rows = []
        for name in names:
            counts = panel[name]
            total, n = sum(counts), len(counts)
            rows += [
                {
                    "group": name,
                    "low": plain(i / n),
                    "high": plain((i + 1) / n),
                    "share": plain(100 * c / max(total, 1)),
                }
                | {"frames": int(c)}
                for i, c in enumerate(counts)
            ]
        colour = alt.Color(
            "group:N", title=None, scale=alt.Scale(domain=list(names), range=list(CATEGORIES[: len(names)]))
        )
        bars = (
            alt.Chart(inline(rows))
            .mark_bar(opacity=0.55)
            .encode(
                x=alt.X("low:Q", bin="binned", title=title, scale=alt.Scale(domain=UNIT), axis=alt.Axis(grid=False)),
                x2="high:Q",
                y=alt.Y("share:Q", title="Share of frames (%)", stack=None),
                color=colour,
                tooltip=[alt.Tooltip("group:N", title="Frames"), alt.Tooltip("frames:Q", title="Count")],
            )
        )
        charts.append(bars.properties(width=each, height=180, title=heading))
    return alt.hconcat(*charts, spacing=30)


def reliability(panels: Mapping[str, Sequence[Mapping[str, Any]]], width: int) -> Any:
    """Return, by title, how often frames are positive against the probability given, with the line of agreement."""
    import altair as alt

    side = min(260, width // max(len(panels), 1) - 80)
    x = alt.X("given:Q", title="Mean probability of the bin", scale=alt.Scale(domain=UNIT))
    y = alt.Y("found:Q", title="Share of positive frames", scale=alt.Scale(domain=UNIT))
    charts = []
    for title, bins in panels.items():
        rows = [
            {"given": plain(b["mean_probability"]), "found": plain(b["share_positive"]), "frames": b["frames"]}
            for b in bins
            if b["frames"]
        ]
        ends = inline([{"given": 0, "found": 0}, {"given": 1, "found": 1}])
        same = alt.Chart(ends).mark_line(color="var(--ink-3)", strokeDash=[5, 4], strokeWidth=1.2).encode(x=x, y=y)
        tooltip = [alt.Tooltip("frames:Q", title="Frames"), alt.Tooltip("found:Q", title="Positive", format=".3f")]
        base = alt.Chart(inline(rows)).encode(x=x, y=y)
        line = base.mark_line(color=ACCENT)
        points = base.mark_point(filled=True, color=ACCENT, opacity=0.9).encode(
            size=alt.Size("frames:Q", legend=None, scale=alt.Scale(range=[30, 260])), tooltip=tooltip
        )
        charts.append(alt.layer(same, line, points).properties(width=side, height=side, title=title))
    return alt.hconcat(*charts, spacing=40)


def scatter_maps(panels: Mapping[str, Sequence[Mapping[str, Any]]], classes: Sequence[str], width: int) -> Any:
    """Return points in the plane, a panel by title; rows have x, y, class and line (figure 4)."""
    import altair as alt

    per_row = 4
    side = width // min(per_row, max(len(panels), 1)) - 45
    charts = []
    for title, rows in panels.items():
        plain_axis = alt.Axis(labels=False, ticks=False, grid=False, title=None)
        points = (
            alt.Chart(inline(rows))
            .mark_point(filled=True, size=26, opacity=0.75)
            .encode(
                x=alt.X("x:Q", axis=plain_axis, scale=alt.Scale(zero=False, padding=8)),
                y=alt.Y("y:Q", axis=plain_axis, scale=alt.Scale(zero=False, padding=8)),
                color=alt.Color(
                    "class:N",
                    title=None,
                    scale=alt.Scale(domain=list(classes), range=list(CATEGORIES[: len(classes)])),
                ),
                tooltip=[alt.Tooltip("line:N", title="Line"), alt.Tooltip("class:N", title="Class")],
            )
        )
        charts.append(points.properties(width=min(side, 230), height=min(side, 230), title=title))
    rows_of = [alt.hconcat(*charts[i : i + per_row], spacing=18) for i in range(0, len(charts), per_row)]
    return alt.vconcat(*rows_of, spacing=24)


def lines_over(rows: Sequence[Mapping[str, Any]], x_title: str, y_title: str, width: int, height: int = 190) -> Any:
    """Return lines over a number, a panel for each `panel`, a colour for each `series`; rows also have x and y."""
    import altair as alt

    panels = list(dict.fromkeys(str(row["panel"]) for row in rows))
    names = list(dict.fromkeys(str(row["series"]) for row in rows))
    each = width // max(len(panels), 1) - 70
    charts = []
    for panel in panels:
        part = [row for row in rows if row["panel"] == panel]
        base = alt.Chart(inline(part)).encode(
            x=alt.X(
                "x:Q", title=x_title, axis=alt.Axis(grid=False), scale=alt.Scale(zero=False, nice=False, padding=8)
            ),
            y=alt.Y("y:Q", title=y_title, scale=alt.Scale(zero=False)),
            color=alt.Color(
                "series:N", title=None, scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)]))
            ),
            tooltip=[alt.Tooltip("series:N", title="Series"), alt.Tooltip("y:Q", title=y_title, format=".4~f")],
        )
        lines, points = base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=26)
        charts.append(alt.layer(lines, points).properties(width=each, height=height, title=panel))
    return alt.hconcat(*charts, spacing=30)
