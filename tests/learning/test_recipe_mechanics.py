"""A recipe that cannot work is refused before anything is taught."""

from __future__ import annotations

from typing import Any

import pytest
from phasewell.learning import SCRATCH, TrainingRecipe
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"head_epochs": 0, "tune_epochs": 0}, "nothing would be taught"),
        ({"tune_rate": 1e-2}, "above head_rate 0.001"),
        ({"dropout": 1.0}, "less than 1"),
        ({"l2": float("nan")}, "finite"),
        ({"dense": (0,)}, "greater than or equal to 1"),
        ({"batch": 1}, "greater than or equal to 4"),
        ({"rate": 1e-3}, "Extra inputs"),
    ],
)
def test_refusals(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TrainingRecipe(**wrong)


def test_a_recipe_survives_json() -> None:
    recipe = TrainingRecipe(dense=(512, 64), dropout=0.2)
    assert TrainingRecipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert SCRATCH.head_epochs == 0
