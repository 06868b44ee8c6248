"""Curves over hours, and how the descriptors are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import DESCRIPTORS
from phasewell.report.measures import UNITS
from phasewell.report.theme import ACCENT, CATEGORIES, SEQUENTIAL, WARNING, hour_text, inline, plain, records

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBER = "abs(datum.value) >= 10000 ? format(datum.value, '~s') : format(datum.value, '.3~f')"
_MAX_LEGEND = 20  # more wells than this get no legend of their own


@dataclass(frozen=True)
class Colouring:
    """What colours the wells: an annotation of the plate map with one value per well, or the well itself."""

    title: str
    values: tuple[str | float | int | None, ...]

    @property
    def numeric(self) -> bool:
        """True when every value that is present is a number and at least one is."""
        present = [v for v in self.values if v is not None]
        return bool(present) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)


def colour_channel(colouring: Colouring) -> Any:
    """Return the colour encoding of field `group`: a ramp for numbers, hues for few names, one hue for many."""
    import altair as alt

    if colouring.numeric:
        # both ends are cut: the darkest hue vanishes on a dark page, the lightest on a white one
        ramp = alt.SchemeParams(name=SEQUENTIAL, extent=[0.15, 0.9])
        scale = alt.Scale(scheme=ramp, zero=False, nice=False)
        return alt.Color("group:Q", scale=scale, legend=alt.Legend(title=colouring.title, type="gradient"))
    names = list(dict.fromkeys(str(v) for v in colouring.values))
    if len(names) > _MAX_LEGEND:
        return alt.value(ACCENT)
    scale = alt.Scale(domain=names, range=[CATEGORIES[i % len(CATEGORIES)] for i in range(len(names))])
    legend = alt.Legend(title=colouring.title, columns=1 + len(names) // 16, symbolOpacity=1)
    return alt.Color("group:N", scale=scale, legend=legend, sort=names)


def _group_value(value: Any, colouring: Colouring) -> Any:
    return plain(value) if colouring.numeric else str(value)


def growth(
    wells: tuple[str, ...],
    times_h: tuple[float, ...],
    cells_per_field: NDArray[np.float64],
    spread: NDArray[np.float64],
    colouring: Colouring,
    width: int,
) -> Any:
    """Return cells per field over hours, one line per well; with few wells a band of one SD over the fields.

    `cells_per_field` and `spread` are (wells, hours); hours without a measured field are gaps in the line.
    """
    import altair as alt

    rows = []
    for w, well in enumerate(wells):
        for t, hour in enumerate(times_h):
            value, sd = cells_per_field[w, t], spread[w, t]
            row = {"well": well, "group": _group_value(colouring.values[w], colouring), "hour": plain(hour)}
            row |= {"cells": plain(value), "low": plain(max(value - sd, 0.0)), "high": plain(value + sd)}
            rows.append(row)
    chart = alt.Chart(inline(rows))
    x = _hour_axis(times_h)
    y = alt.Y("cells:Q", title="Cells per field (cells)", scale=alt.Scale(zero=True))
    colour = colour_channel(colouring)
    tooltip = [
        alt.Tooltip("well:N", title="Well"),
        alt.Tooltip("group:N", title=colouring.title),
        alt.Tooltip("hour:Q", title="Time (h)"),
        alt.Tooltip("cells:Q", title="Cells per field", format=".4~g"),
    ]
    lines = chart.mark_line(strokeWidth=2, invalid="break-paths-show-domains")
    points = chart.mark_point(filled=True, size=34, opacity=1)
    layers = [
        lines.encode(x=x, y=y, color=colour, detail="well:N"),
        points.encode(x=x, y=y, color=colour, tooltip=tooltip),
    ]
    if len(wells) <= 6 and np.isfinite(spread).any():
        low, high = alt.Y("low:Q", title="Cells per field (cells)"), alt.Y2("high:Q")
        band, bar = chart.mark_area(opacity=0.14), chart.mark_rule(opacity=0.45, strokeWidth=1.5)
        layers.insert(0, band.encode(x=x, y=low, y2=high, color=colour, detail="well:N"))
        layers.insert(1, bar.encode(x=x, y=low, y2=high, color=colour))
    return alt.layer(*layers).properties(width=width, height=300)


def _hour_axis(hours: Sequence[float] | NDArray[np.float64]) -> Any:
    """Return the time axis; ticks stand at the plate's hours where these are few."""
    import altair as alt

    ticks = {"values": [plain(h) for h in hours]} if len(hours) <= 24 else {}
    axis = alt.Axis(grid=False, labelOverlap=True, format=".2~f", **ticks)
    return alt.X("hour:Q", title="Time (h)", axis=axis, scale=alt.Scale(zero=False, nice=False, padding=14))


@dataclass(frozen=True)
class Distribution:
    """How one descriptor is distributed over cells at one hour: share of cells per bin, in percent."""

    descriptor: str
    time_h: float
    centres: NDArray[np.float64]
    share: NDArray[np.float64]
    n_cells: int


def histogram(
    descriptor: str, values_by_hour: Mapping[float, NDArray[np.float64]], most_bins: int = 48
) -> list[Distribution]:
    """Return the distribution of values (cells,) at every given hour over common bins, 0.5th to 99.5th percentile.

    NaN is left out; values outside the range are counted in the total, so that shares are of all cells.
    """
    finite = {hour: values[np.isfinite(values)] for hour, values in values_by_hour.items()}
    pooled = np.concatenate(list(finite.values())) if finite else np.empty(0)
    if not len(pooled):
        return []
    low, high = (float(q) for q in np.quantile(pooled, (0.005, 0.995)))
    if high <= low:
        low, high = low - 0.5, low + 0.5
    bins = int(min(most_bins, max(8, 2 * (len(pooled) / len(finite)) ** (1 / 3))))  # Rice's rule
    found = []
    for hour, values in finite.items():
        if len(values):
            counts, edges = np.histogram(values, bins=bins, range=(low, high))
            found.append(
                Distribution(descriptor, hour, (edges[1:] + edges[:-1]) / 2, 100 * counts / len(values), len(values))
            )
    return found


def distributions(found: Sequence[Distribution], width: int) -> Any:
    """Return one small panel per descriptor, with one line per hour."""
    import altair as alt

    hours = sorted({d.time_h for d in found})
    scale = alt.Scale(domain=[f"{hour_text(h)} h" for h in hours], range=_ramp(len(hours)))
    panels = []
    for descriptor in DESCRIPTORS:
        rows = []
        for d in found:
            if d.descriptor == descriptor.name:
                for x, share in zip(d.centres, d.share, strict=True):
                    rows.append({"x": plain(x, 4), "share": plain(share, 3), "hour": f"{hour_text(d.time_h)} h"})
        if rows:
            panels.append(_panel(rows, f"{descriptor.title} ({UNITS[descriptor.unit]})", scale, width // 4 - 44))
    return alt.concat(*panels, columns=4, spacing={"row": 26, "column": 24}).resolve_scale(color="shared")


def _panel(rows: list[dict[str, Any]], title: str, scale: Any, width: int) -> Any:
    import altair as alt

    legend = alt.Legend(title="Time", orient="top", symbolType="stroke", symbolStrokeWidth=3)
    x_axis = alt.Axis(tickCount=3, labelExpr=_NUMBER, grid=False, labelFlush=True, titleFontWeight=600)
    y_axis = alt.Axis(title="% of cells", tickCount=3)
    return (
        alt.Chart(inline(rows))
        .mark_line(strokeWidth=1.8, interpolate="monotone")
        .encode(
            x=alt.X("x:Q", title=title, axis=x_axis, scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y("share:Q", axis=y_axis),
            color=alt.Color("hour:N", scale=scale, sort=None, legend=legend),
        )
        .properties(width=width, height=110)
    )


def _ramp(n: int) -> list[str]:
    """Return n colours from early to late: blue, teal, orange for up to three, hues beyond."""
    return {1: [ACCENT], 2: [ACCENT, WARNING], 3: [ACCENT, "#2f9e73", WARNING]}.get(n, list(CATEGORIES[:n]))


@dataclass(frozen=True)
class QualitySeries:
    """One quality number of every measured frame, and the limit of the rule that reads it."""

    title: str
    unit: str
    well: Sequence[str]
    time_h: NDArray[np.float64]
    values: NDArray[np.float64]
    limit: float | None = None
    limit_text: str = ""


POINTS_PER_PANEL = 700


def quality_over_time(series: Sequence[QualitySeries], width: int) -> Any:
    """Return one panel per quality number: every frame as a point, or median and 5-95 % band of many frames."""
    import altair as alt

    panels = [_quality_panel(s, width // 2 - 70) for s in series]
    return alt.concat(*panels, columns=2, spacing={"row": 26, "column": 40})


def _quality_panel(series: QualitySeries, width: int) -> Any:
    import altair as alt

    valid = np.isfinite(series.values)
    hours, values = series.time_h[valid], series.values[valid]
    x = _hour_axis(np.unique(series.time_h))
    y = alt.Y("value:Q", title=series.unit, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    layers = []
    if valid.sum() <= POINTS_PER_PANEL:
        wells = [w for w, keep in zip(series.well, valid, strict=True) if keep]
        rows = records(hour=hours, value=values, well=wells)
        points = alt.Chart(inline(rows)).mark_point(filled=True, size=22, opacity=0.55, color=ACCENT)
        tooltip = [alt.Tooltip("well:N", title="Well"), alt.Tooltip("value:Q", title=series.title, format=".4~g")]
        layers.append(points.encode(x=x, y=y, tooltip=[*tooltip, alt.Tooltip("hour:Q", title="Time (h)")]))
    else:
        grid = np.unique(hours)
        cuts = np.array([np.quantile(values[hours == h], (0.05, 0.5, 0.95)) for h in grid])
        rows = records(hour=grid, low=cuts[:, 0], value=cuts[:, 1], high=cuts[:, 2])
        base = alt.Chart(inline(rows))
        layers.append(base.mark_area(opacity=0.22, color=ACCENT).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
        layers.append(base.mark_line(point=True, color=ACCENT).encode(x=x, y=y))
    if series.limit is not None and _near(series.limit, values):
        rule = alt.Chart(inline([{"value": plain(series.limit), "text": series.limit_text}]))
        layers.append(rule.mark_rule(color=WARNING, strokeDash=[5, 4]).encode(y=y))
        label = rule.mark_text(align="left", baseline="bottom", dx=4, dy=-3, color=WARNING)
        layers.append(label.encode(x=alt.value(0), y=y, text="text:N"))
    return alt.layer(*layers).properties(width=width, height=150, title=series.title)


def _near(limit: float, values: NDArray[np.float64]) -> bool:
    """Return whether a limit is worth showing: within three times the spread of the values."""
    if not len(values):
        return False
    low, high = float(values.min()), float(values.max())
    reach = 3 * max(high - low, abs(high) * 0.1, 1e-9)
    return low - reach <= limit <= high + reach
