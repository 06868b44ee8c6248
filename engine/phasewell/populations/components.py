"""Principal components of profiles, with axes that stay fixed when other rows are shown in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phasewell.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """Axes fitted on one table and kept: `project` shows any rows of the same columns in them.

    `centre` and `scale` are (columns,): each column has its mean subtracted and is divided by its SD (ddof 1), or by 1
    when `scaled` is False, as R's `prcomp` does by default. `loadings` (components, columns) are unit vectors, the
    entry of largest size positive. `explained` (components,) are shares of the variance. `titles` are the columns
    used; `left_out` those that were undefined in some row or constant.
    """

    titles: tuple[str, ...]
    left_out: tuple[str, ...]
    used: NDArray[np.int64]
    centre: Floats
    scale: Floats
    scaled: bool
    loadings: Floats
    explained: Floats
    n_rows: int

    @property
    def recipe(self) -> str:
        """How columns were treated, in words."""
        treated = "centred and scaled to SD 1 (ddof 1)" if self.scaled else "centred, not scaled"
        return f"columns {treated}; axes from {self.n_rows} rows and {len(self.titles)} columns"

    def project(self, values: Floats) -> Floats:
        """Return rows (rows, all columns) in the fixed axes, (rows, components); NaN where a used value is.

        Raises UsageError for another number of columns than the axes were fitted on.
        """
        values = np.asarray(values, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.titles) + len(self.left_out):
            expected = len(self.titles) + len(self.left_out)
            raise UsageError(f"principal components: rows {values.shape}; expected {expected} columns, as fitted")
        projected: Floats = ((values[:, self.used] - self.centre) / self.scale) @ self.loadings.T
        return projected


def fit_components(values: Floats, titles: Sequence[str], n: int = 2, scaled: bool = True) -> Components:
    """Return the first `n` principal components of rows (rows, columns); fewer where there are fewer dimensions.

    Columns with an undefined value in some row, and constant ones, are left out and named. Raises UsageError for
    fewer than three rows, InputError when no column is left. Source: paper R, items R12 and R25; R `prcomp`.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] != len(titles):
        raise UsageError(f"principal components: values {values.shape}; expected rows x {len(titles)} columns")
    if len(values) < 3 or n < 1:
        raise UsageError(
            f"principal components: {len(values)} rows, {n} components; expected 3 rows or more, 1 or more"
        )
    defined = np.isfinite(values).all(axis=0)
    spread = np.zeros(values.shape[1])
    spread[defined] = values[:, defined].std(axis=0, ddof=1)
    size = np.zeros(values.shape[1])
    size[defined] = np.abs(values[:, defined]).max(axis=0)
    varies = spread > 1e-12 * np.maximum(size, np.finfo(float).tiny)
    used = np.flatnonzero(varies)
    if not len(used):
        raise InputError("principal components: every column is constant, or undefined in some row")
    centre = values[:, used].mean(axis=0)
    scale = spread[used] if scaled else np.ones(len(used))
    _, singular, axes = np.linalg.svd((values[:, used] - centre) / scale, full_matrices=False)
    kept = min(n, len(used), len(values) - 1)
    axes = axes[:kept]
    largest = axes[np.arange(kept), np.abs(axes).argmax(axis=1)]
    return Components(
        titles=tuple(titles[i] for i in used.tolist()),
        left_out=tuple(title for title, ok in zip(titles, varies.tolist(), strict=True) if not ok),
        used=used,
        centre=centre,
        scale=scale,
        scaled=scaled,
        loadings=np.ascontiguousarray(axes * np.sign(largest)[:, None]),
        explained=(singular**2 / (singular**2).sum())[:kept],
        n_rows=len(values),
    )
