"""What is said of "fields matter more than the window", on grids whose answer can be read off."""

from __future__ import annotations

from typing import Any

import pytest
from phasewell.report.paper_r.verdicts import judge_economy

FALLING = [[1.5, 1.2, 1.0, 0.9], [1.5, 1.2, 1.0, 0.9]]


def grid_of(rmse: list[list[float | None]], q2: float = 0.5) -> dict[str, Any]:
    n_hours = list(range(1, 1 + len(rmse)))
    return {"rmse": rmse, "fields": [1, 5, 20, 60], "n_hours": n_hours, "selected": {"q2": q2}}


@pytest.mark.parametrize(
    ("rmse", "agrees", "said"),
    [
        (FALLING, True, "field counts explain 100%, windows 0%; its mean over windows goes with the field counts "
         "by rank correlation -1.00"),
        ([row[::-1] for row in FALLING], False, "by rank correlation +1.00"),  # fields matter, and do harm
        ([[1.5] * 4, [0.9, 0.9, 0.9, 0.8]], False, "field counts explain 0%, windows"),  # the window matters more
        ([[1.5, 1.2, 1.0, 0.9]], None, "rank correlation -1.00"),  # one window only
        ([[1.5, None, 1.0, 0.9], [1.5, 1.2, 1.0, 0.9]], True, "rank correlation -1.00"),  # a count that lacks a cell
    ],
)  # fmt: skip
def test_fields_matter_more_only_where_they_help(
    rmse: list[list[float | None]], agrees: bool | None, said: str
) -> None:
    verdict = judge_economy(grid_of(rmse))
    assert verdict.agrees is agrees
    assert said in verdict.found


def test_nothing_is_said_where_nothing_is_learned_and_the_economy_is_quoted() -> None:
    assert judge_economy(grid_of(FALLING, q2=-0.1)).agrees is None
    assert judge_economy(grid_of([[1.0] * 4] * 2)).agrees is None
    quoted = judge_economy(grid_of(FALLING) | {"economy": {"sentence": "20 fields until 6 h are enough"}})
    assert quoted.found.endswith("; 20 fields until 6 h are enough")
