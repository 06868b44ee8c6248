"""What the search for a recipe finds, and how often an interval over lines holds the truth, where the truth is known.

Run: python benchmarks/learning_statistics.py [searches a method, 5 by default]. About 10 CPU minutes, most of them the
Gaussian process; nothing is timed. Accuracies are drawn: 6 lines of 1,530 frames around a smooth surface over the
recipe, each line off by an amount of its own, the same recipe always with the same result, as training is on a CPU.
"""

from __future__ import annotations

import hashlib
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from phasewell.learning import SearchSpace, TrainingRecipe, search_recipe
from phasewell.learning.line_statistics import bootstrap_lines, count_lines
from phasewell.learning.search import METHODS, Method, SearchResult
from rows import write_rows
from scipy.stats import norm

TRIALS = (20, 40, 80)
SPACE, BASE = SearchSpace(), TrainingRecipe()
LINES, FRAMES, LINE_SD = 6, 1530, 0.05
COVERAGE_SETS, LINE_SPREAD = 400, 0.7


def true_accuracy(recipe: TrainingRecipe, seed: int) -> float:
    """Return the accuracy on endlessly many lines: 0.92 at an optimum that the seed decides, towards 0.5 far away."""
    at = np.random.default_rng([seed, 1]).uniform(0.2, 0.8, 6)
    place = [
        recipe.dropout / 0.7,
        (math.log10(recipe.l2) + 6) / 4,
        (math.log10(recipe.head_rate) + 4) / 2,
        math.log(recipe.tune_rate / recipe.head_rate / 1e-3) / math.log(300),
        math.log(recipe.dense[0] / 64) / math.log(16),
        (len(recipe.dense) - 1) / 2,
    ]
    # rates matter most, the shape of the head least
    away = np.array([1.0, 1.0, 4.0, 3.0, 0.5, 0.3]) @ (np.array(place) - at) ** 2
    return float(0.5 + 0.42 * math.exp(-away))


def seen_accuracy(recipe: TrainingRecipe, seed: int) -> float:
    """Return the mean accuracy over six lines, as cross-validation would see it."""
    digest = hashlib.sha256(f"{seed}/{recipe.model_dump_json()}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    of_lines = np.clip(true_accuracy(recipe, seed) + rng.normal(0, LINE_SD, LINES), 0, 1)
    return float(rng.binomial(FRAMES, of_lines).mean() / FRAMES)


def find(method: Method, trials: int, seed: int, folder: Path) -> SearchResult:
    """Return one search of a method on the surface of a seed."""
    # bayes and random: one search, extended; a grid is laid anew for every number of trials
    storage = folder / (f"{method}-{seed}-{trials}.db" if method == "grid" else f"{method}-{seed}.db")
    return search_recipe(
        lambda recipe, _: seen_accuracy(recipe, seed), SPACE, BASE, storage, trials, method, seed, {"surface": seed}
    )


def compare_methods(searches: int) -> list[dict[str, Any]]:
    """Return, for each method and number of trials, the true accuracy of the recipe it would choose."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for method in METHODS:
            for trials in TRIALS:
                found = [find(method, trials, seed, Path(folder)) for seed in range(searches)]
                true = [true_accuracy(result.best, seed) for seed, result in enumerate(found)]
                seen = [result.best_value for result in found]
                rows.append(
                    {
                        "what": "search",
                        "method": method,
                        "trials": trials,
                        "made": len(found[0].trials),
                        "searches": searches,
                        "best_possible": 0.92,
                        "true_accuracy_mean": float(np.mean(true)),
                        "true_accuracy_sd": float(np.std(true, ddof=1)),
                        "reported_accuracy_mean": float(np.mean(seen)),
                        "optimism_mean": float(np.mean(np.array(seen) - true)),
                    }
                )
                print(rows[-1])
    return rows


def cover(per_class: int) -> dict[str, Any]:
    """Return how often the interval over lines holds the true AUC; lines of a class differ in their mean score."""
    truth, held = float(norm.cdf(1 / math.sqrt(2 * (1 + LINE_SPREAD**2)))), 0
    names = np.repeat([f"line{place:03d}" for place in range(2 * per_class)], 40)
    positive = np.repeat(np.arange(2 * per_class) >= per_class, 40)
    for seed in range(COVERAGE_SETS):
        rng = np.random.default_rng([seed, per_class])
        scores = rng.normal(size=len(names)) + np.repeat(rng.normal(0, LINE_SPREAD, 2 * per_class), 40) + positive
        low, high = bootstrap_lines(count_lines(names, positive, scores)[0], 2000, seed).interval["auc"] or (1.0, 0.0)
        held += low <= truth <= high
    row = {
        "what": "interval",
        "lines_per_class": per_class,
        "data_sets": COVERAGE_SETS,
        "true_auc": truth,
        "nominal": 0.95,
        "coverage": held / COVERAGE_SETS,
    }
    print(row)
    return row


def main() -> None:
    """Write benchmarks/results/learning_statistics.jsonl."""
    searches = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rows = [cover(per_class) for per_class in (4, 10, 20)] + compare_methods(searches)
    print(write_rows("learning_statistics", rows, "phasewell", "numpy", "scipy", "optuna", "torch"))


if __name__ == "__main__":
    main()
