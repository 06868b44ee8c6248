"""What paper R says of its models, and what is found here, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from phasewell.report.blocks import Column, Table
from phasewell.report.paper_r.charts import GOOD_RMSE
from phasewell.report.paper_r.modelling import PAPER_TERMS, window_text
from phasewell.report.paper_r.outcome import Outcome, Verdict, verdict_order
from phasewell.report.reproduction import count
from phasewell.report.theme import hour_text

SMALL_P = 0.05


def model_verdicts(outcome: Outcome) -> list[Verdict]:
    """Return the verdicts on R8 and R14 to R24."""
    return [
        _potency(outcome),
        _lasso(outcome),
        judge_economy(outcome.steps["lasso_grid"]),
        _forest(outcome),
        _predicted(outcome),
        _structure(outcome),
        _terms(outcome),
        *_bootstraps(outcome),
        _leak(outcome),
    ]


def verdict_table(outcome: Outcome, verdicts: Sequence[Verdict]) -> Table:
    """Return all verdicts as one table, in the order of the paper's items."""
    words = {True: "yes", False: "no", None: "cannot be told"}
    rows = [[v.item, v.place, v.claim, v.found, words[v.agrees]] for v in verdict_order(verdicts)]
    origin = (
        "These cells were simulated: agreement shows that the analysis finds what was put in, and says nothing of the "
        "paper's clones. "
        if outcome.is_simulated
        else ""
    )
    columns = [Column(title) for title in ("Item", "In the paper", "The paper says", "Found here", "Agrees")]
    return Table("The paper's claims and what is found here", columns, rows, origin + outcome.stamp())


def _potency(outcome: Outcome) -> Verdict:
    found = {row["clone"]: row["potency"] for row in outcome.material["clones"]}
    values = list(found.values())
    text = f"{min(values):g} to {max(values):g}, mean {np.mean(values):.1f}, n = {len(values)}"
    return Verdict("R8", "Fig. 2a", "Serial-passage limits 7 to 13, mean 9.8, n = 15", text, None)


def _lasso(outcome: Outcome) -> Verdict:
    grid = outcome.steps["lasso_grid"]
    values = [v for row in grid["rmse"] for v in row if v is not None]
    good, p = sum(v < GOOD_RMSE for v in values), grid["first_draw"]["p_family"]
    text = f"{good} of {len(values)} cells below 1.0; baseline {grid['baseline_rmse']:.2f}; selected cell "
    text += f"{grid['selected']['rmse']:.2f}, Q\u00b2 {grid['selected']['q2']:.2f}"
    which = "the grid" if grid["draws"] == 1 else "the grid of the first draw of fields"
    text += f", p over {which} {p:.3f}" if p is not None else ", p over the grid not computed"
    agrees = None if p is None else good > 1 and p <= SMALL_P
    return Verdict("R19", "Fig. 4a", "LASSO: RMSE below 1.0 in many cells; no baseline given", text, agrees)


def _effects(grid: dict[str, Any]) -> tuple[float, float]:
    """Return the share of the variance of a grid's RMSE that its field counts, and its windows, explain alone."""
    rmse = np.array(grid["rmse"], dtype=np.float64)
    keep = np.isfinite(rmse).all(axis=1)
    rmse = rmse[keep]
    total = float(((rmse - rmse.mean()) ** 2).mean()) if rmse.size else 0.0
    if total == 0.0:
        return 0.0, 0.0
    return float(rmse.mean(axis=0).var() / total), float(rmse.mean(axis=1).var() / total)


def _change_with_fields(grid: dict[str, Any]) -> float | None:
    """Return the rank correlation of a grid's mean RMSE over windows with its field counts; None for fewer than 3."""
    from scipy.stats import spearmanr

    mean = np.array(grid["rmse"], dtype=np.float64).mean(axis=0)
    keep = np.isfinite(mean)
    if keep.sum() < 3 or np.ptp(mean[keep]) == 0.0:
        return None
    return float(spearmanr(np.array(grid["fields"])[keep], mean[keep]).statistic)


def judge_economy(grid: dict[str, Any]) -> Verdict:
    """Return the verdict on R18: field counts explain more of the RMSE than windows do, and more of them lower it.

    `grid` is `ModelGrid.to_dict`, with the key `economy` where there were draws enough.
    """
    fields, hours = _effects(grid)
    text = f"of the variance of the RMSE over the grid, field counts explain {fields:.0%}, windows {hours:.0%}"
    change = _change_with_fields(grid)
    if change is not None:
        text += f"; its mean over windows goes with the field counts by rank correlation {change:+.2f}"
    if "economy" in grid:
        text += f"; {grid['economy']['sentence']}"
    agrees = None
    if change is not None and grid["selected"]["q2"] > 0 and len(grid["n_hours"]) > 1:
        agrees = fields > hours and change < 0.0
    return Verdict("R18", "Fig. 4a", "Fields matter more than the window; more than 15 are enough", text, agrees)


def _forest(outcome: Outcome) -> Verdict:
    lasso, forest = outcome.steps["lasso_grid"], outcome.steps["forest_grid"]
    places = [lasso["fields"].index(n) for n in forest["fields"] if n in lasso["fields"]]
    own = [forest["fields"].index(lasso["fields"][place]) for place in places]
    first = np.array(lasso["rmse"], dtype=np.float64)[:, places]
    second = np.array(forest["rmse"], dtype=np.float64)[:, own]
    both = np.isfinite(first) & np.isfinite(second)
    better = int((second < first)[both].sum())
    at_best = f"best of these cells: LASSO {np.nanmin(first):.2f}, forest {np.nanmin(second):.2f}"
    text = f"forest below LASSO in {better} of {int(both.sum())} cells looked at with both; {at_best}"
    return Verdict("R15", "Fig. 4d", "The forest is better than the LASSO in no cell", text, better == 0)


def _predicted(outcome: Outcome) -> Verdict:
    found = outcome.steps["models"]["evaluations"]["lasso"]
    shuffles = outcome.steps["models"]["shuffles"]
    text = f"RMSE {found['rmse']:.2f}, baseline {found['baseline_rmse']:.2f}, Q\u00b2 {found['q2']:.2f}"
    if shuffles:
        text += f", p of {len(shuffles['shuffled_ratios'])} shuffles {shuffles['p_value']:.3f}"
    agrees = bool(found["better_than_baseline"]) and (not shuffles or shuffles["p_value"] <= SMALL_P)
    return Verdict("R20", "Fig. 4b", "Predictions follow the measured limits, clone by clone", text, agrees)


def _structure(outcome: Outcome) -> Verdict:
    found = outcome.steps["structure"]
    matrix = np.array(found["correlation"]["zero-fill"], dtype=np.float64)
    pairs = matrix[np.triu_indices(len(matrix), 1)]
    defined = pairs[np.isfinite(pairs)]
    if not len(defined):
        return Verdict("R21", "Fig. 4c", "Good models share their structure", "no two models with weights", None)
    text = f"median correlation of the weights {np.median(defined):.2f} over {count(len(defined), 'pair')} of models"
    return Verdict("R21", "Fig. 4c", "Good models share their structure", text, bool(np.median(defined) > 0.5))


def _terms(outcome: Outcome) -> Verdict:
    windows = outcome.steps["structure"]["windows"]
    named = {term["title"]: term["coefficient"] for terms in windows["top_terms"] for term in terms}
    shared = [title for title, sign in PAPER_TERMS.items() if title in named and np.sign(named[title]) == sign]
    kinds = {(title.partition(" ")[0], bool(weight > 0)) for title, weight in named.items()}
    at_any = sum((title.partition(" ")[0], sign > 0) in kinds for title, sign in PAPER_TERMS.items())
    own = windows["top_terms"][-1][:3]
    text = f"{len(shared)} of the six among the top ten of a window with the paper's sign, {at_any} at any hour"
    if own:
        text += "; the largest here: " + ", ".join(f"{t['title']} {t['coefficient']:+.2f}" for t in own)
    claim = "+ Correlation_SD (18 h), Correlation_SD (6 h), Energy_SD (18 h); \u2212 Correlation_mean (6 h), "
    claim += "Length_SD (18 h), Compactness_SD (18 h)"
    return Verdict("R22", "Suppl. table 3", claim, text, len(shared) >= 3)


def _bootstraps(outcome: Outcome) -> list[Verdict]:
    wanted = {(30.0, 40): "6\u201330 h with 40 fields", (90.0, 15): "6\u201390 h with 15 fields"}
    found = {(c["last_h"], c["fields"]): c for c in outcome.steps["field_bootstraps"]}
    verdicts = []
    for key, name in wanted.items():
        claim, condition = f"RMSE stays below 1.0 at {name}, 750 rows", found.get(key)
        if condition is None:
            verdicts.append(Verdict("R24", "Fig. 5", claim, "the run has no such window or too few fields", None))
            continue
        text = f"RMSE {condition['rmse']:.2f}, baseline {condition['baseline_rmse']:.2f}, Q\u00b2 "
        text += f"{condition['q2']:.2f}, {condition['n_rows']} rows of {condition['n_clones']} clones, clones left out"
        verdicts.append(Verdict("R24", "Fig. 5", claim, text, bool(condition["rmse"] < GOOD_RMSE)))
    return verdicts


def _leak(outcome: Outcome) -> Verdict:
    found = outcome.steps["field_bootstraps"]
    worst = max(found, key=lambda c: c["rmse"] - c["row_wise_rmse"])
    name = f"{window_text(outcome, worst['last_h'])}, {count(worst['fields'], 'field')}"
    text = f"folds over rows would report {worst['row_wise_rmse']:.2f} for {worst['rmse']:.2f} ({name})"
    claim = "750 rows by 50 resamplings; whether a clone's rows stay in one fold is not said"
    return Verdict("R23", "Methods", claim, text, None)


def describe_selected(outcome: Outcome) -> str:
    """Return the selected cell of the LASSO grid in words."""
    selected = outcome.steps["lasso_grid"]["selected"]
    return f"{count(selected['fields'], 'field')} until {hour_text(selected['last_h'])} h"
