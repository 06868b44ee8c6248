"""The charts of the models of paper R, each from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phasewell.report.theme import ACCENT, CATEGORIES, SEQUENTIAL, WARNING, hour_text, inline, plain

GOOD_RMSE = 1.0  # the paper calls a model good below this, in passages
_STAR = (
    "M0,-1L0.294,-0.405L0.951,-0.309L0.476,0.155L0.588,0.809L0,0.5"
    "L-0.588,0.809L-0.476,0.155L-0.951,-0.309L-0.294,-0.405Z"
)


def rmse_map(grid: Mapping[str, Any], domain: Sequence[float], star: str, width: int, unit: str = "passages") -> Any:
    """Return RMSE over windows (down) x field counts (across); a dot below 1.0, a star at the selected cell.

    `domain` is the range of RMSE of the colours, so that maps of several models compare; `star` names the best cell.
    Dots are for `unit` passages only.
    """
    import altair as alt

    selected, baseline = grid["selected"], grid["baseline_rmse"]
    adjusted = grid["p_adjusted"]
    rows = [
        {"hour": hour_text(hour), "fields": count, "rmse": plain(value, 4), "q2": plain(grid["q2"][w][f], 3)}
        | {
            "good": value is not None and unit == "passages" and value < GOOD_RMSE,
            "p": plain(adjusted[w][f]) if adjusted else None,
        }
        | {"best": hour == selected["last_h"] and count == selected["fields"]}
        for w, hour in enumerate(grid["last_h"])
        for f, (count, value) in enumerate(zip(grid["fields"], grid["rmse"][w], strict=True))
    ]
    counts = grid["fields"]
    shown = counts if len(counts) <= 20 else [n for n in counts if n == 1 or n % 5 == 0 or n == counts[-1]]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X(
            "fields:O",
            title="Fields a well",
            sort=list(counts),
            scale=alt.Scale(padding=0),
            axis=alt.Axis(labelAngle=0, values=list(shown)),
        ),
        y=alt.Y(
            "hour:O",
            title="Window from the first hour to (h)",
            sort=[hour_text(h) for h in grid["last_h"]],
            scale=alt.Scale(padding=0),
        ),
    )
    tooltip = [
        alt.Tooltip("hour:O", title="Last hour (h)"),
        alt.Tooltip("fields:O", title="Fields"),
        alt.Tooltip("rmse:Q", title=f"RMSE ({unit})", format=".3f"),
        alt.Tooltip("q2:Q", title="Q²", format=".2f"),
    ]
    if adjusted:
        tooltip.append(alt.Tooltip("p:Q", title="p over the grid", format=".3f"))
    scale = alt.Scale(scheme=SEQUENTIAL, domain=list(domain), clamp=True, reverse=True)
    legend = _rmse_legend(domain, f"RMSE ({unit}); baseline {baseline:.2f}")
    squares = base.mark_rect().encode(color=alt.Color("rmse:Q", scale=scale, legend=legend), tooltip=tooltip)
    side = (width - 90) / len(counts)
    dots = base.transform_filter("datum.good").mark_point(
        filled=True, size=max(3, min(14, side)), color="#ffffff", opacity=0.9, aria=False
    )
    best = base.transform_filter("datum.best").mark_point(
        shape=_STAR, filled=True, size=170, color=WARNING, stroke="#ffffff", strokeWidth=0.7, opacity=1, aria=False
    )
    title = alt.TitleParams(text=star, fontSize=12.5, fontWeight=400)
    return alt.layer(squares, dots, best).properties(
        width=width - 90, height=max(110, 19 * len(grid["last_h"])), title=title
    )


def _rmse_legend(domain: Sequence[float], title: str) -> Any:
    """Return a legend of the ends of the colours, and of 1.0 where it lies between them."""
    import altair as alt

    ticks = sorted({*domain, *([GOOD_RMSE] if domain[0] < GOOD_RMSE < domain[1] else [])})
    return alt.Legend(title=title, orient="top", direction="horizontal", values=ticks, format=".2f", gradientLength=220)


def margin_lines(grids: Mapping[str, Mapping[str, Any]], width: int) -> Any:
    """Return the RMSE against fields at the longest window, and against the last hour at most fields, by model."""
    import altair as alt

    names = list(grids)
    fields, hours = [], []
    for name, grid in grids.items():
        fields += [
            {"x": n, "rmse": plain(r), "model": name} for n, r in zip(grid["fields"], grid["rmse"][-1], strict=True)
        ]
        hours += [
            {"x": h, "rmse": plain(row[-1]), "model": name} for h, row in zip(grid["last_h"], grid["rmse"], strict=True)
        ]
        baseline = grid["baseline_rmse"]
    colour = alt.Color(
        "model:N",
        title=None,
        scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)])),
        legend=alt.Legend(orient="top"),
    )
    values = [row["rmse"] for row in (*fields, *hours) if row["rmse"] is not None]
    span = alt.Scale(domain=[0, plain(1.08 * max([*values, baseline, GOOD_RMSE]), 3)], nice=False)
    charts = []
    for rows, title in ((fields, "Fields a well, all hours"), (hours, "Last hour (h), all fields")):
        y = alt.Y("rmse:Q", title="RMSE (passages)", scale=span)
        x = alt.X(
            "x:Q",
            title=title,
            axis=alt.Axis(grid=False, tickCount=7),
            scale=alt.Scale(nice=False, zero=False, padding=8),
        )
        tooltip = [alt.Tooltip("model:N", title="Model"), alt.Tooltip("x:Q", title=title)]
        tooltip.append(alt.Tooltip("rmse:Q", title="RMSE", format=".3f"))
        base = alt.Chart(inline(rows)).encode(x=x, y=y, color=colour)
        marks = [base.mark_line(strokeWidth=1.8), base.mark_point(filled=True, size=22).encode(tooltip=tooltip)]
        limits = inline([{"rmse": plain(baseline)}, {"rmse": GOOD_RMSE}])
        rule = alt.Chart(limits).mark_rule(strokeDash=[5, 4], color="var(--ink-3)").encode(y=y)
        label = (
            alt.Chart(inline([{"rmse": plain(baseline), "text": "baseline"}]))
            .mark_text(align="left", baseline="bottom", dy=-3, color="var(--ink-2)")
            .encode(x=alt.value(4), y=y, text="text:N")
        )
        charts.append(alt.layer(rule, *marks, label).properties(width=width // 2 - 80, height=220))
    return alt.hconcat(*charts, spacing=40)


def predictions(panels: Mapping[str, Sequence[Mapping[str, Any]]], target: str, columns: int, width: int) -> Any:
    """Return predicted against measured, a panel by title; rows have clone, truth, predicted and sd (None without)."""
    import altair as alt

    values = [v for rows in panels.values() for r in rows for v in _ends(r)]
    margin = 0.06 * (max(values) - min(values)) or 0.5
    domain = [plain(min(values) - margin, 4), plain(max(values) + margin, 4)]
    side = min(270, width // columns - 62)
    charts = [_one_prediction(title, rows, target, domain, side) for title, rows in panels.items()]
    lines = [alt.hconcat(*charts[i : i + columns], spacing=22) for i in range(0, len(charts), columns)]
    return alt.vconcat(*lines, spacing=22)


def _ends(row: Mapping[str, Any]) -> tuple[float, float, float]:
    sd = row["sd"] or 0.0
    return row["truth"], row["predicted"] - sd, row["predicted"] + sd


def _one_prediction(title: str, rows: Sequence[Mapping[str, Any]], target: str, domain: list[float], side: int) -> Any:
    import altair as alt

    heading, _, scores = title.partition("|")
    marks = []
    for r in rows:
        low, high = _ends(r)[1:]
        marks.append({"clone": r["clone"], "truth": plain(r["truth"]), "predicted": plain(r["predicted"])})
        marks[-1] |= {"low": plain(low), "high": plain(high)}
    axis = alt.Axis(tickCount=5, format="~g")
    scale = alt.Scale(domain=domain, nice=False)
    x = alt.X("truth:Q", title=f"Measured {target} (passages)", scale=scale, axis=axis)
    y = alt.Y("predicted:Q", title="Predicted (passages)", scale=scale, axis=axis)
    ends = inline([{"truth": end, "predicted": end} for end in domain])
    identity = alt.Chart(ends).mark_line(color="var(--ink-3)", strokeDash=[5, 4], strokeWidth=1.2).encode(x=x, y=y)
    tooltip = [alt.Tooltip("clone:N", title="Clone"), alt.Tooltip("truth:Q", title="Measured")]
    tooltip.append(alt.Tooltip("predicted:Q", title="Predicted", format=".2f"))
    base = alt.Chart(inline(marks)).encode(x=x)
    bars = base.mark_rule(color=ACCENT, opacity=0.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    points = base.mark_point(filled=True, size=46, opacity=0.85, color=ACCENT).encode(y=y, tooltip=tooltip)
    return alt.layer(identity, bars, points).properties(
        width=side, height=side, title=alt.TitleParams(text=heading, subtitle=scores or None, fontSize=12.5)
    )


def correlation_map(labels: Sequence[str], matrix: Sequence[Sequence[float | None]], width: int) -> Any:
    """Return the correlation of the weights of every two models; undefined cells stay empty."""
    import altair as alt

    rows = [
        {"first": a, "second": b, "r": plain(matrix[i][j], 3)}
        for i, a in enumerate(labels)
        for j, b in enumerate(labels)
        if matrix[i][j] is not None
    ]
    side = min(30 * len(labels) + 20, width - 190)
    axis = {"sort": list(labels), "title": None, "scale": alt.Scale(domain=list(labels), padding=0)}
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("first:N", axis=alt.Axis(labelAngle=-50, labelLimit=140), **axis),
        y=alt.Y("second:N", axis=alt.Axis(labelLimit=140), **axis),
    )
    scale = alt.Scale(scheme="blueorange", domain=[-1, 1], reverse=True)
    tooltip = [alt.Tooltip("first:N", title="Model"), alt.Tooltip("second:N", title="Model")]
    tooltip.append(alt.Tooltip("r:Q", title="Correlation", format=".2f"))
    squares = base.mark_rect().encode(
        color=alt.Color("r:Q", scale=scale, legend=alt.Legend(title="Correlation of weights")), tooltip=tooltip
    )
    ink = alt.condition("abs(datum.r) > 0.7", alt.value("#ffffff"), alt.value("#10151f"))
    words = base.mark_text(fontSize=10).encode(text=alt.Text("r:Q", format=".1f"), color=ink)
    layers = [squares, words] if len(labels) <= 16 else [squares]
    return alt.layer(*layers).properties(width=side, height=side)


def leak(rows: Sequence[Mapping[str, Any]], baseline: float, width: int) -> Any:
    """Return the RMSE of each condition with whole clones left out and with rows left out; rows: condition, folds."""
    import altair as alt

    order = list(dict.fromkeys(row["condition"] for row in rows))
    names = ["whole clones left out", "rows left out (wrong)"]
    colour = alt.Color(
        "folds:N",
        title=None,
        scale=alt.Scale(domain=names, range=[ACCENT, WARNING]),
        legend=alt.Legend(orient="top", labelLimit=260),
    )
    top = plain(1.1 * max([baseline, *(row["rmse"] for row in rows)]), 3)
    scale = alt.Scale(domain=[0, top], nice=False)
    x = alt.X("rmse:Q", title="RMSE (passages)", scale=scale, axis=alt.Axis(tickCount=8))
    y = alt.Y("condition:N", sort=order, title=None, axis=alt.Axis(labelLimit=240))
    data = inline([{**row, "rmse": plain(row["rmse"])} for row in rows])
    base = alt.Chart(data).encode(y=y)
    link = base.mark_rule(color="var(--rule)", strokeWidth=2).encode(x=alt.X("min(rmse):Q"), x2="max(rmse):Q")
    tooltip = [alt.Tooltip("condition:N", title="Condition"), alt.Tooltip("folds:N", title="Folds")]
    tooltip.append(alt.Tooltip("rmse:Q", title="RMSE", format=".3f"))
    points = base.mark_point(filled=True, size=80, opacity=1).encode(x=x, color=colour, tooltip=tooltip)
    limits = inline([{"rmse": plain(baseline)}])
    rule = alt.Chart(limits).mark_rule(strokeDash=[5, 4], color="var(--ink-3)").encode(x="rmse:Q")
    return alt.layer(rule, link, points).properties(width=width - 260, height=26 * len(order))
