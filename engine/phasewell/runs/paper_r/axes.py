"""Which windows and numbers of fields a reproduction takes, out of those that the run has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from phasewell.runs.paper_r.material import Material


def spread_counts(most: int, count: int | None) -> tuple[int, ...]:
    """Return `count` numbers of fields from 1 to `most`, closer together where they are few; None takes every one."""
    if count is None or count >= most:
        return tuple(range(1, most + 1))
    if count == 1:
        return (most,)
    counts = np.unique(np.geomspace(1, most, count).round().astype(int)).tolist()
    return tuple(counts)


def choose_hours(material: Material, wanted: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of hours of windows that the run has out of `wanted`, and its longest window."""
    most = len(material.times_h)
    return tuple(sorted({n for n in wanted if n <= most} | {most}))


def choose_fields(material: Material, wanted: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of fields to draw, at most as many as a well has."""
    return tuple(sorted({min(n, len(material.fields)) for n in wanted}))
