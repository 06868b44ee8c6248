"""Thirty data sets of pure noise through every honest procedure, and how its permutation p is spread.

Run: python benchmarks/potency_noise.py [data sets, 30 by default] [shuffles, 99 by default]
15 clones, 120 columns that know nothing of the potencies; models at their presets. Every RMSE stands beside its
baseline; p of the whole pipeline by shuffles of the targets over the clones, ties counted against the model and, for
the test of uniformity, broken at random. The forest takes about eight seconds a data set and is not shuffled.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from phasewell.potency import evaluate_as_paper, evaluate_baselines, fit, permute_targets
from phasewell.potency.shuffle import TIE
from phasewell.profiles import Profile, profile_columns
from rows import write_rows
from scipy.stats import kstest

POTENCY = np.array([7, 8, 8, 9, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12, 13], dtype=float)
COLUMNS = 120
KINDS = ("lasso", "ridge", "elastic_net", "xgboost", "forest")
SHUFFLED = ("lasso", "ridge")


def make_noise(seed: int) -> tuple[Profile, np.ndarray, list[str]]:
    """Return a profile of noise and the potencies in random order."""
    rng = np.random.default_rng([seed, COLUMNS, 30])
    times = tuple(6.0 * (i + 1) for i in range(COLUMNS // 24))
    counts = rng.integers(300, 3000, (15, len(times)))
    wells = tuple(f"{'AB'[i // 12]}{i % 12 + 1:02d}" for i in range(15))
    values = rng.normal(size=(15, COLUMNS))
    profile = Profile(wells, times, profile_columns(times), values, counts, np.full_like(counts, 40), 40, 0.87)
    return profile, rng.permutation(POTENCY), [f"clone {i}" for i in range(15)]


def summarise(name: str, ratios: list[float], better: list[bool]) -> dict[str, Any]:
    """Return one row: what a procedure reports on noise, as RMSE / baseline RMSE."""
    return {
        "procedure": name,
        "data_sets": len(ratios),
        "mean_rmse": float(np.mean(ratios)) * float(POTENCY.std() * 15 / 14),
        "baseline_rmse": float(POTENCY.std() * 15 / 14),
        "mean_ratio": float(np.mean(ratios)),
        "least_ratio": float(np.min(ratios)),
        "share_called_better": float(np.mean(better)),
        "boundary": "profile in memory to validated model; pure noise, 15 clones x 120 columns",
    }


def p_value_row(kind: str, data_sets: int, shuffles: int) -> dict[str, Any]:
    """Return how the permutation p of the whole pipeline is spread over the data sets."""
    jitter, p_values, broken = np.random.default_rng(0), [], []
    for seed in range(data_sets):
        test = permute_targets(*make_noise(seed), kind=kind, n=shuffles, seed=seed)
        p_values.append(test.p_value)
        below = sum(ratio < test.ratio * (1 - TIE) for ratio in test.shuffled_ratios)
        equal = sum(abs(ratio / test.ratio - 1) <= TIE for ratio in test.shuffled_ratios)
        broken.append((below + jitter.random() * (1 + equal)) / (1 + shuffles))
        print(f"{kind} {seed}: p {test.p_value:.2f}", flush=True)
    return {
        "procedure": f"permutation p of {kind}",
        "data_sets": data_sets,
        "shuffles": shuffles,
        "share_p_at_most_0.05": float(np.mean(np.array(p_values) <= 0.05)),
        "share_p_at_most_0.25": float(np.mean(np.array(p_values) <= 0.25)),
        "share_p_at_most_0.5": float(np.mean(np.array(p_values) <= 0.5)),
        "kolmogorov_smirnov_p_of_uniform": float(kstest(broken, "uniform").pvalue),
        "boundary": "profile in memory to p; pure noise, 15 clones x 120 columns",
    }


def main() -> None:
    """Measure all rows, print them and write results/potency_noise.jsonl."""
    data_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    shuffles = int(sys.argv[2]) if len(sys.argv) > 2 else 99
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        found = [fit(*make_noise(seed), kind=kind).evaluation for seed in range(data_sets)]  # type: ignore[arg-type]
        rows.append(summarise(kind, [e.ratio for e in found], [e.better_than_baseline for e in found]))
        print(f"{kind}: mean ratio {rows[-1]['mean_ratio']:.3f}", flush=True)
    lines: dict[str, list[Any]] = {}
    for seed in range(data_sets):
        for name, evaluation in evaluate_baselines(*make_noise(seed)).items():
            if evaluation is not None:
                lines.setdefault(f"only {name}", []).append(evaluation)
    rows += [summarise(n, [e.ratio for e in es], [e.better_than_baseline for e in es]) for n, es in lines.items()]
    paper = [evaluate_as_paper(*make_noise(seed)) for seed in range(data_sets)]
    row = summarise("lasso, the paper's own procedure", [e.ratio for e in paper], [False] * data_sets)
    rows.append(row | {"share_called_better": None, "honest": False})
    rows += [p_value_row(kind, data_sets, shuffles) for kind in SHUFFLED]
    write_rows("potency_noise", rows, "scikit-learn", "xgboost-cpu")


if __name__ == "__main__":
    main()
