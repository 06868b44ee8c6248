"""Principal components of the profiles, and clouds of resampled cells in axes that stay fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.descriptors import build_profile
from phasewell.errors import InputError, UsageError
from phasewell.populations import bootstrap_cells, fit_components, fit_line
from phasewell.profiles import order_fields, profile_columns
from phasewell.runs.paper_r.lots import clone_lots, clone_potency, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.populations import Components, Line
    from phasewell.runs.paper_r.material import Material
    from phasewell.runs.paper_r.scale import PaperRScale

    Floats = NDArray[np.float64]

COMPONENTS = 4
LOADINGS = 12  # entries of the loadings table, for each component
_STREAM = 0x63656C6C  # cells are not drawn with the numbers that draw fields


def describe_components(material: Material) -> dict[str, Any]:
    """Return the clones in the principal components of their profiles, with loadings (R12; figures 3e, 3f).

    Columns are centred and scaled to SD 1; the shares without scaling, R's default, stand beside them.
    """
    measured = build_profile(material.field_moments)
    rows, names = _clone_rows(material, measured.values)
    titles = [column.title for column in measured.columns]
    try:
        axes = fit_components(rows, titles, COMPONENTS)
        unscaled = fit_components(rows, titles, COMPONENTS, scaled=False)
    except (InputError, UsageError) as error:
        return {"reason": str(error)}
    potency, scores = clone_potency(material), axes.project(rows)
    hours = np.array([measured.columns[i].time_h for i in axes.used.tolist()])
    return {
        "recipe": axes.recipe,
        "left_out": list(axes.left_out),
        "explained": listed(axes.explained),
        "explained_unscaled": listed(unscaled.explained),
        "clones": [
            {"clone": name, "potency": listed(p), "scores": listed(s)}
            for name, p, s in zip(names, potency.tolist(), scores, strict=True)
        ],
        "potency_lines": [_line(fit_line(scores[:, i], potency)) for i in range(scores.shape[1])],
        "loadings": [_loadings(axes, i) for i in range(len(axes.loadings))],
        "share_by_hour": [
            {"time_h": hour, "shares": listed((axes.loadings[:, hours == hour] ** 2).sum(axis=1))}
            for hour in measured.times_h
        ],
    }


def _clone_rows(material: Material, values: Floats) -> tuple[Floats, tuple[str, ...]]:
    """Return one row per clone: the mean of its wells' profiles."""
    lots, place = clone_lots(material), {well: i for i, well in enumerate(material.wells)}
    rows = [values[[place[well] for well in wells]].mean(axis=0) for wells in lots.wells.values()]
    return np.array(rows), lots.names


def _line(line: Line | None) -> dict[str, Any] | None:
    return None if line is None else line.to_dict()


def _loadings(axes: Components, component: int) -> list[dict[str, Any]]:
    weights = axes.loadings[component]
    largest = np.argsort(-np.abs(weights), kind="stable")[:LOADINGS]
    return [{"title": axes.titles[i], "loading": listed(float(weights[i]))} for i in largest.tolist()]


def describe_clouds(material: Material, scale: PaperRScale) -> dict[str, Any]:
    """Return clouds of profiles whose cells were resampled, by window and number of fields (R25, figure 5).

    Within every clone, hour and number of fields the single cells are drawn with replacement `cell_bootstraps` times
    and mean and SD are made again. The axes of a window come from all its clouds together, of every number of fields,
    and stay fixed. The fields of a condition are the first of one random order, the same at all hours; cells are drawn
    as if they did not share a field, so that a cloud is no larger than chance in the cells makes it.
    """
    n_hours = len(material.times_h)
    windows = sorted({min(hours, n_hours) for hours in (*scale.bootstrap_hours, n_hours)})
    counts = sorted({min(fields, len(material.fields)) for fields in scale.bootstrap_fields})
    drawn, real, cells = _resample(material, scale, counts)
    columns = profile_columns(material.times_h)
    per_hour = len(columns) // n_hours
    found = []
    for hours in windows:
        titles = [column.title for column in columns[: hours * per_hour]]
        clouds, centres = drawn[..., : hours * per_hour], real[..., : hours * per_hour]
        try:
            axes = fit_components(clouds.reshape(-1, clouds.shape[-1]), titles, 2)
        except (InputError, UsageError) as error:
            return {"reason": f"window of {hours} hours: {error}"}
        found.append(_window(material.times_h[:hours], axes, clouds, centres, counts))
    return {
        "bootstraps": scale.cell_bootstraps,
        "resampled": "single cells within a clone, hour and number of fields, with replacement",
        "fields": counts,
        "clones": list(material.clones),
        "wells": list(material.wells),
        "potency": listed(material.potency),
        "cells_per_hour": [[listed(v) for v in condition] for condition in cells.tolist()],
        "windows": found,
    }


def _resample(material: Material, scale: PaperRScale, counts: list[int]) -> tuple[Floats, Floats, Floats]:
    """Return (counts, wells, draws, columns), (counts, wells, columns) and median cells an hour (counts, wells)."""
    times = material.times_h
    order = order_fields(material.field_moments, np.arange(len(times)), scale.seed)  # (wells, fields)
    rank = np.argsort(order, axis=1)  # place of a field in the order
    rows: list[list[list[Floats]]] = [[[] for _ in material.wells] for _ in counts]
    reals: list[list[list[Floats]]] = [[[] for _ in material.wells] for _ in counts]
    sizes = np.zeros((len(counts), len(material.wells), len(times)))
    for w, well in enumerate(material.wells):
        for t, hour in enumerate(times):
            cells = material.cells(well, hour)
            taken = rank[w][cells.field]
            for c, count in enumerate(counts):
                rng = np.random.default_rng([scale.seed, _STREAM, w, t, count])
                cloud = bootstrap_cells(cells.values[taken < count], scale.cell_bootstraps, rng)
                rows[c][w].append(cloud.rows)
                reals[c][w].append(cloud.real_row)
                sizes[c, w, t] = cloud.n_cells
    drawn = np.array([[np.concatenate(hours, axis=1) for hours in wells] for wells in rows])
    real = np.array([[np.concatenate(hours) for hours in wells] for wells in reals])
    return drawn, real, np.median(sizes, axis=2)


def _window(
    times_h: tuple[float, ...], axes: Components, clouds: Floats, centres: Floats, counts: list[int]
) -> dict[str, Any]:
    conditions = []
    for count, cloud, centre in zip(counts, clouds, centres, strict=True):
        points = np.stack([axes.project(rows) for rows in cloud])  # (wells, draws, 2)
        within = float(points.var(axis=1, ddof=1).mean()) if points.shape[1] > 1 else float("nan")
        between = float(axes.project(centre).var(axis=0, ddof=1).mean())
        conditions.append(
            {
                "fields": count,
                "points": [[listed(point, 4) for point in rows] for rows in points],
                "centres": [listed(point, 4) for point in axes.project(centre)],
                "sd_within": listed(float(np.sqrt(within))),
                "sd_between": listed(float(np.sqrt(between))),
                "separation": listed(float(np.sqrt(between / within))) if within else None,
            }
        )
    return {
        "first_h": times_h[0],
        "last_h": times_h[-1],
        "recipe": axes.recipe,
        "explained": listed(axes.explained),
        "n_left_out": len(axes.left_out),
        "conditions": conditions,
    }
