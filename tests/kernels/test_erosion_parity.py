"""The erosion of bit planes equals the array specification, bit for bit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.segmentation.discs import erode
from phasewell_kernels import cpu
from planes import instruction_sets, pack, unpack

SETS = instruction_sets()
WIDTHS = (1, 2, 63, 64, 65, 100, 127, 128, 129, 191, 193, 300)


def check(masks: Any, radius: int, threads: tuple[int, ...] = (1, 2)) -> None:
    expected = erode(np, masks, min(radius, 2 * sum(masks.shape[1:])))
    planes = pack(masks)
    for name, count in itertools.product(SETS, threads):
        out = np.full_like(planes, 77)
        cpu.erode(planes, masks.shape[2], radius, out, count, name)
        np.testing.assert_array_equal(unpack(out, masks.shape[2]), expected)


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 75), st.sampled_from(WIDTHS), st.integers(0, 12),
    st.sampled_from([0.5, 0.9, 0.99, 0.999])
)  # fmt: skip
@settings(max_examples=80)
def test_random_masks(seed: int, height: int, width: int, radius: int, share: float) -> None:
    random = np.random.default_rng(seed)
    check(random.random((int(random.integers(0, 3)), height, width)) < share, radius)


@given(st.integers(0, 2**32 - 1), st.sampled_from(WIDTHS), st.sampled_from([20, 63, 64, 65, 90, 200, 2**31 - 1]))
@settings(max_examples=40)
def test_discs_wider_than_a_word_and_than_the_frame(seed: int, width: int, radius: int) -> None:
    random = np.random.default_rng(seed)
    masks = np.ones((1, int(random.integers(1, 80)), width), bool)
    for _ in range(int(random.integers(0, 3))):
        masks[0, random.integers(masks.shape[1]), random.integers(width)] = False
    check(masks, radius, (1,))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 300), (1, 300, 1), (2, 33, 64), (1, 65, 63), (1, 31, 65)])
def test_nothing_everything_and_a_checkerboard(shape: tuple[int, ...]) -> None:
    rows, columns = np.indices(shape[1:])
    for masks, radius in itertools.product(
        (np.zeros(shape, bool), np.ones(shape, bool), np.broadcast_to((rows + columns) % 2 == 0, shape)), (0, 1, 6, 10)
    ):
        check(masks, radius, (1,))


def test_one_hole_becomes_the_disc() -> None:
    masks = np.ones((1, 150, 150), bool)
    masks[0, 70, 70] = False
    for radius in (*range(20), 40, 69):
        check(masks, radius, (1,))


def test_pieces_at_the_frame_keep_touching_it() -> None:
    masks = np.zeros((1, 60, 130), bool)
    masks[0, :30, 40:] = True
    check(masks, 10)
    out = np.empty_like(pack(masks))
    cpu.erode(pack(masks), 130, 10, out)
    assert unpack(out, 130)[0, 0, 129]
