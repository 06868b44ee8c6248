"""Potency models: what nested choice of lambda gives on noise and on signal, and what it costs beside scikit-learn.

Run: python benchmarks/potency.py [data sets a row, 16 by default]. 15 clones, one well each. Times are CPU seconds of
one process (medians), so that other work on the machine does not count.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from phasewell.potency import fit
from phasewell.profiles import Profile, profile_columns
from rows import write_rows
from sklearn.linear_model import LassoCV
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

POTENCY = np.array([7, 8, 8, 9, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12, 13], dtype=float)
TREE_DATA_SETS = 3
RULES = {"minimum": 0.0, "0.5 SE": 0.5, "1 SE": 1.0}
WITH_TREES = {"noise, 360 columns", "3 factors, 120 columns, noise SD 0.4"}
SCENARIOS: dict[str, tuple[int, float | None]] = {  # columns, SD of the noise on the target; None = no link at all
    "noise, 360 columns": (360, None),
    "noise target, 3 factors, 120 columns": (120, None),
    "3 factors, 24 columns, noise SD 0.4": (24, 0.4),
    "3 factors, 120 columns, noise SD 0.4": (120, 0.4),
    "3 factors, 360 columns, noise SD 0.4": (360, 0.4),
    "3 factors, 120 columns, noise SD 1.0": (120, 1.0),
}


def make_data(name: str, seed: int) -> tuple[Profile, np.ndarray, list[str]]:
    """Return a profile, targets and clones of one scenario."""
    n_columns, noise = SCENARIOS[name]
    rng = np.random.default_rng([seed, n_columns])
    factors = rng.normal(size=(15, 3))
    values = factors @ rng.normal(size=(3, n_columns)) + 0.3 * rng.normal(size=(15, n_columns))
    if name.startswith("noise, "):
        values = rng.normal(size=(15, n_columns))
    signal = factors @ rng.normal(size=3)
    signal = 9.8 + 1.5 * (signal - signal.mean()) / signal.std()
    target = rng.permutation(POTENCY) if noise is None else signal + noise * rng.normal(size=15)
    times = tuple(6.0 * (i + 1) for i in range(n_columns // 24))
    counts = np.full((15, len(times)), 1000)
    wells = tuple(f"{'AB'[i // 12]}{i % 12 + 1:02d}" for i in range(15))
    profile = Profile(wells, times, profile_columns(times), values, counts, counts // 25, 40, 0.87)
    return profile, target, [f"clone {i}" for i in range(15)]


def score(name: str, kind: str, data_sets: int, parameters: dict[str, float] | None) -> dict[str, Any]:
    """Return what one kind of model reaches over the data sets of a scenario, always beside its baseline."""
    evaluations, seconds = [], []
    for seed in range(data_sets):
        data = make_data(name, seed)
        start = time.process_time()
        evaluations.append(fit(*data, kind=kind, parameters=parameters).evaluation)  # type: ignore[arg-type]
        seconds.append(time.process_time() - start)
    ratios = np.array([e.ratio for e in evaluations])
    return {
        "scenario": name,
        "kind": kind,
        "data_sets": data_sets,
        "median_rmse": float(np.median([e.rmse for e in evaluations])),
        "median_baseline_rmse": float(np.median([e.baseline_rmse for e in evaluations])),
        "median_q2": float(np.median([e.q2 for e in evaluations])),
        "median_ratio": float(np.median(ratios)),
        "ratio_p10": float(np.quantile(ratios, 0.1)),
        "share_ratio_below_0.95": float(np.mean(ratios < 0.95)),
        "share_called_better": float(np.mean([e.better_than_baseline for e in evaluations])),
        "p50_cpu_s": float(np.median(seconds[1:])),
        "p95_cpu_s": float(np.quantile(seconds[1:], 0.95)),
        "boundary": "profile in memory to validated model: 15 outer x 14 inner folds and the final fit",
    }


def peer(name: str, data_sets: int) -> dict[str, Any]:
    """Return the same nested leave-one-out with scikit-learn's LassoCV, scaled once per outer fold."""
    ratios, seconds = [], []
    for seed in range(data_sets):
        profile, target, _ = make_data(name, seed)
        model = make_pipeline(
            StandardScaler(), LassoCV(cv=LeaveOneOut(), alphas=60, eps=0.02, tol=1e-5, max_iter=50_000)
        )
        start = time.process_time()
        predicted = cross_val_predict(model, profile.values, target, cv=LeaveOneOut())
        seconds.append(time.process_time() - start)
        baseline = target.std() * 15 / 14
        ratios.append(float(np.sqrt(np.mean((target - predicted) ** 2)) / baseline))
    return {
        "scenario": name,
        "kind": "peer: StandardScaler + LassoCV(leave-one-out), minimum",
        "data_sets": data_sets,
        "median_ratio": float(np.median(ratios)),
        "p50_cpu_s": float(np.median(seconds)),
        "boundary": "arrays in memory to 15 left-out predictions",
    }


def main() -> None:
    """Measure all rows, print them and write results/potency.jsonl."""
    data_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    found: list[dict[str, Any]] = []
    for name in SCENARIOS:
        rows = [
            {"rule": rule, **score(name, "lasso", data_sets, {"se_factor": factor})} for rule, factor in RULES.items()
        ]
        if name in WITH_TREES:
            rows += [score(name, kind, TREE_DATA_SETS, None) for kind in ("xgboost", "forest")]
            rows.append(peer(name, 2))
        found += rows
        for row in rows:
            print(
                f"{row['scenario']:40} {row.get('rule', ''):8} {row['kind'][:12]:12} "
                f"ratio {row['median_ratio']:.3f} called better {row.get('share_called_better', float('nan')):.2f} "
                f"cpu {row['p50_cpu_s']:.2f} s",
                flush=True,
            )
    write_rows("potency", found, "scikit-learn", "xgboost-cpu")


if __name__ == "__main__":
    main()
