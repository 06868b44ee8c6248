"""Moments of fields and their merging against plain two-pass statistics."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from cell_samples import draw_ellipses, make_cells, measure
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.descriptors import field_moments
from phasewell.errors import UsageError
from phasewell.profiles import Moments, merge_moments

POOLING = json.loads((Path(__file__).parent.parent / "reference" / "statistics.json").read_text())["fov_pooling"]
finite = st.floats(-1e6, 1e6, allow_subnormal=False)


def one_column(fields: list[list[float]]) -> Moments:
    """Return the moments of one descriptor in several fields, each (fields, 12) with the same column 12 times."""
    frame = np.repeat(np.arange(len(fields)), [len(field) for field in fields])
    flat = np.array([value for field in fields for value in field], np.float64)
    return field_moments(make_cells(frame, np.repeat(flat[:, None], 12, axis=1), len(fields)))


def test_against_numpy_with_undefined_values() -> None:
    rng = np.random.default_rng(0)
    frame = np.sort(rng.integers(0, 6, 300))
    frame[frame == 3] = 4  # frame 3 stays empty
    values = rng.normal(100, 20, (300, 12))
    values[rng.random((300, 12)) < 0.1] = np.nan
    values[frame == 1, 5] = np.nan  # a descriptor that is undefined throughout a frame
    found = field_moments(make_cells(frame, values, 6))
    for k in range(6):
        for d in range(12):
            defined = values[frame == k, d]
            defined = defined[~np.isnan(defined)]
            assert found.n[k, d] == len(defined)
            wanted = (defined.mean(), ((defined - defined.mean()) ** 2).sum()) if len(defined) else (0.0, 0.0)
            assert (found.mean[k, d], found.m2[k, d]) == pytest.approx(wanted, rel=1e-12)


def test_sums_run_in_row_order_bit_for_bit() -> None:
    """The order of the additions is part of the definition, so it is spelled out here once more."""
    cells = measure(*(np.stack(part) for part in zip(*(draw_ellipses(seed) for seed in range(3)), strict=True)))
    found = field_moments(cells)
    for k in range(3):
        for d in range(12):
            defined = [float(v) for v in cells.values[cells.frame == k, d] if not math.isnan(v)]
            total = 0.0
            for value in defined:
                total += value
            mean, m2 = total / max(len(defined), 1), 0.0
            for value in defined:
                m2 += (value - mean) * (value - mean)
            assert (found.n[k, d], found.mean[k, d], found.m2[k, d]) == (len(defined), mean, m2)


def test_no_cells_and_no_frames() -> None:
    for frames in (0, 4):
        found = field_moments(make_cells(np.zeros(0, int), np.zeros((0, 12)), frames))
        assert [part.shape for part in found] == [(frames, 12)] * 3
        assert [part.dtype for part in found] == [np.int64, np.float64, np.float64]
        assert not any(part.any() for part in found)


@pytest.mark.parametrize("frame", [-1, 2])
def test_rows_outside_the_batch_are_refused(frame: int) -> None:
    with pytest.raises(UsageError, match="batch of 2"):
        field_moments(make_cells(np.array([frame]), np.ones((1, 12)), 2))


def test_reference_pooling() -> None:
    merged = merge_moments(one_column(POOLING["fovs"]), axis=0)
    assert merged.n.tolist() == [POOLING["pooled_n"]] * 12
    assert merged.mean[0] == pytest.approx(POOLING["pooled_mean"], rel=1e-12)
    assert math.sqrt(merged.m2[0] / (merged.n[0] - 1)) == pytest.approx(POOLING["pooled_sd_ddof1"], rel=1e-12)
    assert merged.mean[0] != pytest.approx(POOLING["mean_of_fov_means_WRONG"], rel=1e-4)


@settings(max_examples=150)
@given(st.lists(st.lists(finite, max_size=8), min_size=1, max_size=10))
def test_merged_equals_two_passes_over_all_values(fields: list[list[float]]) -> None:
    values = np.array([value for field in fields for value in field], np.float64)
    merged = merge_moments(one_column(fields), axis=0)
    assert merged.n[0] == len(values)
    if not len(values):
        assert (merged.mean[0], merged.m2[0]) == (0, 0)
        return
    scale = np.abs(values).max()
    assert merged.mean[0] == pytest.approx(math.fsum(values) / len(values), rel=1e-9, abs=1e-12 * scale)
    centre = math.fsum(values) / len(values)
    wanted = math.fsum((value - centre) ** 2 for value in values)
    assert merged.m2[0] == pytest.approx(wanted, rel=1e-9, abs=1e-12 * scale * scale)
    assert merged.m2[0] >= 0


def test_a_large_offset_does_not_eat_the_spread() -> None:
    """1e9 + {0..9}: sums of squares would have lost every digit of the variance."""
    fields = [[1e9 + k for k in range(5)], [], [1e9 + k for k in range(5, 10)]]
    merged = merge_moments(one_column(fields), axis=0)
    assert merged.m2[0] == pytest.approx(82.5, rel=1e-9)


@settings(max_examples=60)
@given(st.lists(st.lists(finite, min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_empty_fields_change_no_bit(fields: list[list[float]], data: st.DataObject) -> None:
    holed: list[list[float]] = []
    for field in fields:
        holed += [[]] * data.draw(st.integers(0, 2)) + [field]
    holed += [[]] * data.draw(st.integers(0, 2))
    whole, with_holes = merge_moments(one_column(fields), axis=0), merge_moments(one_column(holed), axis=0)
    assert [part.tobytes() for part in whole] == [part.tobytes() for part in with_holes]


def test_one_field_merges_to_itself() -> None:
    single = one_column([[3.5, 4.25, 9.0]])
    merged = merge_moments(single, axis=0)
    assert [part.tobytes() for part in merged] == [part[0].tobytes() for part in single]


def test_nothing_to_merge() -> None:
    empty = Moments(np.zeros((3, 0, 12), np.int64), np.zeros((3, 0, 12)), np.zeros((3, 0, 12)))
    merged = merge_moments(empty, axis=1)
    assert [part.shape for part in merged] == [(3, 12)] * 3
    assert not any(part.any() for part in merged)


@pytest.mark.parametrize("axis", [0, 1, 2, -2])
def test_axes_are_interchangeable(axis: int) -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(0, 4, (3, 4, 5, 12))
    whole = Moments(n, np.where(n, rng.normal(size=n.shape), 0), np.where(n > 1, rng.random(n.shape), 0))
    merged = merge_moments(whole, axis)
    first = merge_moments(Moments(*(np.moveaxis(part, axis, 0) for part in whole)), 0)
    assert [part.tobytes() for part in merged] == [part.tobytes() for part in first]
    assert np.array_equal(merged.n, n.sum(axis=axis))


def test_merging_leaves_its_input_alone() -> None:
    moments = one_column([[1.0, 2.0], [5.0], []])
    before = [part.copy() for part in moments]
    for part in moments:
        part.flags.writeable = False
    merged = merge_moments(moments, axis=0)
    assert [a.tobytes() for a in moments] == [b.tobytes() for b in before]
    assert merged.n[0] == 3
