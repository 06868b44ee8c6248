"""How few fields, how early: small grids whose answer can be read off."""

from __future__ import annotations

import json

import numpy as np
import pytest
from phasewell.errors import UsageError
from phasewell.potency import ModelGrid, find_economy


def make_grid(rmse: list[list[float]], draws: int = 10, spoiled: int = 0, baseline: float = 2.0) -> ModelGrid:
    """Return a grid of 6 and 12 h by 5, 20 and 60 fields; in `spoiled` draws only the full plate is any good."""
    values = np.tile(np.array(rmse), (draws, 1, 1))
    values[:spoiled, 0], values[:spoiled, 1, :-1] = 5.0, 5.0
    return ModelGrid(
        kind="lasso",
        parameters={},
        seed=0,
        n_hours=(1, 2),
        last_h=(6.0, 12.0),
        fields=(5, 20, 60),
        baseline_rmse=baseline,
        rmse_of_draws=values,
        columns_left_out=np.zeros(values.shape, np.int64),
        dealt_best=(),
        n_groups=15,
    )


def test_the_cheapest_cell_and_the_frontier() -> None:
    """Good enough (1.1): 20 fields at 6 h (20 frames) and 5 fields until 12 h (10 frames)."""
    economy = find_economy(make_grid([[1.5, 1.05, 1.0], [1.1, 1.0, 1.0]]))
    assert economy.cheapest is not None
    assert economy.cheapest[:3] == (12.0, 5, 10)
    assert [(cell.last_h, cell.fields) for cell in economy.frontier] == [(6.0, 20), (12.0, 5)]
    assert economy.sentence.startswith("5 fields until 12 h stay within 10% of the full plate's RMSE 1.00 in 100%")
    assert json.loads(json.dumps(economy.to_dict(), allow_nan=False))["cheapest"]["frames"] == 10


def test_a_lucky_cell_is_not_recommended() -> None:
    economy = find_economy(make_grid([[0.9, 1.5, 1.0], [1.5, 1.05, 1.0]]))
    assert [(cell.last_h, cell.fields) for cell in economy.frontier] == [(6.0, 60), (12.0, 20)]


def test_confidence_counts_draws() -> None:
    good_everywhere = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    assert find_economy(make_grid(good_everywhere, spoiled=2)).frontier[0].share == pytest.approx(0.8)
    assert find_economy(make_grid(good_everywhere, spoiled=3)).frontier[0][:2] == (12.0, 60)


def test_nothing_to_save_where_nothing_is_learned() -> None:
    economy = find_economy(make_grid([[2.1, 2.1, 2.1], [2.1, 2.1, 2.0]]))
    assert economy.cheapest is None
    assert economy.frontier == ()
    assert economy.sentence.startswith("nothing to save")
    undefined = find_economy(make_grid([[np.nan, 1.0, 1.0], [1.0, 1.0, 1.0]]))
    assert (6.0, 5) not in {cell[:2] for cell in undefined.frontier}


def test_few_draws_and_odd_margins_are_refused() -> None:
    with pytest.raises(UsageError, match="9 draws"):
        find_economy(make_grid([[1.0] * 3] * 2, draws=9))
    with pytest.raises(UsageError, match="margin -0"):
        find_economy(make_grid([[1.0] * 3] * 2), margin=-0.1)
