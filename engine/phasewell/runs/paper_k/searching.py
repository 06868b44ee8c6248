"""The search of one network's recipe, and the same judged by lines that the search never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phasewell.errors import InputError
from phasewell.learning import LineSplit, TrainingRecipe, fold_lines
from phasewell.learning.cross_validation import evaluate_outside
from phasewell.learning.search import Method, SearchResult, SearchTrial, TrialNotes, search_recipe
from phasewell.runs.folder.step_ledger import StepLedger
from phasewell.runs.paper_k.material import Material
from phasewell.runs.paper_k.scale import ReproductionScale
from phasewell.runs.paper_k.teaching import Teacher, without_validation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Say = Callable[[str], None]


@dataclass(frozen=True)
class Searcher:
    """Searches of one network on the lines of a reproduction; everything goes on where a killed call left it."""

    teacher: Teacher
    ledger: StepLedger
    material: Material
    scale: ReproductionScale
    say: Say

    @property
    def base(self) -> TrainingRecipe:
        """The initial recipe, where every search begins."""
        return self.scale.recipe(self.teacher.weights is not None)

    def search(self, method: Method = "bayes") -> dict[str, Any]:
        """Return the step of one search: its trials, and the evaluation of the best one's folds."""
        name = f"{self.teacher.network}-search-{method}"

        def make() -> dict[str, Any]:
            result = self._search(name, self.material.folds, self.scale.trials, method)
            best = self._trial(name, result.best_place)
            return {"search": result.to_dict(), "best": best}

        return self.ledger.once(name, make)

    def initial(self) -> dict[str, Any]:
        """Return the step that judges the initial recipe in the same folds.

        It is the first trial of the search where it lies in the search's space, and is then not taught twice.
        """
        name = f"{self.teacher.network}-initial"

        def make() -> dict[str, Any]:
            found = self.search()["search"]
            if found["from_base"] and found["trials"][0]["value"] is not None:
                return self._trial(f"{self.teacher.network}-search-bayes", 0)
            return self._judge(self.base, self.material.folds, name)

        return self.ledger.once(name, make)

    def outside(self) -> dict[str, Any]:
        """Return the step that judges the search itself: every line is scored by a network that no search let see it.

        One outer fold for each line of a class; among the other lines the search has the folds of the scale.
        """
        name = f"{self.teacher.network}-outside"
        classes = self.material.pictures.class_of_line
        per_class = min(sum(place == k for place in classes.values()) for k in set(classes.values()))
        outer = fold_lines(classes, per_class, (), self.scale.seed)

        best: dict[int, dict[str, Any]] = {}

        def search(fold: int, lines: tuple[str, ...]) -> SearchResult:
            inner = fold_lines({line: classes[line] for line in lines}, self.scale.folds, (), self.scale.seed)
            found = self._search(f"{name}-{fold}", inner, self.scale.outer_trials, "bayes")
            best[fold] = self._trial(f"{name}-{fold}", found.best_place)
            return found

        def score(
            recipe: TrainingRecipe, fold: int, training: NDArray[np.int64], held_out: NDArray[np.int64]
        ) -> NDArray[np.float64]:
            # a line that stopped the training early would have been seen: as many passes as the inner folds took
            whole = without_validation(recipe, best[fold]["courses"])
            trained = self.teacher.teach(whole, training, None, self.ledger.work(name) / f"outer{fold}.ckpt")
            return self.teacher.score(trained, held_out)

        def make() -> dict[str, Any]:
            found = evaluate_outside(self.material.pictures, outer, search, score)
            return {**found.to_dict(), "folds": len(outer), "trials": self.scale.outer_trials}

        return self.ledger.once(name, make)

    def _search(self, name: str, folds: tuple[LineSplit, ...], trials: int, method: Method) -> SearchResult:
        about = {
            "network": self.teacher.network,
            "data": self.material.sha256,
            "folds": [list(fold.held_out) for fold in folds],
            "identity": self.ledger.identity_sha256,
        }

        def objective(recipe: TrainingRecipe, notes: TrialNotes) -> float:
            step = f"trials/{name}-{notes.place:03d}"
            judged = self.ledger.once(step, lambda: self._judge(recipe, folds, step))
            if judged["recipe"] != recipe.model_dump(mode="json"):
                raise InputError(f"{self.ledger.folder}: {step} is of another recipe than its search; remove both")
            notes.note(accuracies=judged["accuracies"])
            return float(judged["value"])

        def tell(trial: SearchTrial) -> None:
            value = "no value" if trial.value is None else f"{trial.value:.4f}"
            best = "none" if trial.best_value is None else f"{trial.best_value:.4f}"
            self.say(f"{name}: trial {trial.place + 1} of {trials}: {value}, best {best}")

        storage = self.ledger.folder / "searches" / f"{name}.sqlite"
        base, space, seed = self.base, self.scale.space, self.scale.seed
        return search_recipe(objective, space, base, storage, trials, method, seed, about, tell, True)

    def _judge(self, recipe: TrainingRecipe, folds: tuple[LineSplit, ...], name: str) -> dict[str, Any]:
        found, courses = self.teacher.cross_validate(recipe, folds, name)
        return {
            "recipe": recipe.model_dump(mode="json"),
            "value": found.value,
            "accuracies": list(found.accuracies),
            "evaluation": found.evaluation.to_dict(),
            "courses": courses,
        }

    def _trial(self, name: str, place: int) -> dict[str, Any]:
        def missing() -> dict[str, Any]:
            raise AssertionError(f"trial {place} of {name} has ended and left no document")

        return self.ledger.once(f"trials/{name}-{place:03d}", missing)
