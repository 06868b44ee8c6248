"""From moments of fields to the profile of every well: which hours, which fields, and the pooling of their cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import DESCRIPTORS
from phasewell.errors import UsageError
from phasewell.profiles import FieldMoments, Moments, Profile, merge_moments, order_fields, profile_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray


def build_profile(
    field_moments: FieldMoments,
    window_h: tuple[float, float] | None = None,
    fields: int | tuple[str, ...] | None = None,
    min_fields: int = 1,
    seed: int = 0,
) -> Profile:
    """Return mean and SD of every descriptor over the pooled cells of each well and hour.

    `window_h` is the first and last hour, both inclusive; None takes all hours.
    `fields` is None for all, names for these, or a number for a random subset without replacement, drawn for every
    well by itself, with the same positions at every hour (see `choose_fields`).
    A field that was not measured at an hour adds nothing there: `n_fields` counts those that did, `n_fields_expected`
    those that were chosen. A field without cells counts. Below `min_fields` a well and hour is NaN.
    SD has ddof 1, so it is NaN below two defined values, and the mean is NaN without any.
    Fields are merged in plate order; nothing depends on the order in which they were measured.
    Raises UsageError for an empty window, unknown, repeated or no fields, and numbers out of range.
    """
    hours = _choose_hours(field_moments.times_h, window_h)
    if isinstance(min_fields, bool) or min_fields < 1:
        raise UsageError(f"min_fields {min_fields}: expected 1 or more")
    measured = field_moments.measured[:, hours]
    chosen = choose_fields(field_moments, hours, fields, seed)  # (wells, k) positions in plate order
    at = chosen[:, None, :]
    used = np.take_along_axis(measured, at, axis=2)  # (wells, hours, k)

    def take(values: NDArray[Any]) -> NDArray[Any]:
        return np.take_along_axis(values[:, hours], at[..., None], axis=2)  # (wells, hours, k, 12)

    n, mean, m2 = (take(values) for values in field_moments.moments)
    pooled = merge_moments(Moments(np.where(used[..., None], n, 0), mean, m2), axis=2)
    n_fields = used.sum(axis=2)
    values = _compute_statistics(pooled, n_fields >= min_fields)
    cells = np.take_along_axis(field_moments.n_cells[:, hours], at, axis=2)
    times_h = tuple(field_moments.times_h[i] for i in hours)
    return Profile(
        wells=field_moments.wells,
        times_h=times_h,
        columns=profile_columns(times_h),
        values=values.reshape(len(field_moments.wells), -1),
        n_cells=np.where(used, cells, 0).sum(axis=2),
        n_fields=n_fields,
        n_fields_expected=chosen.shape[1],
        pixel_size_um=field_moments.pixel_size_um,
    )


def choose_fields(
    field_moments: FieldMoments, hours: NDArray[np.int64], fields: int | tuple[str, ...] | None, seed: int
) -> NDArray[np.int64]:
    """Return the positions of the chosen fields of every well, (wells, k), ascending.

    A random subset of k fields is the first k of `phasewell.profiles.order_fields`: the same at every hour, for every
    well by itself, and part of the subset of k + 1. Raises UsageError for names or a number that the plate has not.
    """
    names, wells = field_moments.fields, len(field_moments.wells)
    if fields is None:
        return np.tile(np.arange(len(names)), (wells, 1))
    if isinstance(fields, tuple):
        return np.tile(_find_fields(names, fields), (wells, 1))
    if isinstance(fields, bool) or not isinstance(fields, int) or not 1 <= fields <= len(names):
        raise UsageError(
            f"fields {fields!r}: the plate has {len(names)} fields; expected 1..{len(names)}, names or None"
        )
    return np.sort(order_fields(field_moments, hours, seed)[:, :fields], axis=1)


def _find_fields(names: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.int64]:
    unknown = [name for name in wanted if name not in names]
    if unknown or not wanted or len(set(wanted)) != len(wanted):
        raise UsageError(
            f"fields {', '.join(map(repr, wanted)) or '()'}: expected different names out of {', '.join(names)}"
        )
    return np.array(sorted(names.index(name) for name in wanted), np.int64)


def _choose_hours(times_h: tuple[float, ...], window_h: tuple[float, float] | None) -> NDArray[np.int64]:
    if window_h is None:
        return np.arange(len(times_h))
    first, last = window_h
    hours = [i for i, time in enumerate(times_h) if first <= time <= last]
    if not hours:
        raise UsageError(
            f"window_h {first:g}..{last:g} h holds no time of the plate; its times are "
            f"{', '.join(f'{time:g}' for time in times_h) or 'none'} h"
        )
    return np.array(hours, np.int64)


def _compute_statistics(pooled: Moments, enough: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (wells, hours, descriptors, 2): mean and SD with ddof 1, NaN where undefined or not `enough`."""
    some = enough[..., None]
    mean = np.where(some & (pooled.n >= 1), pooled.mean, np.nan)
    spread = np.sqrt(pooled.m2 / np.maximum(pooled.n - 1, 1))
    sd = np.where(some & (pooled.n >= 2), spread, np.nan)
    values = np.stack([mean, sd], axis=-1)
    assert values.shape[-2] == len(DESCRIPTORS)
    return values
