"""Bulk lots: mixtures that spread further and grow less, beside clones that they leave as they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.descriptors import describe
from phasewell.errors import UsageError
from phasewell.frames import FrameBatch
from phasewell.images import open_plate
from phasewell.populations import RoundRule, read_passages
from phasewell.runs.simulated_plates import read_simulation, simulate
from phasewell.simulation import (
    draw_passages,
    drop_frame_touching,
    plan_from_truth,
    plan_lines,
    plan_plate,
    render_unit,
    truth_document,
)
from phasewell.simulation.cultures import Culture, SimulationPlan
from phasewell.simulation.population import populate


def spread_logs(plan: SimulationPlan, wells: Sequence[Culture], time: int) -> list[np.ndarray]:
    """Return ln area of the cells that do not divide, for each well, over six fields."""
    found = []
    for culture in wells:
        position = plan.wells.index(culture.well)
        fields = [populate(plan, culture, plan.chance(position, f), time) for f in range(6)]
        found.append(np.log(np.concatenate([p.area_um2[~p.dividing] for p in fields])))
    return found


def test_clones_are_the_same_with_and_without_lots() -> None:
    alone = plan_plate(clones=4, fields=2, times=3, seed=5, frame_shape=(96, 96))
    mixed = plan_plate(clones=4, fields=2, times=3, seed=5, frame_shape=(96, 96), bulk_lots=2)
    assert mixed.wells == ("A01", "A02", "A03", "A04", "A05", "A06", "B01", "B02", "B03", "B04")
    for before, after in zip(alone.clones, mixed.clones, strict=True):
        assert {**before.to_dict(), "well": ""} == {**after.to_dict(), "well": ""}
        pixels = [render_unit(plan, culture.well, 2)[0] for plan, culture in ((alone, before), (mixed, after))]
        np.testing.assert_array_equal(*pixels)
    assert "bulk_lots" not in alone.arguments
    assert truth_document(alone).keys() == {"simulation_version", "arguments", "link", "clones"}


def test_lots_are_what_the_constants_say() -> None:
    plan = plan_plate(clones=60, fields=6, times=5, seed=1, frame_shape=(600, 600), bulk_lots=60, bulk_wells=1)
    logs = [[spread_logs(plan, group, time) for group in (plan.bulk, plan.clones)] for time in (0, 4)]
    early, late = (
        np.mean([np.exp(np.median(v)) for v in b]) / np.mean([np.exp(np.median(v)) for v in c]) for b, c in logs
    )
    assert early == pytest.approx(335 / 358, abs=0.07)
    assert late == pytest.approx(473 / 363, abs=0.09)
    assert all(len(lot.members) == 12 and sum(lot.shares) == pytest.approx(1.0, abs=1e-4) for lot in plan.bulk)
    bulk, clones = (np.mean([values.std() for values in group]) for group in logs[1])
    assert bulk > 1.05 * clones  # a mixture is less homogeneous
    grown = [[c.traits["ln_fold_growth"] for c in group] for group in (plan.clones, plan.bulk)]
    assert np.mean(grown[1]) < np.mean(grown[0])


def test_wells_of_a_lot_share_its_members_and_nothing_else() -> None:
    plan = plan_plate(clones=1, fields=1, times=1, seed=3, frame_shape=(64, 64), bulk_lots=2, bulk_wells=3)
    assert [lot.name for lot in plan.bulk] == ["lot1"] * 3 + ["lot2"] * 3
    assert plan.bulk[0].members == plan.bulk[2].members != plan.bulk[3].members
    assert len({lot.density_per_mm2 for lot in plan.bulk}) == 6
    assert plan_from_truth(json.loads(json.dumps(truth_document(plan))), "truth.json") == plan
    with pytest.raises(UsageError, match="bulk_lots"):
        plan_plate(clones=1, bulk_lots=-1)
    with pytest.raises(UsageError, match="clones \\+ lots x wells"):
        plan_plate(clones=15, bulk_lots=100, bulk_wells=4)


def test_the_store_names_lots_and_holds_the_ledger(tmp_path: Path) -> None:
    small = {"clones": 3, "fields": 1, "times": 1, "seed": 6, "frame_shape": (64, 64), "bulk_lots": 1, "bulk_wells": 2}
    plate = simulate(tmp_path / "plate.zarr", **small)  # type: ignore[arg-type]
    assert open_plate(tmp_path / "plate.zarr").platemap["B01"] == {"lot": "lot1", "donor": "simulated", "seed": 6}
    assert plate.platemap["A01"].keys() == {"clone", "potency", "donor", "seed"}
    plan = read_simulation(tmp_path / "plate.zarr")
    ledger = read_passages((tmp_path / "plate.zarr" / "passages.csv").read_text(), "passages.csv")
    assert ledger.limits == {clone.name: clone.potency for clone in plan.clones}
    assert all(history.arrested for history in ledger.histories)
    assert all(p.harvested > p.seeded for history in ledger.histories for p in history.passages[:-1])


def test_lines_have_no_passages() -> None:
    assert draw_passages(plan_lines(lines=2, fields=1, times=1, frame_shape=(64, 64))) == ()


def test_round_cells_are_those_that_divide() -> None:
    plan = plan_plate(clones=3, fields=4, times=4, seed=2, frame_shape=(700, 700))
    found, dividing, cells_seen = 0, 0.0, 0
    for position, clone in enumerate(plan.clones):
        pixels, owners = render_unit(plan, clone.well, 3)
        cells = describe(FrameBatch(pixels, plan.pixel_size_um), drop_frame_touching(owners), device="cpu")
        values = np.column_stack([cells.column(name) for name in DESCRIPTOR_NAMES])
        found += int(RoundRule().round_cells(values, plan.pixel_size_um).sum())
        cells_seen += len(cells)
        populations = [populate(plan, clone, plan.chance(position, field), 3) for field in range(4)]
        dividing += float(np.mean([p.dividing.mean() for p in populations])) * len(cells)
    assert cells_seen > 300
    assert 0.5 < found / dividing < 1.4  # of true labels; some are covered by a neighbour
