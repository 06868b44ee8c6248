"""A search is the same trials however often it is killed, and refuses to mix with another."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from phasewell.errors import InputError, LockedError, OutputError, UsageError
from phasewell.learning import SCRATCH, TrainingRecipe
from phasewell.learning.search import SearchResult, TrialNotes, search_recipe
from phasewell.learning.search_space import SearchSpace, grid_points
from phasewell.learning.teaching import DivergedError

SPACE = SearchSpace(dense_layers=None, dense_units=None, batch=None)
# trials that the Gaussian process guides cost about a quarter of a second each: two of them are enough to compare
TRIALS = 12


def hill(recipe: TrainingRecipe, notes: TrialNotes) -> float:
    """Largest, 1, at dropout 0.3, l2 1e-4, head_rate 1e-3."""
    notes.note(folds=[0.5, 0.25])
    away = (recipe.dropout - 0.3) ** 2 + (math.log10(recipe.l2) + 4) ** 2 / 16 + (math.log10(recipe.head_rate) + 3) ** 2
    return math.exp(-away)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return search_recipe(hill, SPACE, TrainingRecipe(), tmp_path_factory.mktemp("search") / "s.db", TRIALS, seed=5)


def test_the_document_is_strict_json_and_its_table_agrees(whole: SearchResult) -> None:
    document = json.loads(json.dumps(whole.to_dict(), allow_nan=False))
    values = [trial["value"] for trial in document["trials"]]
    assert document["best_place"] == values.index(max(values)) and document["best_value"] == max(values)
    assert [t["best_value"] for t in document["trials"]] == [max(values[: k + 1]) for k in range(TRIALS)]
    assert [t["guided"] for t in document["trials"]] == [False] * 10 + [True] * 2
    assert document["trials"][0]["notes"] == {"folds": [0.5, 0.25]}
    assert document["best"] == document["trials"][document["best_place"]]["recipe"]
    for trial in whole.trials:
        assert trial.recipe.tune_rate == pytest.approx(trial.recipe.head_rate * trial.chosen["tune_share"])
        assert trial.recipe.tune_rate <= trial.recipe.head_rate


def test_killed_and_extended_is_the_same_search(whole: SearchResult, tmp_path: Path) -> None:
    storage = tmp_path / "s.db"

    def stops(recipe: TrainingRecipe, notes: TrialNotes) -> float:
        if notes.place == 4:
            raise KeyboardInterrupt
        return hill(recipe, notes)

    with pytest.raises(KeyboardInterrupt):
        search_recipe(stops, SPACE, TrainingRecipe(), storage, TRIALS, seed=5)
    script = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[2])\n"
        "import test_search_invariant as t\n"
        "def deadly(recipe, notes):\n"
        "    if notes.place == 11: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return t.hill(recipe, notes)\n"
        "t.search_recipe(deadly, t.SPACE, t.TrainingRecipe(), sys.argv[1], t.TRIALS, seed=5)"
    )
    command = [sys.executable, "-c", script, str(storage), str(Path(__file__).parent)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    resumed = search_recipe(hill, SPACE, TrainingRecipe(), storage, TRIALS, seed=5)
    assert resumed.to_dict() == whole.to_dict()
    asked: list[int] = []
    again = search_recipe(
        lambda _, notes: asked.append(notes.place) or 0.0, SPACE, TrainingRecipe(), storage, 3, seed=5
    )
    assert not asked and again.trials == whole.trials[:3]


def test_random_begins_as_bayes_does(whole: SearchResult, tmp_path: Path) -> None:
    drawn = search_recipe(hill, SPACE, TrainingRecipe(), tmp_path / "s.db", 4, "random", seed=5)
    assert [t.chosen for t in drawn.trials] == [t.chosen for t in whole.trials[:4]]
    other = search_recipe(hill, SPACE, TrainingRecipe(), tmp_path / "o.db", 2, "random", seed=6)
    assert other.trials[0].chosen != drawn.trials[0].chosen


def test_a_search_may_begin_with_its_base_recipe(whole: SearchResult, tmp_path: Path) -> None:
    base = TrainingRecipe()
    for method in ("bayes", "random"):
        found = search_recipe(hill, SPACE, base, tmp_path / f"{method}.db", 3, method, seed=5, from_base=True)
        assert found.trials[0].recipe == base and not found.trials[0].guided
        assert [t.chosen for t in found.trials[1:]] == [t.chosen for t in whole.trials[1:3]]  # draws are of places
        assert found.best_value >= hill(base, TrialNotes(0)) and found.to_dict()["from_base"] is True

    def stops(recipe: TrainingRecipe, notes: TrialNotes) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_recipe(stops, SPACE, base, tmp_path / "k.db", 2, "random", seed=5, from_base=True)
    killed = search_recipe(hill, SPACE, base, tmp_path / "k.db", 2, "random", seed=5, from_base=True)
    assert killed.trials[0].recipe == base and len(killed.trials) == 2
    with pytest.raises(UsageError, match="whose first is"):
        search_recipe(hill, SPACE, base, tmp_path / "k.db", 2, "random", seed=5)
    grid = search_recipe(hill, SPACE, base, tmp_path / "g.db", 4, "grid", from_base=True)
    assert not grid.from_base and all(trial.recipe != base for trial in grid.trials)


@pytest.mark.parametrize("base", [TrainingRecipe(), SCRATCH, TrainingRecipe(dense=(512, 256), head_rate=3e-4, batch=8)])
def test_the_place_of_a_recipe_makes_that_recipe(base: TrainingRecipe) -> None:
    place = SearchSpace().place_of(base)
    assert place is not None and SearchSpace().recipe(place, base) == base


@pytest.mark.parametrize("outside", [{"dropout": 0.9}, {"dense": (512, 100)}, {"dense": ()}, {"batch": 24}])
def test_recipes_outside_the_space_have_no_place(outside: dict[str, object], tmp_path: Path) -> None:
    base = TrainingRecipe(**outside)
    assert SearchSpace().place_of(base) is None
    space = SearchSpace(dense_layers=None, dense_units=None, batch=None, dropout=(0.0, 0.7))
    if "dropout" in outside:
        assert not search_recipe(hill, space, base, tmp_path / "s.db", 1, "random", from_base=True).from_base


def test_grid_is_whole_and_resumes(tmp_path: Path) -> None:
    def stops(recipe: TrainingRecipe, notes: TrialNotes) -> float:
        if notes.place == 3:
            raise KeyboardInterrupt
        return hill(recipe, notes)

    with pytest.raises(KeyboardInterrupt):
        search_recipe(stops, SPACE, TrainingRecipe(), tmp_path / "g.db", 9, "grid")
    found = search_recipe(hill, SPACE, TrainingRecipe(), tmp_path / "g.db", 9, "grid")
    assert len(found.trials) == 8  # dropout, l2 and head_rate twice each, tune_share in the middle
    assert sorted({t.chosen["dropout"] for t in found.trials}) == pytest.approx([0.175, 0.525])
    assert sorted({t.chosen["l2"] for t in found.trials}) == pytest.approx([1e-5, 1e-3])
    assert [t.chosen["tune_share"] for t in found.trials] == pytest.approx([math.sqrt(1e-3 * 0.3)] * 8)
    assert len({tuple(t.chosen.items()) for t in found.trials}) == 8


def test_grid_gives_levels_in_turn() -> None:
    parameters = SearchSpace().parameters(TrainingRecipe())
    assert len(parameters) == 7
    assert len(grid_points(parameters, 80)) == 64
    assert len(grid_points(parameters, 1)) == 1
    assert {point["log2_batch"] for point in grid_points(parameters, 128)} == {4, 6}
    assert {point["dense_layers"] for point in grid_points(parameters, 80)} == {1, 3}
    narrow = SearchSpace(
        dense_layers=(1, 2), dense_units=(64, 64), dropout=None, l2=None, head_rate=None, tune_share=None, batch=None
    )
    # no more levels than there are whole numbers
    assert [point["dense_layers"] for point in grid_points(narrow.parameters(TrainingRecipe()), 50)] == [1, 2]


def test_a_diverged_trial_has_no_value_and_the_search_goes_on(tmp_path: Path) -> None:
    def fragile(recipe: TrainingRecipe, notes: TrialNotes) -> float:
        if notes.place == 0:
            raise DivergedError("training of densenet13: the loss is not finite")
        return math.nan if notes.place in (1, 3) else -hill(recipe, notes)

    found = search_recipe(fragile, SPACE, TrainingRecipe(), tmp_path / "s.db", 4, "random")
    assert [t.value is None for t in found.trials] == [True, True, False, True]
    assert "not finite" in str(found.trials[0].reason) and found.trials[1].reason == "the objective was nan"
    assert found.best_place == 2 and found.trials[1].best_value is None
    assert found.trials[3].best_value == found.best_value == found.trials[2].value < 0
    with pytest.raises(InputError, match="no trial of 2 has a value"):
        search_recipe(fragile, SPACE, TrainingRecipe(), tmp_path / "t.db", 2, "random")


def test_other_searches_files_and_processes_are_refused(tmp_path: Path) -> None:
    storage = tmp_path / "s.db"
    search_recipe(hill, SPACE, TrainingRecipe(), storage, 1, "random", about={"data": "a"})
    with pytest.raises(UsageError, match=r"whose about is {'data': 'a'}"):
        search_recipe(hill, SPACE, TrainingRecipe(), storage, 1, "random", about={"data": "b"})
    with pytest.raises(UsageError, match="whose seed is 0, not 1"):
        search_recipe(hill, SPACE, TrainingRecipe(), storage, 1, "random", seed=1, about={"data": "a"})
    with pytest.raises(UsageError, match=r"without \? # %"):
        search_recipe(hill, SPACE, TrainingRecipe(), tmp_path / "s.db?uri=true", 1)
    (tmp_path / "text.db").write_text("no database, and longer than the header of one would be" * 9)
    with pytest.raises(OutputError, match="not a search storage"):
        search_recipe(hill, SPACE, TrainingRecipe(), tmp_path / "text.db", 1)

    def searches_there(recipe: TrainingRecipe, notes: TrialNotes) -> float:
        with pytest.raises(LockedError, match="another process searches there"):
            search_recipe(hill, SPACE, TrainingRecipe(), tmp_path / "l.db", 1)
        return 1.0

    assert search_recipe(searches_there, SPACE, TrainingRecipe(), tmp_path / "l.db", 1).best_value == 1.0


def test_space_follows_the_base_recipe() -> None:
    space = SearchSpace()
    assert [p.name for p in space.parameters(SCRATCH)] == [
        *("dense_layers", "dense_units", "dropout", "l2", "tune_rate", "log2_batch"),
    ]
    chosen = {"dense_layers": 3, "dense_units": 100, "dropout": 0.1, "l2": 1e-3, "tune_rate": 1e-3, "log2_batch": 4}
    recipe = space.recipe(chosen, SCRATCH)
    assert recipe.dense == (100, 50, 25) and recipe.batch == 16 and recipe.tune_rate == 1e-3
    assert recipe.head_rate == SCRATCH.head_rate
    with pytest.raises(UsageError, match="nothing to choose"):
        SearchSpace(dense_layers=None, dense_units=None, dropout=None, l2=None, tune_rate=None, batch=None).parameters(
            SCRATCH
        )
    for wrong in ({"batch": (10, 64)}, {"dropout": (0.5, 0.1)}, {"dense_units": None}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SearchSpace(**wrong)
