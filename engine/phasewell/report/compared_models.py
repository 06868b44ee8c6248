"""The sections of two runs side by side about models: fitted on the runs, applied to them, and networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from phasewell.report.applied_models import title as applied_model_title
from phasewell.report.blocks import Block, Cell, Column, Fold, Paragraph, Section, Table
from phasewell.report.well_scores import applied_title, pooled_scores

if TYPE_CHECKING:
    from phasewell.report.compared_runs import ComparedRun, Comparison
    from phasewell.report.well_scores import PooledScores
    from phasewell.tables.applied import AnyApplied

_WHICH = ("first", "second")


def models_section(compared: Comparison) -> Section:
    """Return the scores of the models that were fitted on the runs, then what applied models say of common wells."""
    runs = (compared.first, compared.second)
    kinds = list(dict.fromkeys(m.evaluation.kind for run in runs for m in run.models))
    applied = [*_applied_models(compared), *_stale(compared)]
    if not kinds:
        return Section("potency", "Potency models", [Paragraph("No model was fitted on either run.", "note"), *applied])
    columns = [Column("Model")]
    rows: list[list[Cell]] = []
    for name in ("First run", "Second run"):
        columns += [Column("RMSE", ".3f", name), Column("Baseline RMSE", ".3f", name), Column("Q²", ".2f", name)]
    for kind in kinds:
        found = [next((m for m in run.models if m.evaluation.kind == kind), None) for run in runs]
        title = next(m.title for m in found if m)
        rows.append([title, *(value for m in found for value in (m.scores if m else (None, None, None)))])
    note = "Leave one clone out, in units of the target. Clones are few: a small difference of RMSE is no finding."
    return Section("potency", "Potency models", [Table("Scores of the models", columns, rows, note), *applied])


def _applied_models(compared: Comparison) -> list[Block]:
    """Return what potency models that were applied to both runs say of every common well, and which to one alone."""
    both, blocks = _of_both([run.applied.potency for run in _runs(compared)])
    rows: list[list[Cell]] = []
    folds: list[Block] = []
    for one, other in both:
        first, second = ({well.well: well for well in model.wells} for model in (one, other))
        name = applied_model_title(one)
        each: list[list[Cell]] = []
        for well in compared.wells:
            here, there = first.get(well), second.get(well)
            values = [found and found.predicted for found in (here, there)]
            each.append([well, *values, _difference(*values), *(_standing(found) for found in (here, there))])
        found = [(abs(float(row[3])), str(row[0]), float(row[3])) for row in each if isinstance(row[3], float)]
        largest = max(found, default=None)
        outside = [sum(not w.inside and not w.learned_from for w in model.wells) for model in (one, other)]
        row: list[Cell] = [name, len(found), sum(item[2] for item in found) / len(found) if found else None]
        rows.append([*row, largest and largest[2], largest and largest[1], *outside])
        columns = [Column("Well"), *(Column(which, ".3f", f"Predicted {one.target}") for which in ("First", "Second"))]
        columns += [Column("Difference", "+.3f"), *(Column(which, "", "The well is") for which in ("First", "Second"))]
        folds.append(Fold(f"Every well, as {name} predicts it", [Table(f"Predictions by {name}", columns, each)]))
    if rows:
        columns = [Column("Model"), Column("Wells predicted in both", "d"), Column("Mean difference", "+.3f")]
        columns += [Column("Largest difference", "+.3f"), Column("At")]
        columns += [Column(which, "d", "Wells outside of what it knows") for which in ("First", "Second")]
        note = "Second run minus first run, in units of the target. The model is the same: what differs is the profile."
        blocks.insert(0, Table("Models that were applied to both runs", columns, rows, note))
    return [*blocks, *folds]


def _stale(compared: Comparison) -> list[Block]:
    return [
        Paragraph(f"Of the {which} run: {run.applied.say_stale()}", "warning")
        for which, run in zip(_WHICH, _runs(compared), strict=True)
        if run.applied.stale
    ]


def _standing(well: Any) -> str | None:
    if well is None:
        return None
    return "learned from" if well.learned_from else "inside" if well.inside else "outside"


def _of_both(applied: Sequence[Sequence[Any]]) -> tuple[list[tuple[Any, Any]], list[Block]]:
    """Return the models that were applied to both runs, and a sentence on each that was applied to one alone."""
    named: list[Mapping[str, AnyApplied]] = [{model.name: model for model in models} for models in applied]
    alone: list[Block] = [
        Paragraph(f"{name} was applied to the {which} run only.", "note")
        for which, mine, others in ((_WHICH[0], named[0], named[1]), (_WHICH[1], named[1], named[0]))
        for name in mine
        if name not in others
    ]
    return [(named[0][name], named[1][name]) for name in named[0] if name in named[1]], alone


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else other - one


def scores_section(compared: Comparison) -> Section:
    """Return who scored the frames of the runs, the scores of common wells, and those of applied networks."""
    return Section("scores", "Network scores", [*_own_scores(compared), *_applied_networks(compared)])


def _own_scores(compared: Comparison) -> list[Block]:
    first, second = compared.first, compared.second
    if first.scores is None or second.scores is None:
        said = "neither run" if first.scores is second.scores else "one of the runs only"
        text = f"A network scored the frames of {said}." if said != "neither run" else "No network scored either run."
        return [Paragraph(text, "note")]
    return _scored_alike((first.scores, second.scores), "Who scored", compared.wells)


def _applied_networks(compared: Comparison) -> list[Block]:
    both, blocks = _of_both([run.applied.networks for run in _runs(compared)])
    for one, other in both:
        text = f"{applied_title(one)} was applied to both finished runs."
        caption = f"Who scored: {applied_title(one)}"
        blocks += [Paragraph(text), *_scored_alike((pooled_scores(one), pooled_scores(other)), caption, compared.wells)]
    return blocks


def _runs(compared: Comparison) -> tuple[ComparedRun, ComparedRun]:
    return compared.first, compared.second


def _scored_alike(pair: tuple[PooledScores, PooledScores], caption: str, wells: Sequence[str]) -> list[Block]:
    """Return who scored either run and, where they tell the same classes apart, the scores of every common well."""
    names = ("network", "model_sha256", "backend", "precision", "hardware")
    rows: list[list[Cell]] = [[name, *(str(scores.scored_by.get(name, "–")) for scores in pair)] for name in names]
    blocks: list[Block] = [Table(caption, [Column(""), Column("First"), Column("Second")], rows)]
    if pair[0].classes != pair[1].classes:
        text = "The networks tell other classes apart; their scores are not comparable."
        return [*blocks, Paragraph(text, "warning")]
    by_well = [{well.well: well for well in scores.wells} for scores in pair]
    each: list[list[Cell]] = []
    for well in wells:
        for place in pair[0].shown:
            values = [found[well].mean[place] if well in found else None for found in by_well]
            each.append([well, pair[0].classes[place], *values, _difference(*values)])
    columns = [Column("Well"), Column("Probability of"), Column("First", ".3f"), Column("Second", ".3f")]
    table = Table("Wells", [*columns, Column("Difference", "+.3f")], each)
    return [*blocks, Fold(f"Scores of {len(wells)} wells", [table])]
