"""Profiles in which large cells count for what the edge of the frame takes away (Horvitz-Thompson), as an option.

Step 8 drops every cell that touches the frame, and a long cell touches it more often than a round one. A cell whose
bounding box is h x w px survives in (H - 1 - h)(W - 1 - w) of the H x W places it may have in a frame of H x W px; it
counts with the inverse of that share. Source: Horvitz, Thompson 1952; Lantuejoul 1978 for images.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phasewell.cells import DEFINITIONS_ID, DESCRIPTORS
from phasewell.descriptors.pooling import build_profile, choose_fields
from phasewell.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.profiles import FieldMoments, Profile

    Floats = NDArray[np.float64]

EDGE_DEFINITIONS_ID = f"{DEFINITIONS_ID}+edge-weights-1"


class WeightedMoments(NamedTuple):
    """Sums of weights, weighted mean and weighted squared deviations of fields, each (..., fields, descriptors)."""

    n: NDArray[np.int64]
    weight: Floats
    mean: Floats
    m2: Floats


def edge_weights(bbox_px: NDArray[np.int32], frame_shape: tuple[int, int]) -> Floats:
    """Return the weight (cells,) of every cell, 1 or more; `bbox_px` (cells, 4) is top, left, bottom, right.

    Raises InputError for a cell that touches the frame: it has no chance to be kept, so nothing stands for its kind.
    """
    height, width = frame_shape
    tall = bbox_px[:, 2].astype(np.float64) - bbox_px[:, 0]
    broad = bbox_px[:, 3].astype(np.float64) - bbox_px[:, 1]
    touching = (bbox_px[:, :2] < 1).any(axis=1) | (bbox_px[:, 2] > height - 1) | (bbox_px[:, 3] > width - 1)
    if touching.any():
        raise InputError(
            f"edge weights: {int(touching.sum())} cells touch the frame of {width} x {height} px; "
            "expected segmentation.remove_frame_touching = true"
        )
    weights: Floats = height * width / ((height - 1 - tall) * (width - 1 - broad))
    return weights


def weighted_field_moments(values: Floats, weights: Floats, field: NDArray[np.int64], n_fields: int) -> WeightedMoments:
    """Return the weighted moments of the cells (cells, 12) of every field of a unit, each (fields, 12)."""
    row, descriptor = np.nonzero(~np.isnan(values))
    value, weight = values[row, descriptor], weights[row]
    target = field[row] * len(DESCRIPTORS) + descriptor
    bins, shape = n_fields * len(DESCRIPTORS), (n_fields, len(DESCRIPTORS))
    n = np.bincount(target, minlength=bins)
    total = np.bincount(target, weights=weight, minlength=bins).astype(np.float64, copy=False)
    mean = np.bincount(target, weights=weight * value, minlength=bins) / np.where(total > 0, total, 1.0)
    squares = weight * (value - mean[target]) ** 2
    m2 = np.bincount(target, weights=squares, minlength=bins).astype(np.float64, copy=False)
    return WeightedMoments(n.reshape(shape), total.reshape(shape), mean.reshape(shape), m2.reshape(shape))


def build_edge_profile(
    field_moments: FieldMoments,
    weighted: WeightedMoments,
    window_h: tuple[float, float] | None = None,
    fields: int | tuple[str, ...] | None = None,
    min_fields: int = 1,
    seed: int = 0,
) -> Profile:
    """Return the profile of weighted cells: arguments, counts and rules as `build_profile`.

    `weighted` arrays are (wells, hours, fields, descriptors) like those of `field_moments`. Mean = sum w x / sum w;
    SD^2 = sum w (x - mean)^2 / sum w x n / (n - 1), which is the plain SD (ddof 1) where all weights are equal.
    """
    plain = build_profile(field_moments, window_h, fields, min_fields, seed)
    hours = np.array([i for i, hour in enumerate(field_moments.times_h) if hour in plain.times_h], np.int64)
    at = choose_fields(field_moments, hours, fields, seed)[:, None, :, None]

    def take(values: NDArray[np.float64] | NDArray[np.int64]) -> Floats:
        return np.take_along_axis(values[:, hours], at, axis=2).astype(np.float64)

    used = take(field_moments.measured[..., None].astype(np.float64))
    n, weight = take(weighted.n) * used, take(weighted.weight) * used
    means, m2 = take(weighted.mean), take(weighted.m2) * used
    total = weight.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weight * means).sum(axis=2) / total  # 0/0 = NaN: no cell, no mean
        squares = (m2 + weight * (means - np.where(total > 0, mean, 0.0)[:, :, None]) ** 2).sum(axis=2)
        cells = n.sum(axis=2)
        sd = np.sqrt(squares / total * cells / (cells - 1.0))
    sd[cells < 2] = np.nan
    values = np.stack([mean, sd], axis=-1).reshape(plain.values.shape)
    return replace(plain, values=np.where(np.isnan(plain.values), np.nan, values), definitions=EDGE_DEFINITIONS_ID)
