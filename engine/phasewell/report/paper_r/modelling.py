"""Sections about the models: predicted against measured, the grids, the weights, the field bootstraps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasewell.report.blocks import Block, Cell, Column, Fact, Facts, Figure, Paragraph, Section, Table
from phasewell.report.paper_r import charts
from phasewell.report.paper_r.outcome import Outcome
from phasewell.report.reproduction import count
from phasewell.report.theme import PAGE_WIDTH, hour_text, to_spec

TITLES = {"lasso": "LASSO", "forest": "Random forest", "growth": "Growth", "count": "Cell count", "area": "Mean area"}
PAPER_TERMS = {
    "Correlation_SD (18 h)": 1,
    "Correlation_SD (6 h)": 1,
    "Energy_SD (18 h)": 1,
    "Correlation_mean (6 h)": -1,
    "Length_SD (18 h)": -1,
    "Compactness_SD (18 h)": -1,
}
"""The terms that paper R's text names, and the sign of each (R22)."""


def window_text(outcome: Outcome, last_h: float) -> str:
    """Return "6 h" or "6-30 h" for a window that ends at an hour."""
    first = outcome.material["times_h"][0]
    return f"{hour_text(first)} h" if last_h == first else f"{hour_text(first)}\u2013{hour_text(last_h)} h"


def full_models(outcome: Outcome) -> Section:
    """Return both models on all fields and hours beside what they have to beat (R14 to R16, R20)."""
    models = outcome.steps["models"]
    panels = {}
    for kind in _ordered(models["evaluations"]):
        evaluation = models["evaluations"][kind]
        scores = (
            f"RMSE {evaluation['rmse']:.2f}, baseline {evaluation['baseline_rmse']:.2f}, Q\u00b2 {evaluation['q2']:.2f}"
        )
        panels[f"{TITLES[kind]}|{scores}"] = [
            {"clone": p["group"], "truth": p["truth"], "predicted": p["predicted"], "sd": None}
            for p in evaluation["predictions"]
        ]
    chart = charts.predictions(panels, outcome.material["target"], 2, PAGE_WIDTH)
    marks = 2 * sum(len(rows) for rows in panels.values())
    caption = (
        "Figure 4b. Each dot is one clone, predicted by a model that never saw it; on the dashed line it is right. "
        f"All {outcome.material['n_fields']} fields, "
        f"{window_text(outcome, outcome.material['times_h'][-1])}. {outcome.stamp()}"
    )
    blocks: list[Block] = [
        _score_table(outcome),
        Figure("predicted", to_spec(chart, "Predicted against measured potency, by model", marks), caption),
    ]
    low, high, level = (models["lasso_minus_forest"][key] for key in ("low", "high", "level"))
    text = (
        f"RMSE of the LASSO minus that of the forest, {level:.0%} of resamplings of the clones: {low:+.2f} to "
        f"{high:+.2f} passages."
    )
    blocks.append(Paragraph(text, "note"))
    lead = (
        "Everything that is learned, scaling and penalty included, is learned without the clone that is predicted. "
        "Every RMSE stands beside that of the baseline, the mean of the other clones, refitted in each fold."
    )
    return Section("models", "Models on all fields and hours", blocks, lead)


def _ordered(found: Mapping[str, Any]) -> list[str]:
    """Return the names in the order of TITLES: a document of JSON has them by the alphabet."""
    return [name for name in TITLES if name in found]


def _score_table(outcome: Outcome) -> Table:
    models = outcome.steps["models"]
    columns = [Column("Model"), Column("Parameters", ",d"), Column("RMSE", ".3f"), Column("Baseline RMSE", ".3f")]
    columns += [Column("Q\u00b2", ".2f"), Column("90 % interval of the RMSE"), Column("Shuffle p", ".3f")]
    columns.append(Column("Verdict"))
    rows: list[list[Cell]] = []
    for name in _ordered(models["evaluations"] | models["baselines"]):
        found = (models["evaluations"] | models["baselines"])[name]
        if found is None:
            rows.append([TITLES[name], None, None, None, None, None, None, "undefined in some well"])
            continue
        interval = models["intervals"].get(name)
        span = f"{interval['low']:.2f} to {interval['high']:.2f}" if interval else None
        shuffles = models["shuffles"] if name == "lasso" else None
        row: list[Cell] = [TITLES[name], found["n_parameters"], found["rmse"], found["baseline_rmse"], found["q2"]]
        better = "better than the baseline" if found["better_than_baseline"] else "no better than the baseline"
        rows.append([*row, span, shuffles["p_value"] if shuffles else None, better])
    shuffled = models["shuffles"]
    note = "RMSE in passages, leave-one-clone-out. Interval by resampling clones, not a new donor."
    if shuffled:
        note += (
            f" Shuffle p: the whole procedure repeated on {len(shuffled['shuffled_ratios'])} deals of the potencies; "
            f"their median RMSE is {shuffled['median']:.2f} x the baseline."
        )
    return Table("Models and what they have to beat", columns, rows, f"{note} {outcome.stamp()}")


def grids(outcome: Outcome) -> Section:
    """Return the RMSE over windows x field counts of both models (R17 to R19, Fig. 4a and 4d)."""
    found = {"lasso": outcome.steps["lasso_grid"], "forest": outcome.steps["forest_grid"]}
    values = [v for grid in found.values() for row in grid["rmse"] for v in row if v is not None]
    domain = [round(min(values), 2), round(max(found["lasso"]["baseline_rmse"], min(values) + 0.1), 2)]
    lasso = found["lasso"]
    blocks: list[Block] = [_grid_facts(outcome)]
    places = {"lasso": "Figure 4a", "forest": "Figure 4d"}
    for kind, grid in found.items():
        cells = len(grid["n_hours"]) * len(grid["fields"])
        selected = grid["selected"]
        star = (
            f"\u2605 selected, the best of {cells} cells: {count(selected['fields'], 'field')} until "
            f"{hour_text(selected['last_h'])} h, RMSE {selected['rmse']:.2f} (baseline {grid['baseline_rmse']:.2f})"
        )
        chart = charts.rmse_map(grid, domain, star, PAGE_WIDTH)
        words = f"RMSE of the {TITLES[kind]} over windows and numbers of fields; {star}"
        blocks.append(Figure(f"grid-{kind}", to_spec(chart, words, cells), _grid_caption(outcome, kind, places[kind])))
    lines = charts.margin_lines({TITLES[kind]: grid for kind, grid in found.items()}, PAGE_WIDTH)
    points = 2 * sum(len(grid["fields"]) + len(grid["last_h"]) for grid in found.values())
    text = (
        "The two edges of the maps: what fields bring at the longest window, and hours at most fields. Dashed: the "
        "baseline, and 1.0, below which the paper calls a model good."
    )
    caption = f"{text} {outcome.stamp()}"
    blocks.append(
        Figure("grid-edges", to_spec(lines, "RMSE against fields, and against the last hour", points), caption)
    )
    if "economy" in lasso:
        blocks.append(Paragraph(f"How few fields, how early: {lasso['economy']['sentence']}.", "note"))
    lead = (
        "All windows begin at the first hour and are cut from the end; fields are drawn without replacement, the same "
        "at all hours and for all windows. The best of hundreds of cells looks good on noise too: its RMSE is quoted "
        "only with the p over the whole grid."
    )
    return Section("grid", "How many fields, how many hours", blocks, lead)


def _grid_facts(outcome: Outcome) -> Facts:
    grid = outcome.steps["lasso_grid"]
    first = grid["first_draw"]
    values = [v for row in grid["rmse"] for v in row if v is not None]
    good = sum(v < charts.GOOD_RMSE for v in values)
    selected = grid["selected"]
    place = f"{count(selected['fields'], 'field')} until {hour_text(selected['last_h'])} h"
    facts = [
        Fact("LASSO cells below 1.0", f"{good} of {len(values)}", f"baseline RMSE {grid['baseline_rmse']:.2f}"),
        Fact("Selected cell", f"{selected['rmse']:.2f}", f"{place}, Q\u00b2 {selected['q2']:.2f}"),
    ]
    if first["p_family"] is not None:
        detail = f"max-statistic over {count(first['deals'], 'deal')}; least possible {1 / (1 + first['deals']):.3f}"
        if grid["draws"] > 1:
            detail += f"; of the first draw, whose best RMSE is {first['rmse']:.2f}"
        facts.append(Fact("p over the whole grid", f"{first['p_family']:.3f}", detail))
    return Facts(facts)


def _grid_caption(outcome: Outcome, kind: str, place: str) -> str:
    grid = outcome.steps[f"{kind}_grid"]
    draws = grid["draws"]
    trees = f", {grid['parameters']['n_estimators']} trees" if kind == "forest" else ", penalty by five inner folds"
    text = (
        f"{place}. Leave-one-clone-out RMSE of the {TITLES[kind]}{trees}; {len(grid['n_hours'])} windows x "
        f"{len(grid['fields'])} field counts, {count(draws, 'draw')} of the fields. White dot: below "
        "1.0, which the paper calls good. "
    )
    if kind == "lasso" and grid["first_draw"]["p_family"] is not None:
        first = grid["first_draw"]
        which = "" if draws == 1 else f" of the first draw (RMSE {first['rmse']:.2f})"
        text += (
            f"The selected cell{which} has p = {first['p_family']:.3f} over the whole grid: the share of "
            f"{count(first['deals'], 'deal')} of the potencies whose own best cell is as good, the real one counted. "
        )
    if kind == "forest" and len(grid["fields"]) < len(outcome.steps["lasso_grid"]["fields"]):
        text += "Fewer field counts than the LASSO's: a forest costs more. "
    return text + outcome.stamp()


def structure(outcome: Outcome) -> Section:
    """Return how the weights of the models correlate, and the terms they lean on (R21, R22)."""
    found = outcome.steps["structure"]
    labels = [f"{window_text(outcome, m['last_h'])}, {count(m['fields'], 'field')}" for m in found["models"]]
    matrix = found["correlation"]["zero-fill"]
    chart = charts.correlation_map(labels, matrix, PAGE_WIDTH)
    empty = sum(not n for n in found["n_selected"])
    caption = (
        "Figure 4c. Pearson correlation of the weights of LASSO models on all clones, standardised columns, aligned by "
        "descriptor, statistic and hour; hours beyond a window count as weight 0 (the paper does not say). "
        + (f"{empty} of {len(labels)} models have no weight other than 0 and stay empty. " if empty else "")
        + outcome.stamp()
    )
    words = "Correlation of the weights of LASSO models of several windows and field counts"
    blocks: list[Block] = [
        Figure("structure", to_spec(chart, words, 2 * len(labels) ** 2), caption),
        _top_terms(outcome),
        _paper_terms(outcome),
    ]
    stable = found["stability"]
    if stable:
        most = ", ".join(stable["stable"]) or "none"
        blocks.append(
            Paragraph(
                f"Stability selection: among the first {stable['most_columns']} columns of the path on half of the "
                f"clones in {stable['threshold']:.0%} or more of {2 * stable['pairs']} halves: {most}. On columns "
                f"that carry nothing at most {stable['expected_false_columns']:.2g} is expected.",
                "note",
            )
        )
    lead = (
        "A LASSO picks one of several columns that say the same: few weights in common do not mean different biology, "
        "and weights in common do not mean a cause."
    )
    return Section("structure", "What the models lean on", blocks, lead)


def _top_terms(outcome: Outcome) -> Table:
    found = outcome.steps["structure"]
    windows = found["windows"]
    columns = [Column("Window"), Column("Term"), Column("Weight (passages per SD)", "+.3f")]
    columns.append(Column("Same sign without each clone", ".0%"))
    rows: list[list[Cell]] = []
    for last_h, terms, shares in zip(windows["last_h"], windows["top_terms"], found["sign_shares"], strict=True):
        name: Cell = window_text(outcome, last_h)
        rows += [
            [name if not i else "", term["title"], term["coefficient"], shares[term["title"]]]
            for i, term in enumerate(terms[:6])
        ]
        if not terms:
            rows.append([name, "none: the mean of the clones", None, None])
    note = f"Suppl. table 3: the largest weights of the LASSO, all fields, at most six a window. {outcome.stamp()}"
    return Table("Top terms", columns, rows, note)


def _paper_terms(outcome: Outcome) -> Table:
    """Return the paper's six terms with their weights here, by window."""
    windows = outcome.steps["structure"]["windows"]
    columns = [Column("Term of the paper"), Column("Sign there")]
    columns += [Column(window_text(outcome, last_h), "+.3f", "Weight here") for last_h in windows["last_h"]]
    rows: list[list[Cell]] = []
    for title, sign in PAPER_TERMS.items():
        weights: list[Cell] = []
        if title in windows["columns"]:
            place = windows["columns"].index(title)
            weights = [row[place] or None for row in windows["coefficients"]]
        rows.append([title, "+" if sign > 0 else "\u2212", *(weights or [None] * len(windows["last_h"]))])
    note = f"A dash: weight 0, or an hour that the run or the window lacks. {outcome.stamp()}"
    return Table("The terms that the paper names", columns, rows, note)


def bootstraps(outcome: Outcome) -> Section:
    """Return the models on field bootstraps (R23, R24, Fig. 5), and what folds over rows would have said."""
    found = outcome.steps["field_bootstraps"]
    panels, leaks = {}, []
    for condition in found:
        name = f"{window_text(outcome, condition['last_h'])}, {count(condition['fields'], 'field')}"
        scores = f"RMSE {condition['rmse']:.2f}, baseline {condition['baseline_rmse']:.2f}"
        panels[f"{name}|{scores}"] = [
            {"clone": c["clone"], "truth": c["truth"], "predicted": c["mean"], "sd": c["sd"]}
            for c in condition["clones"]
        ]
        for folds, rmse in (
            ("whole clones left out", condition["rmse"]),
            ("rows left out (wrong)", condition["row_wise_rmse"]),
        ):
            leaks.append({"condition": name, "folds": folds, "rmse": rmse})
    first = found[0]
    across = min(3, len({c["fields"] for c in found})) if len(found) > 2 else 2
    chart = charts.predictions(panels, outcome.material["target"], max(across, 2), PAGE_WIDTH)
    rows_text = f"{first['n_clones']} clones x {first['draws']} draws = {first['n_rows']} rows"
    caption = (
        f"Figure 5. LASSO on resampled fields, {rows_text} a condition, drawn with replacement; folds leave out whole "
        "clones. Dot: mean of a clone's left-out predictions; bar: one SD over the draws, the noise that the choice of "
        f"fields alone makes. {outcome.stamp()}"
    )
    blocks: list[Block] = [
        _bootstrap_table(outcome, found),
        Figure(
            "bootstraps",
            to_spec(chart, "Predicted against measured by condition", 3 * first["n_clones"] * len(found)),
            caption,
        ),
        Figure(
            "leak",
            to_spec(
                charts.leak(leaks, first["baseline_rmse"], PAGE_WIDTH),
                "RMSE with clones and with rows left out",
                len(leaks),
            ),
            "A demonstration of an error. Folds over the rows leave copies of the predicted clone in the training "
            "rows, which give its potency away: the orange RMSE says nothing about a new clone, and no RMSE "
            f"above is of such folds. Dashed: the baseline. {outcome.stamp(first['n_rows'], 'rows')}",
        ),
    ]
    lead = (
        "Resampling fields makes more rows, not more clones: the sample stays "
        f"{first['n_clones']} clones, and all rows of a clone stand on one side of every fold."
    )
    return Section("bootstraps", "Resampled fields", blocks, lead)


def _bootstrap_table(outcome: Outcome, found: list[Mapping[str, Any]]) -> Table:
    columns = [Column("Window"), Column("Fields", "d"), Column("Rows", ",d"), Column("Parameters", ",d")]
    columns += [Column("RMSE", ".3f"), Column("Baseline RMSE", ".3f"), Column("Q\u00b2", ".2f")]
    columns += [Column("90 % interval"), Column("Below 1.0"), Column("Rows left out (wrong)", ".3f")]
    rows: list[list[Cell]] = []
    for c in found:
        row: list[Cell] = [window_text(outcome, c["last_h"]), c["fields"], c["n_rows"], c["n_parameters"]]
        row += [c["rmse"], c["baseline_rmse"], c["q2"]]
        interval = f"{c['interval']['low']:.2f} to {c['interval']['high']:.2f}"
        rows.append([*row, interval, "yes" if c["rmse"] < charts.GOOD_RMSE else "no", c["row_wise_rmse"]])
    note = (
        "RMSE in passages. The paper lists the windows 6, 6\u201330 and 6\u201360 h but quotes 6\u201390 h, so that "
        f"both are here. The last column is wrong by construction; see the figure below. {outcome.stamp()}"
    )
    return Table("LASSO on bootstraps of the fields", columns, rows, note)
