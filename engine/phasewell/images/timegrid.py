"""The nominal grid of hours: from the time numbers of the source and an interval, or from the hours themselves."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    place: str = ""  # well and field: the hours between two times are taken at one place
    scan_s: float | None = None  # absolute, the same for all frames of one scan


def place_scans(moments: Sequence[Moment], first_h: float | None, known: Mapping[str, str]) -> list[Moment]:
    """Return the moments with the hours of their scans, counted from the plate's first scan; others are unchanged.

    `known` is the provenance of the store, which keeps when its first scan was.
    """
    scans = [moment.scan_s for moment in moments if moment.scan_s is not None]
    if not scans:
        return list(moments)
    origin = float(known["time_origin_s"]) if "time_origin_s" in known else min(scans)
    return [
        m if m.scan_s is None else replace(m, hour=round((first_h or 0.0) + (m.scan_s - origin) / 3600, 6))
        for m in moments
    ]


def true_hour(moment: Moment, origin_s: float | None, first_h: float | None) -> float | None:
    """Return the true hour of a frame on the plate's axis, or None when the source does not say it."""
    if moment.hour is not None:
        return moment.hour
    if moment.acquired_s is None or origin_s is None:
        return None
    return round((first_h or 0.0) + (moment.acquired_s - origin_s) / 3600, 9)


def make_grid(
    moments: Sequence[Moment],
    interval_h: float | None,
    first_h: float | None,
    known: Mapping[str, str],
    hours: Sequence[float],
) -> TimeGrid:
    """Return the grid of a plate. `known` and `hours` are the provenance and the hours of the store, if there is one.

    The first hour is `first_h`, or else what the source's hours say (0 when they begin within a quarter interval of
    it), or 0. Raises UsageError for what contradicts the store, InputError when several times have no hours.
    """
    interval_h = _check_interval(interval_h, known, hours)
    numbers = {moment.number or 0 for moment in moments}
    named = {round(moment.hour, 9) for moment in moments if moment.hour is not None}
    by_hour = known.get("times_by") == "hour" if hours else bool(named)
    if by_hour and all(moment.number is None for moment in moments):
        return _grid_by_hour(named, moments, hours, known)
    absolute = [moment.acquired_s for moment in moments if moment.acquired_s is not None]
    origin = float(known["time_origin_s"]) if "time_origin_s" in known else min(absolute, default=None)
    first = int(known.get("first_time", min(numbers)))
    count = max(len(hours), max(numbers) - first + 1)
    if count > MAX_TIMES:
        raise InputError(f"times {first} to {max(numbers)}: too many; if these are dates, name hours instead")
    source = known.get("times_from", "interval_h") if "interval_h" in known else "interval_h"
    if count > 1 and interval_h is None:
        interval_h, source = _estimate_interval(moments), "times in the metadata"
    start = hours[0] if hours else _first_hour(moments, interval_h, first_h, first)
    if count == 1:
        return TimeGrid((start,), first, False, None, origin)
    assert interval_h is not None
    grid = [*hours, *(round(start + step * interval_h, 9) for step in range(len(hours), count))]
    return TimeGrid(tuple(grid), first, False, interval_h, origin, source)


def _check_interval(interval_h: float | None, known: Mapping[str, str], hours: Sequence[float]) -> float | None:
    if hours and "times_by" not in known:
        raise UsageError("this store was not made by ingest, so its times cannot be continued; use a new store")
    if interval_h is not None and not 0 < interval_h < 1e5:
        raise UsageError(f"interval_h {interval_h}: expected hours between two times, above 0")
    if "interval_h" not in known:
        return interval_h
    stored = float(known["interval_h"])
    if interval_h is not None and abs(interval_h - stored) > _SAME_H:
        raise UsageError(f"interval_h {interval_h}: the store has {stored}; leave it out, or use a new store")
    return stored


def _first_hour(moments: Sequence[Moment], interval_h: float | None, first_h: float | None, first: int) -> float:
    if first_h is not None:
        return float(first_h)
    offsets = [
        moment.hour - ((moment.number or 0) - first) * (interval_h or 0.0)
        for moment in moments
        if moment.hour is not None
    ]
    offset = round(statistics.median(offsets), 6) if offsets else 0.0
    return 0.0 if interval_h is not None and abs(offset) <= interval_h / 4 else offset


def _grid_by_hour(
    named: set[float], moments: Sequence[Moment], hours: Sequence[float], known: Mapping[str, str]
) -> TimeGrid:
    if any(moment.hour is None for moment in moments):
        raise InputError("some frames name an hour and others do not; name times for all, or numbers and interval_h")
    new = sorted(hour for hour in named if all(abs(hour - old) > _SAME_H for old in hours))
    if hours and new and new[0] < hours[-1]:
        raise UsageError(
            f"hour {new[0]:g}: lies before the plate's last, {hours[-1]:g}; times can only be added at the end, so "
            "ingest everything into a new store"
        )
    grid = (*hours, *new)
    if len(grid) > MAX_TIMES:
        raise InputError(f"{len(grid)} different hours: expected at most {MAX_TIMES}")
    steps = [later - earlier for earlier, later in itertools.pairwise(grid)]
    scans = [moment.scan_s for moment in moments if moment.scan_s is not None]
    origin = float(known["time_origin_s"]) if "time_origin_s" in known else min(scans, default=None)
    source = "dates of the scans" if scans else "hours in the names or the table"
    return TimeGrid(grid, by_hour=True, interval_h=min(steps, default=None), origin_s=origin, source=source)


def _estimate_interval(moments: Sequence[Moment]) -> float:
    """Return the median, over the places that were seen at two times or more, of their hours per time."""
    series: dict[str, dict[int, float]] = {}
    for moment in moments:
        hour = true_hour(moment, 0.0, 0.0)
        if hour is not None:
            series.setdefault(moment.place, {}).setdefault(moment.number or 0, hour)
    rates = [
        (times[max(times)] - times[min(times)]) / (max(times) - min(times))
        for times in series.values()
        if len(times) > 1
    ]
    numbers = sorted({moment.number or 0 for moment in moments})
    remedy = "give interval_h, the hours between two times"
    if not rates:
        raise InputError(f"times {numbers[0]} to {numbers[-1]}: the source does not say their hours; {remedy}")
    interval = round(statistics.median(rates), 6)
    if interval <= 0:
        raise InputError(f"times {numbers[0]} to {numbers[-1]}: their hours do not rise; {remedy}")
    return interval
