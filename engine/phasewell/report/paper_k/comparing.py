"""Sections about the compared networks: searches (figure 2a), folds (figure 2b, table 1), what the networks are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from phasewell.learning.published import published_tables
from phasewell.report.blocks import Block, Cell, Column, Figure, Paragraph, Section, Table
from phasewell.report.paper_k import charts
from phasewell.report.paper_k.outcome import METRIC_TITLES, Outcome, spread, title_of
from phasewell.report.reproduction import count
from phasewell.report.theme import PAGE_WIDTH, plain, to_spec

_RECIPE_FIELDS = {
    "dense": "Dense layers",
    "dropout": "Dropout",
    "l2": "L2",
    "head_rate": "Rate of the head",
    "tune_rate": "Rate of fine-tuning",
    "batch": "Batch",
}


def searches(outcome: Outcome) -> Section:
    """Return the progress of every search with its optimum starred, the recipes found, and the other methods."""
    series = {title_of(name): found["search"] for name, found in outcome.networks.items()}
    marks = sum(2 * len(search["trials"]) for search in series.values())
    words = "Best mean accuracy over folds against trial: " + ", ".join(
        f"{title} {search['best_value']:.3f}" for title, search in series.items()
    )
    caption = (
        "Figure 2a. Bayesian optimisation: every trial (grey), the best so far (line) and the optimum (star). "
        f"{next(iter(series.values()))['description']}. {outcome.stamp()}"
    )
    blocks: list[Block] = [
        Figure("search", to_spec(charts.search_progress(series, PAGE_WIDTH), words, marks), caption),
        _recipes(outcome),
    ]
    blocks += _methods(outcome)
    lead = (
        "The best value of a search was chosen for being the largest, on folds that also stopped each training: it is "
        "no estimate for further lines. The test lines below, and the search judged from outside, are."
    )
    return Section("search", "Bayesian optimisation", blocks, lead)


def _recipes(outcome: Outcome) -> Table:
    columns = [Column("Network"), Column("Recipe"), *(Column(title) for title in _RECIPE_FIELDS.values())]
    columns.append(Column("Mean accuracy", ".3f"))
    rows: list[list[Cell]] = []
    for name, found in outcome.networks.items():
        search = found["search"]
        rows.append([title_of(name), "initial", *_recipe_cells(search["base"]), found["initial"]["value"]])
        rows.append(["", "optimised", *_recipe_cells(search["best"]), search["best_value"]])
    note = f"Supplementary table 1. The paper's text gives no ranges and no initial values. {outcome.stamp()}"
    return Table("Recipes before and after optimisation", columns, rows, note)


def _recipe_cells(recipe: Mapping[str, Any]) -> list[Cell]:
    cells: list[Cell] = []
    for key in _RECIPE_FIELDS:
        value = recipe[key]
        cells.append(
            ", ".join(map(str, value)) or "none" if isinstance(value, list) else f"{value:.3g}".replace("-", "\u2011")
        )
    if not recipe["head_epochs"]:
        cells[list(_RECIPE_FIELDS).index("head_rate")] = "no head step"
    return cells


def _methods(outcome: Outcome) -> list[Block]:
    others = outcome.final["searches"]
    if not others:
        return []
    name = outcome.final_name
    series = {
        "Bayesian": outcome.networks[name]["search"],
        **{key.capitalize(): search for key, search in others.items()},
    }
    words = "Best value against trial by method: " + ", ".join(
        f"{title} {search['best_value']:.3f}" for title, search in series.items()
    )
    caption = (
        f"Supplementary figure 3. The same space searched in three ways, {title_of(name)}: "
        + "; ".join(f"{title.lower()}: {search['description']}" for title, search in series.items())
        + f". {outcome.stamp(name)}"
    )
    marks = sum(2 * len(search["trials"]) for search in series.values())
    return [Figure("methods", to_spec(charts.search_progress(series, PAGE_WIDTH), words, marks), caption)]


def folds(outcome: Outcome) -> Section:
    """Return table 1 beside the published one, its bars, ROC curves and confusion matrices, and the networks' facts."""
    blocks: list[Block] = [_table_1(outcome), _bars(outcome), *_fold_curves(outcome), _facts(outcome)]
    count, lines = len(outcome.material["folds"]), outcome.material["folds"]
    held = "; ".join(", ".join(fold["held_out"]) for fold in lines)
    lead = (
        f"{count} folds by line, each holding out lines of both classes ({held}). Every frame is scored by a network "
        "that never learned from its line. The same folds chose the recipe, as in the paper: optimistic."
    )
    return Section(
        "folds", "Five networks in folds" if len(outcome.networks) == 5 else "Networks in folds", blocks, lead
    )


def _table_1(outcome: Outcome) -> Table:
    published = published_tables()
    order = published["columns"]
    columns = [Column("Network"), *(Column(METRIC_TITLES[m]) for m in METRIC_TITLES)]
    columns.append(Column("Frames / s"))
    rows: list[list[Cell]] = []
    for name, found in outcome.networks.items():
        summary, rate = found["best"]["evaluation"]["folds"], found["facts"]["rate"]
        rows.append(
            [
                title_of(name),
                *(spread(summary["mean"][m], summary["sd"][m]) for m in METRIC_TITLES),
                f"{rate['frames_per_s']:,.0f}\u202f±\u202f{rate['sd']:,.0f}",
            ]
        )
        if printed := published["table_1"]["rows"].get(name):
            values = dict(zip(order, zip(printed["mean"], printed["sd"], strict=True), strict=True))
            fps = values["frames_per_s"]
            rows.append(["the paper's", *(spread(*values[m]) for m in METRIC_TITLES), f"{fps[0]}\u202f±\u202f{fps[1]}"])
    rate = next(iter(outcome.networks.values()))["facts"]["rate"]
    note = (
        f"Mean ± SD over folds, ddof 1 here, not stated in the paper. Rate here: {rate['boundary']}, batch "
        f"{rate['batch']}, {rate['precision']}, {rate['device']}, ± SD of {rate['repeats']} repeats; the paper states "
        f"neither device nor batch. The paper's rows are of its own frames. {outcome.stamp()}"
    )
    return Table("Table 1. Folds after optimisation", columns, rows, note)


def _bars(outcome: Outcome) -> Figure:
    rows = []
    for name, found in outcome.networks.items():
        summary = found["best"]["evaluation"]["folds"]
        for metric, title in METRIC_TITLES.items():
            mean, sd = summary["mean"][metric], summary["sd"][metric] or 0.0
            if mean is not None:
                ends = {"low": plain(max(0.0, mean - sd)), "high": plain(min(1.0, mean + sd))}
                rows.append({"network": title_of(name), "metric": title, "mean": plain(mean), "sd": plain(sd), **ends})
    names = [title_of(name) for name in outcome.networks]
    chart = charts.metric_bars(rows, names, list(METRIC_TITLES.values()), PAGE_WIDTH)
    caption = f"Figure 2b. Means over folds; error bars are one SD, cut at 0 and 1. {outcome.stamp()}"
    return Figure("metrics", to_spec(chart, "Seven metrics of every network, means over folds", 2 * len(rows)), caption)


def _fold_curves(outcome: Outcome) -> list[Block]:
    evaluations = {title_of(name): found["best"]["evaluation"] for name, found in outcome.networks.items()}
    curves = {f"{title} (AUC {_number(e['metrics']['auc'])})": e["roc"] for title, e in evaluations.items()}
    points = sum(len(curve["false_positive_rate"]) for curve in curves.values() if curve)
    roc = charts.roc_curves(curves, PAGE_WIDTH)
    matrices = {title: e["matrix"] for title, e in evaluations.items()}
    confusion = charts.confusion_maps(matrices, outcome.material["classes"], PAGE_WIDTH)
    stamp = outcome.stamp()
    return [
        Figure(
            "fold-roc",
            to_spec(roc, "ROC curves of all folds pooled: " + ", ".join(curves), points),
            f"ROC of the held-out frames of all folds together; pooling mixes the scales of {outcome.scale['folds']} "
            f"networks. {stamp}",
        ),
        Figure(
            "fold-confusion",
            to_spec(confusion, "Confusion matrices of all folds: " + ", ".join(matrices), 8 * len(matrices)),
            f"Supplementary figure 7. Confusion of the held-out frames of all folds; called by the larger probability. "
            f"{stamp}",
        ),
    ]


def _number(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.3f}"


def _facts(outcome: Outcome) -> Table:
    columns = [Column("Network"), Column("Keys of the weights"), Column("Values after pooling", ",d")]
    columns += [Column("Dense layers found"), Column("Parameters (M)", ".2f"), Column("Multiply-adds (G)", ".3f")]
    columns += [Column("Pretrained"), Column("Precision"), Column("Device")]
    rows: list[list[Cell]] = []
    for name, found in outcome.networks.items():
        facts, course = found["facts"], found["best"]["courses"][0]
        dense = ", ".join(map(str, found["search"]["best"]["dense"])) or "none"
        keys = f"timm {facts['timm_name']}" if facts["timm_name"] else "its own"
        cells: list[Cell] = [title_of(name), keys, facts["features"], dense, facts["parameters"] / 1e6]
        cells += [facts["multiply_adds"] / 1e9, str(found["pretrained"]).lower(), course["precision"], course["device"]]
        rows.append(cells)
    height, width = outcome.material["picture_px"]
    note = (
        f"Supplementary figure 1. Each: convolutions, global average pooling, dense layers with dropout, softmax; for "
        f"pictures of {height} × {width} px. {outcome.stamp()}"
    )
    return Table("What the networks are", columns, rows, note)


def teaching(outcome: Outcome) -> Section:
    """Return the three steps of transfer learning and the course of the final network's trainings."""
    rows = []
    for state in ("before", "after"):
        course = outcome.final[state]["test"]["course"]
        rows += [
            {
                "panel": f"{state} optimisation",
                "series": f"{epoch['step']}, training",
                "x": i + 1,
                "y": plain(epoch["loss"]),
            }
            for i, epoch in enumerate(course["history"])
        ]
    judged = {
        "before": outcome.networks[outcome.final_name]["initial"],
        "after": outcome.networks[outcome.final_name]["best"],
    }
    for state, found in judged.items():
        for fold, course in enumerate(found["courses"]):
            rows += [
                {"panel": f"{state} optimisation", "series": f"fold {fold + 1}, validation", "x": i + 1}
                | {"y": plain(epoch["validation_loss"])}
                for i, epoch in enumerate(course["history"])
            ]
    chart = charts.lines_over(rows, "Pass", "Cross-entropy", PAGE_WIDTH)
    name = outcome.final_name
    figure = Figure(
        "courses",
        to_spec(chart, f"Loss against pass for {title_of(name)}", 2 * len(rows)),
        f"Supplementary figure 2. {title_of(name)}: loss of every pass on all lines but the test lines, and on the "
        f"held-out lines of each fold. {outcome.stamp(name)}",
    )
    recipe = outcome.final["after"]["test"]["recipe"]
    steps = Table(
        "The steps of a training",
        [Column("Step"), Column("What is taught"), Column("Passes after optimisation", "d"), Column("Rate", ".2g")],
        [
            ["1. Weights of other pictures", _begun(outcome), None, None],
            [
                "2. Head",
                "dense layers; convolutions and batch norm stand still",
                recipe["head_epochs"],
                recipe["head_rate"],
            ]
            if recipe["head_epochs"]
            else ["2. Head", "left out: random convolutions are no extractor to keep", 0, None],
            ["3. Fine-tuning", "everything, at a reduced rate", recipe["tune_epochs"], recipe["tune_rate"]],
        ],
        "With no line left to stop by, each step makes as many passes as the folds' best weights took on average. "
        + outcome.stamp(name),
    )
    return Section("teaching", "Transfer learning", [steps, figure])


def _begun(outcome: Outcome) -> str:
    if outcome.networks[outcome.final_name]["pretrained"]:
        return "convolutions begin from a local file"
    return "left out: no weights were given, convolutions begin He-normal"


def nothing_learned(outcome: Outcome) -> Paragraph | None:
    """Return the warning that belongs above a reproduction whose size can show nothing; None at the paper's scale."""
    if outcome.scale["name"] == "paper":
        return None
    trials, passes = outcome.scale["trials"], outcome.final["after"]["test"]["recipe"]["tune_epochs"]
    text = (
        f"Scale {outcome.scale['name']}: {count(outcome.material['frames'], 'frame')}, "
        f"{count(trials, 'trial')} a network, {count(passes, 'pass')}: "
        "enough to show that every step runs and what the page looks like; the numbers say nothing about the method."
    )
    return Paragraph(text, "warning")
