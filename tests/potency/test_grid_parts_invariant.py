"""A grid made in pieces and kept as JSON is the grid made at once, to the bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from field_moment_samples import make_field_moments
from phasewell.errors import InputError, UsageError
from phasewell.potency import FieldSums, ModelGrid, fit_grid
from phasewell.potency.grid_parts import grid_from_dict, join_draws, join_fields

TARGETS = [7.0, 9.0, 10.0, 11.0, 12.0, 13.0]
OPTIONS = {"hours": (1, 2), "deals": 3, "parameters": {"n_alphas": 12}}


@pytest.fixture(scope="module")
def sums() -> FieldSums:
    return FieldSums(make_field_moments(wells=6, hours=2, fields=5))


def make(sums: FieldSums, fields: tuple[int, ...], draw: int = 0, **changed: object) -> ModelGrid:
    return fit_grid([sums.nested(draw)], TARGETS, list("abcdef"), fields=fields, **(OPTIONS | changed))


def through_json(grid: ModelGrid) -> ModelGrid:
    return grid_from_dict(json.loads(json.dumps(grid.to_dict(), allow_nan=False)))


def same(first: ModelGrid, second: ModelGrid) -> None:
    np.testing.assert_array_equal(first.rmse_of_draws, second.rmse_of_draws)
    np.testing.assert_array_equal(first.columns_left_out, second.columns_left_out)
    assert first.to_dict() == second.to_dict()


def test_pieces_of_field_counts_join_to_the_whole_grid_and_its_deals(sums: FieldSums) -> None:
    whole = make(sums, (1, 2, 3, 5))
    pieces = [through_json(make(sums, counts)) for counts in ((2, 5), (1, 3))]
    same(join_fields(pieces), whole)
    assert join_fields(pieces).selected.p_family == whole.selected.p_family


def test_draws_join_to_the_grid_of_all_draws_without_its_deals(sums: FieldSums) -> None:
    both = fit_grid(
        [sums.nested(0), sums.nested(1)], TARGETS, list("abcdef"), fields=(1, 4), **(OPTIONS | {"deals": 0})
    )
    same(join_draws([through_json(make(sums, (1, 4), draw)) for draw in (0, 1)]), both)
    alone = make(sums, (1, 4))
    assert join_draws([alone]).dealt_best == alone.dealt_best


def test_an_undefined_cell_stays_undefined_through_json(sums: FieldSums) -> None:
    grid = make(sums, (1, 2), deals=0)
    grid.rmse_of_draws[0, 0, 1] = np.nan
    assert np.isnan(through_json(grid).rmse[0, 1])
    assert np.isfinite(through_json(grid).rmse).sum() == 3


def test_pieces_that_do_not_belong_together_are_refused(sums: FieldSums) -> None:
    first = make(sums, (1, 2))
    with pytest.raises(UsageError, match="differ in parameters"):
        join_fields([first, make(sums, (3,), parameters={"n_alphas": 13})])
    with pytest.raises(UsageError, match="different numbers of deals"):
        join_fields([first, make(sums, (3,), deals=1)])
    with pytest.raises(UsageError, match="the same number of fields"):
        join_fields([first, make(sums, (2, 3))])
    with pytest.raises(UsageError, match="windows or field counts"):
        join_draws([first, make(sums, (1, 3))])
    with pytest.raises(InputError, match="make it again"):
        grid_from_dict({"kind": "lasso"})
