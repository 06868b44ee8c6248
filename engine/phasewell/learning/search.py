"""The search for a training recipe: Bayesian as in paper K (K13), with random and grid search to compare it with."""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phasewell.durable import make_folder
from phasewell.errors import InputError, LockedError, OutputError, UsageError
from phasewell.learning.recipe import TrainingRecipe
from phasewell.learning.search_space import Parameter, SearchSpace, grid_points

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

Method = Literal["bayes", "random", "grid"]
METHODS: tuple[Method, ...] = ("bayes", "random", "grid")
PAPER_TRIALS = 80
STARTUP_TRIALS = 10
_DESCRIPTIONS = {
    "bayes": f"Gaussian process (Matern 5/2, one length per parameter), log expected improvement, after "
    f"{STARTUP_TRIALS} random trials",
    "random": "independent draws",
    "grid": "every point of one grid",
}
_STUDY, _IDENTITY, _OUTCOME = "search", "identity", "outcome"
Objective = Callable[[TrainingRecipe, "TrialNotes"], float]


class TrialNotes:
    """What an objective may tell about its trial; `place` counts trials from 0."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.notes: dict[str, Any] = {}

    def note(self, **values: Any) -> None:
        """Keep values that can be written as JSON, such as the accuracy of each fold, with the trial."""
        json.dumps(values, allow_nan=False)
        self.notes |= values


@dataclass(frozen=True)
class SearchTrial:
    """One trial: what was chosen, what came out, and the best value so far.

    `value` is None, with the `reason`, for a recipe that has none, such as one whose training diverged. `guided` says
    whether the Gaussian process chose it.
    """

    place: int
    chosen: dict[str, float]
    recipe: TrainingRecipe
    value: float | None
    best_value: float | None
    guided: bool
    notes: dict[str, Any]
    reason: str | None


@dataclass(frozen=True)
class SearchResult:
    """A search: its trials in order and the place of the best, the first one of the largest value.

    The best value was chosen because it is the largest: it is too good as an estimate. Report a score on lines that
    no trial has seen (`learning.evaluate_outside` or test lines).
    """

    method: Method
    seed: int
    base: TrainingRecipe
    space: SearchSpace
    trials: tuple[SearchTrial, ...]
    best_place: int
    optuna_version: str
    from_base: bool = False  # whether the first trial is the base recipe

    @property
    def best(self) -> TrainingRecipe:
        """The recipe of the best trial."""
        return self.trials[self.best_place].recipe

    @property
    def best_value(self) -> float:
        """The value of the best trial: optimistic, because it was chosen for being the largest."""
        return float(self.trials[self.best_place].value or 0.0)

    def __str__(self) -> str:
        return f"{self.method}: {len(self.trials)} trials, best {self.best_value:.4f} at trial {self.best_place}"

    def to_dict(self) -> dict[str, Any]:
        """Return the search as one JSON document, with the table of trials."""
        return {
            "method": self.method,
            "description": _DESCRIPTIONS[self.method] + (", the initial recipe first" if self.from_base else ""),
            "from_base": self.from_base,
            "optuna_version": self.optuna_version,
            "seed": self.seed,
            "startup_trials": STARTUP_TRIALS if self.method == "bayes" else None,
            "base": self.base.model_dump(mode="json"),
            "space": self.space.model_dump(mode="json"),
            "trials": [asdict(trial) | {"recipe": trial.recipe.model_dump(mode="json")} for trial in self.trials],
            "best_place": self.best_place,
            "best_value": self.best_value,
            "best": self.best.model_dump(mode="json"),
            "caution": "the best value was chosen for being the largest: no estimate for further lines",
        }


def search_recipe(
    objective: Objective,
    space: SearchSpace,
    base: TrainingRecipe,
    storage: Path | str,
    trials: int = PAPER_TRIALS,
    method: Method = "bayes",
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
    progress: Callable[[SearchTrial], None] | None = None,
    from_base: bool = False,
) -> SearchResult:
    """Return the search for the recipe of the largest `objective(recipe, notes)`, such as `cross_validate(...).value`.

    `storage` is a SQLite file of this search alone, written after every trial: the same call goes on from it, or
    returns at once when all trials are there. A trial that was killed is made again, with the same recipe: what a trial
    chooses depends on seed, place and the earlier values only. More `trials` extend a search; a grid is laid for its
    number of trials, and may have fewer points. With `from_base` the first trial is the base recipe, if that lies in
    the space, so that the best is never worse by the same measure; a grid stays a grid. `about` (JSON) names what else
    the values depend on, such as the data's digest and the splits. An objective that returns NaN, or raises
    DivergedError, has no value, and counts as the worst one so far for what is chosen next; any other error ends the
    search, to be gone on with.
    Raises UsageError for a storage of another search, LockedError while another process searches there, InputError
    when no trial has a value, OutputError when the file cannot be made.
    """
    if method not in METHODS or trials < 1:
        raise UsageError(f"search: method {method!r}, {trials} trials; expected {', '.join(METHODS)}, 1 or more trials")
    parameters = space.parameters(base)
    points = grid_points(parameters, trials) if method == "grid" else None
    first = space.place_of(base) if from_base and points is None else None
    identity = {
        "method": method,
        "seed": seed,
        "base": base.model_dump(mode="json"),
        "space": space.model_dump(mode="json"),
        "grid": None if points is None else len(points),
        "first": first,
        "about": dict(about or {}),
    }
    path = Path(storage)
    with _only_one(path):
        study = _open_study(path, json.loads(json.dumps(identity, allow_nan=False)))
        _forget_killed(study)
        wanted = trials if points is None else len(points)
        while (place := len(_ended(study))) < wanted:
            study.sampler = _sampler(method, seed, place)
            _fix_trial(study, points[place] if points else first if place == 0 else None)
            _make_trial(study, objective, space, base, parameters, place)
            if progress:
                progress(_table(study, space, base, method)[place])
        table = _table(study, space, base, method)[:wanted]
        version = study.user_attrs["optuna"]
    known = [trial for trial in table if trial.value is not None]
    if not known:
        raise InputError(f"{path}: no trial of {len(table)} has a value; the first: {table[0].reason}")
    best = max(known, key=lambda trial: (trial.value, -trial.place))
    return SearchResult(method, seed, base, space, table, best.place, version, first is not None)


def _fix_trial(study: Study, chosen: dict[str, float] | None) -> None:
    from optuna.trial import TrialState

    # one that was killed before it began waits still, for this place
    if chosen is not None and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(chosen)


def _make_trial(
    study: Study,
    objective: Objective,
    space: SearchSpace,
    base: TrainingRecipe,
    parameters: tuple[Parameter, ...],
    place: int,
) -> None:
    from optuna.trial import TrialState

    from phasewell.learning.teaching import DivergedError

    trial = study.ask({parameter.name: parameter.distribution() for parameter in parameters})
    notes, reason, value = TrialNotes(place), None, math.nan
    try:
        value = float(objective(space.recipe(trial.params, base), notes))
    except DivergedError as error:
        reason = str(error)
    if reason is None and not math.isfinite(value):
        reason = f"the objective was {value}"
    # before the trial is told, so that a trial that has ended has it
    trial.set_user_attr(_OUTCOME, {"place": place, "notes": notes.notes, "reason": reason})
    known = [row.values[0] for row in _ended(study) if row.values]
    if reason is None or known:
        # what has no value counts as the worst one for the Gaussian process, or it would be drawn there again and again
        study.tell(trial, value if reason is None else min(known))
    else:
        study.tell(trial, state=TrialState.FAIL)


def _sampler(method: Method, seed: int, place: int) -> Any:
    # a sampler for each trial, seeded by seed and place: its state would otherwise depend on where a process began
    from optuna.samplers import GPSampler, RandomSampler

    own_seed = int(np.random.SeedSequence([seed, place]).generate_state(1)[0])
    if method == "bayes":
        return GPSampler(seed=own_seed, n_startup_trials=STARTUP_TRIALS)
    return RandomSampler(seed=own_seed)


def _ended(study: Study) -> list[FrozenTrial]:
    # trials that came to their own end, in order: with a value, or with a reason for having none; no killed one
    trials = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.values is not None or (trial.state.is_finished() and trial.user_attrs.get(_OUTCOME, {}).get("reason"))
    ]
    return sorted(trials, key=lambda trial: int(trial.user_attrs[_OUTCOME]["place"]))


def _forget_killed(study: Study) -> None:
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False):
        if trial.state == TrialState.RUNNING:
            study.tell(trial.number, state=TrialState.FAIL)


def _table(study: Study, space: SearchSpace, base: TrainingRecipe, method: Method) -> tuple[SearchTrial, ...]:
    rows: list[SearchTrial] = []
    best: float | None = None
    completed = 0
    for place, trial in enumerate(_ended(study)):
        outcome = trial.user_attrs[_OUTCOME]
        value = None if outcome["reason"] else float(trial.values[0])
        guided = method == "bayes" and completed >= STARTUP_TRIALS
        completed += bool(trial.values)
        if value is not None:
            best = value if best is None else max(best, value)
        recipe = space.recipe(trial.params, base)
        rows.append(SearchTrial(place, trial.params, recipe, value, best, guided, outcome["notes"], outcome["reason"]))
    return tuple(rows)


def _open_study(path: Path, identity: dict[str, Any]) -> Study:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    # its log tells of every trial, as `progress` does, and that without greenlet a suggestion takes up to a second
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{path.resolve()}", study_name=_STUDY, direction="maximize", load_if_exists=True
        )
    except (SQLAlchemyError, RuntimeError) as error:
        raise OutputError(
            f"{path}: not a search storage that Optuna {optuna.__version__} can write ({type(error).__name__}); "
            "give another file"
        ) from error
    known = study.user_attrs.get(_IDENTITY)
    if known is None:
        study.set_user_attr("optuna", optuna.__version__)
        study.set_user_attr(_IDENTITY, identity)
    elif known != identity:
        differing = next(name for name in identity if known.get(name) != identity[name])
        raise UsageError(
            f"{path}: holds another search, whose {differing} is {known.get(differing)}, not {identity[differing]}; "
            "give another file"
        )
    return study


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    if not path.name or set("?#%") & set(str(path.resolve())):
        raise UsageError(f"search storage {path}: expected a file, without ? # % in its path")
    try:
        make_folder(path.parent)
        stream = path.with_name(f"{path.name}.lock").open("a")
    except OSError as error:
        raise OutputError(f"{path}: cannot be made ({error.strerror}); give a folder that can be written") from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(f"{path}: another process searches there; wait for it or stop it") from error
        yield
