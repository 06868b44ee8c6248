"""A row has no hole, and a speed without parity is no speed."""

from __future__ import annotations

from typing import Any

import pytest
from bench_samples import ABOUT, DIFFERENT, EQUAL, SPEED, measured
from phasewell.bench.rows import BOUNDARIES, MEASURED_FIELDS, Parity, Row, make_row, missing_row, speed_row
from phasewell.errors import InputError

NEVER_ABSENT = ("frames_per_s", "p50_ms", "p95_ms", "latency_of", "spread", "warm_up_s", "repeats", "frames")
WHOLE = {**ABOUT, **SPEED, "state": "measured", "parity": EQUAL}


@pytest.mark.parametrize("name", MEASURED_FIELDS)
def test_a_hole_is_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=rf"{name}.* neither measured nor said to be absent"):
        make_row({key: value for key, value in WHOLE.items() if key != name})


@pytest.mark.parametrize("name", sorted(set(MEASURED_FIELDS) - set(NEVER_ABSENT)))
def test_a_reason_fills_a_hole(name: str) -> None:
    row = make_row({**WHOLE, name: None, "absent": {name: "no counter"}})
    assert getattr(row, name) is None
    assert row.frames_per_s == SPEED["frames_per_s"]


@pytest.mark.parametrize("name", NEVER_ABSENT)
def test_no_reason_replaces_the_rate_and_its_times(name: str) -> None:
    with pytest.raises(InputError, match=name):
        make_row({**WHOLE, name: None, "absent": {name: "forgotten"}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"absent": {"power_w": "no counter"}}, "power_w both measured and said to be absent"),
        ({"power_w": None, "absent": {"power_w": ""}}, "power_w neither"),
        ({"parity": None}, "speed without parity"),
        ({"parity": DIFFERENT}, "speed without parity"),
        ({"conditions": {}}, "conditions neither"),
        ({"batch_frames": None}, "batch_frames neither"),
        ({"frames_per_s": float("inf")}, "frames_per_s"),
        ({"spede": 1.0}, "spede"),
        ({"state": "not measured", "reason": "no GPU", "remedy": "plug it in"}, "has no frames_per_s"),
    ],
)
def test_what_is_wrong_in_a_row_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_row({**WHOLE, **change})


def test_a_speed_with_wrong_results_is_refused_and_gone() -> None:
    row = speed_row(ABOUT, SPEED, DIFFERENT)
    assert row.state == "refused"
    assert {getattr(row, name) for name in MEASURED_FIELDS} == {None}
    assert "cells DIFFERENT" in (row.reason or "")
    assert row.remedy
    assert speed_row(ABOUT, SPEED, EQUAL).frames_per_s == SPEED["frames_per_s"]


def test_what_was_not_measured_says_why_and_what_to_do() -> None:
    row = missing_row(ABOUT, "no torch", "pip install torch")
    assert (row.state, row.reason, row.remedy) == ("not measured", "no torch", "pip install torch")
    with pytest.raises(InputError, match="reason and the remedy"):
        missing_row(ABOUT, "no torch", "")


@pytest.mark.parametrize(
    ("parity", "holds"),
    [
        (EQUAL, True),
        (DIFFERENT, False),
        (Parity(against="x", frames=0, equal={"labels": True}), False),
        (Parity(against="x", frames=2, cells=0, equal={"labels": True}), False),
        (Parity(against="x", frames=2, cells=7, equal={"labels": True}), True),
        (Parity(against="x", frames=2, equal={}), False),
        (Parity(against="x", frames=2, equal={}, largest_difference=0.02, tolerance=0.02), True),
        (Parity(against="x", frames=2, equal={}, largest_difference=0.03, tolerance=0.02), False),
        (Parity(against="x", frames=2, equal={"cells": False}, largest_difference=0.0, tolerance=0.02), False),
        (Parity(against="x", frames=2, equal={"cells": True}, largest_difference=None, tolerance=0.02), False),
        (Parity(against="x", frames=2, equal={"cells": True}, largest_difference=0.5), False),
    ],
)
def test_parity_holds_only_when_something_was_compared_and_agrees(parity: Parity, holds: bool) -> None:
    assert parity.holds is holds


def test_a_row_survives_json() -> None:
    for boundary in BOUNDARIES:
        row = measured(boundary, 12.5)
        assert Row.model_validate_json(row.model_dump_json()) == row
