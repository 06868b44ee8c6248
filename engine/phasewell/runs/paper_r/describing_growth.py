"""Growth of clones and of bulk lots, growth and spread of areas against potency, and the passage ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.errors import InputError
from phasewell.populations import compare_lots, fit_line, measure_growth, read_passages
from phasewell.populations.growth import DEFINITION, FOLD_LIMIT
from phasewell.populations.passages import SEEDED_CELLS
from phasewell.profiles import Moments, merge_moments
from phasewell.runs.paper_r.lots import BULK, CLONES, bulk_lots, clone_lots, clone_potency, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.populations import Growth, Line
    from phasewell.profiles import FieldMoments
    from phasewell.runs.paper_r.lots import Lots
    from phasewell.runs.paper_r.material import Material

    Floats = NDArray[np.float64]


def describe_growth(material: Material) -> dict[str, Any]:
    """Return growth curves, folds, their line with potency, and clones beside bulk lots (R6, R7; figures 2c, 2d)."""
    clones, bulk = clone_lots(material), bulk_lots(material)
    grown = measure_growth(material.field_moments)
    fold = clones.mean(grown.wells, grown.fold)
    rate = clones.mean(grown.wells, grown.doublings_per_day)
    potency = clone_potency(material)
    document: dict[str, Any] = {
        "definition": DEFINITION,
        "first_h": grown.first_h,
        "last_h": grown.last_h,
        "limit": FOLD_LIMIT,
        "above_limit": int((fold > FOLD_LIMIT).sum()),
        "n_clones": len(fold),
        "wells": _curves(grown, clones),
        "clones": [
            {"clone": name, "potency": listed(p), "fold": listed(f), "doublings_per_day": listed(r)}
            for name, p, f, r in zip(clones.names, potency.tolist(), fold.tolist(), rate.tolist(), strict=True)
        ],
        "fold_line": _line(fit_line(fold, potency)),
        "rate_line": _line(fit_line(rate, potency)),
        "bulk": [],
        "comparison": None,
    }
    if material.bulk_moments is not None:
        of_bulk = measure_growth(material.bulk_moments)
        bulk_fold = bulk.mean(of_bulk.wells, of_bulk.fold)
        compared = compare_lots(fold, bulk_fold, (CLONES, BULK), "fold")
        document["bulk"] = _curves(of_bulk, bulk)
        document["bulk_lots"] = [
            {"lot": name, "fold": listed(f)} for name, f in zip(bulk.names, bulk_fold.tolist(), strict=True)
        ]
        document["comparison"] = None if compared is None else compared.to_dict()
    return document


def _curves(grown: Growth, lots: Lots) -> list[dict[str, Any]]:
    lot_of = {well: lot for lot, wells in lots.wells.items() for well in wells}
    return [
        {
            "well": well,
            "lot": lot_of[well],
            "cells_per_field": listed(grown.cells_per_field[i]),
            "n_fields": grown.n_fields[i].tolist(),
            "times_h": list(grown.times_h),
            "fold": listed(float(grown.fold[i])),
            "fold_error": listed(float(grown.fold_error[i])),
            "n_paired": int(grown.n_paired[i]),
        }
        for i, well in enumerate(grown.wells)
    ]


def _line(line: Line | None) -> dict[str, Any] | None:
    return None if line is None else line.to_dict()


def describe_spread(material: Material) -> dict[str, Any]:
    """Return the SD of area against potency at every hour (R11, figure 3d).

    The paper does not name the hour of its figure: the last one is shown, and the best of all is labelled as selected.
    """
    clones, potency = clone_lots(material), clone_potency(material)
    by_hour = []
    for t, hour in enumerate(material.times_h):
        spread = _area_sd(material.field_moments, clones, t)
        by_hour.append({"time_h": hour, "sd_area": listed(spread), "line": _line(fit_line(spread, potency))})
    known = [row for row in by_hour if row["line"] is not None]
    if not known:
        return {"reason": "at no hour three clones with different areas and potencies"}
    shown = known[-1]
    best = max(known, key=lambda row: row["line"]["r2"])
    return {
        "unit": "um2",
        "names": list(clones.names),
        "potency": listed(potency),
        "by_hour": by_hour,
        "shown_h": shown["time_h"],
        "selected_h": best["time_h"],
        "selected_of": len(known),
    }


def _area_sd(plate: FieldMoments, lots: Lots, time: int) -> Floats:
    """Return the SD (ddof 1) of area in um2 over the pooled cells of every lot, (lots,); of all cells, as profiles."""
    column = DESCRIPTOR_NAMES.index("area")
    place = {well: i for i, well in enumerate(plate.wells)}
    found = []
    for own in lots.wells.values():
        rows = [place[well] for well in own]
        measured = plate.measured[rows, time].reshape(-1)
        every = Moments(*(a[rows, time].reshape(-1, a.shape[-1]) for a in plate.moments))  # type: ignore[arg-type]
        pooled = merge_moments(Moments(every.n[measured], every.mean[measured], every.m2[measured]), axis=0)
        n = int(pooled.n[column])
        found.append(float(np.sqrt(pooled.m2[column] / (n - 1))) * plate.pixel_size_um**2 if n > 1 else np.nan)
    return np.array(found)


def describe_passages(material: Material) -> dict[str, Any]:
    """Return the passage ledger, its limits and whether they are the potencies of the plate map (R8, R28, figure 2a).

    Raises InputError for a ledger that cannot be read.
    """
    path = material.ledger
    if path is None:
        return {"reason": "no ledger of passages was given, and none stands beside the plate"}
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"passage ledger {path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"passage ledger {path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    ledger = read_passages(text, f"passage ledger {path.name}")
    clones = clone_lots(material)
    potency = dict(zip(clones.names, clone_potency(material).tolist(), strict=True))
    rows = []
    for history in ledger.histories:
        rows.append(
            {
                "clone": history.clone,
                "limit": history.limit,
                "potency": listed(potency.get(history.clone, float("nan"))),
                "arrested": history.arrested,
                "doublings": listed(history.doublings),
                "passages": [p.passage for p in history.passages],
                "seeded": [p.seeded for p in history.passages],
                "harvested": [p.harvested for p in history.passages],
            }
        )
    limits = [row["limit"] for row in rows if row["clone"] in potency]
    return {
        "seeded_in_paper": SEEDED_CELLS,
        "clones": rows,
        "mean_limit": listed(float(np.mean(limits))) if limits else None,
        "range": [min(limits), max(limits)] if limits else None,
        "not_in_ledger": [name for name in clones.names if name not in ledger.limits],
        "not_on_plate": [row["clone"] for row in rows if row["clone"] not in potency],
        "differing": [row["clone"] for row in rows if row["potency"] is not None and row["limit"] != row["potency"]],
        "still_growing": [row["clone"] for row in rows if not row["arrested"]],
    }
