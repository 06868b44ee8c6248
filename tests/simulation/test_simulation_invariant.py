"""What every simulated plate must be, whatever the seed: clones, link, growth, truth and a field's independence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from phasewell.errors import InputError, UsageError
from phasewell.simulation import difficulty, drop_frame_touching, plan_from_truth, plan_plate, render_unit
from phasewell.simulation import truth_document as document_of
from phasewell.simulation.chance import Chance
from phasewell.simulation.population import populate


def test_potencies_are_like_the_clones_of_the_paper() -> None:
    plates = [[clone.potency for clone in plan_plate(seed=seed).clones] for seed in range(40)]
    assert all(7 <= potency <= 13 for plate in plates for potency in plate)
    means = [sum(plate) / 15 for plate in plates]
    assert abs(sum(means) / 40 - 9.8) < 0.15
    assert all(max(plate) - min(plate) >= 4 for plate in plates)  # every plate has something to predict


def test_potency_follows_the_factors_as_the_link_says() -> None:
    clones = [clone for seed in range(60) for clone in plan_plate(seed=seed).clones]
    potency = np.array([clone.potency for clone in clones], float)
    explained = np.array([clone.factors[:2] for clone in clones]) @ np.array(difficulty.POTENCY_WEIGHTS)
    predicted = difficulty.POTENCY_MEAN + difficulty.POTENCY_SD * explained
    noise = math.sqrt(difficulty.LINK_NOISE_SD**2 + 1 / 12)
    assert 0.85 * noise < (potency - predicted).std() < 1.15 * noise
    growth = np.array([clone.traits["ln_fold_growth"] for clone in clones])
    assert np.corrcoef(growth, potency)[0, 1] ** 2 < 0.2  # growth alone must not tell


def test_loadings_leave_room_for_each_clone() -> None:
    for name, trait in difficulty.TRAITS.items():
        shared = sum(loading**2 for loading in trait.loadings)
        assert shared < 1, name
        values = np.array([c.traits[name] for seed in range(40) for c in plan_plate(seed=seed).clones])
        assert abs(values.mean() - trait.mean) < 0.2 * trait.spread, name
        assert 0.8 < values.std() / trait.spread < 1.2, name


def test_fields_fill_fourfold_and_move_a_little() -> None:
    plan = plan_plate(fields=4, seed=2)
    counts = np.zeros((len(plan.clones), 15))
    for i, clone in enumerate(plan.clones):
        for time in range(15):
            counts[i, time] = len(populate(plan, clone, plan.chance(i, 0), time).y_um)
    inside = counts * (870 / 990) ** 2  # cells live 60 um beyond the frame
    assert (np.diff(counts, axis=1) >= 0).all()
    assert 45 < inside[:, 0].mean() < 75
    assert 110 < inside.mean() < 180
    assert 3 < (inside[:, -1] / inside[:, 0]).mean() < 5.5
    sparse = plan.chance(0, 0)
    before, after = (populate(plan, plan.clones[0], sparse, time) for time in (0, 1))
    n = len(before.y_um)
    step = np.hypot(after.y_um[:n] - before.y_um, after.x_um[:n] - before.x_um)
    assert 10 < np.median(step) < 60


def test_truth_labels_name_cells_and_sizes_are_those_drawn() -> None:
    plan = plan_plate(clones=4, fields=2, times=1, seed=4)
    for index, clone in enumerate(plan.clones):
        labels = render_unit(plan, clone.well, 0, [0])[1]
        cells = populate(plan, clone, plan.chance(index, 0), 0)
        assert 0 < labels.max() <= len(cells.y_um)
        whole = drop_frame_touching(labels)
        drawn = np.bincount(whole.ravel(), minlength=len(cells.area_um2) + 1)[1:] * 0.87**2
        order = np.argsort(cells.dividing, kind="stable")
        seen = drawn > 0
        ratio = drawn[seen] / cells.area_um2[order][seen]
        assert 0.9 < np.median(ratio) < 1.05  # overlaps only ever take away
        assert np.quantile(ratio, 0.95) < 1.12


def test_frames_are_reproducible_and_differ_where_they_should() -> None:
    plan = plan_plate(clones=2, fields=2, times=2, seed=1, frame_shape=(64, 96))
    first = render_unit(plan, "A01", 0)[0]
    np.testing.assert_array_equal(first, render_unit(plan, "A01", 0)[0])
    others = (render_unit(plan, "A01", 1)[0], render_unit(plan, "A02", 0)[0])
    others += (render_unit(plan_plate(2, 2, 2, seed=2, frame_shape=(64, 96)), "A01", 0)[0], first[::-1])
    assert all((other != first).mean() > 0.5 for other in others)


def test_drop_frame_touching_keeps_whole_cells_only() -> None:
    labels = np.zeros((2, 5, 6), np.int32)
    labels[0, 1:3, 1:3], labels[0, 0, 4], labels[0, 3, 5] = 7, 2, 3
    labels[1, 4, 0], labels[1, 2, 3] = 7, 2
    kept = drop_frame_touching(labels)
    assert set(np.unique(kept[0])) == {0, 7}
    assert set(np.unique(kept[1])) == {0, 2}


def test_random_numbers_have_the_moments_they_claim() -> None:
    ids = np.arange(200_000)
    normal, uniform = Chance(1).normal(3, ids), Chance(1).uniform(4, ids)
    assert abs(normal.mean()) < 0.01
    assert abs(normal.std() - 1) < 0.01
    assert abs(uniform.mean() - 0.5) < 0.005
    assert abs(np.corrcoef(normal[1:], normal[:-1])[0, 1]) < 0.01
    assert abs(np.corrcoef(normal, Chance(1).normal(4, ids))[0, 1]) < 0.01


def test_the_truth_document_brings_the_plan_back() -> None:
    plan = plan_plate(clones=7, fields=3, times=2, seed=8, frame_shape=(32, 48), pixel_size_um=1.1)
    document = document_of(plan)
    assert plan_from_truth(document, "truth.json") == plan
    for change in ({"simulation_version": 0}, {"arguments": {}}, {"clones": []}):
        with pytest.raises(InputError, match=r"truth\.json"):
            plan_from_truth({**document, **change}, "truth.json")


@pytest.mark.parametrize(
    "wrong", [{"clones": 0}, {"clones": 385}, {"fields": 0}, {"times": 0}, {"seed": -1}, {"frame_shape": (8, 900)},
              {"pixel_size_um": 0.0}, {"pixel_size_um": float("nan")}]
)  # fmt: skip
def test_impossible_plates_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        plan_plate(**wrong)  # type: ignore[arg-type]


def test_unknown_wells_times_and_fields_are_refused() -> None:
    plan = plan_plate(clones=1, fields=2, times=1, frame_shape=(32, 32))
    for arguments in (("B01", 0), ("A01", 1), ("A01", 0, [2])):
        with pytest.raises(UsageError, match="simulated plate"):
            render_unit(plan, *arguments)
