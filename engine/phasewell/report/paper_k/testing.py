"""Sections about the final network: test lines before and after optimisation (table 2, figure 3), and about lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasewell.learning.published import published_tables
from phasewell.report.blocks import Block, Cell, Column, Fact, Facts, Figure, Paragraph, Section, Table
from phasewell.report.paper_k import charts
from phasewell.report.paper_k.outcome import METRIC_TITLES, Outcome, title_of
from phasewell.report.reproduction import count
from phasewell.report.theme import PAGE_WIDTH, to_spec

_LINE_KEYS = ("line", "class_name", "frames", "mean_probability", "share_called_positive")
STATES = {"before": "before optimisation", "after": "after optimisation"}


def evaluations(outcome: Outcome) -> dict[str, Mapping[str, Any]]:
    """Return the evaluations on the test lines by state, in words."""
    return {words: outcome.final[state]["test"]["evaluation"] for state, words in STATES.items()}


def test_lines(outcome: Outcome) -> Section:
    """Return table 2 beside the published one, ROC, confusion, softmax distributions and calibration."""
    name, stamp = title_of(outcome.final_name), outcome.stamp(outcome.final_name)
    found = evaluations(outcome)
    curves = {f"{words} (AUC {_text(e['metrics']['auc'])})": e["roc"] for words, e in found.items()}
    points = sum(len(curve["false_positive_rate"]) for curve in curves.values() if curve)
    matrices = {words.capitalize(): e["matrix"] for words, e in found.items()}
    confusion = charts.confusion_maps(matrices, outcome.material["classes"], PAGE_WIDTH)
    bins = {words.capitalize(): e["calibration"]["bins"] for words, e in found.items()}
    blocks: list[Block] = [
        _facts(outcome),
        _table_2(outcome),
        Figure(
            "test-roc",
            to_spec(charts.roc_curves(curves, PAGE_WIDTH), "ROC on the test lines: " + ", ".join(curves), points),
            f"Figure 3. {name} on the test lines. {stamp}",
        ),
        Figure(
            "test-confusion",
            to_spec(confusion, "Confusion on the test lines before and after optimisation", 16),
            f"Supplementary figure 8. Frames of the test lines, called by the larger probability. {stamp}",
        ),
        Figure(
            "reliability",
            to_spec(charts.reliability(bins, PAGE_WIDTH), "Reliability before and after optimisation", 40),
            f"Calibration on the test lines: {_calibration(found)} On the dashed line a probability means what it "
            f"says. {stamp}",
        ),
    ]
    blocks += [Paragraph(text, "note") for text in _temperature(found)]
    lead = (
        f"{name} taught on all lines but {', '.join(outcome.material['test_lines'])}, then judged by these alone; they "
        f"took no part in any search. Chosen because: {outcome.final['why']}."
    )
    return Section("test", "Test lines before and after", blocks, lead)


def _text(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _facts(outcome: Outcome) -> Facts:
    before, after = evaluations(outcome).values()
    facts = []
    for metric in ("auc", "accuracy"):
        was, now = before["metrics"][metric], after["metrics"][metric]
        facts.append(Fact(f"{METRIC_TITLES[metric]} after", _text(now), f"{_text(was)} before"))
    facts.append(Fact("Test lines", str(after["n_lines"]), f"{after['n_frames']:,} frames"))
    permutation = after["permutation"]
    if permutation:
        facts.append(Fact("p over lines", f"{permutation['p']:.3g}", f"least possible {permutation['least_p']:.3g}"))
    return Facts(facts)


def _table_2(outcome: Outcome) -> Table:
    published = published_tables()
    columns = [Column("Recipe"), Column("From"), *(Column(title, ".3f") for title in METRIC_TITLES.values())]
    columns.append(Column("Frames / s", ",.0f"))
    rows: list[list[Cell]] = []
    for state, words in STATES.items():
        test = outcome.final[state]["test"]
        metrics = test["evaluation"]["metrics"]
        rows.append([words, "here", *(metrics[m] for m in METRIC_TITLES), test["rate"]["frames_per_s"]])
        if outcome.final_name == "densenet121":
            printed = dict(zip(published["columns"], published["table_2"]["rows"][state], strict=True))
            rows.append(["", "paper", *(printed[m] for m in METRIC_TITLES), printed["frames_per_s"]])
    rate = outcome.final["after"]["test"]["rate"]
    note = (
        "Positive above 0.5. Rate here: "
        f"{rate['boundary']}, batch {rate['batch']}, {rate['precision']}, {rate['device']}. The paper's rows are of "
        f"its own frames; {published['table_2']['note']}. {outcome.stamp(outcome.final_name)}"
    )
    return Table(f"Table 2. {title_of(outcome.final_name)} on the test lines", columns, rows, note)


def _calibration(found: Mapping[str, Mapping[str, Any]]) -> str:
    return " ".join(
        f"{words.capitalize()}: expected calibration error {e['calibration']['expected_error']:.3f}, Brier score "
        f"{e['calibration']['brier']:.3f}."
        for words, e in found.items()
    )


def _temperature(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    texts = []
    for words, evaluation in found.items():
        scaled = evaluation["temperature"]
        if scaled["reason"]:
            texts.append(f"{words.capitalize()}: {scaled['reason']}.")
        else:
            after = scaled["calibration"]["expected_error"]
            texts.append(
                f"{words.capitalize()}: each line scaled by a temperature of the other lines has an expected "
                f"calibration error of {after:.3f}; temperature of all lines {scaled['all_lines']:.3g}."
            )
    return list(dict.fromkeys(texts))


def lines(outcome: Outcome) -> Section:
    """Return what can be said about lines: scores, exact permutation, bootstrap, and the search judged from outside."""
    final, stamp = outcome.final, outcome.stamp(outcome.final_name)
    after = final["after"]["test"]["evaluation"]
    blocks: list[Block] = [_line_table("Test lines after optimisation", after, stamp)]
    blocks += _statements(after)
    outside = final["outside"]
    if outside:
        evaluation = outside["evaluation"]
        inner, outer = outside["inner_values"], outside["outer_values"]
        text = (
            f"The search judged from outside: {outside['folds']} times, lines of both classes were left out, "
            f"{count(outside['trials'], 'trial')} chose a recipe among the others, and the lines left out were scored. "
            f"Mean accuracy reported by the searches {_mean(inner):.3f}, reached outside {_mean(outer):.3f}; the "
            f"difference, {outside['optimism']:+.3f}, is what choosing the best adds to its own score."
        )
        blocks += [
            Paragraph(text),
            _line_table("Every line, by a network whose search never saw it", evaluation, stamp),
        ]
        blocks += _statements(evaluation)
    lead = (
        f"The sample is {len(outcome.material['lines'])} donor lines, not {outcome.material['frames']:,} frames: "
        "frames of a line share donor, dish and day."
    )
    return Section("lines", "What this says about lines", blocks, lead)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _line_table(title: str, evaluation: Mapping[str, Any], stamp: str) -> Table:
    columns = [Column("Line"), Column("Class"), Column("Frames", ",d")]
    columns += [Column(f"Mean probability of {evaluation['positive']}", ".3f")]
    columns += [Column("Share of frames called so", ".3f"), Column("Line called rightly")]
    rows: list[list[Cell]] = [
        [*(line[key] for key in _LINE_KEYS), "yes" if line["correct"] else "no"] for line in evaluation["lines"]
    ]
    return Table(title, columns, rows, stamp)


def _statements(evaluation: Mapping[str, Any]) -> list[Block]:
    texts = []
    if evaluation["permutation"]:
        texts.append(f"Lines trading classes: {evaluation['permutation']['statement']}.")
    bootstrap = evaluation["bootstrap"]
    interval = bootstrap["interval"]["auc"]
    if interval:
        share = f"{100 * bootstrap['level']:.0f} %"
        text = f"AUC of frames, {share} of line bootstraps: {interval[0]:.3f} to {interval[1]:.3f}."
        texts.append(text + (f" Caution: {bootstrap['caution']}." if bootstrap["caution"] else ""))
    elif bootstrap["reason"]:
        texts.append(f"No interval over lines: {bootstrap['reason']}.")
    return [Paragraph(text, "note") for text in texts]
