"""A straight line through one number per clone, and what its R2 is worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """The least-squares line of y on x over n clones.

    `r2` is the share of the variance of y that the line explains on the clones it was drawn through; chance alone
    gives `r2_by_chance` = 1 / (n - 1) on average. `p` is the two-sided p of the slope (t, n - 2 degrees of freedom).
    """

    slope: float
    intercept: float
    r2: float
    p: float
    n: int
    r2_by_chance: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def fit_line(x: Floats, y: Floats) -> Line | None:
    """Return the line of y (n,) on x (n,), pairs with NaN left out; None for fewer than 3 pairs or a constant side.

    Raises UsageError for sides of different lengths.
    Source: paper R, figures 2d and 3d (R2 of growth rate and of SD of area with the serial-passage limit).
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise UsageError(f"fit_line: x {x.shape}, y {y.shape}; expected one number of each per clone")
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if len(x) < 3 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return None
    from scipy.special import stdtr

    dx, dy = x - x.mean(), y - y.mean()
    sxx, sxy, syy = float(dx @ dx), float(dx @ dy), float(dy @ dy)
    slope = sxy / sxx
    r2 = min(sxy * sxy / (sxx * syy), 1.0)
    freedom = len(x) - 2
    t = np.sqrt(r2 * freedom / (1.0 - r2)) if r2 < 1.0 else np.inf
    p = float(2.0 * stdtr(freedom, -t))
    return Line(slope, float(y.mean() - slope * x.mean()), r2, p, len(x), 1.0 / (len(x) - 1))
