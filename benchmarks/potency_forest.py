"""Random forests that leave out every clone in turn, beside scikit-learn's RandomForestRegressor in the same folds.

Run: python benchmarks/potency_forest.py [trees a forest, 100 by default] on an idle machine; takes half a minute.
Cells of the grid of windows x field counts, of 15 clones; the time of the whole grid of 960 cells, and of the 14 field
counts that paper R's scale takes, is computed from them. Predictions are compared bit for bit.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from phasewell.potency import FieldSums
from phasewell.potency.estimators import make_estimator
from phasewell.potency.forest import predict_forest_left_out
from potency_grid import CLONES, FIELDS, HOURS, POTENCY, make_moments
from rows import write_rows
from sklearn.base import clone

TREES = 100
SAMPLE = ((1, 8), (4, 24), (8, 40), (12, 16), (15, 64))  # hours, fields
REPEATS = 3
PAPER_COUNTS = 14


def by_folds(forest: Any, rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the left-out prediction of every clone by a whole forest of scikit-learn a fold."""
    left = [np.delete(np.arange(CLONES), held) for held in range(CLONES)]
    return np.array([clone(forest).fit(rows[i], target[i]).predict(rows[[h]])[0] for h, i in enumerate(left)])


def measure(trees: int) -> dict[str, Any]:
    """Return the times of a cell in turns, and what they make for whole grids."""
    stack = FieldSums(make_moments()).nested(0)
    forest = make_estimator("forest", 0, {"n_estimators": trees})
    ours, peer, equal = [], [], True
    for hours, fields in SAMPLE:
        rows = stack.profile(fields - 1, hours).values
        for _ in range(REPEATS):
            start = time.process_time()
            found = predict_forest_left_out(forest, rows, POTENCY, np.arange(CLONES))
            between = time.process_time()
            wanted = by_folds(forest, rows, POTENCY)
            ours.append(between - start)
            peer.append(time.process_time() - between)
            equal = equal and bool((found == wanted).all())
    each, other = (np.array(v).reshape(len(SAMPLE), REPEATS) for v in (ours, peer))
    cell, peer_cell = float(np.median(each, axis=1).mean()), float(np.median(other, axis=1).mean())
    return {
        "work": f"one cell, mean of {len(SAMPLE)}: leave-one-clone-out x forests of {trees} trees",
        "trees": trees,
        "cpu_ms": 1e3 * cell,
        "cpu_us_a_tree": 1e6 * cell / CLONES / trees,
        "spread": float((each.max(axis=1) / each.min(axis=1)).max() - 1),
        "peer": "RandomForestRegressor.fit and predict in every fold, n_jobs=1",
        "peer_cpu_ms": 1e3 * peer_cell,
        "times_the_peer": peer_cell / cell,
        "parity": "equal bit for bit" if equal else "NOT equal",
        "grid_cpu_s_computed": cell * HOURS * FIELDS,
        "peer_grid_cpu_s_computed": peer_cell * HOURS * FIELDS,
        "paper_scale_cpu_s_computed": cell * HOURS * PAPER_COUNTS,
        "boundary": "profiles in memory to 15 left-out predictions",
    }


def main() -> None:
    """Measure, print and write results/potency_forest.jsonl."""
    row = measure(int(sys.argv[1]) if len(sys.argv) > 1 else TREES)
    print({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()})
    write_rows("potency_forest", [row], "scikit-learn", "numpy")


if __name__ == "__main__":
    main()
