"""What describes populations in paper R: every step on a small run with bulk lots, its sections and its verdicts."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.config import Config
from phasewell.errors import InputError
from phasewell.populations import RoundRule, compare_lots, measure_growth
from phasewell.report.blocks import Figure, Images, Page, Table
from phasewell.report.document import render
from phasewell.report.paper_r.describing import sections, verdicts
from phasewell.report.paper_r.describing_charts import point_labels
from phasewell.report.paper_r.outcome import Outcome
from phasewell.runs import run as run_plate
from phasewell.runs.paper_r import Material, choose_scale, read_material
from phasewell.runs.paper_r.describing import STEPS
from phasewell.runs.simulated_plates import simulate

SMALL: dict[str, Any] = {"clones": 4, "fields": 4, "times": 3, "seed": 2, "frame_shape": (320, 320)}
SCALE = choose_scale("smoke").model_copy(update={"bootstrap_fields": (2, 4), "bootstrap_hours": (1,)})


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("paper_r")
    simulate(folder / "plate.zarr", **SMALL, bulk_lots=3, bulk_wells=2)
    config = {"plate": {"store": str(folder / "plate.zarr")}, "run": {"output": str(folder / "run")}}
    run_plate(Config.model_validate(config))
    return read_material(folder / "run")


@pytest.fixture(scope="module")
def steps(material: Material) -> dict[str, Any]:
    made = {name: make(material, SCALE) for name, make in STEPS.items()}
    return json.loads(json.dumps(made, allow_nan=False, sort_keys=True))


def outcome_of(material: Material, steps: dict[str, Any]) -> Outcome:
    document = {"scale": SCALE.model_dump(), "material": material.to_dict(), "steps": steps}
    return Outcome(Path(), json.loads(json.dumps(document)))


def test_growth_is_that_of_the_counts(material: Material, steps: dict[str, Any]) -> None:
    grown, step = measure_growth(material.field_moments), steps["growth"]
    assert [c["fold"] for c in step["clones"]] == pytest.approx(grown.fold.tolist(), rel=1e-5)
    assert step["above_limit"] == int((grown.fold > 4).sum())
    assert [lot["lot"] for lot in step["bulk_lots"]] == ["lot1", "lot2", "lot3"]
    assert (step["comparison"]["n_first"], step["comparison"]["n_second"]) == (4, 3)  # lots, not wells


def test_sizes_are_of_the_pooled_cells_of_each_lot(material: Material, steps: dict[str, Any]) -> None:
    step, hour = steps["sizes"], material.times_h[1]
    found = {}
    for group, lots in (("clones", material.groups), ("bulk lots", material.lots)):
        medians, shares = [], []
        for lot in dict.fromkeys(lots.values()):
            cells = np.concatenate([material.cells(w, hour).values for w, name in lots.items() if name == lot])
            area = cells[:, 0][cells[:, 0] > 200] * 0.87**2
            row = step["groups"][group]["lots"][lot][1]
            medians.append(float(np.median(area)))
            shares.append(float(RoundRule().round_cells(cells, 0.87).mean()))
            assert (row["n"], row["n_all"]) == (len(area), len(cells))
            assert (row["median_um2"], row["round_share"]) == pytest.approx((medians[-1], shares[-1]), rel=1e-5)
        found[group] = np.array(medians)
    test = next(r for r in step["tests"] if r["number"] == "median_um2" and r["time_h"] == hour)
    expected = compare_lots(found["clones"], found["bulk lots"], ("clones", "bulk lots"))
    assert expected is not None
    assert (test["student_p"], test["welch_p"]) == pytest.approx((expected.student_p, expected.welch_p), rel=1e-3)


def test_clouds_lie_in_axes_common_to_all_numbers_of_fields(steps: dict[str, Any]) -> None:
    step = steps["clouds"]
    assert step["fields"] == [2, 4]
    assert [window["last_h"] for window in step["windows"]] == [6.0, 18.0]
    for window in step["windows"]:
        points = np.array([c["points"] for c in window["conditions"]])
        assert points.shape == (2, 4, SCALE.cell_bootstraps, 2)
        np.testing.assert_allclose(
            points.mean(axis=(0, 1, 2)), 0.0, atol=1e-3
        )  # the axes' centre is that of all clouds
    assert np.array(step["cells_per_hour"]).shape == (2, 4)


def test_passages_are_the_potencies(material: Material, steps: dict[str, Any]) -> None:
    step = steps["passages"]
    assert {c["clone"]: c["limit"] for c in step["clones"]} == dict(zip(material.clones, material.potency, strict=True))
    assert (step["differing"], step["still_growing"], step["not_in_ledger"]) == ([], [], [])


def test_every_section_is_made_and_stamped(material: Material, steps: dict[str, Any]) -> None:
    made = sections(outcome_of(material, steps))
    assert [section.name for section in made] == list(STEPS)
    for section in made:
        for block in section.blocks:
            if isinstance(block, Figure | Images):
                assert "Scale smoke · simulated cells · n = " in block.caption
            elif isinstance(block, Table):
                assert "Scale smoke · simulated cells · n = " in block.note
                assert all(len(row) == len(block.columns) for row in block.rows)
    text = render(Page("t", "s", "simulated", made, "f"))
    assert "Figure 3a" in text
    assert "Supplementary table 2" in text


def test_verdicts_carry_their_numbers(material: Material, steps: dict[str, Any]) -> None:
    found = {(v.item, v.place): v for v in verdicts(outcome_of(material, steps))}
    assert {"R6", "R7", "R9", "R10", "R11", "R12", "R25", "R26", "R27", "R28"} >= {item for item, _ in found}
    assert {"R6", "R7", "R11", "R12", "R25", "R28"} <= {item for item, _ in found}
    assert all("n = " in v.found or v.item in {"R12", "R25", "R28", "R6"} for v in found.values())
    growth = steps["growth"]
    line = {**growth["fold_line"], "r2": 0.9}
    changed = outcome_of(material, {**steps, "growth": {**growth, "fold_line": line}})
    told = {(v.item, v.place): v for v in verdicts(changed)}["R7", "Fig. 2d"]
    assert (told.agrees, "R² = 0.90" in told.found) == (False, True)


def test_without_lots_ledger_and_frames_reasons_are_given(material: Material, tmp_path: Path) -> None:
    bare = dataclasses.replace(material, lots={}, bulk_moments=None, ledger=None)
    made = {name: make(bare, SCALE) for name, make in STEPS.items()}
    assert "no ledger" in made["passages"]["reason"]
    assert "no bulk lots" in made["sizes"]["reason"]
    assert made["growth"]["comparison"] is None
    shown = sections(outcome_of(bare, json.loads(json.dumps(made))))
    assert len(shown) == len(STEPS)
    verdicts(outcome_of(bare, json.loads(json.dumps(made))))
    damaged = tmp_path / "passages.csv"
    damaged.write_bytes(b"clone,\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        STEPS["passages"](dataclasses.replace(material, ledger=damaged), SCALE)


def test_one_hour_is_enough(material: Material) -> None:
    first = read_material(material.run, last_h=6.0)
    made = {name: make(first, SCALE) for name, make in STEPS.items()}
    shown = sections(outcome_of(first, json.loads(json.dumps(made))))
    assert [section.name for section in shown] == list(STEPS)


def test_names_of_clones_at_one_place_do_not_lie_on_each_other() -> None:
    rows = [
        {"clone": f"clone{i:02d}", "x": 3.5 if i < 6 else float(i), "potency": 12 if i < 6 else 7} for i in range(8)
    ]
    marks = [layer.to_dict(validate=False) for layer in point_labels(rows, "x:Q", "potency:Q", "potency", (392, 272))]
    places = {
        row["label"]: (mark["mark"]["dx"], mark["mark"]["dy"])
        for mark in marks
        for part in mark["datasets"].values()
        for row in part
    }
    assert sorted(places) == [f"{i:02d}" for i in range(8)], "what all names begin with is left out"
    together = [places[f"{i:02d}"] for i in range(6)]
    for one, other in itertools.combinations(together, 2):
        assert abs(one[0] - other[0]) >= 15 or abs(one[1] - other[1]) >= 10, (one, other)
