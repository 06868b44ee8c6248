"""Profiles against statistics of the pooled cells themselves; windows, subsets of fields, holes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cell_samples import make_cells
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.descriptors import build_profile, choose_fields, field_moments
from phasewell.errors import UsageError
from phasewell.profiles import FieldMoments, Moments, ProfileColumn

WINDOWS = json.loads((Path(__file__).parent.parent / "reference" / "statistics.json").read_text())["time_windows"]
WELLS, TIMES, FIELDS = ("A01", "A02", "H12"), (6.0, 12.0, 18.0), tuple(f"f{k}" for k in range(7))

Values = dict[tuple[int, int, int], np.ndarray]


def draw_plate(seed: int = 0, missing: float = 0.2) -> tuple[FieldMoments, Values]:
    """Return field moments of a small plate and the values of every measured field (cells, 12) behind them."""
    rng = np.random.default_rng(seed)
    shape = (len(WELLS), len(TIMES), len(FIELDS))
    measured = rng.random(shape) >= missing
    values: Values = {}
    n_cells = np.zeros(shape, np.int64)
    arrays = [np.zeros((*shape, 12), dtype) for dtype in (np.int64, np.float64, np.float64)]
    for index in np.ndindex(shape):
        if not measured[index]:
            continue
        cells = rng.normal(50, 9, (rng.integers(0, 9), 12))
        cells[rng.random(cells.shape) < 0.15] = np.nan
        values[index], n_cells[index] = cells, len(cells)
        moments = field_moments(make_cells(np.zeros(len(cells), int), cells, 1))
        for array, part in zip(arrays, moments, strict=True):
            array[index] = part[0]
    return FieldMoments(WELLS, TIMES, FIELDS, Moments(*arrays), n_cells, measured, 0.8), values


def pooled(values: Values, well: int, time: int, fields: list[int]) -> np.ndarray:
    parts = [values[well, time, k] for k in fields if (well, time, k) in values]
    return np.concatenate([np.zeros((0, 12)), *parts])


@pytest.mark.parametrize("fields", [None, ("f5", "f0", "f3"), ("f2",)])
def test_mean_and_sd_of_the_pooled_cells(fields: tuple[str, ...] | None) -> None:
    plate, values = draw_plate()
    profile = build_profile(plate, fields=fields)
    chosen = [FIELDS.index(name) for name in (fields or FIELDS)]
    assert profile.n_fields_expected == len(chosen)
    for w in range(len(WELLS)):
        for t in range(len(TIMES)):
            cells = pooled(values, w, t, chosen)
            assert profile.n_cells[w, t] == len(cells)
            assert profile.n_fields[w, t] == plate.measured[w, t, chosen].sum()
            for d, name in enumerate(DESCRIPTOR_NAMES):
                defined = cells[~np.isnan(cells[:, d]), d]
                wanted = (
                    defined.mean() if len(defined) else np.nan,
                    defined.std(ddof=1) if len(defined) > 1 else np.nan,
                )
                at = [profile.columns.index(ProfileColumn(name, s, TIMES[t])) for s in ("mean", "SD")]
                np.testing.assert_allclose(profile.values[w, at], wanted, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("window", WINDOWS["windows"], ids=lambda window: f"6-{window['last_hour']}h")
def test_windows_of_the_paper(window: dict) -> None:
    hours = tuple(float(hour) for hour in WINDOWS["hours"])
    shape = (1, len(hours), 1)
    moments = Moments(np.full((*shape, 12), 2), np.ones((*shape, 12)), np.ones((*shape, 12)))
    plate = FieldMoments(("A01",), hours, ("1",), moments, np.full(shape, 2), np.ones(shape, bool), 1.0)
    profile = build_profile(plate, window_h=(6, window["last_hour"]))
    assert profile.values.shape == (1, window["n_parameters"])
    assert len(profile.times_h) == window["n_times"]
    assert profile.times_h[0] == 6
    assert profile.times_h[-1] == window["last_hour"]
    if window["last_hour"] >= 18:
        assert WINDOWS["grid_feature_name"] in profile.titles()


def test_window_is_a_cut_of_the_whole() -> None:
    plate, _ = draw_plate()
    whole, cut = build_profile(plate), build_profile(plate, window_h=(7, 18))
    assert cut.times_h == (12.0, 18.0)
    keep = [k for k, column in enumerate(whole.columns) if column.time_h in cut.times_h]
    assert cut.values.tobytes() == whole.values[:, keep].tobytes()


def test_wells_do_not_influence_each_other() -> None:
    plate, _ = draw_plate()
    order = [2, 0, 1]
    turned = FieldMoments(
        tuple(WELLS[k] for k in order),
        TIMES,
        FIELDS,
        Moments(*(part[order] for part in plate.moments)),
        plate.n_cells[order],
        plate.measured[order],
        0.8,
    )
    for fields in (None, 3):
        found, wanted = build_profile(turned, fields=fields, seed=4), build_profile(plate, fields=fields, seed=4)
        assert found.values.tobytes() == wanted.values[order].tobytes()


def test_moments_of_unmeasured_fields_are_never_read() -> None:
    plate, _ = draw_plate()
    holes = ~plate.measured[..., None]
    n, mean, m2 = plate.moments
    broken = Moments(np.where(holes, 9, n), np.where(holes, np.nan, mean), np.where(holes, np.nan, m2))
    spoilt = FieldMoments(WELLS, TIMES, FIELDS, broken, plate.n_cells + 5 * holes[..., 0], plate.measured, 0.8)
    found, wanted = build_profile(spoilt), build_profile(plate)
    assert found.values.tobytes() == wanted.values.tobytes()
    assert np.array_equal(found.n_cells, wanted.n_cells)


def test_below_min_fields_is_null_and_counted() -> None:
    plate, _ = draw_plate(missing=0.5)
    profile = build_profile(plate, min_fields=4)
    table = profile.values.reshape(len(WELLS), len(TIMES), 24)
    few = profile.n_fields < 4
    assert few.any()
    assert not few.all()
    assert np.isnan(table[few]).all()
    assert not np.isnan(table[~few][:, 0]).any()
    assert np.array_equal(profile.n_fields, plate.measured.sum(axis=2))


def test_empty_fields_count_as_measured() -> None:
    shape = (1, 1, 2)
    nothing = Moments(np.zeros((*shape, 12), np.int64), np.zeros((*shape, 12)), np.zeros((*shape, 12)))
    plate = FieldMoments(("A01",), (0.0,), ("1", "2"), nothing, np.zeros(shape, np.int64), np.ones(shape, bool), 1.0)
    profile = build_profile(plate, min_fields=2)
    assert profile.n_fields.tolist() == [[2]]
    assert profile.n_cells.tolist() == [[0]]
    assert np.isnan(profile.values).all()


def all_hours(plate: FieldMoments) -> np.ndarray:
    return np.arange(len(plate.times_h))


def test_random_subsets_are_seeded_nested_and_without_replacement() -> None:
    plate, _ = draw_plate(missing=0)
    subsets = {k: choose_fields(plate, all_hours(plate), k, seed=3) for k in range(1, 8)}
    for k, chosen in subsets.items():
        assert chosen.shape == (len(WELLS), k)
        for row, more in zip(chosen, subsets[min(k + 1, 7)], strict=True):
            assert len(set(row)) == k
            assert list(row) == sorted(row)
            assert set(row) <= set(more)
    again = choose_fields(plate, all_hours(plate), 3, seed=3)
    assert np.array_equal(again, subsets[3])
    assert len({tuple(row) for row in subsets[3]}) > 1  # wells are drawn apart
    others = {choose_fields(plate, all_hours(plate), 3, seed=seed).tobytes() for seed in range(20)}
    assert len(others) > 15


def test_random_subsets_are_uniform() -> None:
    """Every field has the same chance: 1,500 draws of 2 out of 7, chi-square with 6 degrees of freedom."""
    plate, _ = draw_plate(missing=0)
    drawn = np.concatenate([choose_fields(plate, all_hours(plate), 2, seed).ravel() for seed in range(500)])
    counts = np.bincount(drawn, minlength=7)
    expected = counts.sum() / 7
    assert ((counts - expected) ** 2 / expected).sum() < 22.5  # p = 0.001


def test_random_subset_profile_equals_the_named_one() -> None:
    plate, _ = draw_plate(missing=0)
    for w in range(len(WELLS)):
        names = tuple(FIELDS[k] for k in choose_fields(plate, all_hours(plate), 4, seed=8)[w])
        random, named = build_profile(plate, fields=4, seed=8), build_profile(plate, fields=names)
        assert random.values[w].tobytes() == named.values[w].tobytes()
        assert random.n_fields_expected == 4


def test_fields_taken_out_leave_the_sampling_frame() -> None:
    plate, _ = draw_plate(missing=0)
    plate.measured[:, :, [1, 4, 6]] = False  # quality took three fields out at every hour
    plate.measured[:, 1, 2] = False  # and one more at one hour
    complete = {0, 3, 5}
    for seed in range(10):
        assert {int(k) for k in choose_fields(plate, all_hours(plate), 3, seed).ravel()} == complete
        assert all(set(row) == complete | {2} for row in choose_fields(plate, all_hours(plate), 4, seed))
    profile = build_profile(plate, fields=5)
    assert profile.n_fields_expected == 5
    assert profile.n_fields.tolist() == [[4, 3, 4]] * 3
    # a hole outside the window does not count against a field
    only_first = {int(k) for seed in range(10) for k in choose_fields(plate, np.array([0]), 3, seed).ravel()}
    assert only_first == complete | {2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fields": 8}, "the plate has 7 fields"),
        ({"fields": 0}, "expected 1..7"),
        ({"fields": True}, "expected 1..7"),
        ({"fields": "f1"}, "names or None"),
        ({"fields": 2.5}, "names or None"),
        ({"fields": ()}, "expected different names"),
        ({"fields": ("f1", "f9")}, "'f9'"),
        ({"fields": ("f1", "f1")}, "expected different names"),
        ({"window_h": (7, 11)}, "holds no time of the plate; its times are 6, 12, 18 h"),
        ({"window_h": (18, 6)}, "holds no time"),
        ({"min_fields": 0}, "min_fields 0"),
    ],
)
def test_wrong_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_profile(draw_plate()[0], **arguments)
