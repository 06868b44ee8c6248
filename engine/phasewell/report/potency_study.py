"""What the statistics say about the potency models: what they have to beat, how sure their RMSE is, what is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phasewell.durable import read_object
from phasewell.errors import InputError
from phasewell.report.blocks import Block, Cell, Column, Figure, Paragraph, Table
from phasewell.report.evaluations import TITLES
from phasewell.report.paper_r.charts import rmse_map
from phasewell.report.theme import ACCENT, PAGE_WIDTH, inline, plain, to_spec

BASELINES = {
    "mean": "Mean of the other clones",
    "growth": "Growth (last / first hour) only",
    "count": "Cell count (last hour) only",
    "area": "Mean area only",
}
_REMEDY = "fit the models again"


@dataclass(frozen=True)
class PotencyStudy:
    """The documents that `fit` leaves beside the models: per kind, over all kinds, and the grids by kind."""

    by_kind: Mapping[str, Mapping[str, Any]]
    comparison: Mapping[str, Any] | None
    grids: Mapping[str, Mapping[str, Any]]


def read_study(folder: Path) -> PotencyStudy:
    """Return what stands under RUN/models besides the models; empty where nothing does.

    Raises InputError for a file that is no JSON object.
    """
    comparison = folder / "comparison.json"
    return PotencyStudy(
        by_kind={path.parent.name: read_object(path, _REMEDY) for path in sorted(folder.glob("*/study.json"))},
        comparison=read_object(comparison, _REMEDY) if comparison.exists() else None,
        grids={path.stem[5:]: read_object(path, _REMEDY) for path in sorted(folder.glob("grid_*.json"))},
    )


def study_blocks(study: PotencyStudy, target: str) -> list[Block]:
    """Return the blocks for the section about potency models; none where nothing was kept.

    Raises InputError when a document lacks a key.
    """
    try:
        blocks = [*_baselines(study, target), *_certainty(study, target), *_curves(study, target)]
        return [*blocks, *_floors(study, target), *_grids(study, target)]
    except (KeyError, TypeError) as error:
        raise InputError(f"models: study.json, comparison.json or a grid lacks {error}; {_REMEDY}") from error


def _title(kind: str) -> str:
    return TITLES.get(kind, kind)


def _baselines(study: PotencyStudy, target: str) -> list[Block]:
    if study.comparison is None:
        return []
    rows: list[list[Cell]] = []
    for name, title in BASELINES.items():
        found = study.comparison["baselines"].get(name)
        rows.append([title, *([None] * 3 if found is None else [found["rmse"], found["baseline_rmse"], found["q2"]])])
    columns = [Column("Line through one number"), Column(f"RMSE ({target})", ".3f")]
    columns += [Column("Baseline RMSE", ".3f"), Column("Q²", ".2f")]
    note = "What a model of hundreds of columns has to beat as well. A dash: undefined in some well."
    blocks: list[Block] = [Table("Baselines, leave one clone out", columns, rows, note)]
    differences = study.comparison["differences"]
    if differences:
        columns = [Column("Models"), Column(f"Difference of RMSE ({target})", "+.3f"), Column("Interval over clones")]
        rows = [
            [
                f"{_title(d['first'])} − {_title(d['second'])}",
                d["difference"],
                f"{d['low']:+.3f} to {d['high']:+.3f} ({d['level']:.0%})",
            ]
            for d in differences
        ]
        note = "Both models on the same resamplings of the clones; an interval over 0 leaves open which is better."
        blocks.append(Table("Models compared", columns, rows, note))
    return blocks


def _certainty(study: PotencyStudy, target: str) -> list[Block]:
    rows: list[list[Cell]] = []
    for kind, found in study.by_kind.items():
        interval, paper, floor = found["interval"], found.get("paper"), found.get("noise_floor", {})
        rows.append(
            [
                _title(kind),
                f"{interval['low']:.2f} to {interval['high']:.2f} ({interval['level']:.0%})",
                floor.get("median"),
                paper["rmse"] if paper else None,
            ]
        )
    if not rows:
        return []
    columns = [
        Column("Model"),
        Column(f"RMSE over resamplings of the clones ({target})"),
        Column(f"Noise floor of the fields ({target})", ".2f"),
        Column("RMSE by the paper's own procedure, optimistic", ".3f"),
    ]
    note = (
        "The interval covers the chance of which clones were taken, not another plate or donor. Noise floor: median "
        "over wells of the SD of a prediction when other fields are drawn; differences below it mean nothing. The last "
        "column chooses lambda on the clones that judge it: it is shown to compare with publications, not to be quoted."
    )
    return [Table("How sure the scores are", columns, rows, note)]


def _curves(study: PotencyStudy, target: str) -> list[Block]:
    import altair as alt

    blocks: list[Block] = []
    curves = {kind: found["learning_curve"] for kind, found in study.by_kind.items() if "learning_curve" in found}
    if not curves:
        return blocks
    rows = [
        {"model": _title(kind), "clones": point["clones"], "rmse": plain(point["rmse"]), "ratio": plain(ratio)}
        | {"low": plain(point["ratio_low"]), "high": plain(point["ratio_high"]), "draws": point["draws"]}
        for kind, curve in curves.items()
        for point in curve["points"]
        for ratio in [point["rmse"] / point["baseline_rmse"]]
    ]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("clones:Q", title="Clones in the study", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=False)),
        color=alt.Color("model:N", title=None, legend=alt.Legend(orient="top")),
    )
    y = alt.Y("ratio:Q", title="RMSE / baseline RMSE", scale=alt.Scale(zero=False))
    tooltip = [
        alt.Tooltip("model:N", title="Model"),
        alt.Tooltip("clones:Q", title="Clones"),
        alt.Tooltip("rmse:Q", title=f"RMSE ({target})", format=".3f"),
        alt.Tooltip("ratio:Q", title="RMSE / baseline", format=".2f"),
    ]
    spread = base.mark_rule(opacity=0.45, strokeWidth=2).encode(
        y=alt.Y("low:Q", title="RMSE / baseline RMSE"), y2="high:Q"
    )
    line = base.mark_line(point=alt.OverlayMarkDef(filled=True, size=60)).encode(y=y, tooltip=tooltip)
    one = alt.Chart(inline([{"ratio": 1.0}])).mark_rule(color="var(--ink-3)", strokeDash=[5, 4]).encode(y=y)
    chart = alt.layer(one, spread, line).properties(width=PAGE_WIDTH - 90, height=240)
    words = "RMSE over the baseline's RMSE by number of clones; " + "; ".join(
        f"{_title(kind)}: {curve['sentence']}" for kind, curve in curves.items()
    )
    caption = (
        "Learning curve: the whole validation repeated on random choices of clones, medians and the middle half; on "
        "the dashed line nothing is learned. " + " ".join(f"{_title(k)}: {c['sentence']}." for k, c in curves.items())
    )
    blocks.append(Figure("learning-curve", to_spec(chart, words, 3 * len(rows)), caption))
    return blocks


def _floors(study: PotencyStudy, target: str) -> list[Block]:
    import altair as alt

    found = {k: f["noise_floor"] for k, f in study.by_kind.items() if "wells" in f.get("noise_floor", {})}
    if not found:
        return []
    kind = "lasso" if "lasso" in found else next(iter(found))
    wells: Mapping[str, float] = found[kind]["wells"]
    rows = [{"well": well, "sd": plain(sd, 4)} for well, sd in wells.items()]
    chart = alt.Chart(inline(rows)).mark_bar(color=ACCENT, cornerRadius=2)
    chart = chart.encode(
        x=alt.X("well:N", sort=list(wells), title="Well", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("sd:Q", title=f"SD of the prediction ({target})"),
        tooltip=[alt.Tooltip("well:N", title="Well"), alt.Tooltip("sd:Q", title="SD", format=".2f")],
    ).properties(width=PAGE_WIDTH - 90, height=180)
    floor = found[kind]
    caption = (
        f"Noise floor of the fields, {_title(kind)}: SD of each well's held-out prediction over {floor['draws']} "
        f"resamplings of {floor['fields']} fields. Two clones whose predictions differ by less are not told apart."
    )
    return [Figure("noise-floor", to_spec(chart, f"Noise floor by well, {_title(kind)}", len(rows)), caption)]


def _grids(study: PotencyStudy, target: str) -> list[Block]:
    blocks: list[Block] = []
    for kind, grid in study.grids.items():
        values = [v for row in grid["rmse"] for v in row if v is not None]
        selected, economy = grid["selected"], grid["economy"]
        domain = _domain(values, grid["baseline_rmse"])
        star = (
            f"★ selected, the best of {len(values)} cells: {selected['fields']} fields until {selected['last_h']:g} h, "
            f"RMSE {selected['rmse']:.2f} (baseline {selected['baseline_rmse']:.2f}, Q² {selected['q2']:.2f})"
        )
        p_value = selected["p_family"]
        chance = (
            " No deals of the targets were made, so nothing says how good the best cell of chance would be."
            if p_value is None
            else f" p = {p_value:.3f} over all cells: the whole grid on {len(grid['dealt_best'])} deals of the targets."
        )
        caption = (
            f"{_title(kind)}: RMSE, leave one clone out, by last hour and fields per well; mean over {grid['draws']} "
            f"draws of fields. Blank: no column is defined in every well.{chance}"
        )
        chart = rmse_map(grid, domain, star, PAGE_WIDTH, target)
        blocks.append(Figure(f"grid-{kind.replace('_', '-')}", to_spec(chart, star, len(values)), caption))
        blocks.append(Paragraph(f"How few fields, how early: {economy['sentence']}.", "note"))
        blocks += _frontier(economy)
    return blocks


def _domain(values: Sequence[float], baseline: float) -> list[float]:
    least = min(values)
    return [round(least, 2), round(max(baseline, least + 0.1), 2)]


def _frontier(economy: Mapping[str, Any]) -> list[Block]:
    if not economy["frontier"]:
        return []
    columns = [Column("Until (h)", "g"), Column("Fields per well", "d"), Column("Frames per well", "d")]
    columns += [Column("RMSE", ".3f"), Column("Share of draws", ".0%")]
    names = ("last_h", "fields", "frames", "rmse", "share")
    rows: list[list[Cell]] = [[cell[name] for name in names] for cell in economy["frontier"]]
    note = (
        f"Within {economy['margin']:.0%} of the full plate's RMSE {economy['full_rmse']:.2f} (baseline "
        f"{economy['baseline_rmse']:.2f}) in at least {economy['confidence']:.0%} of {economy['draws']} draws of "
        "fields, with every larger part; no other such part has fewer hours and fields. The share is chance in the "
        "fields, not in the clones."
    )
    return [Table("What is enough", columns, rows, note)]
