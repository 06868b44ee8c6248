"""What the page tells of one well when it is chosen: frames, growth, size density, flags and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.report import applied_models
from phasewell.report.blocks import WellBrowser
from phasewell.report.checks import REASONS
from phasewell.report.measures import field_spread
from phasewell.report.theme import ACCENT, CATEGORIES, WARNING, hour_text, inline, plain, to_spec
from phasewell.report.well_scores import PooledScores, applied_title, pooled_scores

if TYPE_CHECKING:
    from phasewell.report.contact_sheets import PictureFolder, Sheet
    from phasewell.report.content import Content

CHART_WIDTH = 400
MOST_MARKED_FRAMES = 15_000
"""Above this many flagged or lost frames the page counts them per well and no longer names each."""
_FIRST_FILTERS = ("line", "clone", "donor", "class")


def well_browser(content: Content, folder: PictureFolder | None) -> WellBrowser:
    """Return the block; `folder` says what lies beside the page, None when nothing does.

    Data are kept per well and short, because a page of 96 wells, 64 fields and 15 hours has five megabytes for all.
    """
    plate = content.plate
    document: dict[str, Any] = {
        "wells": list(plate.wells),
        "fields": list(plate.fields),
        "hours": [hour_text(hour) for hour in plate.times_h],
        "frame_um": None if plate.frame_shape is None else f"{plate.frame_shape[1] * plate.pixel_size_um:.0f}",
        "annotations": _annotations(content),
        "filters": _filters(content),
        "flags": _flags(content),
        "marked": _marked(content),
        "predictions": _predictions(content),
        "sheets": _sheets(content.sheets),
        "folder": _folder(folder),
        "charts": {"growth": _growth(content), "density": _density(content)},
    }
    return WellBrowser(document)


def _annotations(content: Content) -> dict[str, list[Any]]:
    plate = content.plate
    names = list(dict.fromkeys(name for well in plate.wells for name in plate.platemap.get(well, {})))
    return {name: [plain(value) for value in plate.annotation(name)] for name in names}


def _filters(content: Content) -> list[str]:
    """Return the annotations that can be filtered by: names, and numbers of few values; lines and clones first."""
    found = []
    for name, values in _annotations(content).items():
        present = {value for value in values if value is not None}
        if present and (any(isinstance(value, str) for value in present) or len(present) <= 12):
            found.append(name)
    first = [*_FIRST_FILTERS, str(content.setting("model", "group", ""))]
    return sorted(found, key=lambda name: first.index(name) if name in first else len(first))


def _flags(content: Content) -> dict[str, list[list[Any]]]:
    """Return per well its lost and flagged frames: [what, reason, in words, frames, first hour, last hour]."""
    counted: dict[tuple[str, str, str], list[int]] = {}
    for i, what, reason in _exceptions(content):
        counted.setdefault((str(content.frames["well"][i]), what, reason), []).append(i)
    found: dict[str, list[list[Any]]] = {}
    for (well, what, reason), rows in counted.items():
        hours = content.frames["time_h"][rows]
        words = REASONS.get(reason, "")
        found.setdefault(well, []).append(
            [what, reason, words, len(rows), hour_text(float(hours.min())), hour_text(float(hours.max()))]
        )
    for lines in found.values():
        lines.sort(key=lambda line: (-line[3], line[1]))
    return found


def _exceptions(content: Content) -> list[tuple[int, str, str]]:
    """Return (row, status or "flagged", reason or flag) of every frame that is not simply measured."""
    status, reasons, flags = (content.frames[name] for name in ("status", "reason", "flags"))
    found = []
    for i in range(len(status)):
        if status[i] != "processed":
            found.append((i, str(status[i]), str(reasons[i])))
        else:
            found += [(i, "flagged", str(flag)) for flag in flags[i]]
    return found


def _marked(content: Content) -> dict[str, Any] | None:
    """Return {"codes": texts, "frames": {well: [[hour, field, code], ...]}} by index; None where there are too many."""
    exceptions = _exceptions(content)
    if len(exceptions) > MOST_MARKED_FRAMES:
        return None
    places = {field: i for i, field in enumerate(content.plate.fields)}
    codes: dict[str, int] = {}
    frames: dict[str, list[list[int]]] = {}
    for i, what, reason in exceptions:
        code = codes.setdefault(f"{what}: {reason}" if reason and reason != what else what, len(codes))
        place = [int(content.frames["time"][i]), places[str(content.frames["field"][i])], code]
        frames.setdefault(str(content.frames["well"][i]), []).append(place)
    return {"codes": list(codes), "frames": frames}


def _predictions(content: Content) -> dict[str, Any]:
    """Return {"wells": {well: rows}, "notes"}: held-out predictions with intervals, then those of applied models."""
    target = str(content.setting("model", "target", "potency"))
    wells: dict[str, list[list[Any]]] = {}
    notes = []
    for model in content.models:
        notes.append(f"{model.title}: {model.intervals.sentence}.")
        for row in model.evaluation.predictions:
            low, high = model.intervals.wells.get(row.well, (None, None))
            ends = [None if end is None else plain(end, 4) for end in (low, high)]
            line = [model.title, target, plain(row.truth, 4), plain(row.predicted, 4), *ends]
            wells.setdefault(row.well, []).append(line)
    applied, said = applied_models.panel_lines(content)
    notes += said
    for well_name, lines in applied.items():
        wells.setdefault(well_name, []).extend(lines)
    scored: list[tuple[str, PooledScores]] = [
        (applied_title(network), pooled_scores(network)) for network in content.applied.networks
    ]
    if content.scores is not None:
        scored.insert(0, (str(content.scores.scored_by.get("network", "network")), content.scores))
    for name, scores in scored:
        notes.append(
            f"{name}: mean probability over the scored frames; from and to are one SD over frames, which is no "
            "interval for a new well."
        )
        for well in scores.wells:
            for i in scores.shown:
                mean, sd = well.mean[i], well.sd[i]
                ends = [None, None] if mean is None or sd is None else [plain(mean - sd, 3), plain(mean + sd, 3)]
                line = [name, f"probability of {scores.classes[i]}", None, plain(mean, 3), *ends]
                wells.setdefault(well.well, []).append(line)
    return {"wells": wells, "notes": notes}


def _sheets(sheets: Sequence[Sheet]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for sheet in sheets:
        tiles = [[tile.field, tile.n_cells] for tile in sheet.tiles]
        shown = {"t": sheet.time, "tiles": tiles, "size": list(sheet.tile_size), "image": sheet.image}
        found.setdefault(sheet.well, []).append(shown | {"outlines": sheet.outlines})
    return found


def _folder(folder: PictureFolder | None) -> dict[str, Any] | None:
    if folder is None:
        return None
    sheets = {
        well: [[made.time, made.name, int(made.has_outlines), list(made.large)] for made in files]
        for well, files in folder.sheets.items()
    }
    return {"sheets": sheets, "columns": folder.columns, "size": list(folder.tile_size)}


def _growth(content: Content) -> dict[str, Any]:
    """Return the chart of growth without data, and per well [cells, low, high] at every hour."""
    import altair as alt

    per_field, spread = content.measures["cells_per_field"].values, field_spread(content.moments)
    low, high = np.maximum(per_field - spread, 0.0), per_field + spread
    finite = np.isfinite(per_field)
    middle = [
        float(np.median(per_field[finite[:, t], t])) if finite[:, t].any() else None for t in range(per_field.shape[1])
    ]
    rows = [{"of": "", "hour": 0.0, "cells": 1.0, "low": 0.0, "high": 2.0}]
    base = alt.Chart(inline(rows))
    x = alt.X(
        "hour:Q", title="Time (h)", axis=alt.Axis(grid=False), scale=alt.Scale(zero=False, nice=False, padding=12)
    )
    title = "Cells per field (cells)"
    y = alt.Y("cells:Q", title=title, scale=alt.Scale(zero=True))
    tooltip = [
        alt.Tooltip("of:N", title="Of"),
        alt.Tooltip("hour:Q", title="Time (h)"),
        alt.Tooltip("cells:Q", title=title, format=".4~g"),
    ]
    scale = alt.Scale(domain=["this well", "median of all wells"], range=[ACCENT, "#8d8d8d"])
    colour = alt.Color(
        "of:N",
        scale=scale,
        legend=alt.Legend(title=None, orient="top", symbolOpacity=1, symbolType="stroke", symbolStrokeWidth=3),
    )
    chart = alt.layer(
        base.mark_area(opacity=0.16).encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q", color=colour),
        base.mark_line(strokeWidth=2, invalid="break-paths-show-domains").encode(x=x, y=y, color=colour),
        base.mark_point(filled=True, size=30, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip),
    ).properties(width=CHART_WIDTH, height=220)
    titles = {"low": "Mean − SD over fields (cells)", "high": "Mean + SD over fields (cells)"}
    words = "Cells per field over time for the chosen well, beside the median of all wells"
    wells = {
        well: [[plain(v, 4) for v in row] for row in zip(per_field[w], low[w], high[w], strict=True)]
        for w, well in enumerate(content.plate.wells)
    }
    hours = [plain(hour) for hour in content.plate.times_h]
    return {
        "spec": to_spec(chart, words, 60, titles),
        "hours": hours,
        "median": [plain(v, 4) for v in middle],
        "wells": wells,
    }


def _density(content: Content) -> dict[str, Any] | None:
    """Return the chart of size density without data, the grid, and per well its curves."""
    import altair as alt

    found = content.densities
    if found is None:
        return None
    base = alt.Chart(inline([{"area": 100.0, "density": 0.0, "hour": ""}]))
    hours = [f"{hour_text(hour)} h" for hour in sorted({curve.time_h for curve in found.curves})]
    ramp = (
        [ACCENT, "#2f9e73", WARNING]
        if len(hours) > 2
        else [ACCENT, WARNING]
        if len(hours) == 2
        else list(CATEGORIES[:1])
    )
    x = alt.X(
        "area:Q",
        title="Cell area (px², logarithmic)",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(tickCount=5, format="~s", grid=False),
    )
    y = alt.Y("density:Q", title="Density (per factor of ten of area)", axis=alt.Axis(tickCount=5))
    scale = alt.Scale(domain=hours, range=ramp)
    colour = alt.Color(
        "hour:N", scale=scale, sort=None, legend=alt.Legend(title="Time", orient="top", symbolType="stroke")
    )
    chart = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour).properties(width=CHART_WIDTH, height=220)
    wells: dict[str, list[list[Any]]] = {}
    for curve in found.curves:
        line = [
            f"{hour_text(curve.time_h)} h",
            curve.n_cells,
            [plain(max(v, 0.0), 3) if v > 5e-4 else 0 for v in curve.values],
        ]
        wells.setdefault(curve.well, []).append(line)
    words = "Smooth density of the logarithm of cell area in the chosen well, one line per hour"
    grid = [plain(v, 4) for v in found.area_px2]
    return {"spec": to_spec(chart, words, 60), "area": grid, "wells": wells}
