"""RMSE over windows and numbers of fields, with a p-value for the best cell that knows how many cells were looked at.

The best of 960 cells looks good on noise: a fifth of noise data sets show a cell below 1.0. So the whole grid is
repeated on targets dealt out to the clones at random, and the best real cell is compared with the best cell of each
deal (max-statistic; Westfall, Young 1993, single step).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.estimators import make_estimator
from phasewell.potency.evaluation import predict_folds
from phasewell.potency.field_sums import PER_HOUR
from phasewell.potency.shuffle import TIE, deal_targets
from phasewell.potency.training import training_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from phasewell.potency.field_sums import ProfileStack
    from phasewell.potency.training import Groups, Targets

    Floats = NDArray[np.float64]

# lambda by five inner folds, not by leaving out every clone: 2.5 times fewer paths, the same rule everywhere else
GRID_PARAMETERS: dict[str, dict[str, Any]] = {"lasso": {"folds": 5}, "elastic_net": {"folds": 5}}


class SelectedCell(NamedTuple):
    """The cell of least RMSE: selected after looking at all of them, so its RMSE alone says little."""

    last_h: float
    fields: int
    rmse: float
    baseline_rmse: float
    q2: float
    p_family: float | None  # share of the deals whose best cell is at least as good; None without deals


@dataclass(frozen=True)
class ModelGrid:
    """Leave-one-clone-out RMSE of one kind of model over windows x numbers of fields.

    `rmse` and `p_adjusted` are (windows, fields), the RMSE being the mean over the draws of fields in `rmse_of_draws`
    (draws, windows, fields); NaN where no column is defined in every well. `columns_left_out` (draws, windows, fields)
    counts those undefined in some well. `p_adjusted` is every cell against the best cell of the deals, None without.
    `dealt_best` are the least RMSE / baseline of each deal.
    """

    kind: str
    parameters: Mapping[str, Any]
    seed: int
    n_hours: tuple[int, ...]
    last_h: tuple[float, ...]
    fields: tuple[int, ...]
    baseline_rmse: float
    rmse_of_draws: Floats
    columns_left_out: NDArray[np.int64]
    dealt_best: tuple[float, ...]
    n_groups: int
    validation: str = "nested"

    @property
    def rmse(self) -> Floats:
        """Mean over draws (windows, fields)."""
        mean: Floats = self.rmse_of_draws.mean(axis=0)
        return mean

    @property
    def q2(self) -> Floats:
        """1 - (RMSE / baseline RMSE)^2, (windows, fields)."""
        q2: Floats = 1.0 - (self.rmse / self.baseline_rmse) ** 2
        return q2

    @property
    def p_adjusted(self) -> Floats | None:
        """Family-wise p of every cell (windows, fields)."""
        if not self.dealt_best:
            return None
        below = np.array(self.dealt_best)[:, None, None] <= self.rmse / self.baseline_rmse * (1.0 + TIE)
        p: Floats = (1.0 + below.sum(axis=0)) / (1.0 + len(self.dealt_best))
        return np.where(np.isnan(self.rmse), np.nan, p)

    @property
    def selected(self) -> SelectedCell:
        """The cell of least RMSE; the first of equals, which has the earlier hour, then fewer fields."""
        at = np.unravel_index(int(np.nanargmin(self.rmse)), self.rmse.shape)
        p = None if self.p_adjusted is None else float(self.p_adjusted[at])
        rmse = float(self.rmse[at])
        place = self.last_h[int(at[0])], self.fields[int(at[1])]
        return SelectedCell(*place, rmse, self.baseline_rmse, float(self.q2[at]), p)

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as one JSON document, null where undefined."""
        selected = self.selected
        return {
            "kind": self.kind,
            "parameters": dict(self.parameters),
            "validation": self.validation,
            "seed": self.seed,
            "n_hours": list(self.n_hours),
            "last_h": list(self.last_h),
            "fields": list(self.fields),
            "n_groups": self.n_groups,
            "draws": len(self.rmse_of_draws),
            "baseline_rmse": self.baseline_rmse,
            "rmse": _as_lists(self.rmse),
            "q2": _as_lists(self.q2),
            "rmse_of_draws": _as_lists(self.rmse_of_draws),
            "columns_left_out": self.columns_left_out.tolist(),
            "p_adjusted": None if self.p_adjusted is None else _as_lists(self.p_adjusted),
            "dealt_best": list(self.dealt_best),
            "selected": selected._asdict() | {"label": "selected: the best of all cells"},
        }


class _Task(NamedTuple):
    """The windows of one draw of fields: rows (rows, columns of all hours), and one target a deal (deals, rows)."""

    values: Floats
    hours: tuple[int, ...]
    targets: Floats
    codes: NDArray[np.int64]
    kind: str
    seed: int
    parameters: Mapping[str, Any]


def fit_grid(
    stacks: Sequence[ProfileStack],
    targets: Targets,
    groups: Groups | None,
    kind: str = "lasso",
    *,
    hours: Sequence[int] | None = None,
    fields: Sequence[int] | None = None,
    deals: int = 0,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
) -> ModelGrid:
    """Validate one kind of model in every cell of the grid by leaving out one clone at a time.

    `stacks` are nested profiles (`FieldSums.nested`), one a draw of fields; `hours` the numbers of hours of windows,
    all of which start at the first hour (None = every one), `fields` the numbers of fields (None = every one).
    `deals` repeats the whole grid on that many random deals of the targets over clones, drawn with `seed`.
    `parameters` override the preset of the kind and `GRID_PARAMETERS`. One task a draw and number of fields goes to
    `executor` (Dask: `client.get_executor()`); None computes here. Raises UsageError as `fit` does.
    """
    if not stacks or deals < 0:
        raise UsageError(f"fit_grid: {len(stacks)} stacks, {deals} deals; expected at least one stack, deals 0 or more")
    chosen_hours, chosen_fields = _check_axes(stacks, hours, fields)
    values = dict(GRID_PARAMETERS.get(kind, {})) | dict(parameters or {})
    make_estimator(kind, seed, values)  # unknown names fail here, before any work
    table = training_table(stacks[0].profile(max(chosen_fields) - 1), targets, groups)
    codes = np.unique(np.array(table.groups), return_inverse=True)[1].astype(np.int64)
    all_targets = np.vstack([table.target, *deal_targets(table, deals, seed)])
    rows = np.array([stacks[0].wells.index(well) for well in table.wells])
    tasks = [
        _Task(stack.values[k - 1][rows], chosen_hours, all_targets, codes, kind, seed, values)
        for stack in stacks
        for k in chosen_fields
    ]
    found = list(executor.map(_score_windows, tasks) if executor else map(_score_windows, tasks))
    shape = (len(stacks), len(chosen_fields), 1 + deals, len(chosen_hours))
    rmse = (
        np.array([errors for errors, _ in found]).reshape(shape).transpose(2, 0, 3, 1)
    )  # deals, draws, windows, fields
    left_out = np.array([n for _, n in found]).reshape(len(stacks), len(chosen_fields), -1).transpose(0, 2, 1)
    baseline = np.array([_baseline_rmse(target, codes) for target in all_targets])
    best = np.nanmin(rmse.mean(axis=1), axis=(1, 2)) / baseline
    return ModelGrid(
        kind=kind,
        parameters=values,
        seed=seed,
        n_hours=chosen_hours,
        last_h=tuple(stacks[0].times_h[n - 1] for n in chosen_hours),
        fields=chosen_fields,
        baseline_rmse=float(baseline[0]),
        rmse_of_draws=rmse[0],
        columns_left_out=left_out,
        dealt_best=tuple(best[1:].tolist()),
        n_groups=int(codes.max()) + 1,
    )


def _check_axes(
    stacks: Sequence[ProfileStack], hours: Sequence[int] | None, fields: Sequence[int] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    first = stacks[0]
    for stack in stacks:
        if (stack.wells, stack.times_h) != (first.wells, first.times_h):
            raise UsageError("fit_grid: the stacks differ in wells or hours")
        if stack.n_fields_expected.tolist() != list(range(1, len(stack.values) + 1)):
            raise UsageError("fit_grid: expected nested stacks, draw k - 1 of k fields; see FieldSums.nested")
    chosen = []
    for name, wanted, most in (("hours", hours, len(first.times_h)), ("fields", fields, len(first.values))):
        values = tuple(range(1, most + 1)) if wanted is None else tuple(wanted)
        if not values or len(set(values)) != len(values) or not all(1 <= value <= most for value in values):
            raise UsageError(f"fit_grid: {name} {values}; expected different numbers out of 1..{most}")
        chosen.append(tuple(sorted(values)))
    return chosen[0], chosen[1]


def _score_windows(task: _Task) -> tuple[Floats, list[int]]:
    """Return the RMSE of every deal and window (deals, windows) and the number of undefined columns of every window."""
    estimator = make_estimator(task.kind, task.seed, task.parameters)
    errors = np.full((len(task.targets), len(task.hours)), np.nan)
    defined: NDArray[np.bool_] = np.asarray(np.isfinite(task.values).all(axis=0))
    left_out = []
    with _thread_pools(task.kind).limit(limits=1):  # the matrices are small: more threads only wait for each other
        for place, n_hours in enumerate(task.hours):
            usable = np.flatnonzero(defined[: n_hours * PER_HOUR])
            left_out.append(n_hours * PER_HOUR - len(usable))
            if not len(usable):
                continue
            rows = np.ascontiguousarray(task.values[:, usable])
            predicted = predict_folds(estimator, rows, task.targets, task.codes)
            errors[:, place] = [_rmse(*both, task.codes) for both in zip(task.targets, predicted, strict=True)]
    return errors, left_out


@lru_cache
def _thread_pools(kind: str) -> Any:
    """Return the thread pools of the libraries that a kind of estimator loads; finding them takes 2 ms."""
    from threadpoolctl import ThreadpoolController

    make_estimator(kind, 0, {})  # loads them
    return ThreadpoolController()


def _rmse(target: Floats, predicted: Floats, codes: NDArray[np.int64]) -> float:
    each = np.bincount(codes, weights=(target - predicted) ** 2) / np.bincount(codes)
    return float(np.sqrt(each.mean()))


def _baseline_rmse(target: Floats, codes: NDArray[np.int64]) -> float:
    total, count = np.bincount(codes, weights=target), np.bincount(codes)
    others = (total.sum() - total) / (count.sum() - count)
    return _rmse(target, others[codes], codes)


def _as_lists(values: Floats) -> Any:
    boxed = values.astype(object)
    boxed[~np.isfinite(values)] = None
    return boxed.tolist()
