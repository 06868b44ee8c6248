"""Scores of frames pooled to scores of wells, over every hour and hour by hour."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from phasewell.errors import UsageError
from phasewell.inference import pool_scores
from phasewell.tables.parts import PartFile, part_bytes
from phasewell.tables.well_scores import (
    HOUR_SCORES,
    SCORE_FILES,
    WELL_SCORES,
    PlateScores,
    PooledRow,
    UnitScores,
    make_score_table,
    read_plate_scores,
)


def make_score_files(parts: Sequence[PartFile], window_h: tuple[float, float] | None) -> dict[str, bytes]:
    """Return the score files of a run by name, from its `scores` parts; none where there are no parts.

    The same parts give the same bytes. `window_h` is the profile's first and last hour, both inclusive.
    """
    if not parts:
        return {}
    tables = pool_plate(read_plate_scores(parts), window_h)
    return {SCORE_FILES[name]: part_bytes(table) for name, table in tables.items()}


def pool_plate(scores: PlateScores, window_h: tuple[float, float] | None = None) -> dict[str, Any]:
    """Return the tables `hour_scores` (every unit) and `well_scores` (all units of a well within the window).

    Raises UsageError when the window holds no hour.
    """
    low, high = window_h or (-np.inf, np.inf)
    inside = [unit for unit in scores.units if low <= unit.time_h <= high]
    if not inside:
        raise UsageError(f"profile.window_h {window_h}: no hour of the plate lies in it")
    hourly = [_pool([unit], {"well": unit.well, "time": unit.time, "time_h": unit.time_h}) for unit in scores.units]
    wells = []
    for well, found in itertools.groupby(inside, key=lambda unit: unit.well):
        units = list(found)
        hours = [unit.time_h for unit in units]
        keys = {"well": well, "first_h": min(hours), "last_h": max(hours), "n_times": len(units)}
        wells.append(_pool(units, keys))
    return {
        HOUR_SCORES: make_score_table(HOUR_SCORES, scores, hourly),
        WELL_SCORES: make_score_table(WELL_SCORES, scores, wells),
    }


def _pool(units: Iterable[UnitScores], keys: dict[str, Any]) -> PooledRow:
    units = list(units)
    pooled = pool_scores(np.concatenate([unit.probabilities for unit in units]))
    expected = sum(unit.n_expected for unit in units)
    return PooledRow(
        keys,
        expected,
        pooled.n_scored,
        pooled.mean.tolist(),
        pooled.sd.tolist(),
        pooled.votes.tolist(),
        pooled.majority,
    )
