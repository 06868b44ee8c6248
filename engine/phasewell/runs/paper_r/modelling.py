"""The models of paper R: on the full profile, over windows x field counts, and what their weights agree on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

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
from phasewell.runs.paper_r.bootstrapping import bootstrap_conditions, draw_rows, model_rows
from phasewell.runs.paper_r.stepping import Step

if TYPE_CHECKING:
    from phasewell.profiles import Profile
    from phasewell.runs.paper_r.material import Material
    from phasewell.runs.paper_r.scale import PaperRScale

    Labels = Mapping[str, float]  # target by well
    Groups = Mapping[str, str]  # clone by well

PIECES = 8  # of a grid of forests or with deals: what a kill can cost; other draws are quick, one piece each
MOST_COLUMNS = 3  # of a path on half of 15 clones, which can tell few apart


class ModelSteps:
    """The models' steps in an order in which the longest begin first, and what their documents make together."""

    def __init__(self, material: Material, scale: PaperRScale) -> None:
        self.material, self.scale = material, scale
        self.sums = FieldSums(material.field_moments)  # every profile below comes from them
        self.labels = (material.targets, material.groups)

    def steps(self) -> Iterator[Step]:
        """Yield every step; profiles are made when its turn comes."""
        yield Step("models", "models on the full profile", evaluate_models, self._full)
        yield Step("structure", "structure of the models", find_structure, self._structure)
        for draw in range(self.scale.grid_draws):
            yield from self._grid_steps("lasso", draw)
        yield from self._grid_steps("forest", 0)
        yield from self._bootstrap_steps()

    def join(self, found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return the documents of the models by their names in the result, from those of all steps."""
        return {
            "models": found["models"],
            "lasso_grid": self._lasso_grid(found),
            "forest_grid": self._grid("forest", 0, found).to_dict(),
            "structure": found["structure"],
            "field_bootstraps": [found[_bootstrap_name(*condition)] for condition in self._conditions()],
        }

    def _nested(self, draw: int = 0) -> ProfileStack:
        """Return the nested profiles of a draw of fields; the seed of a draw is that of the scale plus its place."""
        return self.sums.nested(self.scale.seed + draw)

    def _profile(self, fields: int) -> Profile:
        return self._nested().profile(fields - 1)

    def _full(self) -> tuple[Any, ...]:
        return self._profile(len(self.material.fields)), *self.labels, self.scale.shuffles, self.scale.seed

    def _structure(self) -> tuple[Any, ...]:
        material = self.material
        counts = choose_fields(material, (*self.scale.bootstrap_fields, len(material.fields)))
        profiles = {count: self._profile(count) for count in counts}
        return profiles, *self.labels, choose_hours(material, self.scale.structure_hours), self.scale.seed

    def _grid_steps(self, kind: Literal["lasso", "forest"], draw: int) -> Iterator[Step]:
        """Yield the pieces of a grid over windows x field counts (R17 to R19; Fig. 4a, 4d)."""
        scale, lasso = self.scale, kind == "lasso"
        deals = scale.deals if lasso and draw == 0 else 0
        parameters = None if lasso else {"n_estimators": scale.forest_trees}
        for name, piece in self._pieces(kind, draw):
            title = f"{kind} grid: draw {draw + 1}, fields {', '.join(map(str, piece))}"

            def arguments(piece: tuple[int, ...] = piece) -> tuple[Any, ...]:
                return self._nested(draw), *self.labels, kind, piece, deals, scale.seed, parameters

            yield Step(name, title, make_piece, arguments)

    def _pieces(self, kind: str, draw: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield name and field counts of pieces of about the same size; every piece takes from the whole range."""
        wanted = self.scale.grid_fields if kind == "lasso" else self.scale.forest_fields
        counts = spread_counts(len(self.material.fields), wanted)
        number = min(PIECES, len(counts)) if draw == 0 else 1
        for place in range(number):
            yield f"{kind}-grid-draw{draw + 1}-piece{place + 1}", counts[place::number]

    def _grid(self, kind: str, draw: int, found: Mapping[str, Mapping[str, Any]]) -> ModelGrid:
        return join_fields([grid_from_dict(found[name]) for name, _ in self._pieces(kind, draw)])

    def _lasso_grid(self, found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        draws = [self._grid("lasso", draw, found) for draw in range(self.scale.grid_draws)]
        grid = join_draws(draws)
        document = grid.to_dict() | {"first_draw": _selected(draws[0])}
        if len(draws) >= MIN_DRAWS:
            document["economy"] = find_economy(grid).to_dict()
        return document

    def _conditions(self) -> list[tuple[int, int]]:
        return bootstrap_conditions(self.material, self.scale)

    def _bootstrap_steps(self) -> Iterator[Step]:
        """Yield the conditions of the field bootstraps, the widest windows first."""
        for hours, fields in reversed(self._conditions()):

            def arguments(hours: int = hours, fields: int = fields) -> tuple[Any, ...]:
                return (draw_rows(self.material, self.sums, self.scale, hours, fields),)

            title = f"field bootstraps: {fields} fields until {self.material.times_h[hours - 1]:g} h"
            yield Step(_bootstrap_name(hours, fields), title, model_rows, arguments)


def _bootstrap_name(hours: int, fields: int) -> str:
    return f"field-bootstrap-{hours}x{fields}"


def evaluate_models(profile: Profile, targets: Labels, groups: Groups, shuffles: int, seed: int) -> dict[str, Any]:
    """Return both models on all fields and hours, beside baselines, intervals and shuffles (R14 to R16, R20)."""
    fitted = {kind: fit(profile, targets, groups, kind, seed).evaluation for kind in ("lasso", "forest")}
    baselines = evaluate_baselines(profile, targets, groups)
    shuffled = permute_targets(profile, targets, groups, "lasso", shuffles, seed).to_dict() if shuffles else None
    found: dict[str, Any] = {"evaluations": {kind: e.to_dict() for kind, e in fitted.items()}}
    found["intervals"] = {kind: rmse_interval(e)._asdict() for kind, e in fitted.items()}
    found["lasso_minus_forest"] = rmse_difference(fitted["lasso"], fitted["forest"])._asdict()
    found["baselines"] = {name: None if e is None else e.to_dict() for name, e in baselines.items()}
    return found | {"shuffles": shuffled}


def make_piece(
    stack: ProfileStack,
    targets: Labels,
    groups: Groups,
    kind: str,
    counts: tuple[int, ...],
    deals: int,
    seed: int,
    parameters: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return one kind of model over all windows and some field counts."""
    return fit_grid(
        [stack], targets, groups, kind, fields=counts, deals=deals, seed=seed, parameters=parameters
    ).to_dict()


def find_structure(
    profiles: Mapping[int, Profile], targets: Labels, groups: Groups, hours: tuple[int, ...], seed: int
) -> dict[str, Any]:
    """Return the weights of several windows and field counts, how they agree, and the top terms (R21, R22).

    `profiles` are by field count, the last of all fields.
    """
    found = [compare_windows(profile, targets, groups, hours) for profile in profiles.values()]
    joined = ModelStructure(
        kind="lasso",
        columns=found[-1].columns,
        last_h=tuple(hour for structure in found for hour in structure.last_h),
        coefficients=np.concatenate([structure.coefficients for structure in found]),
        same_sign=np.concatenate([structure.same_sign for structure in found]),
    )
    models = [{"fields": count, "last_h": hour} for count in profiles for hour in found[0].last_h]
    return {
        "models": models,
        "n_selected": (joined.coefficients != 0).sum(axis=1).tolist(),
        "correlation": joined.to_dict()["correlation"],
        "windows": found[-1].to_dict(),  # all fields
        "sign_shares": [_sign_shares(found[-1], window) for window in range(len(hours))],
        "stability": _select(list(profiles.values())[-1], targets, groups, seed),
    }


def _select(profile: Profile, targets: Labels, groups: Groups, seed: int) -> dict[str, Any] | None:
    """Return which columns come first on half of the clones; None where half of them are too few."""
    columns = min(MOST_COLUMNS, len(set(groups.values())) // 2 - 2)
    if columns < 1:
        return None
    return select_stable(profile, targets, groups, most_columns=columns, seed=seed).to_dict()


def _sign_shares(structure: ModelStructure, window: int) -> dict[str, float]:
    """Return the share of the left-out models with the sign of the model of all clones, by the titles of top terms."""
    places = {column.title: place for place, column in enumerate(structure.columns)}
    return {term.title: float(structure.same_sign[window, places[term.title]]) for term in structure.top_terms(window)}


def _selected(grid: ModelGrid) -> dict[str, Any]:
    return grid.selected._asdict() | {"deals": len(grid.dealt_best)}
