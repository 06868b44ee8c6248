"""Numbers per well and hour against pooled cells and plain counting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from phasewell.profiles import FieldMoments, Moments
from phasewell.report.content import Content
from phasewell.report.curves import histogram
from phasewell.report.measures import field_measures, field_spread, frame_measures, shown_time
from phasewell.report.model_figures import principal_components, standardise


def pooled_cells(seed: int = 3) -> tuple[FieldMoments, dict[tuple[int, int], list[np.ndarray]]]:
    """Return moments of 2 wells x 3 hours x 4 fields and the cells behind them; one unit is empty, one field lost."""
    rng = np.random.default_rng(seed)
    shape = (2, 3, 4)
    n = rng.integers(0, 7, shape)
    n[1, 2] = 0
    measured = np.ones(shape, bool)
    measured[0, 1, 2] = False
    n[0, 1, 2] = 0
    mean, m2 = np.zeros((*shape, 12)), np.zeros((*shape, 12))
    cells: dict[tuple[int, int], list[np.ndarray]] = {}
    for w, t, f in np.ndindex(shape):
        values = rng.normal(50, 9, (n[w, t, f], 12))
        cells.setdefault((w, t), []).append(values)
        if len(values):
            mean[w, t, f] = values.mean(axis=0)
            m2[w, t, f] = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    counts = np.repeat(n[..., None], 12, axis=3).astype(np.int64)
    moments = Moments(counts, mean, m2)
    return FieldMoments(("A01", "A02"), (0.0, 6.0, 12.0), tuple("abcd"), moments, n, measured, 0.9), cells


def test_descriptor_means_and_sds_are_those_of_the_pooled_cells() -> None:
    moments, cells = pooled_cells()
    found = {m.key: m.values for m in field_measures(moments)}
    assert len(found) == 3 + 24
    for (w, t), parts in cells.items():
        values = np.concatenate(parts)[:, 0]
        if len(values) > 1:
            assert found["area_mean"][w, t] == pytest.approx(values.mean(), rel=1e-12)
            assert found["area_SD"][w, t] == pytest.approx(values.std(ddof=1), rel=1e-12)
        elif not len(values):
            assert np.isnan(found["area_mean"][w, t])
            assert np.isnan(found["area_SD"][w, t])
    assert np.isnan(found["area_mean"][1, 2]), "a unit with no cell has no mean"


def test_cells_per_field_divides_by_measured_fields_only() -> None:
    moments, cells = pooled_cells()
    found = {m.key: m.values for m in field_measures(moments)}
    counts = np.array([len(part) for part in cells[0, 1]])
    assert found["cells_per_field"][0, 1] == pytest.approx(counts.sum() / 3)
    assert found["fields"][0, 1] == 3
    assert found["cells_per_field"][1, 2] == 0.0, "measured fields without a cell count as zero"
    kept = np.delete(counts, 2)
    assert field_spread(moments)[0, 1] == pytest.approx(kept.std(ddof=1))


def test_a_unit_without_a_measured_field_is_unknown_not_zero() -> None:
    moments, _ = pooled_cells()
    moments.measured[0, 0] = False
    found = {m.key: m.values for m in field_measures(moments)}
    assert np.isnan(found["cells_per_field"][0, 0])
    assert np.isnan(found["cells"][0, 0])
    assert np.isnan(field_spread(moments)[0, 0])
    assert shown_time(found["cells_per_field"]) == 2, "well A02 alone lacks a cell there, but was measured"
    assert shown_time(np.array([[1.0, 2.0, 3.0, np.nan], [4.0, 5.0, np.nan, 6.0]])) == 1
    assert shown_time(np.full((2, 3), np.nan)) == 2


def test_shares_of_lost_frames_are_counts_over_expected(content: Callable[..., Content]) -> None:
    made = content(("A01", "B05"), (0.0, 6.0), tuple("abcdefgh"), lost_share=0.4, seed=5)
    found = {m.key: m.values for m in frame_measures(made.frames, made.plate.wells, 2)}
    for w, well in enumerate(made.plate.wells):
        for t in range(2):
            here = [
                status
                for status, at, time in zip(
                    made.frames["status"], made.frames["well"], made.frames["time"], strict=True
                )
                if at == well and time == t
            ]
            assert found["missing"][w, t] == pytest.approx(100 * here.count("missing") / 8)
            assert found["quarantined"][w, t] == pytest.approx(100 * here.count("quarantined") / 8)
    inside = (made.frames["well"] == "B05") & (made.frames["time"] == 1)
    assert found["confluence"][1, 1] == pytest.approx(100 * np.nanmean(made.frames["confluence"][inside]))


def test_histogram_shares_are_of_all_cells() -> None:
    values = np.concatenate([np.linspace(0, 1, 997), [50.0, -50.0, np.nan]])
    (found,) = histogram("area", {6.0: values})
    assert found.n_cells == 999
    assert 98.0 < found.share.sum() <= 100.0
    assert found.centres[0] > -1
    assert found.centres[-1] < 2
    assert histogram("area", {6.0: np.array([np.nan])}) == []
    (constant,) = histogram("area", {6.0: np.full(5, 2.0)})
    assert constant.share.sum() == pytest.approx(100.0)


def test_principal_components_are_those_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    values = rng.normal(size=(9, 30)) * rng.uniform(0.1, 40, 30) + rng.normal(size=30)
    dirty = np.column_stack([values, np.full(9, 3.0), np.where(np.arange(9) == 4, np.nan, 1.0 * np.arange(9))])
    found = principal_components(dirty)
    assert found is not None
    scaled = StandardScaler().fit_transform(values) * np.sqrt(8 / 9)  # ddof 1
    model = PCA(2).fit(scaled)
    np.testing.assert_allclose(np.abs(found[0]), np.abs(model.transform(scaled)), atol=1e-9)
    np.testing.assert_allclose(found[1], model.explained_variance_ratio_, atol=1e-12)


def test_standardise_leaves_undefined_and_equal_columns_undefined() -> None:
    found = standardise(np.array([[1.0, 5.0, np.nan], [2.0, 5.0, 1.0], [6.0, 5.0, 3.0]]))
    np.testing.assert_allclose(found[:, 0], np.array([-2.0, -1.0, 3.0]) / np.sqrt(7.0))
    assert np.isnan(found[:, 1]).all()
    assert np.isnan(found[0, 2])
    assert np.isfinite(found[1:, 2]).all()
    assert principal_components(np.ones((2, 5))) is None
    assert principal_components(np.ones((5, 5))) is None
