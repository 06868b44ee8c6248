"""Sizes of single cells: densities, medians and homogeneity of clones and bulk lots, and how many cells are round."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.populations import RoundRule, bandwidth_nrd0, compare_lots, estimate_density, measure_sizes
from phasewell.populations.round_cells import SMALL_PX
from phasewell.runs.paper_r.lots import BULK, CLONES, bulk_lots, clone_lots, clone_potency, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.runs.paper_r.material import Material

    Floats = NDArray[np.float64]

POINTS = 72  # of a density
WIDEST_LOG10_UM2 = 4.6  # the grid of all densities ends here: 40,000 um2
TESTED = {
    "median_um2": ("median area", "um2"),
    "sd_log10": ("SD of log10 area", "1"),
    "round_share": ("share of round cells", "1"),
}


def describe_sizes(material: Material) -> dict[str, Any]:
    """Return size densities per clone and group at every hour, tests on lots, homogeneity, and round cells.

    R9, R10, R13, R26, R27; figures 3a and 3c. Cells of at most 200 px take no part in sizes, and take part in shares.
    """
    rule = RoundRule()
    groups = [lots for lots in (clone_lots(material), bulk_lots(material)) if lots.names]
    low = math.log10(SMALL_PX * material.pixel_size_um**2)
    grid = np.linspace(low - 0.08, max(WIDEST_LOG10_UM2, low + 1.5), POINTS)
    numbers = {lots.group: {name: [] for name in lots.names} for lots in groups}  # type: dict[str, dict[str, list[Any]]]
    pooled: dict[str, list[Any]] = {lots.group: [] for lots in groups}
    for hour in material.times_h:
        for lots in groups:
            everything = []
            for name, wells in lots.wells.items():
                cells = np.concatenate([material.cells(well, hour).values for well in wells])
                everything.append(cells[:, 0])
                numbers[lots.group][name].append(_measure(cells, material.pixel_size_um, grid, rule))
            pooled[lots.group].append(_pool(everything, material.pixel_size_um, grid))
    document: dict[str, Any] = {
        "limit_px": SMALL_PX,
        "limit_um2": listed(SMALL_PX * material.pixel_size_um**2),
        "kernel": "Gaussian over log10 of the area in µm², bandwidth nrd0 of R",
        "round_rule": rule.to_dict(),
        "times_h": list(material.times_h),
        "grid_log10_um2": listed(grid, 5),
        "groups": {
            lots.group: {"lots": numbers[lots.group], "pooled": pooled[lots.group], "wells": dict(lots.wells)}
            for lots in groups
        },
        "potency": dict(zip(clone_lots(material).names, listed(clone_potency(material)), strict=True)),
    }
    document["tests"] = _tests(document) if len(groups) == 2 else []
    if len(groups) < 2:
        document["reason"] = "the plate holds no bulk lots: no well has a `lot` in the plate map"
    return document


def _measure(cells: Floats, pixel_size_um: float, grid: Floats, rule: RoundRule) -> dict[str, Any]:
    sizes = measure_sizes(cells[:, 0], pixel_size_um, grid)
    share = float(rule.round_cells(cells, pixel_size_um).mean()) if len(cells) else math.nan
    return {
        "n": sizes.n,
        "n_all": sizes.n_all,
        "median_um2": listed(sizes.median_um2),
        "mean_um2": listed(sizes.mean_um2),
        "sd_log10": listed(sizes.sd_log10),
        "small_share": listed(sizes.small_share),
        "round_share": listed(share),
        "bandwidth": None if sizes.density is None else listed(sizes.density.bandwidth),
        "density": None if sizes.density is None else listed(sizes.density.y.round(4), 4),
    }


def _pool(areas: list[Floats], pixel_size_um: float, grid: Floats) -> dict[str, Any]:
    """Return the group's density with every cell counting the same, and with every lot the same."""
    sizes = measure_sizes(np.concatenate(areas), pixel_size_um, grid)
    document: dict[str, Any] = {
        "n": sizes.n,
        "n_lots": len(areas),
        "median_um2": listed(sizes.median_um2),
        "mean_um2": listed(sizes.mean_um2),
        "density": None if sizes.density is None else listed(sizes.density.y.round(4), 4),
        "density_of_lots": None,
    }
    kept = [np.log10(a[a > SMALL_PX] * pixel_size_um**2) for a in areas]
    kept = [logs for logs in kept if len(logs) > 1]
    if sizes.density is not None and kept:
        curves = [estimate_density(logs, grid=grid, bandwidth=bandwidth_nrd0(logs)).y for logs in kept]
        document["density_of_lots"] = listed(np.mean(curves, axis=0).round(4), 4)
    return document


def _tests(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return clones against bulk lots at every hour, one number a lot."""
    tests = []
    for t, hour in enumerate(document["times_h"]):
        for key, (title, unit) in TESTED.items():
            first, second = (_by_lot(document["groups"][group]["lots"], t, key) for group in (CLONES, BULK))
            compared = compare_lots(first, second, (CLONES, BULK), unit)
            if compared is not None:
                tests.append({"time_h": hour, "number": key, "title": title, **compared.to_dict()})
    return tests


def _by_lot(lots: dict[str, list[dict[str, Any]]], time: int, key: str) -> Floats:
    return np.array([math.nan if rows[time][key] is None else rows[time][key] for rows in lots.values()])
