"""A grid in pieces: some field counts at a time, kept as JSON, joined without a difference to the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from phasewell.errors import InputError, UsageError
from phasewell.potency.grid import ModelGrid


def grid_from_dict(document: Mapping[str, Any]) -> ModelGrid:
    """Return the grid of `ModelGrid.to_dict`; raises InputError when keys are missing."""
    try:
        return ModelGrid(
            kind=document["kind"],
            parameters=dict(document["parameters"]),
            seed=document["seed"],
            n_hours=tuple(document["n_hours"]),
            last_h=tuple(document["last_h"]),
            fields=tuple(document["fields"]),
            baseline_rmse=float(document["baseline_rmse"]),
            rmse_of_draws=np.array(document["rmse_of_draws"], dtype=np.float64),  # None becomes NaN
            columns_left_out=np.array(document["columns_left_out"], dtype=np.int64),
            dealt_best=tuple(document["dealt_best"]),
            n_groups=document["n_groups"],
            validation=document["validation"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"grid: not the expected keys ({error}); make it again") from error


def join_fields(grids: Sequence[ModelGrid]) -> ModelGrid:
    """Return one grid of the field counts of all; they differ in field counts alone.

    The best cell of a deal is the best over the pieces. Raises UsageError when anything else differs.
    """
    first = grids[0]
    for grid in grids[1:]:
        for name in ("kind", "parameters", "seed", "n_hours", "baseline_rmse"):
            if getattr(grid, name) != getattr(first, name):
                raise UsageError(f"join_fields: the pieces differ in {name}")
        if len(grid.dealt_best) != len(first.dealt_best):
            raise UsageError("join_fields: the pieces rest on different numbers of deals")
    fields = [count for grid in grids for count in grid.fields]
    order = np.argsort(fields, kind="stable")
    if len(set(fields)) != len(fields):
        raise UsageError("join_fields: two pieces hold the same number of fields")
    dealt = np.array([grid.dealt_best for grid in grids], dtype=np.float64).reshape(len(grids), -1).min(axis=0)
    return replace(
        first,
        fields=tuple(fields[i] for i in order),
        rmse_of_draws=np.concatenate([grid.rmse_of_draws for grid in grids], axis=2)[..., order],
        columns_left_out=np.concatenate([grid.columns_left_out for grid in grids], axis=2)[..., order],
        dealt_best=tuple(dealt.tolist()),
    )


def join_draws(grids: Sequence[ModelGrid]) -> ModelGrid:
    """Return one grid of the draws of fields of all, which differ in draws alone; without deals.

    A deal is compared with the same draws as the real potencies: its best cells do not carry over.
    """
    first = grids[0]
    if any((grid.kind, grid.n_hours, grid.fields) != (first.kind, first.n_hours, first.fields) for grid in grids):
        raise UsageError("join_draws: the pieces differ in kind, windows or field counts")
    return replace(
        first,
        rmse_of_draws=np.concatenate([grid.rmse_of_draws for grid in grids]),
        columns_left_out=np.concatenate([grid.columns_left_out for grid in grids]),
        dealt_best=() if len(grids) > 1 else first.dealt_best,
    )
