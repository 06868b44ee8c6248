"""Moments of descriptors, how they are merged, and the profile made from them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.cells import DEFINITIONS_ID, DESCRIPTORS
from phasewell.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

STATISTICS = ("mean", "SD")


class Moments(NamedTuple):
    """Count, mean and sum of squared deviations (M2), each (..., descriptors); mean and M2 are 0 where n is 0."""

    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]


def merge_moments(moments: Moments, axis: int) -> Moments:
    """Merge along one axis by Chan's rule, strictly in index order, so that the bits never depend on arrival.

    Only + - x / in float64 enter. An empty entry (n = 0) changes nothing.
    Source: Chan, Golub, LeVeque 1979, pairwise update of mean and M2.
    """
    n, mean, m2 = (np.moveaxis(values, axis, 0) for values in moments)
    if not len(n):
        empty = np.zeros(n.shape[1:])
        return Moments(empty.astype(np.int64), empty, empty.copy())
    total_n, total_mean, total_m2 = n[0].copy(), mean[0].copy(), m2[0].copy()
    for i in range(1, len(n)):
        merged = total_n + n[i]
        safe = np.maximum(merged, 1).astype(np.float64)
        delta = mean[i] - total_mean
        share = n[i] / safe
        first, last = total_n == 0, n[i] == 0
        new_mean = total_mean + delta * share
        new_m2 = total_m2 + m2[i] + delta * delta * (total_n * share)
        total_mean = np.where(last, total_mean, np.where(first, mean[i], new_mean))
        total_m2 = np.where(last, total_m2, np.where(first, m2[i], new_m2))
        total_n = merged
    return Moments(total_n, total_mean, total_m2)


@dataclass(frozen=True)
class FieldMoments:
    """Moments of every field of a plate: all that windows, field subsets and bootstraps need.

    `moments` arrays are (wells, hours, fields, descriptors). `measured` (wells, hours, fields) is True where a
    frame was processed (an empty frame counts); `n_cells` has the same shape.
    """

    wells: tuple[str, ...]
    times_h: tuple[float, ...]
    fields: tuple[str, ...]
    moments: Moments
    n_cells: NDArray[np.int64]
    measured: NDArray[np.bool_]
    pixel_size_um: float

    def __post_init__(self) -> None:
        """Check that the arrays match the axes."""
        shape = (len(self.wells), len(self.times_h), len(self.fields))
        found = {self.n_cells.shape, self.measured.shape} | {a.shape[:3] for a in self.moments}
        if found != {shape} or self.moments.n.shape[3] != len(DESCRIPTORS):
            raise UsageError(f"field moments: arrays {found} do not match wells x hours x fields {shape}")


def order_fields(field_moments: FieldMoments, hours: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the fields of every well in the order in which a random subset takes them, (wells, fields) positions.

    The first k are the random subset of k fields. Those with the fewest unmeasured `hours` (indices of times) come
    first and chance decides among equals: on a complete plate it is a plain random subset, and a field that quality
    took out at every hour is drawn only when nothing else is left. Chance is the SHA-256 of seed, well and field name,
    so that a subset depends neither on a random generator's version nor on which other wells are there.
    """
    missing = (~field_moments.measured[:, hours]).sum(axis=1).tolist()  # (wells, fields)
    names = [f"\n{name}".encode() for name in field_moments.fields]
    order = []
    for unmeasured, well in zip(missing, field_moments.wells, strict=True):
        start = f"{seed}\n{well}".encode()
        draws = [hashlib.sha256(start + name).digest() for name in names]
        ranks = list(zip(unmeasured, draws, strict=True))
        order.append(sorted(range(len(names)), key=ranks.__getitem__))
    return np.array(order, np.int64).reshape(len(order), len(names))


class ProfileColumn(NamedTuple):
    """One parameter of a profile."""

    descriptor: str
    statistic: str
    time_h: float

    @property
    def title(self) -> str:
        """The paper's spelling, such as `Correlation_SD (18 h)`."""
        titles = {d.name: d.title for d in DESCRIPTORS}
        return f"{titles[self.descriptor]}_{self.statistic} ({self.time_h:g} h)"


def profile_columns(times_h: tuple[float, ...]) -> tuple[ProfileColumn, ...]:
    """Return the columns of a profile: hour-major, then descriptor, then statistic."""
    return tuple(ProfileColumn(d.name, s, t) for t in times_h for d in DESCRIPTORS for s in STATISTICS)


@dataclass(frozen=True)
class Profile:
    """Mean and SD of every descriptor over the pooled cells of each well and hour (paper R).

    `values` is (wells, parameters) float64, NaN where undefined (no cell, or SD of one cell).
    `n_cells`, `n_fields` and `n_fields_expected` are (wells, hours): every number says on what it rests.
    `definitions` names the formulas, and what was done to the cells before they were pooled.
    """

    wells: tuple[str, ...]
    times_h: tuple[float, ...]
    columns: tuple[ProfileColumn, ...]
    values: NDArray[np.float64]
    n_cells: NDArray[np.int64]
    n_fields: NDArray[np.int64]
    n_fields_expected: int
    pixel_size_um: float
    definitions: str = DEFINITIONS_ID

    def __post_init__(self) -> None:
        """Check that the arrays match the axes."""
        hours = (len(self.wells), len(self.times_h))
        if self.values.shape != (len(self.wells), len(self.columns)) or self.n_cells.shape != hours:
            raise UsageError(f"profile: values {self.values.shape} for {len(self.columns)} columns of {hours}")

    def titles(self) -> list[str]:
        """Return the column titles, such as `Area_mean (6 h)`."""
        return [column.title for column in self.columns]

    def to_dict(self) -> dict[str, Any]:
        """Return the table as {"well": [...], title: [...]} with None where undefined."""
        table: dict[str, Any] = {"well": list(self.wells)}
        for i, title in enumerate(self.titles()):
            table[title] = [None if np.isnan(v) else float(v) for v in self.values[:, i]]
        return table
