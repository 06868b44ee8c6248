"""The verdict: one boundary, more than 300 frames/s, and the limit that the run's own rows name."""

from __future__ import annotations

from typing import Any

import pytest
from bench_samples import ABOUT, DIFFERENT, SPEED, ceilings, document, measured
from phasewell.bench.rows import (
    BOUNDARIES,
    NETWORK,
    PREPARED_NETWORK,
    REQUIRED,
    RESIDENT,
    STORE_TO_TABLE,
    missing_row,
    speed_row,
)
from phasewell.bench.verdict import judge

FRAME_BYTES = 1_000_000


@pytest.mark.parametrize(
    ("rate", "state", "factor"), [(299.9, "not met", 0.9997), (300.0, "not met", 1.0), (300.1, "met", 1.0003)]
)
def test_the_requirement_is_more_than_300(rate: float, state: str, factor: float) -> None:
    verdict = judge([measured(REQUIRED, rate)], ceilings(), FRAME_BYTES)
    assert (verdict.state, verdict.frames_per_s) == (state, rate)
    assert verdict.factor == pytest.approx(factor, abs=1e-4)
    assert f"> 300 frames/s: {state}" in verdict.sentence


@pytest.mark.parametrize("boundary", sorted(set(BOUNDARIES) - {REQUIRED}))
def test_no_other_boundary_has_a_verdict(boundary: str) -> None:
    verdict = judge([measured(boundary, 10_000.0)], ceilings(), FRAME_BYTES)
    assert verdict.state == "not measured"
    assert verdict.frames_per_s is verdict.factor is verdict.limited_by is None


@pytest.mark.parametrize(
    ("network", "kernels", "read", "copy", "limit"),
    [
        (80.0, 350.0, 10.0, None, "network"),
        (20_000.0, 300.0, 10.0, None, "kernels"),
        (20_000.0, 20_000.0, 0.1, 50.0, "storage"),
        (20_000.0, 20_000.0, 10.0, 0.1, "copy"),
    ],
)
def test_the_slowest_part_is_the_limit(
    network: float, kernels: float, read: float, copy: float | None, limit: str
) -> None:
    on: dict[str, Any] = {"device": "cpu" if copy is None else "cuda:0"}
    rows = [
        measured(PREPARED_NETWORK, network, **on),
        measured(RESIDENT, kernels, **on),
        measured(REQUIRED, 60.0, **on),
    ]
    verdict = judge(rows, ceilings(read, copy), FRAME_BYTES)
    assert verdict.limited_by == limit
    assert f"limited by the {limit}" in verdict.sentence
    assert {part.name for part in verdict.parts} == {"network", "kernels", "storage"} | ({"copy"} if copy else set())


def test_the_fastest_batch_of_a_part_counts() -> None:
    rows = [
        measured(PREPARED_NETWORK, 20.0),
        measured(PREPARED_NETWORK, 90.0, batch_frames=32),
        measured(REQUIRED, 60.0),
    ]
    (network,) = [part for part in judge(rows, ceilings(), FRAME_BYTES).parts if part.name == "network"]
    assert network.frames_per_s == 90.0
    assert network.share_of_time == pytest.approx(60 / 90)


def test_what_the_parts_do_not_explain_is_said() -> None:
    # network and kernels take turns: 1 / (1/100 + 1/400) = 80 frames/s; reading goes on beside them
    rows = [measured(PREPARED_NETWORK, 100.0), measured(RESIDENT, 400.0)]
    slow = judge([*rows, measured(REQUIRED, 40.0)], ceilings(), FRAME_BYTES)
    assert slow.reached_share == pytest.approx(0.5)
    assert "reaches 50%" in slow.sentence
    fast = judge([*rows, measured(REQUIRED, 78.0)], ceilings(), FRAME_BYTES)
    assert "reaches" not in fast.sentence


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (missing_row(ABOUT, "no torch", "install phasewell[serve]"), "install phasewell\\[serve\\]"),
        (speed_row(ABOUT, SPEED, DIFFERENT), "refused"),
    ],
)
def test_without_a_speed_there_is_no_verdict(row: Any, said: str) -> None:
    import re

    verdict = judge([measured(NETWORK, 9_000.0), measured(STORE_TO_TABLE, 9_000.0), row], ceilings(), FRAME_BYTES)
    assert verdict.state == "not measured"
    assert re.search(said, verdict.sentence)


def test_only_a_refused_speed_changes_the_exit_code() -> None:
    assert document(measured(REQUIRED, 1.0)).exit_code == 0
    assert document(missing_row(ABOUT, "no torch", "install it")).exit_code == 0
    assert document(measured(NETWORK, 1.0), speed_row(ABOUT, SPEED, DIFFERENT)).exit_code == 10
