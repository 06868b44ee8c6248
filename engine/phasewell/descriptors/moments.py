"""Moments of the descriptors of every field: all that profiles, windows, field subsets and bootstraps need."""

from __future__ import annotations

import numpy as np

from phasewell.cells import DESCRIPTORS, Cells
from phasewell.errors import UsageError
from phasewell.profiles import Moments


def field_moments(cells: Cells) -> Moments:
    """Return n, mean and M2 of every descriptor of every frame, each (frames, 12), over the defined values.

    Sums run over the rows of a frame in row order, one addition after the other, first for the mean and then for
    the squared deviations from it; so the bits depend neither on how frames are batched nor on vector width.
    NaN never enters: `n` counts the defined values. Mean and M2 are 0 where n is 0.
    Raises UsageError when a row names a frame outside the batch.
    """
    if len(cells) and not 0 <= int(cells.frame.min()) <= int(cells.frame.max()) < cells.n_frames:
        raise UsageError(f"cells: frame {int(cells.frame.max())} of a batch of {cells.n_frames}; expected 0 and up")
    shape = (cells.n_frames, len(DESCRIPTORS))
    row, descriptor = np.nonzero(~np.isnan(cells.values))  # row-major: rows stay in order
    value = cells.values[row, descriptor]
    target = cells.frame[row].astype(np.int64) * len(DESCRIPTORS) + descriptor
    bins = shape[0] * shape[1]
    # bincount adds its weights strictly in the order of its input
    n = np.bincount(target, minlength=bins)
    mean = np.bincount(target, weights=value, minlength=bins) / np.maximum(n, 1)
    deviation = value - mean[target]
    m2 = np.bincount(target, weights=deviation * deviation, minlength=bins).astype(np.float64, copy=False)
    return Moments(n.reshape(shape), mean.reshape(shape), m2.reshape(shape))
