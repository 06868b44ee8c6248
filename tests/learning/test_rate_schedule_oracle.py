"""Adam's rate over the passes of a step: as the recipe says, and from the recipe and the pass alone."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from phasewell.learning import TrainingRecipe
from phasewell.learning.teaching import Teaching


def rates(**recipe: object) -> list[float]:
    teaching = SimpleNamespace(recipe=TrainingRecipe(tune_rate=4e-4, head_rate=1e-3, head_epochs=3, **recipe))
    steps = [("head", number) for number in (1, 2, 3)] + [("tune", number) for number in (1, 2, 3, 4)]
    return [Teaching.rate(teaching, step, number) for step, number in steps]  # type: ignore[arg-type]


def test_a_constant_rate_stays() -> None:
    assert rates(tune_epochs=4) == [1e-3] * 3 + [4e-4] * 4


def test_a_cosine_falls_within_each_step_to_next_to_nothing() -> None:
    found = rates(tune_epochs=4, schedule="cosine")
    assert found == pytest.approx(
        [1e-3, 0.75e-3, 0.25e-3, 4e-4, 2e-4 * (1 + math.sqrt(0.5)), 2e-4, 2e-4 * (1 - math.sqrt(0.5))]
    )
    assert found[0] == 1e-3
    assert found[3] == 4e-4
