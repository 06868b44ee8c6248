"""How few fields, and how early: the cheapest part of a plate that predicts about as well as all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.evaluation import BASELINE_RATIO

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.potency.grid import ModelGrid

MIN_DRAWS = 10  # below, a share of draws says nothing about 80 %


class Cheap(NamedTuple):
    """A window and a number of fields; `share` is the share of the draws of fields in which it is good enough."""

    last_h: float
    fields: int
    frames: int  # a well: hours of the window x fields
    rmse: float
    share: float


@dataclass(frozen=True)
class Economy:
    """What is good enough, and how surely.

    `cheapest` takes the fewest frames a well, then the earlier hour; `frontier` holds the cells that no other good cell
    undercuts in hours or fields, earliest first. Both are empty when the full plate is no better than the baseline
    (RMSE not below 0.95 of it).
    """

    margin: float
    confidence: float
    draws: int
    full_rmse: float
    baseline_rmse: float
    cheapest: Cheap | None
    frontier: tuple[Cheap, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as one JSON document."""
        document = {name: getattr(self, name) for name in ("margin", "confidence", "draws", "full_rmse", "sentence")}
        document["baseline_rmse"] = self.baseline_rmse
        document["cheapest"] = self.cheapest._asdict() if self.cheapest else None
        document["frontier"] = [cell._asdict() for cell in self.frontier]
        return document


def find_economy(grid: ModelGrid, margin: float = 0.1, confidence: float = 0.8) -> Economy:
    """Find the smallest windows and numbers of fields whose RMSE stays within `margin` of the full plate's.

    A cell is good enough when in at least `confidence` of the draws of fields its RMSE is at most (1 + margin) x that
    of the last hour with most fields of the same draw, and so is every cell with at least as many hours and fields:
    one lucky cell among poor ones is no recommendation. Chance in the clones is not in this confidence.
    Raises UsageError for a grid of fewer than 10 draws, or a margin or confidence out of range.
    """
    draws = len(grid.rmse_of_draws)
    if draws < MIN_DRAWS:
        raise UsageError(f"find_economy: the grid rests on {draws} draws of fields; expected at least {MIN_DRAWS}")
    if margin < 0 or not 0.0 < confidence <= 1.0:
        raise UsageError(f"find_economy: margin {margin:g}, confidence {confidence:g}; expected 0 or more, and 0..1")
    full = grid.rmse_of_draws[:, -1, -1]
    share = (grid.rmse_of_draws <= (1.0 + margin) * full[:, None, None]).mean(axis=0)  # NaN is not good enough
    good = _all_beyond(share >= confidence)
    full_rmse = float(full.mean())
    if not full_rmse < BASELINE_RATIO * grid.baseline_rmse:
        sentence = f"the full plate's RMSE {full_rmse:.2f} is no better than the baseline's {grid.baseline_rmse:.2f}"
        return Economy(
            margin, confidence, draws, full_rmse, grid.baseline_rmse, None, (), f"nothing to save: {sentence}"
        )
    hours = grid.n_hours
    cells = [
        Cheap(grid.last_h[w], grid.fields[f], hours[w] * grid.fields[f], float(grid.rmse[w, f]), float(share[w, f]))
        for w, f in zip(*np.nonzero(good), strict=True)
        if not (w and good[w - 1, f]) and not (f and good[w, f - 1])
    ]
    cheapest = min(cells, key=lambda cell: (cell.frames, cell.last_h))
    sentence = (
        f"{cheapest.fields} fields until {cheapest.last_h:g} h stay within {margin:.0%} of the full plate's RMSE "
        f"{full_rmse:.2f} in {cheapest.share:.0%} of {draws} draws (baseline {grid.baseline_rmse:.2f}); "
        f"selected after looking at {good.size} cells"
    )
    frontier = tuple(sorted(cells))
    return Economy(margin, confidence, draws, full_rmse, grid.baseline_rmse, cheapest, frontier, sentence)


def _all_beyond(good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a cell and every cell with as many hours and fields or more is good, (windows, fields)."""
    turned = good[::-1, ::-1]
    kept: NDArray[np.bool_] = np.logical_and.accumulate(np.logical_and.accumulate(turned, axis=0), axis=1)
    return kept[::-1, ::-1]
