"""Two groups compared on lots, not on cells: Student's t as in the paper, Welch's beside it, effect sizes and n."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class Comparison:
    """Two groups of lots, one number per lot. All p are two-sided; intervals are at 95 %.

    `difference` is mean of the first - mean of the second, with Welch's interval (`low`, `high`). `cohen_d` divides it
    by the pooled SD; `hedges_g` corrects that for few lots. `unit` is that of the numbers.
    """

    first: str
    second: str
    unit: str
    n_first: int
    n_second: int
    mean_first: float
    mean_second: float
    sd_first: float
    sd_second: float
    difference: float
    low: float
    high: float
    student_t: float
    student_p: float
    welch_t: float
    welch_df: float
    welch_p: float
    cohen_d: float
    hedges_g: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; None for what is undefined."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(self).items()
        }


def compare_lots(first: Floats, second: Floats, names: tuple[str, str], unit: str = "1") -> Comparison | None:
    """Compare two groups of lots, (lots,) each with one number a lot; NaN is left out.

    Thousands of cells of one lot are not thousands of lots: a test on cells would call any difference of lots
    significant. Returns None where a group has fewer than two lots or nothing varies in either.
    Source: paper R, item R13 (Student, pooled variance); Welch 1947; Hedges 1981 (J exact, by the gamma function).
    """
    a, b = (np.asarray(v, np.float64)[np.isfinite(v)] for v in (first, second))
    if len(a) < 2 or len(b) < 2 or (np.ptp(a) == 0.0 and np.ptp(b) == 0.0):
        return None
    from scipy.special import gammaln, stdtr, stdtrit

    n_a, n_b = len(a), len(b)
    var_a, var_b = float(a.var(ddof=1)), float(b.var(ddof=1))
    difference, freedom = float(a.mean() - b.mean()), n_a + n_b - 2
    pooled = ((n_a - 1) * var_a + (n_b - 1) * var_b) / freedom
    student = difference / math.sqrt(pooled * (1 / n_a + 1 / n_b))
    error_a, error_b = var_a / n_a, var_b / n_b
    error = math.sqrt(error_a + error_b)
    welch = difference / error
    welch_df = (error_a + error_b) ** 2 / (error_a**2 / (n_a - 1) + error_b**2 / (n_b - 1))
    reach = float(stdtrit(welch_df, 0.5 + LEVEL / 2)) * error
    d = difference / math.sqrt(pooled)
    correction = math.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / math.sqrt(freedom / 2)
    return Comparison(
        first=names[0],
        second=names[1],
        unit=unit,
        n_first=n_a,
        n_second=n_b,
        mean_first=float(a.mean()),
        mean_second=float(b.mean()),
        sd_first=math.sqrt(var_a),
        sd_second=math.sqrt(var_b),
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        student_t=student,
        student_p=float(2 * stdtr(freedom, -abs(student))),
        welch_t=welch,
        welch_df=welch_df,
        welch_p=float(2 * stdtr(welch_df, -abs(welch))),
        cohen_d=d,
        hedges_g=d * correction,
    )
