"""Figures about profiles and the potency models on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.profiles import Profile
from phasewell.report.curves import Colouring, colour_channel
from phasewell.report.evaluations import ModelReport
from phasewell.report.theme import ACCENT, DIVERGING, WARNING, hour_text, inline, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray


_UNDEFINED = 99  # no z score reaches it: the largest of 1536 wells is below 40


def predicted_measured(models: Sequence[ModelReport], target: str, width: int) -> Any:
    """Return predicted against measured per model, with the identity line and all three scores in the title."""
    import altair as alt

    side = min(290, (width - 80 * len(models)) // max(len(models), 1))
    rows = [p for m in models for p in m.evaluation.predictions]
    values = [v for p in rows for v in (p.truth, p.predicted) if np.isfinite(v)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    domain = [plain(low - margin, 4), plain(high + margin, 4)]
    return alt.hconcat(*(_scatter(m, target, domain, side) for m in models), spacing=30)


def _scatter(model: ModelReport, target: str, domain: list[float], side: int) -> Any:
    import altair as alt

    rows = [
        {"well": p.well, "group": p.group, "truth": plain(p.truth), "predicted": plain(p.predicted)}
        for p in model.evaluation.predictions
    ]
    x = alt.X("truth:Q", title=f"Measured {target}", scale=alt.Scale(domain=domain, nice=False))
    y = alt.Y("predicted:Q", title=f"Predicted {target}", scale=alt.Scale(domain=domain, nice=False))
    ends = inline([{"truth": domain[0], "predicted": domain[0]}, {"truth": domain[1], "predicted": domain[1]}])
    identity = alt.Chart(ends).mark_line(color="var(--ink-3)", strokeDash=[5, 4], strokeWidth=1.2).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("well:N", title="Well"),
        alt.Tooltip("group:N", title="Group"),
        alt.Tooltip("truth:Q", title="Measured", format=".3~f"),
        alt.Tooltip("predicted:Q", title="Predicted", format=".3~f"),
    ]
    points = alt.Chart(inline(rows)).mark_point(filled=True, size=64, opacity=0.8, color=ACCENT)
    rmse, baseline, q2 = model.scores
    title = alt.TitleParams(text=model.title, subtitle=f"RMSE {rmse:.3f}, baseline {baseline:.3f}, Q² {q2:.2f}")
    return alt.layer(identity, points.encode(x=x, y=y, tooltip=tooltip)).properties(
        width=side, height=side, title=title
    )


def coefficients(model: ModelReport, target: str, width: int, most: int = 20) -> Any:
    """Return the columns with the largest coefficients as bars, at most `most`, in the evaluation's order."""
    import altair as alt

    shown = model.evaluation.coefficients[:most]
    rows = [{"column": c.title, "weight": plain(c.coefficient, 4)} for c in shown]
    colour = alt.condition("datum.weight < 0", alt.value(WARNING), alt.value(ACCENT))
    x = alt.X("weight:Q", title=f"Coefficient ({target} per SD of the column)")
    y = alt.Y("column:N", sort=[c.title for c in shown], title=None, axis=alt.Axis(labelLimit=280))
    tooltip = [alt.Tooltip("column:N", title="Column"), alt.Tooltip("weight:Q", title="Coefficient", format="+.3~f")]
    bars = alt.Chart(inline(rows)).mark_bar(cornerRadius=2, height=alt.RelativeBandSize(band=0.72))
    return bars.encode(x=x, y=y, color=colour, tooltip=tooltip).properties(width=width - 300, height=22 * len(rows))


def standardise(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return z scores per column over the wells (ddof 1), NaN where undefined or where all wells are equal."""
    valid = np.isfinite(values)
    n = valid.sum(axis=0)
    filled = np.where(valid, values, 0.0)
    mean = filled.sum(axis=0) / np.maximum(n, 1)
    deviations = np.where(valid, values - mean, 0.0)
    sd = np.sqrt((deviations**2).sum(axis=0) / np.maximum(n - 1, 1))
    return np.where(valid & (sd > 0), (values - mean) / np.where(sd > 0, sd, 1.0), np.nan)


def profile_map(profile: Profile, width: int) -> Any:
    """Return the profile as a heat map of z scores: wells down, hours and within each hour the columns across."""
    import altair as alt

    scores = standardise(profile.values)
    n = len(profile.columns)
    # one number per value keeps 384 wells x 360 columns under a megabyte; names are looked up by position
    flat = [round(float(z), 1) if np.isfinite(z) else _UNDEFINED for z in scores.ravel()]
    wells = alt.param(name="well_names", value=list(profile.wells))
    titles = alt.param(name="column_names", value=profile.titles())
    hours = [c.time_h for c in profile.columns]
    first = [i for i in range(n) if i == 0 or hours[i] != hours[i - 1]]
    starts = alt.param(name="hour_labels", value={str(i): hour_text(hours[i]) for i in first})
    chart = (
        alt.Chart(inline(flat))
        .transform_window(index="row_number()")
        .transform_calculate(
            column=f"(datum.index - 1) % {n}",
            well=f"well_names[floor((datum.index - 1) / {n})]",
            parameter=f"column_names[(datum.index - 1) % {n}]",
        )
        .transform_filter(f"datum.data < {_UNDEFINED}")
        .mark_rect()
        .encode(
            x=alt.X(
                "column:O",
                title="Hour (h); within an hour 12 descriptors × (mean, SD)",
                axis=alt.Axis(
                    values=first, labelExpr="hour_labels['' + datum.value]", labelAngle=0, labelAlign="left", ticks=True
                ),
                scale=alt.Scale(domain=list(range(n)), padding=0),
            ),
            y=alt.Y(
                "well:O",
                title=None,
                sort=list(profile.wells),
                scale=alt.Scale(padding=0),
                axis=alt.Axis(labelOverlap=True),
            ),
            color=alt.Color(
                "data:Q",
                scale=alt.Scale(scheme=DIVERGING, domain=[-3, 3], clamp=True, reverse=False),
                legend=alt.Legend(title="z score over wells (SD)", orient="top", direction="horizontal"),
            ),
            tooltip=[
                alt.Tooltip("well:N", title="Well"),
                alt.Tooltip("parameter:N", title="Column"),
                alt.Tooltip("data:Q", title="z score", format=".1f"),
            ],
        )
        .add_params(wells, titles, starts)
    )
    row = max(3, min(18, 560 // max(len(profile.wells), 1)))
    return chart.properties(width=width - 60, height=row * len(profile.wells))


def principal_components(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return scores (wells, 2) and explained shares (2,) of a PCA on columns scaled to unit variance.

    Columns that are undefined for a well or equal in all wells are left out; the sign makes the largest loading
    positive. None when fewer than three wells or two columns remain.
    """
    scores = standardise(values)
    usable = scores[:, np.isfinite(scores).all(axis=0)]
    if usable.shape[0] < 3 or usable.shape[1] < 2:
        return None
    left, singular, right = np.linalg.svd(usable - usable.mean(axis=0), full_matrices=False)
    signs = np.sign(right[np.arange(2), np.abs(right[:2]).argmax(axis=1)])
    shares = singular**2 / (singular**2).sum()
    return left[:, :2] * singular[:2] * signs, shares[:2]


def pca(
    wells: tuple[str, ...],
    scores: NDArray[np.float64],
    shares: NDArray[np.float64],
    colouring: Colouring,
    width: int,
) -> Any:
    """Return the wells in the plane of the first two principal components of the profile."""
    import altair as alt

    rows = []
    for well, (a, b), value in zip(wells, scores, colouring.values, strict=True):
        group = plain(value) if colouring.numeric else str(value)
        rows.append({"well": well, "group": group, "first": plain(a), "second": plain(b)})
    axis = alt.Axis(tickCount=6)
    base = alt.Chart(inline(rows)).encode(
        x=alt.X(
            "first:Q",
            title=f"PC 1 ({100 * shares[0]:.0f} % of variance)",
            axis=axis,
            scale=alt.Scale(zero=False, padding=16),
        ),
        y=alt.Y(
            "second:Q", title=f"PC 2 ({100 * shares[1]:.0f} %)", axis=axis, scale=alt.Scale(zero=False, padding=16)
        ),
    )
    tooltip = [alt.Tooltip("well:N", title="Well"), alt.Tooltip("group:N", title=colouring.title)]
    layers = [
        base.mark_point(filled=True, size=80, opacity=0.9).encode(color=colour_channel(colouring), tooltip=tooltip)
    ]
    if len(wells) <= 40:
        layers.append(base.mark_text(dy=-11, fontSize=11, color="var(--ink-2)").encode(text="well:N"))
    return alt.layer(*layers).properties(width=width, height=320)
