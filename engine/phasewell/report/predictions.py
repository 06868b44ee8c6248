"""The section about potency models: RMSE, the baseline's RMSE and Q2, always together."""

from __future__ import annotations

from collections.abc import Sequence

from phasewell.report import model_figures
from phasewell.report.applied_models import applied_blocks
from phasewell.report.blocks import Block, Cell, Column, Figure, Paragraph, Section, Table
from phasewell.report.content import Content
from phasewell.report.evaluations import ModelReport
from phasewell.report.potency_study import study_blocks
from phasewell.report.theme import PAGE_WIDTH, to_spec


def potency(content: Content) -> Section:
    """Return the models' scores with their verdicts, predicted against measured, and LASSO's columns."""
    models = content.models
    title = "Potency models"
    if not models:
        none = "No model was fitted on this run. To fit and judge some: phasewell fit RUN."
        return Section("potency", title, [Paragraph(none, "note"), *applied_blocks(content)])
    target = str(content.setting("model", "target", "potency"))
    n = models[0].evaluation.n_groups
    lead = (
        f"Each held-out prediction comes from a model that never saw the predicted clone ({n} clones, one left out at "
        "a time; scaling and every choice are made inside the fold). The baseline predicts the mean of the other "
        "clones. Q² = 1 − RMSE² / baseline²; 0 or less means nothing was learned."
    )
    blocks: list[Block] = [_scores(models, target)]
    blocks += [_verdict(model) for model in models]
    blocks += _shuffles(models)
    chart = model_figures.predicted_measured(models, target, PAGE_WIDTH)
    words = (
        "Predicted against measured "
        + target
        + ": "
        + "; ".join(
            f"{m.title} RMSE {m.scores.rmse:.3f}, baseline {m.scores.baseline_rmse:.3f}, Q2 {m.scores.q2:.2f}"
            for m in models
        )
    )
    marks = sum(len(m.evaluation.predictions) for m in models)
    caption = "Held-out prediction of every well; on the dashed line prediction and measurement agree."
    blocks.append(Figure("predictions", to_spec(chart, words, marks), caption))
    blocks += [block for model in models for block in _columns(model, target)]
    blocks += study_blocks(content.study, target) if content.study else []
    return Section("potency", title, [*blocks, *applied_blocks(content)], lead)


def _scores(models: Sequence[ModelReport], target: str) -> Table:
    measured, true = "On measured descriptors", "On true descriptors"
    columns = [
        Column("Model"),
        Column(f"RMSE ({target})", ".3f", measured),
        Column(f"Baseline RMSE ({target})", ".3f", measured),
        Column("RMSE / baseline", ".2f", measured),
        Column("Q²", ".2f", measured),
    ]
    known = any(m.on_truth for m in models)
    if known:
        columns += [
            Column(f"RMSE ({target})", ".3f", true),
            Column("Baseline RMSE", ".3f", true),
            Column("Q²", ".2f", true),
            Column("RMSE, measured / true", ".2f", " "),
        ]
    rows: list[list[Cell]] = []
    for model in models:
        rmse, baseline, q2 = model.scores
        row: list[Cell] = [model.title, rmse, baseline, _ratio(rmse, baseline), q2]
        if known:
            best = model.on_truth
            row += [*best, _ratio(rmse, best.rmse)] if best else [None] * 4
        rows.append(row)
    note = ""
    if known:
        note = (
            "True descriptors: the same kind of model on descriptors of the simulated cells' true outlines; the "
            "distance between both is what segmentation costs."
        )
    return Table("Scores, leave one clone out", columns, rows, note)


def _shuffles(models: Sequence[ModelReport]) -> list[Block]:
    """Return the scores on shuffled targets beside the real one, for the models that have them."""
    found = [(m, m.shuffles) for m in models if m.shuffles]
    if not found:
        return []
    columns = [Column("Model"), Column("RMSE / baseline", ".2f"), Column("Median over shuffles", ".2f")]
    columns += [Column("Shuffles", "d"), Column("p", ".3f")]
    rows: list[list[Cell]] = [
        [m.title, _ratio(m.scores.rmse, m.scores.baseline_rmse), s.median, s.n, s.p_value] for m, s in found
    ]
    note = (
        "The whole procedure on targets dealt out at random; a median well below 1 would mean that it finds what is "
        "not there."
    )
    return [Table("Shuffled targets", columns, rows, note)]


def _ratio(value: float, by: float) -> float | None:
    return value / by if by > 0 else None


def _verdict(model: ModelReport) -> Paragraph:
    evaluation = model.evaluation
    text = f"{model.title}: {evaluation.verdict}."
    if model.choice:
        text += f" Fitted on {model.choice}."
    if evaluation.wells_left_out:
        text += f" Without {len(evaluation.wells_left_out)} wells that have no usable profile or target."
    return Paragraph(text, "note" if evaluation.better_than_baseline else "warning")


def _columns(model: ModelReport, target: str) -> list[Block]:
    found = model.evaluation.coefficients
    if model.evaluation.kind in ("forest", "xgboost"):  # trees have no coefficients
        return []
    if not found:
        return [Paragraph(f"{model.title} chose no column: it predicts the mean.", "note")]
    shown = found[:20]
    words = f"Coefficients of {model.title}, largest first: " + ", ".join(c.title for c in shown[:5])
    caption = f"{model.title} fitted on all clones uses {len(found)} of {model.evaluation.n_parameters} columns"
    caption += f"; the largest {len(shown)} are shown." if len(found) > len(shown) else "."
    chart = model_figures.coefficients(model, target, PAGE_WIDTH)
    return [Figure(f"columns-{model.evaluation.kind}", to_spec(chart, words, len(shown)), caption)]
