"""The same bytes from CPU and GPU: cells, touching the rim or not, without pairs, and without cells at all."""

from __future__ import annotations

import numpy as np
import pytest
from cell_samples import draw_ellipses, draw_noise
from phasewell.cells import Cells
from phasewell.descriptors import describe, describe_adjusted
from phasewell.descriptors import integers as counting
from phasewell.device import count_gpus
from phasewell.frames import FrameBatch

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not count_gpus(), reason="no GPU is visible to CuPy")]


def ellipses() -> tuple[np.ndarray, np.ndarray]:
    frames, labels = zip(*(draw_ellipses(seed) for seed in range(5)), strict=True)
    return np.stack(frames), np.stack(labels)


def lone_pixels() -> tuple[np.ndarray, np.ndarray]:
    labels = np.zeros((2, 9, 9), np.int32)
    labels[:, 2::4, 2::4] = np.arange(1, 5).reshape(2, 2)
    return np.full((2, 9, 9), 50, np.uint8), labels


SAMPLES = {
    "ellipses": ellipses,
    "noise": lambda: draw_noise(1, (3, 40, 50), 200),
    "lone pixels": lone_pixels,
    "no cells": lambda: (np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8), np.int32)),
    "no frames": lambda: (np.zeros((0, 8, 8), np.uint8), np.zeros((0, 8, 8), np.int32)),
}


def assert_same_bytes(one: Cells, two: Cells) -> None:
    for name in ("frame", "label", "centroid_y_px", "centroid_x_px", "bbox_px", "values"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name


@pytest.mark.parametrize("limit", [0, 10**9], ids=["sparse", "dense"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_cells_have_the_same_bytes(sample: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "DENSE_BINS_PER_PIXEL", limit)
    frames, labels = SAMPLES[sample]()
    assert_same_bytes(describe_adjusted(frames, labels, 1.0, "cpu"), describe_adjusted(frames, labels, 1.0, "cuda:0"))


def test_background_adjustment_included() -> None:
    frames, labels = ellipses()
    batch = FrameBatch(frames, 0.87)
    assert_same_bytes(describe(batch, labels, "cpu"), describe(batch, labels, "cuda:0"))
