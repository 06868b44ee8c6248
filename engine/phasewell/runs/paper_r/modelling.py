"""The models of paper R: on the full profile, over windows x field counts, and what their weights agree on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.potency import (
    FieldSums,
    ModelGrid,
    ModelStructure,
    ProfileStack,
    compare_windows,
    evaluate_baselines,
    fit,
    fit_grid,
    permute_targets,
    rmse_difference,
    rmse_interval,
    select_stable,
)
from phasewell.potency.economy import MIN_DRAWS, find_economy
from phasewell.potency.grid_parts import grid_from_dict, join_draws, join_fields
from phasewell.runs.paper_r.axes import choose_fields, choose_hours, spread_counts

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from phasewell.profiles import Profile
    from phasewell.runs.folder.step_ledger import StepLedger
    from phasewell.runs.paper_r.material import Material
    from phasewell.runs.paper_r.scale import PaperRScale

PIECES = 8  # of a grid: what a kill can cost
MOST_COLUMNS = 3  # of a path on half of 15 clones, which can tell few apart


@dataclass
class Modeller:
    """Makes the models' steps; every one is kept by the ledger before the next begins."""

    material: Material
    scale: PaperRScale
    ledger: StepLedger
    executor: Executor | None
    say: Callable[[str], None]
    check: Callable[[], None]

    def __post_init__(self) -> None:
        """Take the sums of all fields once: every profile below comes from them."""
        self.sums = FieldSums(self.material.field_moments)

    def evaluate(self) -> dict[str, Any]:
        """Return both models on all fields and hours, beside baselines, intervals and shuffles (R14 to R16, R20)."""
        return self.ledger.once("models", self._evaluate)

    def _evaluate(self) -> dict[str, Any]:
        material, seed = self.material, self.scale.seed
        profile = self.sums.nested(seed).profile(len(material.fields) - 1)
        targets, groups = material.targets, material.groups
        fitted = {kind: fit(profile, targets, groups, kind, seed).evaluation for kind in ("lasso", "forest")}
        baselines = evaluate_baselines(profile, targets, groups)
        shuffled = None
        if self.scale.shuffles:
            shuffled = permute_targets(profile, targets, groups, "lasso", self.scale.shuffles, seed).to_dict()
        found: dict[str, Any] = {"evaluations": {kind: e.to_dict() for kind, e in fitted.items()}}
        found["intervals"] = {kind: rmse_interval(e)._asdict() for kind, e in fitted.items()}
        found["lasso_minus_forest"] = rmse_difference(fitted["lasso"], fitted["forest"])._asdict()
        found["baselines"] = {name: None if e is None else e.to_dict() for name, e in baselines.items()}
        return found | {"shuffles": shuffled}

    def lasso_grid(self) -> dict[str, Any]:
        """Return the LASSO over windows x field counts, and the p of its best cell (R17 to R19, Fig. 4a)."""
        counts = spread_counts(len(self.material.fields), self.scale.grid_fields)
        draws = [
            self._grid("lasso", counts, draw, self.scale.deals if draw == 0 else 0)
            for draw in range(self.scale.grid_draws)
        ]
        grid = join_draws(draws)
        document = grid.to_dict() | {"first_draw": _selected(draws[0])}
        if len(draws) >= MIN_DRAWS:
            document["economy"] = find_economy(grid).to_dict()
        return document

    def forest_grid(self) -> dict[str, Any]:
        """Return the random forest over windows x field counts (Fig. 4d)."""
        counts = spread_counts(len(self.material.fields), self.scale.forest_fields)
        return self._grid("forest", counts, 0, 0, {"n_estimators": self.scale.forest_trees}).to_dict()

    def _grid(
        self, kind: str, counts: tuple[int, ...], draw: int, deals: int, parameters: Mapping[str, Any] | None = None
    ) -> ModelGrid:
        found = []
        for place, piece in enumerate(_pieces(counts)):
            self.check()
            self.say(f"{kind} grid: draw {draw + 1}, fields {', '.join(map(str, piece))}")
            name = f"{kind}-grid-draw{draw + 1}-piece{place + 1}"
            made = self.ledger.once(name, partial(self._piece, kind, piece, draw, deals, parameters))
            found.append(grid_from_dict(made))
        return join_fields(found)

    def _piece(
        self, kind: str, counts: tuple[int, ...], draw: int, deals: int, parameters: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        grid = fit_grid(
            [self._nested(draw)],
            self.material.targets,
            self.material.groups,
            kind,
            fields=counts,
            deals=deals,
            seed=self.scale.seed,
            parameters=parameters,
            executor=self.executor,
        )
        return grid.to_dict()

    def _nested(self, draw: int) -> ProfileStack:
        """Return the nested profiles of a draw of fields; the seed of a draw is that of the scale plus its place."""
        return self.sums.nested(self.scale.seed + draw)

    def structure(self) -> dict[str, Any]:
        """Return the weights of several windows and field counts, how they agree, and the top terms (R21, R22)."""
        return self.ledger.once("structure", self._structure)

    def _structure(self) -> dict[str, Any]:
        material = self.material
        hours = choose_hours(material, self.scale.structure_hours)
        counts = choose_fields(material, (*self.scale.bootstrap_fields, len(material.fields)))
        stack, targets, groups = self._nested(0), material.targets, material.groups
        found = [compare_windows(stack.profile(count - 1), targets, groups, hours) for count in counts]
        joined = ModelStructure(
            kind="lasso",
            columns=found[-1].columns,
            last_h=tuple(hour for structure in found for hour in structure.last_h),
            coefficients=np.concatenate([structure.coefficients for structure in found]),
            same_sign=np.concatenate([structure.same_sign for structure in found]),
        )
        models = [{"fields": count, "last_h": hour} for count in counts for hour in found[0].last_h]
        return {
            "models": models,
            "n_selected": (joined.coefficients != 0).sum(axis=1).tolist(),
            "correlation": joined.to_dict()["correlation"],
            "windows": found[-1].to_dict(),  # all fields
            "sign_shares": [_sign_shares(found[-1], window) for window in range(len(hours))],
            "stability": self._select(stack.profile(len(material.fields) - 1)),
        }

    def _select(self, profile: Profile) -> dict[str, Any] | None:
        """Return which columns come first on half of the clones; None where half of them are too few."""
        columns = min(MOST_COLUMNS, len(set(self.material.clones)) // 2 - 2)
        if columns < 1:
            return None
        material = self.material
        selection = select_stable(
            profile, material.targets, material.groups, most_columns=columns, seed=self.scale.seed
        )
        return selection.to_dict()


def _sign_shares(structure: ModelStructure, window: int) -> dict[str, float]:
    """Return the share of the left-out models with the sign of the model of all clones, by the titles of top terms."""
    places = {column.title: place for place, column in enumerate(structure.columns)}
    return {term.title: float(structure.same_sign[window, places[term.title]]) for term in structure.top_terms(window)}


def _pieces(counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the field counts in pieces of about the same size; every piece takes from the whole range."""
    number = min(PIECES, len(counts))
    for place in range(number):
        yield counts[place::number]


def _selected(grid: ModelGrid) -> dict[str, Any]:
    return grid.selected._asdict() | {"deals": len(grid.dealt_best)}
