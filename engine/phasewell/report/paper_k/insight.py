"""Sections that look into the final network: t-SNE of its layers (figure 4) and saliency (figure 5)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from phasewell.errors import InputError
from phasewell.report.blocks import Block, Cell, Column, Figure, Image, Images, Paragraph, Section, Table
from phasewell.report.paper_k import charts
from phasewell.report.paper_k.outcome import Outcome, title_of
from phasewell.report.paper_k.testing import STATES, evaluations
from phasewell.report.theme import PAGE_WIDTH, plain, to_spec

_ASKED = {
    "predicted": "what speaks for each frame's own class",
    "positive": "what speaks for the positive class in both groups",
}
METHOD_TITLES = {"grad-cam++": "Grad-CAM++", "lrp": "LRP", "visualbackprop": "VisualBackProp"}


def embedding(outcome: Outcome) -> Section:
    """Return the t-SNE maps of pooled features and of every dense layer, and the softmax distributions."""
    name, stamp, classes = title_of(outcome.final_name), outcome.stamp(outcome.final_name), outcome.material["classes"]
    blocks: list[Block] = []
    for state, words in STATES.items():
        found = outcome.final[state]["embedding"]
        if "nothing" in found:
            blocks.append(Paragraph(f"No map {words}: {found['nothing']}.", "warning"))
            continue
        panels = {_layer_title(layer): _points(found, layer, classes) for layer in found["layers"]["layers"]}
        marks = sum(map(len, panels.values()))
        caption = (
            f"Figure 4, {words}. {name}: t-SNE of {len(found['targets']):,} of {found['of_frames']:,} test frames at "
            f"every layer after the convolutions, read through at most 50 principal components; two logits are drawn "
            f"as they are. In brackets: values, and the mean silhouette of the classes in what was read, −1 to 1. "
            f"Mind: {found['layers']['caution']}. {stamp}"
        )
        chart = charts.scatter_maps(panels, classes, PAGE_WIDTH)
        blocks.append(Figure(f"embedding-{state}", to_spec(chart, f"t-SNE maps {words}", marks), caption))
    panels_of = {words.capitalize(): e["softmax"] for words, e in evaluations(outcome).items()}
    title = f"Probability of {outcome.material['positive']}"
    chart = charts.histograms(panels_of, classes, title, PAGE_WIDTH)
    caption = f"Softmax distributions of the test frames by true class. {stamp}"
    blocks.append(Figure("softmax", to_spec(chart, "Softmax distributions before and after optimisation", 80), caption))
    return Section("embedding", "What the layers keep apart", blocks)


def _layer_title(layer: Mapping[str, Any]) -> str:
    known = layer["separation"]
    separation = "" if known is None else f", {known:.2f}"
    name = "GAP" if layer["name"] == "gap" else str(layer["name"]).capitalize()
    return f"{name} ({layer['values']}{separation})"


def _points(found: Mapping[str, Any], layer: Mapping[str, Any], classes: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"x": plain(x, 4), "y": plain(y, 4), "class": classes[target], "line": line}
        for (x, y), target, line in zip(layer["xy"], found["targets"], found["lines"], strict=True)
    ]


def saliency(outcome: Outcome) -> Section:
    """Return overlays, pixel scores of true positives and true negatives, and whether the maps can be believed."""
    found, title = outcome.final["saliency"], "What the network looks at"
    if "nothing" in found:
        return Section("saliency", title, [Paragraph(f"No maps: {found['nothing']}.", "warning")])
    blocks: list[Block] = [_overlays(outcome, found)]
    for reading in ("reading_1", "reading_2"):
        blocks.append(_distributions(outcome, found, reading))
    blocks += [_scores(outcome, found), *_checks(outcome, found)]
    lead = (
        f"Test frames that {title_of(outcome.final_name)} called rightly after optimisation: "
        + ", ".join(f"{count} of {found['found'][group]} {group}s" for group, count in found["frames"].items())
        + f". Asked is {_ASKED[found['target']]}. VisualBackProp has no class: it shows activity."
    )
    return Section("saliency", title, blocks, lead)


def _overlays(outcome: Outcome, found: Mapping[str, Any]) -> Images:
    rows: dict[str, list[Image]] = {}
    height, width = outcome.material["picture_px"]
    for number, one in enumerate(found["overlays"]):
        path = outcome.folder / "overlays" / f"{number:03d}.png"
        try:
            data = base64.b64encode(path.read_bytes()).decode("ascii")
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); make the reproduction again") from error
        _, well, name, time = one["frame"]
        title = f"{one['group'].capitalize()} · {one['line']}, well {well}, field {name}, time {time}"
        caption = METHOD_TITLES.get(one["method"], one["method"]) if one["method"] else "picture"
        rows.setdefault(title, []).append(Image(f"data:image/png;base64,{data}", caption, (height, width)))
    text = f"Figure 5. The surest frames of both groups under their maps, each scaled by itself. {_stamp(outcome)}"
    return Images(list(rows.items()), text)


def _stamp(outcome: Outcome) -> str:
    return outcome.stamp(outcome.final_name)


def _distributions(outcome: Outcome, found: Mapping[str, Any], reading: str) -> Figure:
    panels = {
        METHOD_TITLES.get(method, method): dict(zip(part[reading]["names"], part[reading]["counts"], strict=True))
        for method, part in found["methods"].items()
    }
    meaning = {
        "reading_1": "Reading 1: values below the threshold become 0, then the mean over all pixels; it grows with the "
        "area that is lit, as the paper describes its scores.",
        "reading_2": "Reading 2: the mean over the pixels at or above the threshold, whatever their area.",
    }[reading]
    names = next(iter(found["methods"].values()))[reading]["names"]
    chart = charts.histograms(panels, names, "Normalised pixel score", PAGE_WIDTH)
    words = f"Pixel scores of true positives and true negatives by method, {reading.replace('_', ' ')}"
    caption = f"{meaning} Threshold {found['recipe']['threshold']:g}. {_stamp(outcome)}"
    return Figure(reading.replace("_", "-"), to_spec(chart, words, 40 * len(panels)), caption)


def _scores(outcome: Outcome, found: Mapping[str, Any]) -> Table:
    columns = [Column("Method"), Column("Reading", "d")]
    for name in ("True positives", "True negatives"):
        columns += [Column("n", ",d", name), Column("mean", ".4f", name), Column("SD", ".4f", name)]
    columns += [Column("t", ".3g"), Column("p", ".3g")]
    rows: list[list[Cell]] = []
    unit = ""
    for method, part in found["methods"].items():
        for number in (1, 2):
            compared = part[f"reading_{number}"]
            row: list[Cell] = [METHOD_TITLES.get(method, method), number]
            test = compared["test"]
            for group in (0, 1):
                row += [test["n"][group], test["mean"][group], test["sd"][group]]
            rows.append([*row, test["t"], test["p"]])
            unit = compared["unit"]
    note = f"Unpaired two-tailed t test, equal variances, SD with ddof 1. The unit: {unit}. {_stamp(outcome)}"
    return Table("Pixel scores of both groups", columns, rows, note)


def _checks_table(outcome: Outcome, found: Mapping[str, Any]) -> Table:
    columns = [Column("Method"), Column("Likeness to maps of random networks")]
    for kind in ("Deletion", "Insertion"):
        columns += [Column("by map", ".3f", f"{kind}, area"), Column("random order", ".3f", f"{kind}, area")]
    rows: list[list[Cell]] = []
    for method, part in found["methods"].items():
        if "randomisation" not in part or "removal" not in part:
            continue
        values = part["randomisation"]["correlations"]
        areas = part["removal"]["areas"]
        likeness = ", ".join("–" if value is None else f"{value:.2f}" for value in values)
        row: list[Cell] = [METHOD_TITLES.get(method, method), likeness]
        for kind in ("deletion", "insertion"):
            row += [areas[kind], areas[f"random_{kind}"]]
        rows.append(row)
    note = (
        "Rank correlation with the maps after more and more layers were drawn anew: near 1 throughout, a map shows the "
        "picture, not the network. Deletion below and insertion above random order: the map shows what matters. "
        + _stamp(outcome)
    )
    return Table("Can the maps be believed?", columns, rows, note)


def _checks(outcome: Outcome, found: Mapping[str, Any]) -> list[Block]:
    drawn, removal = [], []
    for method, part in found["methods"].items():
        title = METHOD_TITLES.get(method, method)
        if "randomisation" in part:
            one = part["randomisation"]
            drawn += [
                {"panel": "Layers drawn anew", "series": title, "x": 100 * count / one["of_layers"], "y": plain(value)}
                for count, value in zip(one["layers"], one["correlations"], strict=True)
                if value is not None
            ]
        if "removal" in part:
            for kind in ("deletion", "insertion"):
                for series, key in ((title, kind), ("random order", f"random_{kind}")):
                    removal += [
                        {"panel": f"{title}, {kind}", "series": "by map" if series == title else series}
                        | {"x": 100 * share, "y": plain(value)}
                        for share, value in zip(part["removal"]["shares"], part["removal"][key], strict=True)
                    ]
    blocks: list[Block] = [_checks_table(outcome, found)]
    if drawn:
        chart = charts.lines_over(drawn, "Layers drawn anew, from the logits down (%)", "Rank correlation", 500)
        caption = (
            "Model randomisation: a map that stays like itself when the network's weights are drawn anew shows the "
            f"picture, not the network. {_stamp(outcome)}"
        )
        words = "Rank correlation of maps with those of randomised networks"
        blocks.append(Figure("randomisation", to_spec(chart, words, 2 * len(drawn)), caption))
    for kind in ("deletion", "insertion"):
        part = [row for row in removal if str(row["panel"]).endswith(kind)]
        if part:
            chart = charts.lines_over(part, "Pixels (%)", "Probability of the class", PAGE_WIDTH, 160)
            moved = "leave a picture for its blurred copy" if kind == "deletion" else "enter the blurred copy"
            sense = "fall" if kind == "deletion" else "rise"
            caption = (
                f"{kind.capitalize()}: pixels {moved}, the most salient first; where a map shows what matters, the "
                f"probability must {sense} sooner than in random order. {_stamp(outcome)}"
            )
            blocks.append(Figure(kind, to_spec(chart, f"{kind.capitalize()} curves by method", 2 * len(part)), caption))
    return blocks
