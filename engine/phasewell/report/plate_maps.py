"""Heat maps in the shape of the plate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.plate import row_name, well_position
from phasewell.report.measures import Measure
from phasewell.report.theme import DIVERGING, SEQUENTIAL, hour_text, inline, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LABEL = (  # what stands in a well: three digits, without exponents
    "!isValid(datum.value) ? '' : abs(datum.value) >= 1000 ? format(datum.value, ',.0f') : "
    "abs(datum.value) >= 10 ? format(datum.value, '.1f') : format(datum.value, '.3~g')"
)
_TEXT_FROM_PX = 38  # smaller wells have no room for a number
_DARK_HIGH = "datum.rel > 0.6"  # where a scheme is so dark that numbers on it are white
_DARK = {SEQUENTIAL: "datum.rel <= 0.55", DIVERGING: "abs(datum.rel - 0.5) > 0.32"}
_EMPTY = "var(--empty)"


def plate_map(wells: tuple[str, ...], measure: Measure, time: int, width: int, scheme: str = SEQUENTIAL) -> Any:
    """Return the heat map of one measure at one hour index, about `width` px wide."""
    values = measure.values[:, time]
    low, high = _domain(values, measure.from_zero)
    if scheme == DIVERGING:  # the middle of its colours is no difference
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    rows = [
        _place(well) | {"value": plain(value), "rel": plain((value - low) / (high - low))}
        for well, value in zip(wells, values, strict=True)
    ]
    legend = _legend(measure.unit, width)
    scale = _scale(scheme, low, high)
    chart = _layers(inline(rows), wells, width, scale, legend, [], _DARK.get(scheme, _DARK_HIGH))
    return chart.properties(title=measure.title)


def plate_maps(wells: tuple[str, ...], measures: list[tuple[Measure, int, str]], width: int) -> Any:
    """Return heat maps of several (measure, time index, colour scheme) side by side, `width` px in all."""
    import altair as alt

    gap = 40
    each = (width - gap * (len(measures) - 1)) // max(len(measures), 1) - 30
    charts = [plate_map(wells, measure, time, each, scheme) for measure, time, scheme in measures]
    return alt.hconcat(*charts, spacing=gap).resolve_scale(color="independent")


def explorer(
    wells: tuple[str, ...], times_h: tuple[float, ...], measures: tuple[Measure, ...], start: int, width: int
) -> Any:
    """Return one heat map whose measure and hour are chosen on the page, at first the hour of index `start`.

    The colour scale spans the shown wells at the shown hour.
    """
    import altair as alt

    keys = [f"v{i}" for i in range(len(measures))]
    rows = []
    for w, well in enumerate(wells):
        for t in range(len(times_h)):
            row = _place(well) | {"t": t, "hour": plain(times_h[t])}
            rows.append(row | {key: plain(m.values[w, t], 4) for key, m in zip(keys, measures, strict=True)})
    what = alt.param(
        name="measure",
        value=keys[0],
        bind=alt.binding_select(options=keys, labels=[m.label for m in measures], name="Measure "),
    )
    when = alt.param(name="hour", value=start)
    if len(times_h) > 1:
        labels = [f"{hour_text(hour)} h" for hour in times_h]
        bound = alt.binding_select(options=list(range(len(times_h))), labels=labels, name="Hour ")
        when = alt.param(name="hour", value=start, bind=bound)
    transforms: list[Any] = [
        alt.FilterTransform(filter="datum.t == hour"),
        alt.CalculateTransform(calculate="datum[measure]", **{"as": "value"}),
        alt.JoinAggregateTransform(
            joinaggregate=[
                alt.JoinAggregateFieldDef(op="min", field="value", **{"as": "low"}),
                alt.JoinAggregateFieldDef(op="max", field="value", **{"as": "high"}),
            ]
        ),
        alt.CalculateTransform(
            calculate="datum.high > datum.low ? (datum.value - datum.low) / (datum.high - datum.low) : 0.5",
            **{"as": "rel"},
        ),
    ]
    scale = alt.Scale(scheme=SEQUENTIAL, zero=False, nice=False)
    legend = _legend("unit as in the menu above", min(width, 420))
    chart = _layers(inline(rows), wells, width, scale, legend, transforms)
    return chart.add_params(what, when)


def _layers(
    data: Any,
    wells: tuple[str, ...],
    width: int,
    scale: Any,
    legend: Any,
    transforms: list[Any],
    dark: str = "datum.rel <= 0.55",
) -> Any:
    import altair as alt

    positions = [well_position(well) for well in wells]
    row_names = [row_name(i) for i in range(max(r for r, _ in positions) + 1)]
    column_names = [str(i + 1) for i in range(max(c for _, c in positions) + 1)]
    size = max(9, min(72, width // len(column_names)))
    axis: dict[str, Any] = {"title": None, "domain": False, "ticks": False, "labelAngle": 0, "grid": False}
    x = alt.X(
        "column:O",
        sort=column_names,
        scale=alt.Scale(domain=column_names, paddingInner=0.08, paddingOuter=0.04),
        axis=alt.Axis(orient="top", labelOverlap=True, **axis),
    )
    y = alt.Y(
        "row:O",
        sort=row_names,
        scale=alt.Scale(domain=row_names, paddingInner=0.08, paddingOuter=0.04),
        axis=alt.Axis(labelOverlap=True, **axis),
    )
    tooltip = [alt.Tooltip("well:N", title="Well"), alt.Tooltip("value:Q", title="Value", format=".4~g")]
    source = alt.Chart(data)
    for transform in transforms:
        source = source._add_transform(transform)
    corner = 3 if size > 20 else 1
    empty = source.mark_rect(cornerRadius=corner, color=_EMPTY).encode(x=x, y=y, tooltip=alt.Tooltip("well:N"))
    filled = source.transform_filter("isValid(datum.value)")
    squares = filled.mark_rect(cornerRadius=corner).encode(
        x=x, y=y, color=alt.Color("value:Q", scale=scale, legend=legend), tooltip=tooltip
    )
    layers = [empty, squares]
    if size >= _TEXT_FROM_PX:
        numbers = filled.transform_calculate(label=_LABEL).mark_text(fontSize=11.5, fontWeight=500)
        bright = alt.condition(dark, alt.value("#ffffff"), alt.value("#10151f"))
        layers.append(numbers.encode(x=x, y=y, text="label:N", color=bright))
    return alt.layer(*layers).properties(width=size * len(column_names), height=size * len(row_names))


def _place(well: str) -> dict[str, Any]:
    row, column = well_position(well)
    return {"well": well, "row": row_name(row), "column": str(column + 1)}


def _legend(title: str, width: int) -> Any:
    import altair as alt

    length = max(80, min(240, width - 20))
    return alt.Legend(title=title, orient="bottom", direction="horizontal", gradientLength=length, tickCount=4)


def _scale(scheme: str, low: float, high: float) -> Any:
    import altair as alt

    return alt.Scale(scheme=scheme, domain=[plain(low), plain(high)], nice=False, clamp=True)


def _domain(values: NDArray[np.float64], from_zero: bool) -> tuple[float, float]:
    """Return the ends of a colour scale; never of zero length."""
    finite = values[np.isfinite(values)]
    low = 0.0 if from_zero or not len(finite) else float(finite.min())
    high = float(finite.max()) if len(finite) else 1.0
    if high <= low:
        high = low + (1.0 if low == 0 else abs(low) * 0.01)
    return low, high
