"""The section about the network: what it says of every well, of how many frames, and who scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.report import plate_maps
from phasewell.report.blocks import (
    Block,
    Cell,
    Column,
    Definitions,
    Fact,
    Facts,
    Figure,
    Fold,
    Paragraph,
    Section,
    Table,
)
from phasewell.report.measures import Measure
from phasewell.report.theme import CATEGORIES, PAGE_WIDTH, as_letters, hour_text, inline, plain, to_spec
from phasewell.tables.well_scores import HOUR_SCORES, WELL_SCORES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.report.content import Content
    from phasewell.tables.applied import AppliedNetwork
    from phasewell.tables.results import Results

BINS = 20
_MAPS = 3  # plate maps beside each other
_OPEN_TABLE_ROWS = 24
_COLOURED_CLASSES = 10
_NONE = "No network scored the frames of this run; [inference] model in its configuration names one."


@dataclass(frozen=True)
class WellScore:
    """What the frames of one well say together; `mean`, `sd` and `votes` are per class, None where undefined."""

    well: str
    mean: tuple[float | None, ...]
    sd: tuple[float | None, ...]
    votes: tuple[int, ...]
    majority: str | None
    n_scored: int
    n_expected: int
    first_h: float
    last_h: float


@dataclass(frozen=True)
class PooledScores:
    """What a network says of every well, and who it is."""

    scored_by: Mapping[str, Any]
    classes: tuple[str, ...]
    wells: tuple[WellScore, ...]

    @property
    def shown(self) -> tuple[int, ...]:
        """The classes that figures show, as places: the second of two, which says all, else the first few."""
        return (1,) if len(self.classes) == 2 else tuple(range(min(_MAPS, len(self.classes))))


@dataclass(frozen=True)
class RunScores(PooledScores):
    """The scores of a run. `hourly` (classes, wells, hours) float64 are mean probabilities, NaN where undefined.

    `histogram` counts scored frames, (wells, classes, bins) over probabilities 0 to 1 in `BINS` equal bins.
    `unscored` counts frames by the reason why they have no score.
    """

    hourly: NDArray[np.float64]
    histogram: NDArray[np.int64]
    unscored: Mapping[str, int]

    def measures(self) -> tuple[Measure, ...]:
        """Return the mean probability per well and hour of the classes that are shown."""
        return tuple(
            Measure(f"probability_{place}", f"Probability of {self.classes[place]}", "mean", self.hourly[place], True)
            for place in self.shown
        )


def read_scores(results: Results) -> RunScores | None:
    """Return the scores of a finished run, through its manifest; None where no model was used."""
    pooled, hourly = results.pooled_scores(WELL_SCORES), results.pooled_scores(HOUR_SCORES)
    if pooled is None or hourly is None:
        return None
    info = results.plate_info
    classes = tuple(dict.fromkeys(str(name) for name in pooled.column("class_name").to_pylist()))
    wells = _wells(pooled.to_pylist(), len(classes))
    means = [np.nan if value is None else value for value in hourly.column("mean_probability").to_pylist()]
    shape = (len(info.wells), len(info.times), len(classes))
    histogram, unscored = _frame_histogram(results, info.wells, classes)
    return RunScores(
        scored_by=results.manifest.scored_by or {},
        classes=classes,
        wells=wells,
        hourly=np.moveaxis(np.array(means, np.float64).reshape(shape), 2, 0),
        histogram=histogram,
        unscored=unscored,
    )


def pooled_scores(network: AppliedNetwork) -> PooledScores:
    """Return the scores of a network that was applied to the run."""
    rows = [score.model_dump() for score in network.scores]
    return PooledScores(network.scored_by, network.classes, _wells(rows, len(network.classes)))


def _wells(rows: Sequence[Mapping[str, Any]], n_classes: int) -> tuple[WellScore, ...]:
    return tuple(_well(rows[i : i + n_classes]) for i in range(0, len(rows), n_classes))


def _well(rows: Sequence[Mapping[str, Any]]) -> WellScore:
    first = rows[0]
    return WellScore(
        well=first["well"],
        mean=tuple(row["mean_probability"] for row in rows),
        sd=tuple(row["sd_probability"] for row in rows),
        votes=tuple(row["votes"] for row in rows),
        majority=next((row["class_name"] for row in rows if row["majority"]), None),
        n_scored=first["n_scored"],
        n_expected=first["n_expected"],
        first_h=first["first_h"],
        last_h=first["last_h"],
    )


def _frame_histogram(
    results: Results, wells: tuple[str, ...], classes: tuple[str, ...]
) -> tuple[NDArray[np.int64], dict[str, int]]:
    counts = np.zeros((len(wells), len(classes), BINS), np.int64)
    unscored: dict[str, int] = {}
    for batch in results.score_batches():
        place = wells.index(batch.column("well")[0].as_py()) if batch.num_rows else 0
        values = batch.column("probability").to_pylist()
        reasons = batch.column("reason").to_pylist()
        for row, value in enumerate(values):  # one row per frame and class
            if value is not None:
                counts[place, row % len(classes), min(int(value * BINS), BINS - 1)] += 1
            elif row % len(classes) == 0:
                unscored[str(reasons[row])] = unscored.get(str(reasons[row]), 0) + 1
    return counts, unscored


def network_scores(content: Content) -> Section:
    """Return who scored, the scores of wells on the plate and as a table, and the distribution over frames."""
    scores = content.scores
    title = "Network scores"
    if scores is None:
        blocks: list[Block] = [Paragraph(_NONE, "note")]
    else:
        blocks = [Facts(_facts(scores)), *_beginning(scores), _maps(scores, "score-maps")]
        blocks += [_histogram(content, scores), _table(content, scores), _who(scores)]
    for network in content.applied.networks:
        blocks += _applied(content, network)
    found = scores or next(map(pooled_scores, content.applied.networks), None)
    if found is None:
        return Section("scores", title, blocks)
    first = found.wells[0]
    span = "–".join(hour_text(hour) for hour in dict.fromkeys((first.first_h, first.last_h)))
    lead = (
        "A frame's score is the probability that the network gives to each class. A well's score is the mean over its "
        f"scored frames at {span} h; beside it stands the vote, in which each frame counts for its most probable "
        "class. Coverage is the share of expected frames that were scored."
    )
    return Section("scores", title, blocks, lead)


def applied_title(network: AppliedNetwork) -> str:
    """Return an applied network in words: which, and the first digits of its digest."""
    return f"{network.kind} {network.digest[:6]}"


def _applied(content: Content, network: AppliedNetwork) -> list[Block]:
    """Return what a network that was applied to the finished run says of its wells, apart from the run's own."""
    scores, name = pooled_scores(network), applied_title(network)
    learned = f"learned from {', '.join(network.plates)}" if network.plates else "its card names no plate"
    text = f"{name} was applied to this finished run ({learned}); it scored frames again, and no part of the run."
    blocks: list[Block] = [Paragraph(text), *_beginning(scores)]
    if any(value is not None for well in scores.wells for value in well.mean):
        blocks.append(_maps(scores, f"applied-scores-{as_letters(network.digest)}"))
    return [*blocks, Fold(f"Every well, as {name} scores it", [_table(content, scores), _who(scores)])]


def _beginning(scores: PooledScores) -> list[Block]:
    if scores.scored_by.get("pretrained") is not False:
        return []
    text = f"The network began from random weights, not from other pictures ({scores.scored_by.get('origin', '')})."
    return [Paragraph(text, "note")]


def _facts(scores: RunScores) -> list[Fact]:
    scored = int(scores.histogram[:, 0].sum())
    expected = scored + sum(scores.unscored.values())
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(scores.unscored.items()))
    verdicts = [sum(well.majority == name for well in scores.wells) for name in scores.classes]
    said = ", ".join(f"{count} {name}" for name, count in zip(scores.classes, verdicts, strict=True))
    open_wells = sum(well.majority is None for well in scores.wells)
    share = f" ({100 * scored / expected:.1f} %)" if expected else ""
    return [
        Fact("Frames scored", f"{scored:,}", f"of {expected:,} expected{share}"),
        Fact("Frames not scored", f"{expected - scored:,}", reasons, "warning" if reasons else "plain"),
        Fact("Wells by majority", said, f"{open_wells} without a majority" if open_wells else "of frames"),
        Fact("Network", str(scores.scored_by.get("network", "unknown")), _pretrained(scores)),
    ]


def _pretrained(scores: RunScores) -> str:
    known = scores.scored_by.get("pretrained")
    return "" if known is None else f"pretrained: {str(known).lower()}"


def _maps(scores: PooledScores, name: str) -> Figure:
    wells = tuple(well.well for well in scores.wells)

    def measure(title: str, unit: str, values: Sequence[float | None]) -> Measure:
        column = np.array([[np.nan if v is None else v] for v in values], np.float64)
        return Measure(title, title, unit, column, True)

    chosen = [
        (measure(scores.classes[place], "mean probability", [well.mean[place] for well in scores.wells]), 0, "viridis")
        for place in scores.shown
    ]
    covered = [100 * well.n_scored / well.n_expected for well in scores.wells]
    if len(chosen) < _MAPS:
        chosen.append((measure("Coverage", "% of expected frames", covered), 0, "viridis"))
    words = f"Heat maps of {len(wells)} wells: " + ", ".join(item.title for item, _, _ in chosen)
    caption = "Scores of wells. Grey: no frame was scored. The colours span the wells, from 0."
    chart = plate_maps.plate_maps(wells, chosen, PAGE_WIDTH)
    return Figure(name, to_spec(chart, words, 3 * len(wells)), caption)


def _groups(content: Content) -> tuple[str, tuple[str, ...]]:
    """Return the annotation that colours the frames and its value per well: the class that the plate map says."""
    for name in ("class", *content.plate.annotation_names()[0]):
        values = content.plate.annotation(name)
        known = {str(value) for value in values if value is not None}
        if content.scores and known and known <= set(content.scores.classes):
            return name, tuple("unknown" if value is None else str(value) for value in values)
    return "", ("all wells",) * len(content.plate.wells)


def _histogram(content: Content, scores: RunScores) -> Figure:
    import altair as alt

    name, groups = _groups(content)
    titles = sorted(set(groups), key=[*scores.classes, *groups].index)[:_COLOURED_CLASSES]  # in the network's order
    rows = []
    for place in scores.shown:
        for group in titles:
            inside = np.array([value == group for value in groups])
            counts = scores.histogram[inside, place].sum(0)
            share = 100 * counts / max(int(counts.sum()), 1)
            rows += [
                {"class": scores.classes[place], "group": group, "low": plain(i / BINS), "high": plain((i + 1) / BINS)}
                | {"share": plain(share[i]), "frames": int(counts[i])}
                for i in range(BINS)
            ]
    each = PAGE_WIDTH // len(scores.shown) - (190 if len(scores.shown) == 1 else 60)
    colour = alt.Color(
        "group:N",
        scale=alt.Scale(domain=titles, range=list(CATEGORIES[: len(titles)])),
        legend=alt.Legend(title=f"Wells, {name}") if name else None,
    )
    tooltip = [alt.Tooltip("group:N", title=name or "Wells"), alt.Tooltip("frames:Q", title="Frames")]
    charts = []
    for place in scores.shown:
        title = f"Probability of {scores.classes[place]}"
        base = alt.Chart(inline([row for row in rows if row["class"] == scores.classes[place]]))
        bars = base.mark_bar(opacity=0.55, cornerRadius=1).encode(
            x=alt.X("low:Q", bin="binned", title=title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(grid=False)),
            x2="high:Q",
            y=alt.Y("share:Q", title="Share of scored frames (%)", stack=None),
            color=colour,
            tooltip=tooltip,
        )
        charts.append(bars.properties(width=each, height=220))
    caption = f"Probabilities of the scored frames in {BINS} bins"
    caption += f", of the wells of each {name} of the plate map." if name else ", over all wells."
    words = (
        f"Histogram of the probabilities of {', '.join(scores.classes[place] for place in scores.shown)} over frames"
    )
    return Figure("score-histogram", to_spec(alt.hconcat(*charts), words, len(rows)), caption)


def _table(content: Content, scores: PooledScores) -> Block:
    known = [name for name in ("line", "class") if any(v is not None for v in content.plate.annotation(name))]
    columns = [Column("Well"), *(Column(name) for name in known)]
    for place in scores.shown:
        columns += [
            Column("mean", ".3f", f"Probability of {scores.classes[place]}"),
            Column("SD", ".3f", f"Probability of {scores.classes[place]}"),
        ]
    columns += [Column(name, ",d", "Votes of frames") for name in scores.classes]
    columns += [Column("Majority"), Column("Frames scored"), Column("Coverage (%)", ".1f")]
    rows: list[list[Cell]] = []
    for well in scores.wells:
        row: list[Cell] = [well.well, *(content.plate.platemap.get(well.well, {}).get(name) for name in known)]
        for place in scores.shown:
            row += [well.mean[place], well.sd[place]]
        row += [*well.votes, well.majority or "none", f"{well.n_scored:,} of {well.n_expected:,}"]
        rows.append([*row, 100 * well.n_scored / well.n_expected])
    note = "SD over frames, ddof 1. Frames of one well are not independent: the number of frames is no sample size."
    table = Table("Scores of wells", columns, rows, note)
    return table if len(rows) <= _OPEN_TABLE_ROWS else Fold(f"Table of the scores of {len(rows)} wells", [table])


def _who(scores: PooledScores) -> Block:
    by = scores.scored_by
    names = ("origin", "model_sha256", "backend", "precision", "hardware", "mode")
    titles = ("Weights", "Model (SHA-256 of its card)", "Backend", "Precision", "Hardware", "Brightness adjustment")
    items = [(title, str(by[name])) for title, name in zip(titles, names, strict=True) if name in by]
    items.append(("Classes, in the order of the logits", ", ".join(scores.classes)))
    return Definitions(items)
