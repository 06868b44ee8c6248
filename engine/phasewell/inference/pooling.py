"""From the scores of frames to the score of their well: mean probability and majority vote, with what they rest on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PooledScores(NamedTuple):
    """What the frames of a well say together; arrays are (classes,).

    `mean` and `sd` (ddof 1) of the frames' probabilities are NaN without a frame, `sd` with one. A frame votes for its
    most probable class, for none where two are equally probable. `majority` is the place of the class with the most
    votes, None without votes or where two classes share the most: the paper's classes are of lines, and a tie is no
    verdict.
    """

    n_scored: int
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    votes: NDArray[np.int64]
    majority: int | None


def pool_scores(probabilities: NDArray[np.float64]) -> PooledScores:
    """Pool the probabilities (frames, classes) of scored frames; the order of the frames changes no bit.

    Sums are exact before they are rounded once (Shewchuk's algorithm, `math.fsum`).
    """
    count, classes = probabilities.shape
    nothing = np.full(classes, np.nan)
    mean = np.array([math.fsum(column) / count for column in probabilities.T]) if count else nothing
    spread = [math.fsum((column - m) ** 2) for column, m in zip(probabilities.T, mean, strict=True)]
    sd = np.sqrt(np.array(spread) / (count - 1)) if count > 1 else nothing
    votes = np.zeros(classes, np.int64)
    if count:
        best = probabilities == probabilities.max(1, keepdims=True)
        votes = best[best.sum(1) == 1].sum(0, dtype=np.int64)
    leaders = np.flatnonzero(votes == votes.max()) if votes.any() else votes[:0]
    return PooledScores(count, mean, sd, votes, int(leaders[0]) if len(leaders) == 1 else None)
