"""The nominal grid of hours: from the time numbers of the source and an interval, or from the hours themselves."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phasewell.errors import InputError, UsageError

MAX_TIMES = 10_000
_SAME_H = 1e-6  # two hours closer than this are one


@dataclass(frozen=True)
class TimeGrid:
    """Nominal hours, and how a frame's time in the source becomes an index.

    `first` is the source's number of index 0. With `by_hour`, frames are placed by their hour and not by a number.
    `interval_h` is None for one single time; `origin_s` is the absolute time that counts as the first hour;
    a true hour further than `tolerance_h` from the nominal one is flagged.
    """

    hours: tuple[float, ...]
    first: int = 0
    by_hour: bool = False
    interval_h: float | None = None
    origin_s: float | None = None
    source: str = "one time"

    @property
    def tolerance_h(self) -> float | None:
        """A quarter of the interval; None for one single time."""
        return None if self.interval_h is None else self.interval_h / 4

    def index(self, number: int | None, hour: float | None) -> int:
        """Return the index of a frame with this number and true hour; raises UsageError when the grid lacks it."""
        index = (number or 0) - self.first
        if self.by_hour:
            index = min(range(len(self.hours)), key=lambda i: abs(self.hours[i] - (hour or 0.0)))
            if abs(self.hours[index] - (hour or 0.0)) > _SAME_H:
                raise UsageError(f"hour {hour}: not one of the plate's {self.hours}")
        if not 0 <= index < len(self.hours):
            raise UsageError(
                f"time {number}: lies before the plate's first, {self.first}; times can only be added at the end, "
                "so ingest everything into a new store"
            )
        return index


@dataclass(frozen=True)
class Moment:
    """The time of one frame as its source tells it."""

    number: int | None  # as the source counts; None where it does not count
    hour: float | None  # since the source's zero
    acquired_s: float | None  # absolute


def true_hour(moment: Moment, origin_s: float | None, first_h: float) -> float | None:
    """Return the true hour of a frame on the plate's axis, or None when the source does not say it."""
    if moment.hour is not None:
        return moment.hour
    if moment.acquired_s is None or origin_s is None:
        return None
    return round(first_h + (moment.acquired_s - origin_s) / 3600, 9)


def make_grid(
    moments: Sequence[Moment],
    interval_h: float | None,
    first_h: float,
    known: Mapping[str, str],
    hours: Sequence[float],
) -> TimeGrid:
    """Return the grid of a plate. `known` and `hours` are the provenance and the hours of the store, if there is one.

    Raises UsageError for an interval that contradicts the store, InputError when several times have no hours.
    """
    if interval_h is not None and not 0 < interval_h < 1e5:
        raise UsageError(f"interval_h {interval_h}: expected hours between two times, above 0")
    if "interval_h" in known:
        stored = float(known["interval_h"])
        if interval_h is not None and abs(interval_h - stored) > _SAME_H:
            raise UsageError(f"interval_h {interval_h}: the store has {stored}; leave it out, or use a new store")
        interval_h = stored
    numbers = {moment.number or 0 for moment in moments}
    named = {round(moment.hour, 9) for moment in moments if moment.hour is not None}
    by_hour = known.get("times_by") == "hour" if hours else bool(named)
    by_hour = by_hour and all(moment.number is None for moment in moments)
    if by_hour:
        return _grid_by_hour(named, moments, hours)
    absolute = [moment.acquired_s for moment in moments if moment.acquired_s is not None]
    origin = float(known["time_origin_s"]) if "time_origin_s" in known else min(absolute, default=None)
    first = int(known.get("first_time", min(numbers)))
    count = max(len(hours), max(numbers) - first + 1)
    if count > MAX_TIMES:
        raise InputError(
            f"times {first} to {max(numbers)}: too many; if these are dates, name hours in the pattern instead"
        )
    if count == 1:
        return TimeGrid(tuple(hours) or (float(first_h),), first, False, None, origin)
    start, source = (hours[0] if hours else first_h), "interval_h"
    if interval_h is None:
        interval_h, source = _estimate_interval(moments, origin, first_h), "times in the metadata"
    elif "interval_h" in known:
        source = known.get("times_from", source)
    grid = [*hours, *(round(start + step * interval_h, 9) for step in range(len(hours), count))]
    return TimeGrid(tuple(grid), first, False, interval_h, origin, source)


def _grid_by_hour(named: set[float], moments: Sequence[Moment], hours: Sequence[float]) -> TimeGrid:
    if any(moment.hour is None for moment in moments):
        raise InputError("some frames name an hour and others do not; name times for all, or numbers and interval_h")
    new = sorted(hour for hour in named if all(abs(hour - old) > _SAME_H for old in hours))
    grid = (*hours, *new)
    if len(grid) > MAX_TIMES:
        raise InputError(f"{len(grid)} different hours: expected at most {MAX_TIMES}")
    steps = [later - earlier for earlier, later in itertools.pairwise(grid)]
    return TimeGrid(grid, by_hour=True, interval_h=min(steps, default=None), source="hours in the names or the table")


def _estimate_interval(moments: Sequence[Moment], origin_s: float | None, first_h: float) -> float:
    by_number: dict[int, list[float]] = {}
    for moment in moments:
        hour = true_hour(moment, origin_s, first_h)
        if hour is not None:
            by_number.setdefault(moment.number or 0, []).append(hour)
    medians = {number: statistics.median(values) for number, values in by_number.items()}
    remedy = "give interval_h, the hours between two times"
    if len(medians) < 2:
        numbers = sorted({moment.number or 0 for moment in moments})
        raise InputError(f"times {numbers[0]} to {numbers[-1]}: the source does not say their hours; {remedy}")
    first, last = min(medians), max(medians)
    interval = round((medians[last] - medians[first]) / (last - first), 6)
    if interval <= 0:
        raise InputError(f"times {first} and {last}: {medians[first]} h and {medians[last]} h do not rise; {remedy}")
    return interval
