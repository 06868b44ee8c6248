"""What every simulated plate of donor lines must be: classes that differ in one thing, donors that differ in all."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from phasewell.errors import UsageError
from phasewell.images import open_plate
from phasewell.runs import simulate_lines
from phasewell.runs.simulated_plates import measure_truth, read_simulation
from phasewell.simulation import difficulty, plan_from_truth, plan_lines, plan_plate, render_unit
from phasewell.simulation import truth_document as document_of
from phasewell.simulation.population import populate

MANY = tuple(line for seed in range(40) for line in plan_lines(lines=8, wells=1, fields=1, seed=seed).lines)
HIGH = np.array([line.line_class == "high" for line in MANY])


def test_classes_differ_in_the_share_of_small_spindles_and_do_not_overlap_much() -> None:
    ln_share = np.log([line.share for line in MANY])
    for line_class, chosen in (("high", HIGH), ("low", ~HIGH)):
        assert abs(ln_share[chosen].mean() - math.log(difficulty.RAPID_SHARE[line_class])) < 0.05
        assert 0.85 < ln_share[chosen].std() / difficulty.RAPID_SHARE_SD < 1.15
    middle = math.log(difficulty.RAPID_SHARE["high"] * difficulty.RAPID_SHARE["low"]) / 2
    assert ((ln_share > middle) == HIGH).mean() > 0.92


@pytest.mark.parametrize("name", [*difficulty.TRAITS, "density", "level", "contrast"])
def test_nothing_else_tells_the_classes_apart(name: str) -> None:
    other = {"density": "density_per_mm2", "level": "level_grey", "contrast": "contrast"}
    values = np.array([getattr(line, other[name]) if name in other else line.traits[name] for line in MANY])
    difference = values[HIGH].mean() - values[~HIGH].mean()
    assert abs(difference) < 4 * values.std() * math.sqrt(2 / HIGH.sum())  # 4 SE of a difference of means
    assert values.std() > 0


def test_half_of_the_lines_are_of_each_class_in_an_order_of_the_seed() -> None:
    orders = set()
    for seed in range(6):
        lines = plan_lines(lines=6, wells=2, fields=1, seed=seed).lines
        assert [line.name for line in lines] == [f"line{i // 2 + 1:02d}" for i in range(12)]
        first, second = lines[0::2], lines[1::2]
        assert [line.line_class for line in first].count("high") == 3
        for one, other in zip(first, second, strict=True):  # wells of a line: same cells, other seeding
            assert (one.traits, one.share, one.line_class) == (other.traits, other.share, other.line_class)
            assert one.density_per_mm2 != other.density_per_mm2
        orders.add(tuple(line.line_class for line in first))
    assert len(orders) > 2


def test_small_spindles_are_what_the_constants_say() -> None:
    plan = plan_lines(lines=2, fields=30, times=3, seed=3)
    for position, line in enumerate(plan.lines):
        cells = [populate(plan, line, plan.chance(position, field), 2) for field in range(30)]
        rapid, dividing = (np.concatenate([getattr(c, name) for c in cells]) for name in ("rapid", "dividing"))
        assert abs(math.log(rapid.mean() / line.share)) < 0.2
        spread = ~dividing
        columns = {"area_um2": "area", "aspect": "aspect", "texture_grey": "texture", "contrast": "contrast"}
        for column, name in columns.items():
            shift = getattr(difficulty.RAPID, name)
            ln = np.log(np.concatenate([getattr(c, column) for c in cells]))
            assert abs(np.median(ln[rapid & spread]) - np.median(ln[~rapid & spread]) - shift) < 0.12, column
    clone = plan_plate(clones=1, fields=1, times=1)
    assert not populate(clone, clone.cultures[0], clone.chance(0, 0), 0).rapid.any()


def test_a_cell_keeps_its_kind_for_life() -> None:
    plan = plan_lines(lines=2, fields=1, times=4, seed=5)
    early, late = (populate(plan, plan.lines[0], plan.chance(0, 0), time).rapid for time in (0, 3))
    assert len(late) > len(early)
    np.testing.assert_array_equal(late[: len(early)], early)


def test_a_store_of_lines_says_line_and_class_and_brings_its_plan_back(tmp_path: Path) -> None:
    arguments = {"lines": 2, "wells": 2, "fields": 2, "times": 2, "seed": 4, "frame_shape": (96, 128)}
    plate = simulate_lines(tmp_path / "lines.zarr", **arguments, workers=1)
    plan = read_simulation(tmp_path / "lines.zarr")
    assert plan == plan_lines(**arguments)
    assert plan_from_truth(document_of(plan), "truth.json") == plan
    assert (plate.times_h, plate.frame_shape, len(plate.wells)) == ((24.0, 30.0), (96, 128), 4)
    for line in plan.lines:
        assert plate.platemap[line.well] == {
            "line": line.name, "class": line.line_class, "donor": "simulated", "seed": 4
        }  # fmt: skip
        np.testing.assert_array_equal(
            open_plate(tmp_path / "lines.zarr").frames(line.well, 1).pixels, render_unit(plan, line.well, 1)[0]
        )
    assert measure_truth(tmp_path / "lines.zarr", workers=1).n_cells.sum() > 0


@pytest.mark.parametrize(
    "wrong", [{"lines": 0}, {"lines": 7}, {"wells": 0}, {"lines": 200, "wells": 2}, {"seed": -1}, {"times": 0}]
)
def test_impossible_plates_of_lines_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        plan_lines(**wrong)
