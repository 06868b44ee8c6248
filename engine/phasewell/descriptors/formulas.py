"""From exact integers to the twelve descriptors: float64 + - * / and square root, in one fixed order.

These operations are rounded alike on every machine, so equal integers give equal bits. Nothing is summed over
an axis in floating point, and no power, logarithm or exponential is used: their bits depend on the processor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.descriptors.integers import CellIntegers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


CELLS_AT_ONCE = 4096  # columns and what is computed from them stay in cache


def compute_values(integers: CellIntegers) -> Floats:
    """Return (cells, 12) float64 in the order of DESCRIPTORS, NaN where undefined; `integers` in host memory."""
    values = np.empty((len(integers.area), len(DESCRIPTOR_NAMES)))
    for first in range(0, len(values), CELLS_AT_ONCE):
        part = slice(first, first + CELLS_AT_ONCE)
        some = CellIntegers(*(column[part] for column in integers))
        columns = _compute_shape(some) | _compute_texture(some)
        for k, name in enumerate(DESCRIPTOR_NAMES):
            values[part, k] = columns[name]
    return values


def _compute_shape(integers: CellIntegers) -> dict[str, Floats]:
    area = integers.area.astype(np.float64)
    # pixels minus pairs along a direction = runs = transitions from background into the cell
    straight = (2 * integers.area - integers.straight_pairs).astype(np.float64)
    diagonal = (2 * integers.area - integers.diagonal_pairs).astype(np.float64)
    perimeter = math.pi / 4 * (straight + diagonal / math.sqrt(2))
    length, breadth = _compute_axes(integers)
    return {
        "area": area,
        "perimeter": perimeter,
        "length": length,
        "breadth": breadth,
        "elliptical_form_factor": _divide(length, breadth),
        "compactness": perimeter * perimeter / (4 * math.pi * area),
    }


def _compute_axes(integers: CellIntegers) -> tuple[Floats, Floats]:
    """Return 4 sqrt of both eigenvalues of the population covariance; breadth is exactly 0 on a straight line.

    The smaller eigenvalue is determinant / larger eigenvalue: both products of the determinant are rounded from the
    same integer on a line, so their difference is 0 there. Half the difference of trace and root would leave
    noise, hence an arbitrary form factor instead of none. Relative error about 2^-53 (length / breadth)^2.
    """
    n = integers.area
    # about an integer centre of gravity; the remainder is below n, so that nothing large cancels
    row, col = integers.sum_row // n, integers.sum_col // n
    rest_row, rest_col = integers.sum_row - row * n, integers.sum_col - col * n
    row_row = integers.sum_row_row - 2 * row * integers.sum_row + row * row * n
    col_col = integers.sum_col_col - 2 * col * integers.sum_col + col * col * n
    row_col = integers.sum_row_col - row * integers.sum_col - col * integers.sum_row + row * col * n
    # n^2 x covariance; exact below 2^53, that is for every cell up to 2.5e5 px, and rounded once above
    area, p, q = (v.astype(np.float64) for v in (n, rest_row, rest_col))
    a = area * row_row.astype(np.float64) - p * p
    b = area * col_col.astype(np.float64) - q * q
    c = area * row_col.astype(np.float64) - p * q
    larger = (a + b + np.sqrt((a - b) * (a - b) + 4 * (c * c))) / 2
    determinant = np.maximum(a * b - c * c, 0.0)
    smaller = np.where(larger > 0, determinant / np.where(larger > 0, larger, 1.0), 0.0)
    smaller = np.minimum(smaller, larger)  # where both are equal, rounding may exceed it
    return 4 * np.sqrt(larger) / area, 4 * np.sqrt(smaller) / area


def _compute_texture(integers: CellIntegers) -> dict[str, Floats]:
    """Return the six co-occurrence properties; all NaN where a cell has no pair of neighbours."""
    pairs = integers.straight_pairs + integers.diagonal_pairs  # <= 2^26
    contrast, dissimilarity, homogeneity = np.zeros_like(pairs), np.zeros_like(pairs), np.zeros(len(pairs))
    for difference, count in enumerate(np.ascontiguousarray(integers.differences.T)):
        if not count.any():  # most cells have few large differences, and adding 0 changes no bit
            continue
        weighted = count * difference
        dissimilarity += weighted
        contrast += weighted * difference  # integers, <= 2^36
        homogeneity += count / (1.0 + difference * difference)
    # (entries of the symmetric matrix)^2 x variance of the levels; <= 2^62
    entries = 2 * pairs
    variance = entries * integers.sum_level_level - integers.sum_level * integers.sum_level
    covariance = variance - entries * contrast
    total = pairs.astype(np.float64)
    asm = _divide(integers.sum_count_count.astype(np.float64), 4 * total * total)
    correlation = np.where(variance == 0, 1.0, _divide(covariance.astype(np.float64), variance.astype(np.float64)))
    return {
        "contrast": _divide(contrast.astype(np.float64), total),
        "dissimilarity": _divide(dissimilarity.astype(np.float64), total),
        "homogeneity": _divide(homogeneity, total),
        "asm": asm,
        "energy": np.sqrt(asm),
        "correlation": np.where(pairs == 0, np.nan, correlation),
    }


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotient, NaN where the denominator is 0."""
    some = denominator != 0
    return np.where(some, numerator / np.where(some, denominator, 1.0), np.nan)
