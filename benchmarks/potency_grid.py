"""The grid of windows and field counts: the nested LASSO of every cell, from moments.

Run: python benchmarks/potency_grid.py [resamplings of the fields, 1 by default; the row of 50 takes minutes]
Beside it stands the plain way in scikit-learn, on a sample of cells; its time for the whole grid is computed from
the sample. 15 clones, 15 hours, 64 fields, moments drawn around three latent traits of the clones.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from phasewell.potency import FieldSums, ProfileStack, fit_grid
from phasewell.potency.lasso import LassoLeaveGroupOut
from phasewell.profiles import FieldMoments, Moments
from rows import write_rows
from sklearn.linear_model import LassoCV, lasso_path
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

POTENCY = np.array([7, 8, 8, 9, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12, 13], dtype=float)
CLONES, HOURS, FIELDS, FOLDS = 15, 15, 64, 5
ALPHAS, RATIO = 100, 1e-3  # scikit-learn's own defaults
SAMPLE = ((1, 8), (4, 24), (8, 40), (12, 16), (15, 64))  # hours, fields of the cells the peer is timed on
WORKERS = 2


def make_moments(seed: int = 0) -> FieldMoments:
    """Return moments of 10 million cells in fields; every descriptor follows three traits of its clone."""
    rng = np.random.default_rng(seed)
    shape = (CLONES, HOURS, FIELDS)
    traits, links = rng.normal(size=(CLONES, 3)), rng.normal(size=(3, HOURS * 12))
    level = traits @ links + rng.normal(size=(CLONES, HOURS * 12))  # a clone is more than three numbers
    level = level.reshape(CLONES, HOURS, 1, 12)
    n = np.repeat(rng.integers(300, 1100, shape)[..., None], 12, axis=3)
    spread = traits @ rng.normal(size=(3, HOURS * 12)) + rng.normal(size=(CLONES, HOURS * 12))
    spread = 12 + 0.5 * spread.reshape(CLONES, HOURS, 1, 12)
    mean = 100 + level + rng.normal(size=n.shape)
    m2 = (n - 1) * (spread**2 + rng.normal(size=n.shape))
    wells = tuple(f"{'AB'[i // 12]}{i % 12 + 1:02d}" for i in range(CLONES))
    times_h = tuple(6.0 * (i + 1) for i in range(HOURS))
    names = tuple(f"f{i:02d}" for i in range(FIELDS))
    return FieldMoments(wells, times_h, names, Moments(n, mean, m2), n[..., 0], np.ones(shape, bool), 0.87)


def grid_row(moments: FieldMoments, resamplings: int, workers: int) -> dict[str, Any]:
    """Time the nested LASSO of every cell, from the moments on."""
    cpu, wall = time.process_time(), time.perf_counter()
    sums = FieldSums(moments)
    stacks = [sums.nested(seed) for seed in range(resamplings)]
    groups = list(moments.wells)
    parameters = {"n_alphas": ALPHAS, "alpha_ratio": RATIO, "folds": FOLDS}
    if workers > 1:
        with ProcessPoolExecutor(workers) as executor:
            grid = fit_grid(stacks, POTENCY, groups, parameters=parameters, executor=executor)
    else:
        grid = fit_grid(stacks, POTENCY, groups, parameters=parameters)
    row = {
        "work": f"960 cells x leave-one-clone-out x nested {FOLDS}-fold LASSO, {ALPHAS} lambdas, {resamplings} draws",
        "workers": workers,
        "wall_s": time.perf_counter() - wall,
        "paths": HOURS * FIELDS * CLONES * (FOLDS + 1) * resamplings,
        "selected": grid.selected._asdict(),
        "boundary": "moments in memory to the RMSE of every cell",
    }
    return row | ({"cpu_s": time.process_time() - cpu} if workers == 1 else {})


def peer_row(stack: ProfileStack) -> dict[str, Any]:
    """Time LassoCV inside leave-one-out on the sample, and compare every left-out prediction with exact scaling."""
    seconds, ours, worst = [], [], 0.0
    estimator = LassoLeaveGroupOut(ALPHAS, RATIO, se_factor=0.0, folds=FOLDS)
    for hours, fields in SAMPLE:
        values = stack.profile(fields - 1, hours).values
        splits = [(np.flatnonzero(np.arange(14) % FOLDS != f), np.arange(14)[f::FOLDS]) for f in range(FOLDS)]
        model = make_pipeline(StandardScaler(), LassoCV(cv=splits, alphas=ALPHAS, eps=RATIO, max_iter=100_000))
        start = time.process_time()
        cross_val_predict(model, values, POTENCY, cv=LeaveOneOut())
        seconds.append(time.process_time() - start)
        start = time.process_time()
        found = estimator.predict_left_out(values, POTENCY, np.arange(CLONES))
        ours.append(time.process_time() - start)
        if hours <= 4:  # to 1e-10 coordinate descent takes long on the wide cells
            worst = max(worst, float(np.abs(found - _by_descent(values)).max()))
    return {
        "work": "one cell, mean of 5: leave-one-clone-out x nested 5-fold LASSO, 100 lambdas",
        "cpu_ms": 1e3 * float(np.mean(ours)),
        "peer": "scikit-learn StandardScaler + LassoCV (tol 1e-4) in LeaveOneOut",
        "peer_cpu_ms": 1e3 * float(np.mean(seconds)),
        "peer_grid_cpu_s_computed": float(np.mean(seconds)) * HOURS * FIELDS,
        "parity_largest_difference": worst,
        "parity": "left-out predictions against StandardScaler + lasso_path (tol 1e-10) in every fold, in passages",
    }


def _by_descent(values: np.ndarray) -> np.ndarray:
    predicted = np.empty(CLONES)
    for held in range(CLONES):
        train = np.delete(np.arange(CLONES), held)
        scaled = StandardScaler().fit_transform(values[train])
        first = np.abs(scaled.T @ (POTENCY[train] - POTENCY[train].mean())).max() / len(train)
        alphas = first * np.geomspace(1.0, RATIO, ALPHAS)
        errors = np.empty((len(train), ALPHAS + 1))
        for f in range(FOLDS):
            fold = np.arange(len(train)) % FOLDS == f
            left = _descend(values, train[~fold], train[fold], alphas)
            errors[fold] = (left - POTENCY[train[fold], None]) ** 2
        best = int(errors.mean(axis=0).argmin())
        predicted[held] = _descend(values, train, np.array([held]), alphas)[0, best]
    return predicted


def _descend(values: np.ndarray, train: np.ndarray, held: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    scaler, mean = StandardScaler().fit(values[train]), POTENCY[train].mean()
    table = np.asfortranarray(scaler.transform(values[train]))
    found = lasso_path(table, POTENCY[train] - mean, alphas=alphas, tol=1e-10, max_iter=10_000_000)[1]
    return mean + np.column_stack([np.zeros(len(held)), scaler.transform(values[held]) @ found])


def noise_row(data_sets: int = 40) -> dict[str, Any]:
    """Return what the best cell of a grid looks like on profiles that know nothing, and what its p-value says."""
    seconds, ratios, p_values = time.process_time(), [], []
    for seed in range(data_sets):
        rng = np.random.default_rng([seed, 1])
        stack = FieldSums(make_moments(seed)).nested(seed)
        stack = replace(stack, values=rng.normal(size=stack.values.shape))
        options = {"hours": (1, 3, 6), "fields": (4, 16, 40, 64), "deals": 19, "seed": seed}
        grid = fit_grid([stack], rng.permutation(POTENCY), list(stack.wells), parameters={"n_alphas": 30}, **options)
        ratios.append(grid.selected.rmse / grid.baseline_rmse)
        p_values.append(grid.selected.p_family)
    return {
        "work": f"{data_sets} noise data sets: 3 windows x 4 field counts, nested LASSO, 19 deals of the targets",
        "best_cell_median_ratio": float(np.median(ratios)),
        "best_cell_least_ratio": float(np.min(ratios)),
        "share_best_cell_below_0.95_baseline": float(np.mean(np.array(ratios) < 0.95)),
        "share_p_family_at_most_0.05": float(np.mean(np.array(p_values) <= 0.05)),
        "share_p_family_at_most_0.25": float(np.mean(np.array(p_values) <= 0.25)),
        "share_p_family_at_most_0.5": float(np.mean(np.array(p_values) <= 0.5)),
        "cpu_s": time.process_time() - seconds,
        "boundary": "profiles in memory to the family-wise p of the best cell",
    }


def main() -> None:
    """Measure all rows, print them and write results/potency_grid.jsonl."""
    resamplings = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    moments = make_moments()
    works = [
        lambda: peer_row(FieldSums(moments).nested(0)),
        lambda: grid_row(moments, 1, 1),
        lambda: grid_row(moments, 1, WORKERS),
    ]
    works.append(noise_row)
    if resamplings > 1:
        works.append(lambda: grid_row(moments, resamplings, WORKERS))
    found = []
    for work in works:
        found.append(work())
        shown = {name: round(value, 4) if isinstance(value, float) else value for name, value in found[-1].items()}
        print(shown, flush=True)
    write_rows("potency_grid", found, "scikit-learn")


if __name__ == "__main__":
    main()
