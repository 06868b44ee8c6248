"""What finished models that were applied to the run say of its wells, always apart from held-out predictions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from phasewell.potency.assessment import MOST_GROUPS
from phasewell.report.blocks import Block, Cell, Column, Figure, Fold, Paragraph, Table
from phasewell.report.evaluations import TITLES
from phasewell.report.theme import ACCENT, PAGE_WIDTH, WARNING, as_letters, inline, plain, to_spec

if TYPE_CHECKING:
    from phasewell.report.content import Content
    from phasewell.tables.applied import AppliedModel, AppliedWell

INSIDE, OUTSIDE, LEARNED = "inside of what the model knows", "outside of it", "learned from: no honest prediction"


def applied_blocks(content: Content) -> list[Block]:
    """Return the blocks for the section about potency models; none where no model was applied."""
    found = content.applied
    blocks: list[Block] = []
    if found.potency:
        blocks.append(_overview(content))
    for model in found.potency:
        blocks += _of_model(content, model)
    if found.stale:
        blocks.append(Paragraph(found.say_stale(), "warning"))
    return blocks


def title(model: AppliedModel) -> str:
    """Return a model's kind in words with the first digits of its digest."""
    return f"{TITLES.get(model.kind, model.kind)} {model.digest[:6]}"


def origin(content: Content, model: AppliedModel) -> str:
    """Return in words where a model learned."""
    if content.plate.name in model.plates:
        return "a model that learned from this plate"
    return f"a model from another plate ({', '.join(model.plates)})" if model.plates else "a model from another plate"


def ends(model: AppliedModel, well: AppliedWell) -> tuple[Cell, Cell]:
    """Return the ends of a well's interval, the infinity signs where it is infinite, None where there is none."""
    rank = math.ceil(round(model.level * (model.n_groups + 1), 9))
    if well.predicted is not None and rank > model.n_groups and model.n_groups <= MOST_GROUPS:
        return "−∞", "∞"
    return plain(well.low, 4), plain(well.high, 4)


def standing(well: AppliedWell) -> str:
    """Return in words where a well stands to what the model learned from."""
    if well.learned_from:
        return LEARNED
    return INSIDE if well.inside else OUTSIDE


def panel_lines(content: Content) -> tuple[dict[str, list[list[Any]]], list[str]]:
    """Return per well the lines [model, target, measured, predicted, from, to] of the panel, and a note per model."""
    lines: dict[str, list[list[Any]]] = {}
    notes = []
    for model in content.applied.potency:
        notes.append(f"{title(model)}: predicted by {origin(content, model)}; {model.sentence}.")
        for well in model.wells:
            name = f"{title(model)}, {origin(content, model)}"
            if well.learned_from:
                name += "; it learned from this well, so this is no honest prediction"
            elif not well.inside:
                name += f"; this well is outside of what it knows: {'; '.join(well.reasons)}"
            low, high = ("–" if end is None else end for end in ends(model, well))
            line = [name, model.target, _measured(content, model, well), plain(well.predicted, 4), low, high]
            lines.setdefault(well.well, []).append(line)
    return lines, notes


def _measured(content: Content, model: AppliedModel, well: AppliedWell) -> float | None:
    value = content.plate.platemap.get(well.well, {}).get(model.target)
    return plain(value, 4) if isinstance(value, int | float) else None


def _overview(content: Content) -> Table:
    held_out = "Of its validation, leave one clone out"
    columns = [Column("Model"), Column("Learned from"), Column("Wells", "d"), Column("Clones", "d")]
    columns += [
        Column("RMSE", ".3f", held_out),
        Column("Baseline RMSE", ".3f", held_out),
        Column("Q²", ".2f", held_out),
    ]
    columns += [Column("Outside", "d", "Wells here"), Column("Learned from", "d", "Wells here")]
    rows: list[list[Cell]] = []
    for model in content.applied.potency:
        outside = sum(not well.inside and not well.learned_from for well in model.wells)
        learned = sum(well.learned_from for well in model.wells)
        row: list[Cell] = [model.name, ", ".join(model.plates) or None, model.n_wells, model.n_groups]
        rows.append([*row, model.rmse, model.baseline_rmse, model.q2, outside, learned])
    note = "The validation was made where the model learned: it says nothing of another donor, microscope or medium."
    own = any(content.plate.name in model.plates for model in content.applied.potency)
    caption = "Predicted by models that were applied to this run" if own else "Predicted by models from another plate"
    return Table(caption, columns, rows, note)


def _of_model(content: Content, model: AppliedModel) -> list[Block]:
    text = f"{title(model)}: predicted by {origin(content, model)}; {model.sentence}."
    learned = sum(well.learned_from for well in model.wells)
    if learned:
        text += f" It learned from {learned} of these wells: what it says of them is no honest prediction."
    blocks: list[Block] = [Paragraph(text, "warning" if learned else "plain")]
    shown = [well for well in model.wells if well.predicted is not None]
    if shown:
        drawn = any(well.low is not None and well.high is not None for well in shown)
        caption = f"{title(model)}: every well, {'with its interval' if drawn else 'without intervals'}. "
        caption += "The dashed line is the mean of the wells it learned from"
        known = any(_measured(content, model, well) is not None for well in shown)
        caption += "; open diamonds are what the plate map says." if known else "."
        words = f"Predicted {model.target} of {len(shown)} wells with intervals, by {origin(content, model)}"
        titles = {"low": f"From ({model.target})", "high": f"To ({model.target})"}
        chart = _chart(content, model, shown)
        name = f"applied-{model.kind.replace('_', '-')}-{as_letters(model.digest)}"
        blocks.append(Figure(name, to_spec(chart, words, 3 * len(shown), titles), caption))
    columns = [Column("Well"), Column(f"Predicted {model.target}", ".2f"), Column("From", ".2f"), Column("To", ".2f")]
    outside = [well for well in model.wells if not well.inside and not well.learned_from]
    if outside:
        rows = [[*_cells(model, well), "; ".join(well.reasons)] for well in outside]
        note = "The number is given, but the model has seen no well like this one."
        blocks.append(Table(f"Outside of what {title(model)} knows", [*columns, Column("Why")], rows, note))
    columns += [Column(f"Measured {model.target}", ".2f"), Column("The well is")]
    rows = [[*_cells(model, well), _measured(content, model, well), standing(well)] for well in model.wells]
    every = Table(f"Predictions by {title(model)}", columns, rows)
    return [*blocks, Fold(f"Every well, as {title(model)} predicts it", [every])]


def _cells(model: AppliedModel, well: AppliedWell) -> list[Cell]:
    return [well.well, well.predicted, *ends(model, well)]


def _chart(content: Content, model: AppliedModel, shown: list[AppliedWell]) -> Any:
    import altair as alt

    rows = [
        {
            "well": well.well,
            "predicted": plain(well.predicted, 4),
            "low": plain(well.low, 4),
            "high": plain(well.high, 4),
            "measured": _measured(content, model, well),
            "standing": standing(well),
        }
        for well in shown
    ]
    wells = [well.well for well in shown]
    base = alt.Chart(inline(rows))
    y_title = f"Predicted {model.target}"
    x = alt.X("well:N", title="Well", sort=wells, axis=alt.Axis(labelAngle=-90, labelOverlap=True))
    y = alt.Y("predicted:Q", title=y_title, scale=alt.Scale(zero=False, padding=12))
    domain = [INSIDE, OUTSIDE, LEARNED]
    legend = alt.Legend(title="The well is", orient="top", symbolOpacity=1, labelLimit=320)
    colour = alt.Color("standing:N", scale=alt.Scale(domain=domain, range=[ACCENT, WARNING, "#8d8d8d"]), legend=legend)
    shape = alt.Shape(
        "standing:N", scale=alt.Scale(domain=domain, range=["circle", "triangle-up", "square"]), legend=legend
    )
    tooltip = [
        alt.Tooltip("well:N", title="Well"),
        alt.Tooltip("predicted:Q", title=y_title, format=".3~f"),
        alt.Tooltip("low:Q", title="From", format=".3~f"),
        alt.Tooltip("high:Q", title="To", format=".3~f"),
        alt.Tooltip("measured:Q", title="Measured", format=".3~f"),
        alt.Tooltip("standing:N", title="The well is"),
    ]
    mean = alt.Chart(inline([{"mean": plain(model.baseline, 4)}])).mark_rule(color="var(--ink-3)", strokeDash=[5, 4])
    layers = [mean.encode(y=alt.Y("mean:Q", title=y_title))]
    if any(row["low"] is not None and row["high"] is not None for row in rows):  # of infinite ones nothing is drawn
        interval = base.mark_rule(strokeWidth=2, opacity=0.55)
        layers.append(interval.encode(x=x, y=alt.Y("low:Q", title=y_title), y2="high:Q", color=colour))
    points = base.mark_point(filled=True, size=70, opacity=1)
    layers.append(points.encode(x=x, y=y, color=colour, shape=shape, tooltip=tooltip))
    if any(row["measured"] is not None for row in rows):
        diamonds = base.mark_point(filled=False, shape="diamond", size=80, color="var(--ink)", strokeWidth=1.4)
        layers.append(diamonds.encode(x=x, y=alt.Y("measured:Q", title=y_title)))
    return alt.layer(*layers).properties(width=PAGE_WIDTH - 90, height=280)
