"""Densities, tests, lines and components beside SciPy, scikit-learn, R's documented formulas and hand arithmetic."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from phasewell.cells import DESCRIPTORS
from phasewell.errors import InputError, UsageError
from phasewell.populations import (
    RoundRule,
    bandwidth_nrd0,
    bootstrap_cells,
    compare_lots,
    estimate_density,
    fit_components,
    fit_line,
    measure_growth,
    measure_sizes,
)
from phasewell.profiles import FieldMoments, Moments
from scipy import stats
from sklearn.decomposition import PCA

REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "statistics.json").read_text())


def test_bandwidth_is_that_of_the_reference() -> None:
    case = REFERENCE["kde_nrd0"]
    assert bandwidth_nrd0(np.array(case["log10_area"])) == pytest.approx(case["bandwidth"], rel=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.0, 5.0], 0.9 * np.std([1, 1, 1, 1, 5], ddof=1) * 5**-0.2),  # IQR 0: the SD counts
        ([3.0, 3.0], 0.9 * 3.0 * 2**-0.2),  # both 0: the first value
        ([0.0, 0.0, 0.0], 0.9 * 3**-0.2),  # and that 0: one
    ],
)
def test_bandwidth_falls_back_as_r_does(values: list[float], expected: float) -> None:
    assert bandwidth_nrd0(np.array(values)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [2, 12, 300, 20_000])
def test_density_is_the_sum_of_kernels(n: int) -> None:
    values = np.random.default_rng(n).gamma(3.0, 0.2, n)
    found = estimate_density(values, points=90)
    exact = stats.gaussian_kde(values, bw_method=found.bandwidth / np.std(values, ddof=1))(found.x)
    assert np.abs(found.y - exact).max() < 1e-4 * exact.max()
    assert np.trapezoid(found.y, found.x) == pytest.approx(1.0, abs=0.01)
    assert (found.x[0], found.x[-1]) == pytest.approx(
        (values.min() - 3 * found.bandwidth, values.max() + 3 * found.bandwidth)
    )


def test_density_of_one_repeated_value_is_one_kernel() -> None:
    found = estimate_density(np.array([2.0, 2.0, 2.0]), grid=np.array([2.0, 3.0]), bandwidth=0.5)
    np.testing.assert_allclose(found.y, stats.norm(2.0, 0.5).pdf([2.0, 3.0]), rtol=1e-12)
    with pytest.raises(UsageError, match="at least 2"):
        estimate_density(np.array([2.0, np.nan]))


def test_both_t_tests_are_those_of_the_reference_and_of_scipy() -> None:
    case = REFERENCE["t_test"]
    a, b = np.array(case["a"]), np.array(case["b"])
    found = compare_lots(a, np.append(b, np.nan), ("a", "b"))
    assert found is not None
    for key in ("student_t", "student_p", "welch_t", "welch_p"):
        assert getattr(found, key) == pytest.approx(case[key], rel=1e-10), key
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert (found.n_first, found.n_second) == (6, 9)
    # Cohen's d from t: d = t sqrt(1/n1 + 1/n2); Hedges' exact J at 13 degrees of freedom
    assert found.cohen_d == pytest.approx(case["student_t"] * math.sqrt(1 / 6 + 1 / 9), rel=1e-10)
    correction = math.gamma(6.5) / (math.sqrt(6.5) * math.gamma(6.0))
    assert found.hedges_g == pytest.approx(found.cohen_d * correction, rel=1e-10)


def test_groups_that_cannot_be_compared_give_nothing() -> None:
    assert compare_lots(np.array([1.0]), np.array([1.0, 2.0]), ("a", "b")) is None
    assert compare_lots(np.array([1.0, 1.0]), np.array([2.0, 2.0]), ("a", "b")) is None


def test_line_is_that_of_scipy() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=15)
    y = 0.4 * x + rng.normal(size=15)
    x[4] = np.nan
    found, exact = fit_line(x, y), stats.linregress(np.delete(x, 4), np.delete(y, 4))
    assert found is not None
    assert (found.slope, found.intercept) == pytest.approx((exact.slope, exact.intercept), rel=1e-10)
    assert (found.r2, found.p) == pytest.approx((exact.rvalue**2, exact.pvalue), rel=1e-9)
    assert (found.n, found.r2_by_chance) == (14, 1 / 13)
    perfect = fit_line(np.arange(4.0), 2 * np.arange(4.0))
    assert perfect is not None
    assert (perfect.r2, perfect.p) == pytest.approx((1.0, 0.0), abs=1e-12)
    assert fit_line(np.ones(5), np.arange(5.0)) is None
    assert fit_line(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None


@pytest.mark.parametrize("scaled", [True, False])
def test_components_are_those_of_scikit_learn(scaled: bool) -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(15, 40)) @ rng.normal(size=(40, 40)) + 100
    found = fit_components(values, [f"c{i}" for i in range(40)], 3, scaled)
    table = values / values.std(axis=0, ddof=1) if scaled else values
    exact = PCA(3, svd_solver="full").fit(table)
    signs = np.sign((found.loadings * exact.components_).sum(axis=1))
    np.testing.assert_allclose(found.loadings, exact.components_ * signs[:, None], atol=1e-10)
    np.testing.assert_allclose(found.explained, exact.explained_variance_ratio_, rtol=1e-10)
    np.testing.assert_allclose(found.project(values), exact.transform(table) * signs, atol=1e-9)
    assert (np.take_along_axis(found.loadings, np.abs(found.loadings).argmax(1)[:, None], 1) > 0).all()


def test_components_leave_out_and_name_what_cannot_enter() -> None:
    values = np.random.default_rng(1).normal(size=(6, 4))
    values[2, 1], values[:, 3] = np.nan, 7.0
    found = fit_components(values, ["a", "b", "c", "d"])
    assert (found.titles, found.left_out) == (("a", "c"), ("b", "d"))
    assert found.explained.sum() == pytest.approx(1.0)
    with pytest.raises(UsageError, match="as fitted"):
        found.project(values[:, :2])
    with pytest.raises(InputError, match="every column"):
        fit_components(np.ones((4, 2)), ["a", "b"])
    with pytest.raises(UsageError, match="3 rows"):
        fit_components(values[:2], ["a", "b", "c", "d"])


def test_resampled_cells_move_as_theory_says() -> None:
    rng = np.random.default_rng(8)
    cells = rng.normal(50.0, 4.0, (400, 12))
    cells[rng.random((400, 12)) < 0.1] = np.nan
    found = bootstrap_cells(cells, 3000, np.random.default_rng(0))
    np.testing.assert_allclose(found.real_mean, np.nanmean(cells, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.real_sd, np.nanstd(cells, axis=0, ddof=1), rtol=1e-12)
    n = np.isfinite(cells).sum(axis=0)
    standard_error = np.nanstd(cells, axis=0) / np.sqrt(n)
    np.testing.assert_allclose(found.mean.std(axis=0), standard_error, rtol=0.08)  # 3000 draws: 1.3 % SD
    np.testing.assert_allclose(found.mean.mean(axis=0), found.real_mean, atol=5 * standard_error.max() / np.sqrt(3000))
    assert found.rows.shape == (3000, 24)
    np.testing.assert_array_equal(found.rows[:, 1], found.sd[:, 0])


def test_one_draw_is_the_cells_that_were_drawn() -> None:
    cells = np.arange(24.0).reshape(6, 4) ** 1.5
    found = bootstrap_cells(cells, 1, np.random.default_rng(4))
    drawn = cells[np.random.default_rng(4).integers(0, 6, 6)]
    np.testing.assert_allclose(found.mean[0], drawn.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.sd[0], drawn.std(axis=0, ddof=1), rtol=1e-12)
    empty = bootstrap_cells(np.empty((0, 4)), 2, np.random.default_rng(0))
    assert np.isnan(empty.rows).all()
    assert empty.n_cells == 0


def moments_of(counts: np.ndarray, measured: np.ndarray, times_h: tuple[float, ...]) -> FieldMoments:
    shape = (*counts.shape, len(DESCRIPTORS))
    moments = Moments(np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape))
    wells = tuple(f"A{i + 1:02d}" for i in range(len(counts)))
    fields = tuple(f"f{i + 1}" for i in range(counts.shape[2]))
    return FieldMoments(wells, times_h, fields, moments, counts, measured, 0.87)


def test_growth_counts_the_fields_measured_at_both_ends() -> None:
    counts = np.array([[[10, 20, 30], [15, 25, 99], [40, 90, 60]], [[0, 0, 0], [1, 1, 1], [4, 4, 4]]])
    measured = np.ones(counts.shape, np.bool_)
    measured[0, 0, 2] = False  # the third field has no first hour, so it cannot say how it grew
    found = measure_growth(moments_of(counts, measured, (6.0, 48.0, 90.0)))
    assert found.fold[0] == pytest.approx((40 + 90) / (10 + 20))
    assert np.isnan(found.fold[1])  # no cell at the first hour
    assert found.n_paired.tolist() == [2, 3]
    assert found.cells_per_field[0].tolist() == pytest.approx([15.0, 139 / 3, 190 / 3])
    assert found.doublings_per_day[0] == pytest.approx(math.log2(130 / 30) / 3.5)
    # ratio estimator by hand: residuals 40 - 13/3 * 10 and 90 - 13/3 * 20, n = 2
    residuals = np.array([40 - 130 / 30 * 10, 90 - 130 / 30 * 20])
    assert found.fold_error[0] == pytest.approx(math.sqrt(2 * (residuals**2).sum()) / 30)
    assert found.above(4.0) == 1


def test_sizes_are_of_cells_above_200_px() -> None:
    area = np.array([200.0, 201.0, 400.0, 800.0, np.nan, 90.0])
    found = measure_sizes(area, 0.5)
    assert (found.n, found.n_all, found.small_share) == (3, 5, 0.4)
    assert (found.median_um2, found.mean_um2) == pytest.approx((100.0, (201 + 400 + 800) / 12))
    logs = np.log10(np.array([201.0, 400.0, 800.0]) / 4)
    assert (found.mean_log10, found.sd_log10) == pytest.approx((logs.mean(), logs.std(ddof=1)))
    assert found.density is None
    assert math.isnan(measure_sizes(np.array([3.0]), 1.0).median_um2)
    many = np.random.default_rng(0).lognormal(6.5, 0.4, 500)
    density = measure_sizes(many, 1.0).density
    assert density is not None
    assert density.bandwidth == pytest.approx(bandwidth_nrd0(np.log10(many[many > 200])))


def test_round_cells_are_round_and_not_larger_than_a_suspended_cell() -> None:
    cells = np.full((5, 12), 1.0)
    cells[:, 0] = [600.0, 600.0, 600.0, 900.0, 600.0]  # px2; 490 um2 are 647 px2 at 0.87 um
    cells[:, 4] = [1.1, 1.5, 1.1, 1.1, np.nan]
    cells[:, 5] = [1.0, 1.0, 1.6, 1.0, 1.0]
    assert RoundRule().round_cells(cells, 0.87).tolist() == [True, False, False, False, False]
    with pytest.raises(UsageError):
        RoundRule(largest_form_factor=0.9)
