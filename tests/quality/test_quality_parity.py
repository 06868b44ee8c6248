"""The same quality numbers, to the byte, from CPU and GPU."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from phasewell.device import count_gpus
from phasewell.frames import FrameBatch
from phasewell.quality import assess

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not count_gpus(), reason="no GPU is visible to CuPy")]


@pytest.mark.parametrize("shape", [(5, 100, 90), (3, 1, 9), (2, 33, 8), (4, 1, 1), (0, 5, 5), (70, 20, 20)])
def test_quality_has_the_same_bytes(shape: tuple[int, int, int]) -> None:
    batch = FrameBatch(np.random.default_rng(0).integers(0, 256, shape, np.uint8), 1.0)
    one, two = assess(batch, "cpu"), assess(batch, "cuda:0")
    for field in fields(one):
        assert getattr(one, field.name).tobytes() == getattr(two, field.name).tobytes(), field.name
