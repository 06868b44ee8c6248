"""Pictures of six lines that a small network can tell apart, and the recipes the tests teach it by."""

from __future__ import annotations

import numpy as np
import pytest
from phasewell.learning import LabelledPictures, TrainingRecipe
from phasewell.plate import FrameKey

FRAMES_PER_LINE = 6


@pytest.fixture(scope="session")
def striped() -> LabelledPictures:
    """Pictures of 32 x 48 px: lines of class high have fine upright stripes, those of low broad ones, in noise."""
    draw = np.random.default_rng(8)
    lines = np.repeat(["H1", "H2", "H3", "L1", "L2", "L3"], FRAMES_PER_LINE)
    targets = np.repeat([1, 1, 1, 0, 0, 0], FRAMES_PER_LINE).astype(np.int64)
    x = np.arange(48)
    waves = np.stack([np.cos(2 * np.pi * (x / (4 if target else 12) + draw.random())) for target in targets])
    pictures = 130 + 40 * waves[:, None, :] + draw.normal(0, 12, (len(lines), 32, 48))
    keys = tuple(FrameKey("P", "A01", f"f{i:03d}", 0) for i in range(len(lines)))
    return LabelledPictures(pictures.clip(0, 255).astype(np.uint8), lines, targets, ("low", "high"), keys)


@pytest.fixture(scope="session")
def short() -> TrainingRecipe:
    """Two passes for the head and three for everything, with dropout and flips."""
    return TrainingRecipe(
        dense=(8,), dropout=0.3, head_epochs=2, tune_epochs=3, tune_rate=1e-3, batch=8, augmentation="flips", seed=4
    )
