"""The network's part of the demonstration: simulated donor lines, scored by a small bundled model without torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell import report, runs
from phasewell.inference import read_model
from phasewell.learning.metrics import area_under_roc
from phasewell.tables import open_results

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = Path(__file__).parent / "lines_model"
"""A small network taught on simulated lines of other seeds; `benchmarks/simulated_lines.py` makes it."""
LINES = {"lines": 8, "wells": 1, "fields": 6, "times": 2, "seed": 7, "frame_shape": (904, 1224)}
"""Lines that no model has seen."""


def score_lines(
    output: Path, make_run: Callable[[Path, Path], Any], show: Any, say: Callable[[str], None]
) -> dict[str, Any]:
    """Simulate lines of two classes, run them with the bundled model and compare the scores of wells with the truth.

    Without OpenVINO nothing is scored, and the account says so.
    """
    if importlib.util.find_spec("openvino") is None:
        line = "simulated donor lines: NOT SCORED, OpenVINO is not installed: pip install 'phasewell[serve]'"
        return {"scored": False, "lines": [line]}
    store, folder = output / "lines.zarr", output / "lines-run"
    card = read_model(MODEL).card
    say(f"SIMULATED donor lines of two classes, scored by {card.network} ({card.origin})")
    with show("simulate") as progress:
        runs.simulate_lines(store, **LINES, progress=progress)
    make_run(store, folder)
    account = compare_scores(folder, runs.plate_of(folder).platemap)
    page = report.write_report(folder)
    lines = [
        f"simulated donor lines ({LINES['lines']} that the network never saw):",
        *(f"  {row['well']} {row['line']} {row['class']:>4}: mean probability of high {row['high']:.2f}, "
          f"{row['votes']} of {row['frames']} frames called high" for row in account["wells"]),
        f"  AUC of {account['frames']} frames {account['frame_auc']:.2f}, of {LINES['lines']} lines "
        f"{account['line_auc']:.2f}",
        f"  report: {page}",
    ]  # fmt: skip
    return {"scored": True, "store": str(store), "run": str(folder), "report": str(page), **account, "lines": lines}


def compare_scores(run: Path, platemap: Any) -> dict[str, Any]:
    """Return the scores of the wells of a run beside the class of their line, and the AUC of frames and of lines."""
    import numpy as np

    results = open_results(run)
    frames = [
        row for row in results.scores().to_pylist() if row["class_name"] == "high" and row["probability"] is not None
    ]
    wells = []
    pooled = results.pooled_scores("well_scores")
    for row in pooled.to_pylist() if pooled is not None else []:
        if row["class_name"] == "high":
            said = platemap[row["well"]]
            facts = {"well": row["well"], "line": said["line"], "class": said["class"], "high": row["mean_probability"]}
            wells.append(facts | {"votes": row["votes"], "frames": row["n_scored"]})
    truth = np.array([platemap[row["well"]]["class"] == "high" for row in frames])
    lines = {row["line"]: row["class"] == "high" for row in wells}
    means = [np.mean([row["high"] for row in wells if row["line"] == line]) for line in lines]
    return {
        "wells": wells,
        "frames": len(frames),
        "frame_auc": area_under_roc(truth, np.array([row["probability"] for row in frames])),
        "line_auc": area_under_roc(np.array(list(lines.values())), np.array(means)),
    }
