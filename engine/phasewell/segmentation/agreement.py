"""How well labels agree with cells drawn by hand: foreground overlap K and R, and instance F1."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_HAND_PIECE_PX = 20


@dataclass(frozen=True)
class Agreement:
    """Agreement of one frame's labels with hand-drawn cells; all numbers 0..1, NaN where nothing is to be found.

    `k`: foreground intersection over union, everything kept. `recall`, `precision`: of the same pixels.
    `r`: the same after objects that touch the frame are gone from both sides; pixels of such hand cells are ignored.
    `f1_kept`, `f1`: instance F1 at intersection over union above 1/2, everything kept and after step 8.
    """

    k: float
    recall: float
    precision: float
    r: float
    f1_kept: float
    f1: float
    objects: int
    hand_pieces: int

    def to_dict(self) -> dict[str, float | int]:
        """Return the numbers by name."""
        return asdict(self)


def measure_agreement(kept: NDArray[np.int32], labels: NDArray[np.int32], hand: NDArray[np.integer]) -> Agreement:
    """Compare one frame's labels with hand-drawn cells, each (height, width), 0 = background.

    `kept` are the labels before step 8, `labels` those after it. In `hand` every 8-connected piece of one number with
    at least 20 px is one cell; smaller pieces are not.
    """
    pieces = hand_pieces(hand)
    k, recall, precision = _overlap(kept > 0, pieces > 0)
    edge = _edge_labels(pieces)
    ignored = np.isin(pieces, edge)
    interior = np.where(ignored, 0, pieces)
    r, _, _ = _overlap((labels > 0) & ~ignored, interior > 0)
    return Agreement(
        k=k,
        recall=recall,
        precision=precision,
        r=r,
        f1_kept=_instance_f1(kept, pieces, np.zeros_like(ignored)),
        f1=_instance_f1(labels, interior, ignored),
        objects=np.unique(kept[kept > 0]).size,
        hand_pieces=int(pieces.max(initial=0)),
    )


def hand_pieces(hand: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return hand labels (height, width) renumbered: every 8-connected piece of a number with at least 20 px, int32."""
    from scipy import ndimage

    pieces = np.zeros(hand.shape, np.int32)
    count = 0
    boxes = ndimage.find_objects(hand.astype(np.int32))
    for number, box in enumerate(boxes, start=1):
        if box is None:
            continue
        inside, n = ndimage.label(hand[box] == number, np.ones((3, 3)))
        for piece in range(1, n + 1):
            if np.count_nonzero(inside == piece) >= MIN_HAND_PIECE_PX:
                count += 1
                pieces[box][inside == piece] = count
    return pieces


def _edge_labels(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.unique(edges[edges > 0])


def _overlap(found: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> tuple[float, float, float]:
    both = int(np.count_nonzero(found & drawn))
    return (
        _ratio(both, int(np.count_nonzero(found | drawn))),
        _ratio(both, int(np.count_nonzero(drawn))),
        _ratio(both, int(np.count_nonzero(found))),
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _instance_f1(found: NDArray[np.int32], drawn: NDArray[np.int32], ignored: NDArray[np.bool_]) -> float:
    # found objects more than half on ignored pixels do not count; at IoU > 1/2 matches are one to one
    found_area = np.bincount(found.ravel())
    on_ignored = np.bincount(found[ignored], minlength=found_area.size)
    counts = (found_area > 0) & (2 * on_ignored <= found_area)
    counts[0] = False
    drawn_area = np.bincount(drawn.ravel())
    width = drawn_area.size
    pairs = found.ravel().astype(np.int64) * width + drawn.ravel()
    key, shared = np.unique(pairs[(found.ravel() > 0) & (drawn.ravel() > 0)], return_counts=True)
    f, d = key // width, key % width
    union = found_area[f] + drawn_area[d] - shared
    matches = int(np.count_nonzero((2 * shared > union) & counts[f]))
    total = int(counts.sum()) + int(np.count_nonzero(drawn_area[1:]))
    return _ratio(2 * matches, total)
