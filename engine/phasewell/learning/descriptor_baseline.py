"""What the twelve descriptors alone say about a frame: the logistic model that a network has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import DESCRIPTORS
from phasewell.errors import InputError
from phasewell.learning.splits import fold_lines
from phasewell.profiles import STATISTICS, FieldMoments

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRENGTHS = tuple(10.0**k for k in range(-4, 3))
"""Inverse strengths C of the L2 penalty that are tried: from next to no weights to next to no penalty."""
INNER_FOLDS = 3
"""Of the choice of C, by line; two where a class has but two lines, none (C = 1) where it has one."""


@dataclass(frozen=True)
class FrameProfiles:
    """The profile of each frame: mean and SD of every descriptor over its cells, in the order of `columns`.

    `values` (frames, 24) float64, NaN where undefined (no cell; SD of one cell); `keys` are (well, hour, field).
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    keys: tuple[tuple[str, float, str], ...]


def frame_profiles(moments: FieldMoments) -> FrameProfiles:
    """Return the profiles of all measured frames of a plate, wells first, then hours, then fields. SD has ddof 1."""
    n, mean, m2 = (a.astype(np.float64) for a in moments.moments)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(n > 0, mean, np.nan)
        spreads = np.where(n > 1, np.sqrt(m2 / (n - 1)), np.nan)
    values = np.stack((means, spreads), -1)[moments.measured].reshape(-1, len(DESCRIPTORS) * len(STATISTICS))
    columns = tuple(f"{descriptor.name}_{statistic}" for descriptor in DESCRIPTORS for statistic in STATISTICS)
    keys = tuple(
        (moments.wells[well], moments.times_h[hour], moments.fields[field])
        for well, hour, field in np.argwhere(moments.measured)
    )
    return FrameProfiles(values, columns, keys)


@dataclass(frozen=True)
class DescriptorModel:
    """A logistic model of standardised profiles; `strength` is the C that was chosen."""

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    strength: float
    estimator: Any

    def probabilities(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities (frames, classes); an undefined value counts as the mean of the training frames."""
        found: NDArray[np.float64] = self.estimator.predict_proba(_standardise(values, self.centre, self.scale))
        return found


def fit_descriptor_model(
    values: NDArray[np.float64], targets: NDArray[np.int64], lines: NDArray[np.str_], seed: int = 0
) -> DescriptorModel:
    """Fit an L2-penalised logistic model on profiles (frames, columns) with the class and the line of each frame.

    C is chosen among STRENGTHS by the log loss of inner folds that hold out whole lines; equal losses go to the
    stronger penalty. Raises InputError for one class, and when no frame has a value of some column.
    """
    if len(np.unique(targets)) < 2:
        raise InputError(f"descriptor model: lines {', '.join(np.unique(lines))} are of one class; give lines of both")
    defined = ~np.isnan(values)
    if not defined.any(0).all():
        raise InputError(
            f"descriptor model: column {int(np.argmin(defined.any(0)))} is undefined in every frame: no frame has two "
            "cells; give frames with cells"
        )
    strength = _choose_strength(values, targets, lines, seed)
    return _fit(values, targets, strength)


def _choose_strength(
    values: NDArray[np.float64], targets: NDArray[np.int64], lines: NDArray[np.str_], seed: int
) -> float:
    class_of_line = {str(line): int(targets[lines == line][0]) for line in np.unique(lines)}
    fewest = min(np.bincount(list(class_of_line.values())))
    folds = min(INNER_FOLDS, int(fewest))
    if folds < 2:
        return 1.0
    losses = np.zeros(len(STRENGTHS))
    for split in fold_lines(class_of_line, folds, seed=seed):
        out = np.isin(lines, split.held_out)
        for i, strength in enumerate(STRENGTHS):
            chance = _fit(values[~out], targets[~out], strength).probabilities(values[out])
            losses[i] -= np.log(np.maximum(chance[np.arange(out.sum()), targets[out]], 1e-12)).sum()
    return STRENGTHS[int(np.argmin(losses))]


def _fit(values: NDArray[np.float64], targets: NDArray[np.int64], strength: float) -> DescriptorModel:
    from sklearn.linear_model import LogisticRegression

    counted = np.maximum((~np.isnan(values)).sum(0), 1)
    centre = np.nansum(values, 0) / counted
    scale = np.sqrt(np.nansum((values - centre) ** 2, 0) / counted)
    scale = np.where(scale > 0, scale, 1.0)
    estimator = LogisticRegression(C=strength, max_iter=5_000)
    estimator.fit(_standardise(values, centre, scale), targets)
    return DescriptorModel(centre, scale, strength, estimator)


def _standardise(
    values: NDArray[np.float64], centre: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(np.nan_to_num((values - centre) / scale, nan=0.0))
