"""Nominal hours from numbers and an interval, from metadata, or from the names; worked by hand."""

from __future__ import annotations

import pytest
from phasewell.errors import InputError, UsageError
from phasewell.images.timegrid import Moment, TimeGrid, make_grid, true_hour


def grid(moments: list[tuple], interval: float | None = None, first: float | None = None, known: dict | None = None,
         hours: tuple[float, ...] = ()) -> TimeGrid:  # fmt: skip
    return make_grid([Moment(*moment) for moment in moments], interval, first, known or {}, hours)


def test_numbers_with_an_interval_and_a_hole() -> None:
    found = grid([(3, None, None), (1, None, None), (5, None, None)], 6.0, 6.0)
    assert found.hours == (6, 12, 18, 24, 30)  # 2 and 4 are missing for the whole plate, and have their hours
    assert (found.index(1, None), found.index(5, None), found.tolerance_h) == (0, 4, 1.5)
    with pytest.raises(UsageError, match="before the plate's first"):
        found.index(0, None)


def test_one_time_needs_no_interval() -> None:
    assert grid([(7, None, None)] * 3, None, 6.0).hours == (6.0,)
    assert grid([(None, None, None)] * 3).hours == (0.0,)


def test_several_times_without_hours_are_an_error() -> None:
    with pytest.raises(InputError, match="times 1 to 4: the source does not say their hours; give interval_h"):
        grid([(1, None, None), (4, None, None)])


def test_interval_from_absolute_times_at_one_place() -> None:
    moments = [(1, None, 1000.0, "a"), (1, None, 1060.0, "b"), (1, None, 1999.0, "c")]
    moments += [(3, None, 8200.0, "a"), (3, None, 8280.0, "b")]
    found = grid(moments)
    # places a and b: 7200 s and 7220 s over two steps; c was seen once and says nothing
    assert found.hours == (0.0, pytest.approx(3605 / 3600, abs=1e-6), pytest.approx(7210 / 3600, abs=1e-6))
    assert found.origin_s == 1000.0
    assert true_hour(Moment(3, None, 8280.0), found.origin_s, 0.0) == pytest.approx(7280 / 3600)


def test_hours_beside_numbers_set_the_first_hour() -> None:
    moments = [(n, 6.0 * n + late, None, "a") for n, late in ((1, 0.1), (2, 0.0), (3, 0.05), (4, 0.1))]
    assert grid(moments, 6.0).hours == (6.075, 12.075, 18.075, 24.075)
    assert grid(moments, 6.0, 6.0).hours == (6, 12, 18, 24)
    assert grid([(n - 1, hour - 6, None, "a") for n, hour, _, _ in moments], 6.0).hours == (0, 6, 12, 18)
    assert grid([(5, 30.0, None, "a")]).hours == (30.0,)


def test_a_store_that_ingest_did_not_make_is_not_continued() -> None:
    with pytest.raises(UsageError, match="not made by ingest"):
        grid([(1, None, None)], 6.0, hours=(0.0, 6.0))


def test_hours_in_names_are_the_grid() -> None:
    found = grid([(None, 0.0, None), (None, 12.5, None), (None, 6.0, None), (None, 6.0, None)])
    assert found.hours == (0, 6, 12.5)
    assert (found.by_hour, found.index(None, 12.5)) == (True, 2)
    later = grid([(None, 18.0, None), (None, 6.0, None)], hours=found.hours, known={"times_by": "hour"})
    assert later.hours == (0, 6, 12.5, 18)
    with pytest.raises(InputError, match="some frames name an hour"):
        grid([(None, 1.0, None), (None, None, None)])


def test_a_store_goes_on_with_its_own_grid() -> None:
    known = {"interval_h": "6.0", "first_time": "2", "time_origin_s": "100.0", "times_by": "number"}
    found = grid([(4, None, 999.0), (2, None, 500.0)], known=known, hours=(6.0, 12.0), first=6.0)
    assert (found.hours, found.origin_s, found.first) == ((6, 12, 18), 100.0, 2)
    with pytest.raises(UsageError, match="the store has 6"):
        grid([(2, None, None)], 5.0, known=known, hours=(6.0,))
    with pytest.raises(UsageError, match="expected hours between two times"):
        grid([(2, None, None)], 0.0)


def test_dates_as_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="if these are dates"):
        grid([(20220508, None, None), (20230508, None, None)], 24.0)


def test_times_that_do_not_rise_are_refused() -> None:
    with pytest.raises(InputError, match="do not rise"):
        grid([(1, None, 5000.0), (2, None, 1000.0)])
