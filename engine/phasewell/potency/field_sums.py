"""Profiles of any choice of fields and hours from the moments of the fields, without going back to a cell.

Sums over fields are linear in how often a field is taken. The nested subsets of 1, 2, 3 ... fields are cumulative sums
in the order in which fields are drawn; resamplings are one matrix product. A window that starts at the first hour is
a run of the first columns, so that one profile holds them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phasewell.cells import DESCRIPTORS
from phasewell.errors import UsageError
from phasewell.profiles import STATISTICS, FieldMoments, Profile, ProfileColumn, order_fields, profile_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PER_HOUR = len(DESCRIPTORS) * len(STATISTICS)  # columns of a profile an hour
_TOGETHER = 4  # draws whose sums become numbers in one go: few enough for the processor's cache


@dataclass(frozen=True)
class ProfileStack:
    """Profiles of the same wells and hours from several draws of fields.

    `values` is (draws, wells, parameters) in the order of `columns`, NaN where undefined; `n_cells` and `n_fields`
    are (draws, wells, hours) and count a field as often as it was drawn; `n_fields_expected` is (draws,).
    """

    wells: tuple[str, ...]
    times_h: tuple[float, ...]
    values: Floats
    n_cells: NDArray[np.int64]
    n_fields: NDArray[np.int64]
    n_fields_expected: NDArray[np.int64]
    pixel_size_um: float

    @property
    def columns(self) -> tuple[ProfileColumn, ...]:
        """The columns of `values`: hour-major, then descriptor, then statistic."""
        return profile_columns(self.times_h)

    def profile(self, draw: int, n_hours: int | None = None) -> Profile:
        """Return one draw as a profile, over the first `n_hours` hours (None = all)."""
        hours = len(self.times_h) if n_hours is None else n_hours
        if not 1 <= hours <= len(self.times_h):
            raise UsageError(f"n_hours {n_hours}: the profiles have {len(self.times_h)} hours")
        times_h = self.times_h[:hours]
        return Profile(
            wells=self.wells,
            times_h=times_h,
            columns=profile_columns(times_h),
            values=np.ascontiguousarray(self.values[draw, :, : hours * PER_HOUR]),
            n_cells=self.n_cells[draw, :, :hours],
            n_fields=self.n_fields[draw, :, :hours],
            n_fields_expected=int(self.n_fields_expected[draw]),
            pixel_size_um=self.pixel_size_um,
        )


class FieldSums:
    """The sums that profiles are made of, for every field: n, sum and sum of squares about the well's pooled mean.

    About that mean the sum of squares loses no digits to cancellation: profiles equal those of `merge_moments` to
    about 1e-13 of the SD, not bit for bit.
    """

    def __init__(self, field_moments: FieldMoments) -> None:
        wells, hours, fields = field_moments.measured.shape
        columns = hours * len(DESCRIPTORS)
        self.field_moments = field_moments
        self._sums: Floats = np.empty((3, wells, fields, columns))  # n, sum, sum of squares
        self._centre: Floats = np.empty((wells, columns))
        measured, cells = (v.transpose(0, 2, 1) for v in (field_moments.measured, field_moments.n_cells))
        self._measured = measured.astype(np.int64, order="C")  # (wells, fields, hours)
        self._cells = np.multiply(cells, self._measured, order="C")
        whole = bool(field_moments.measured.all())
        mean, distance = np.empty((2, fields, columns))
        for well in range(wells):  # one at a time stays in the processor's cache
            n, sums, squares = self._sums[:, well]
            for values, into in zip(field_moments.moments, (n, mean, squares), strict=True):
                into.reshape(fields, hours, -1)[...] = values[well].transpose(1, 0, 2)
            if not whole:
                used = np.repeat(measured[well], len(DESCRIPTORS), axis=1)
                n *= used
                squares *= used
            np.multiply(n, mean, out=sums)
            self._centre[well] = sums.sum(axis=0) / np.maximum(n.sum(axis=0), 1.0)
            np.subtract(mean, self._centre[well], out=distance)
            np.multiply(n, distance, out=sums)
            distance *= sums
            squares += distance

    def nested(self, seed: int = 0) -> ProfileStack:
        """Return the profiles of 1, 2, ... all fields, drawn as `build_profile` draws them over all hours.

        Draw k - 1 holds k fields; the fields of k are among those of k + 1. All windows share one order.
        """
        plate = self.field_moments
        _, wells, fields, columns = self._sums.shape
        order = order_fields(plate, np.arange(len(plate.times_h)), seed).T  # (fields, wells)
        rows = order + fields * np.arange(wells)
        places = rows[:, None, :] + wells * fields * np.arange(3)[:, None]  # (fields, 3, wells)
        sums = self._sums.reshape(-1, columns)
        drawn, total = np.empty((3, wells, columns)), np.zeros((3, wells, columns))
        totals = np.empty((3, _TOGETHER, wells, columns))
        values = np.empty((fields, wells, columns, len(STATISTICS)))
        for first in range(0, fields, _TOGETHER):
            profiles = values[first : first + _TOGETHER]
            for place in range(len(profiles)):
                # nothing is out of range, and mode "raise" would copy once more
                sums.take(places[first + place], axis=0, out=drawn, mode="clip")
                total += drawn
                totals[:, place] = total
            self._finish(totals[:, : len(profiles)], profiles)
        cells, measured = (v.reshape(wells * fields, -1)[rows].cumsum(axis=0) for v in (self._cells, self._measured))
        return self._stack(values, cells, measured, np.arange(1, fields + 1))

    def resampled(self, taken: NDArray[np.int64]) -> ProfileStack:
        """Return profiles in which every field counts `taken` (draws, wells, fields) times, the same at all hours."""
        plate = self.field_moments
        expected = taken.sum(axis=2)
        if taken.shape[1:] != (len(plate.wells), len(plate.fields)) or (taken < 0).any():
            raise UsageError(
                f"resampled: taken {taken.shape}; expected draws x {len(plate.wells)} wells x fields, 0 up"
            )
        if not len(taken) or (expected != expected[:, :1]).any() or not expected.all():
            raise UsageError("resampled: every well of a draw takes the same number of fields, at least 1")
        weights = np.ascontiguousarray(taken.transpose(1, 0, 2), dtype=np.float64)  # (wells, draws, fields)
        cells, measured = (
            np.rint(weights @ v).astype(np.int64).transpose(1, 0, 2) for v in (self._cells, self._measured)
        )
        sums = (weights @ self._sums).transpose(0, 2, 1, 3)  # (3, draws, wells, columns)
        values = np.empty((*sums.shape[1:], len(STATISTICS)))
        for first in range(0, len(values), _TOGETHER):
            self._finish(sums[:, first : first + _TOGETHER], values[first : first + _TOGETHER])
        return self._stack(values, cells, measured, expected[:, 0])

    def _finish(self, totals: Floats, profiles: Floats) -> None:
        """Write mean and SD of sums `totals` (3, draws, wells, columns) into `profiles` (draws, wells, columns, 2)."""
        n, sums, squares = totals
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = sums / n  # 0/0 = NaN: no cell, no mean
            np.add(shift, self._centre, out=profiles[..., 0])
            shift *= sums
            np.subtract(squares, shift, out=shift)
            np.maximum(shift, 0.0, out=shift)
            free = n - 1.0
            shift /= free
            np.sqrt(shift, out=shift)
        if free.min() < 1.0:
            shift[free < 1.0] = np.nan
        profiles[..., 1] = shift

    def _stack(
        self, values: Floats, cells: NDArray[np.int64], measured: NDArray[np.int64], expected: NDArray[np.int64]
    ) -> ProfileStack:
        plate = self.field_moments
        return ProfileStack(
            wells=plate.wells,
            times_h=plate.times_h,
            values=values.reshape(*values.shape[:2], -1),
            n_cells=cells,
            n_fields=measured,
            n_fields_expected=expected,
            pixel_size_um=plate.pixel_size_um,
        )


def draw_fields(fields: int, wells: int, size: int, draws: int, seed: int) -> NDArray[np.int64]:
    """Return how often every field is taken, (draws, wells, fields), in resamplings of `size` fields with replacement.

    Every well and draw has chance of its own, by NumPy's PCG64 from `seed`.
    """
    if size < 1 or draws < 1:
        raise UsageError(f"draw_fields: size {size}, draws {draws}; expected at least 1 of each")
    rng = np.random.default_rng(seed)
    places = rng.integers(0, fields, size=(draws * wells, size)) + fields * np.arange(draws * wells)[:, None]
    counts = np.bincount(places.ravel(), minlength=draws * wells * fields)
    return counts.reshape(draws, wells, fields).astype(np.int64)
