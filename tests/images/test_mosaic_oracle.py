"""Fields get their place from the stage where that gives a grid; worked by hand."""

from __future__ import annotations

import pytest
from phasewell.errors import UsageError
from phasewell.images.mosaic import arrange, extend_fields, relative_positions
from phasewell.plate import Field


def places(fields: tuple[Field, ...]) -> dict[str, tuple[int, int]]:
    return {field.name: (field.row, field.column) for field in fields}


def test_a_snake_on_the_stage_becomes_rows_and_columns() -> None:
    snake = {"1": (0.0, 0.0), "2": (100.0, 1.0), "3": (101.0, 99.0), "4": (-1.0, 100.0)}
    assert places(arrange(snake, snake, (90, 90), y_up=False)) == {"1": (0, 0), "2": (0, 1), "3": (1, 1), "4": (1, 0)}
    assert places(arrange(snake, snake, (90, 90), y_up=True)) == {"1": (1, 0), "2": (1, 1), "3": (0, 1), "4": (0, 0)}


def test_scattered_or_unknown_positions_fill_rows_in_order_and_are_kept() -> None:
    scattered = {str(i): (i * 1000.0, i * 1000.0) for i in range(5)}
    found = arrange(scattered, scattered, (90, 90), y_up=False)
    assert places(found) == {"0": (0, 0), "1": (0, 1), "2": (0, 2), "3": (1, 0), "4": (1, 1)}
    assert found[4].x_um == 4000.0
    assert places(arrange("abc", {"a": (0, 0)}, (9, 9), y_up=False)) == {"a": (0, 0), "b": (0, 1), "c": (1, 0)}
    assert places(arrange("ab", {"a": (0, 0), "b": (1, 1)}, (9, 9), y_up=False)) == {"a": (0, 0), "b": (0, 1)}


def test_positions_of_all_wells_become_one() -> None:
    wells = {
        "A01": {"1": (10.0, 0.0), "2": (110.0, 0.0)},
        "A02": {"1": (9010.0, 0.0), "2": (9112.0, 0.0), "3": (9010.0, 100.0)},
        "A03": {"1": (0.0, 0.0), "2": (101.0, 2.0)},
    }
    # median distance from field 1, which all wells have: 101 and 0 um; field 3 is known in one well
    assert relative_positions(wells, "123") == {"1": (10.0, 0.0), "2": (111.0, 0.0), "3": (10.0, 100.0)}
    assert relative_positions({}, "12") == {}


def test_new_fields_take_free_places() -> None:
    stored = (Field("1", 0, 0), Field("2", 0, 1), Field("3", 1, 1))
    assert places(extend_fields(stored, ["2", "9"])) == {"1": (0, 0), "2": (0, 1), "3": (1, 1), "9": (1, 0)}
    with pytest.raises(UsageError, match="fields 8, 9: the plate's mosaic of 2 x 2 has 1 free places"):
        extend_fields(stored, ["8", "9"])
