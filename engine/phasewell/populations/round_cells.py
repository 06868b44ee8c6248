"""Which cells are round: they divide, or have not spread (paper R: mostly objects of fewer than 200 px)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SMALL_PX = 200
"""Paper R compares sizes of cells above 200 px; most objects below were round cells."""


@dataclass(frozen=True)
class RoundRule:
    """A round cell has a form factor and a compactness near a circle's and is no larger than a suspended cell.

    Limits are inclusive. `largest_um2` is the disc of 25 um, the upper end of suspended mesenchymal stromal cells;
    a spread cell that happens to be as round as a disc is larger. Our rule: the paper counts such cells by eye.
    """

    largest_form_factor: float = 1.3
    largest_compactness: float = 1.3
    largest_um2: float = 490.0

    def __post_init__(self) -> None:
        """Check the limits: form factor and compactness of a circle are 1."""
        if min(self.largest_form_factor, self.largest_compactness) < 1.0 or not self.largest_um2 > 0:
            raise UsageError(f"round cells: {self}; expected a form factor and a compactness of 1 or more, an area > 0")

    def round_cells(self, values: Floats, pixel_size_um: float) -> NDArray[np.bool_]:
        """Return which cells are round, (cells,), from `values` (cells, descriptors); an undefined value is not."""
        area, form, compactness = (
            values[:, DESCRIPTOR_NAMES.index(name)] for name in ("area", "elliptical_form_factor", "compactness")
        )
        fits = (form <= self.largest_form_factor) & (compactness <= self.largest_compactness)
        return np.asarray(fits & (area * pixel_size_um**2 <= self.largest_um2))

    def to_dict(self) -> dict[str, Any]:
        """Return the limits."""
        return asdict(self)
