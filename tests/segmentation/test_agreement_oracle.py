"""K, R and F1 on small pictures whose numbers can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from phasewell.segmentation import measure_agreement
from phasewell.segmentation.agreement import hand_pieces


def picture(*boxes: tuple[int, int, int, int]) -> NDArray[np.int32]:
    """Return a 40 x 40 label image of boxes (top, left, height, width), numbered from 1."""
    labels = np.zeros((40, 40), np.int32)
    for number, (top, left, height, width) in enumerate(boxes, start=1):
        labels[top : top + height, left : left + width] = number
    return labels


def test_equal_labels_agree_fully() -> None:
    cells = picture((5, 5, 6, 6), (20, 20, 5, 8))
    found = measure_agreement(cells, cells, cells)
    assert (found.k, found.recall, found.precision, found.r, found.f1_kept, found.f1) == (1, 1, 1, 1, 1, 1)
    assert (found.objects, found.hand_pieces) == (2, 2)


def test_numbers_counted_by_hand() -> None:
    hand = picture((0, 10, 8, 10), (20, 20, 10, 10))  # the first touches the frame
    kept = picture((0, 10, 8, 5), (20, 24, 10, 10), (35, 5, 4, 5))
    after = picture((20, 24, 10, 10), (35, 5, 4, 5))
    found = measure_agreement(kept, after, hand)
    assert found.k == (40 + 60) / (80 + 140 + 20)
    assert found.recall == 100 / 180
    assert found.precision == 100 / 160
    assert found.r == 60 / (140 + 20)  # the cell at the frame is gone and its pixels count nowhere
    assert found.f1_kept == 0  # 40 of 80 is not above 1/2; 60 of 140 neither
    assert found.f1 == 0


def test_an_overlap_of_exactly_one_half_is_no_match() -> None:
    hand = picture((10, 10, 10, 10))
    assert measure_agreement(picture((10, 10, 10, 5)), picture(), hand).f1_kept == 0
    assert measure_agreement(picture((10, 10, 10, 6)), picture(), hand).f1_kept == 1


def test_a_cell_lost_with_its_clump_is_missed() -> None:
    hand = picture((10, 10, 10, 10))
    found = measure_agreement(picture((0, 10, 20, 10)), picture(), hand)
    assert (found.r, found.f1) == (0, 0)
    assert found.k == 100 / 200


def test_objects_mostly_on_an_ignored_cell_do_not_count() -> None:
    hand = picture((0, 0, 20, 20), (30, 30, 6, 6))
    on_it = picture((5, 5, 6, 6), (30, 30, 6, 6))
    assert measure_agreement(on_it, on_it, hand).f1 == 1
    half_off = picture((18, 5, 4, 6), (30, 30, 6, 6))  # exactly half on it: counts as false
    assert measure_agreement(half_off, half_off, hand).f1 == pytest.approx(2 / 3)


def test_pieces_of_one_hand_number_are_cells_of_their_own_from_20_px() -> None:
    hand = np.zeros((40, 40), np.uint8)
    hand[2:6, 2:7] = 3
    hand[20:24, 20:25] = 3
    hand[30:33, 30:36] = 3  # 18 px
    assert sorted(np.bincount(hand_pieces(hand).ravel())[1:]) == [20, 20]


def test_nothing_drawn_and_nothing_found_is_undefined() -> None:
    found = measure_agreement(picture(), picture(), picture())
    assert all(math.isnan(value) for value in (found.k, found.r, found.f1_kept, found.f1))
