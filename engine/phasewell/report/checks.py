"""The sections that say how far the numbers can be trusted: quality of frames, agreement with hand masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from phasewell.images.headers import REASONS as DELIVERED_REASONS
from phasewell.report import curves
from phasewell.report.blocks import Block, Cell, Column, Figure, Fold, Paragraph, Section, Table
from phasewell.report.content import Content
from phasewell.report.theme import PAGE_WIDTH, hour_text, to_spec

REASONS = DELIVERED_REASONS | {
    "missing": "expected by the plate's wells, fields and hours, never delivered",
    "all_black": "every pixel is 0",
    "all_white": "every pixel is 255",
    "constant": "every pixel has one grey value",
    "too_bright": "the mean brightness is above the limit of the rule reject_mean_v_above",
}
"""Reason codes in words; a code that is not here is shown alone."""

MOST_ROWS = 200
"""Lists of single frames are cut here; the counts above them never are."""

_QUALITY = (  # column, title, unit, factor, key of the rule that reads it, what the rule does
    ("mean_v", "Mean brightness", "grey level", 1.0, "reject_mean_v_above", "reject above"),
    ("saturated_fraction", "Saturated pixels", "%", 100.0, "flag_saturated_fraction_above", "flag above"),
    ("focus", "Focus: variance of the Laplacian", "grey levels²", 1.0, "flag_focus_below", "flag below"),
    (
        "illumination_gradient",
        "Illumination gradient",
        "grey levels",
        1.0,
        "flag_illumination_gradient_above",
        "flag above",
    ),
    ("confluence", "Confluence", "% of the frame", 100.0, "flag_confluence_above", "flag above"),
    ("black_fraction", "Black pixels", "%", 100.0, "", ""),
)


def quality(content: Content) -> Section:
    """Return the quality numbers over time, the flags, and every frame that was not measured, with its reason."""
    blocks: list[Block] = []
    series = _series(content)
    if series:
        chart = curves.quality_over_time(series, PAGE_WIDTH)
        words = "Quality numbers of every measured frame over time: " + ", ".join(s.title for s in series)
        many = any(np.isfinite(s.values).sum() > curves.POINTS_PER_PANEL for s in series)
        caption = "One point per measured frame" if not many else "Median (line) and 5–95 % range (band) of the frames"
        caption += "; a dashed line is the limit of a rule of this run, shown where it is near the values."
        marks = 200 if many else sum(len(s.values) for s in series)
        titles = {"low": "5 % quantile, same unit", "high": "95 % quantile, same unit"}
        blocks.append(Figure("quality", to_spec(chart, words, marks, titles), caption))
    blocks.append(_by_hour(content))
    blocks += _flags(content)
    blocks += _lost(content)
    return Section("quality", "Quality", blocks)


def _series(content: Content) -> list[curves.QualitySeries]:
    found = []
    for column, title, unit, factor, rule, verb in _QUALITY:
        values = content.frames.get(column)
        if values is None or not np.isfinite(values.astype(np.float64)).any():
            continue
        limit = content.setting("quality", rule) if rule else None
        found.append(
            curves.QualitySeries(
                title=title,
                unit=unit,
                well=[str(w) for w in content.frames["well"]],
                time_h=np.asarray(content.frames["time_h"], dtype=np.float64),
                values=factor * values.astype(np.float64),
                limit=None if limit is None else factor * float(limit),
                limit_text="" if limit is None else f"{verb} {factor * float(limit):g}",
            )
        )
    return found


def _by_hour(content: Content) -> Block:
    times, status = content.frames["time"], content.frames["status"]
    flagged = np.array([bool(flags) for flags in content.frames["flags"]], dtype=bool)
    columns = [Column("Hour", ".4g")] + [
        Column(title, ",d") for title in ("Expected", "Measured", "of these flagged", "Quarantined", "Missing")
    ]
    rows: list[list[Cell]] = []
    for t, hour in enumerate(content.plate.times_h):
        here = times == t
        counts = [int((here & (status == s)).sum()) for s in ("processed", "quarantined", "missing")]
        rows.append(
            [
                hour_text(hour),
                int(here.sum()),
                counts[0],
                int((here & flagged & (status == "processed")).sum()),
                *counts[1:],
            ]
        )
    return Table("Frames per hour", columns, rows)


def _flags(content: Content) -> list[Block]:
    measured = content.frames["status"] == "processed"
    counts = Counter(flag for flags in content.frames["flags"][measured] for flag in flags)
    if not counts:
        return [Paragraph("No measured frame carries a flag.", "note")]
    rows: list[list[Cell]] = [[flag, n] for flag, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    note = "Flagged frames are measured and counted; a frame may carry several flags."
    return [Table("Flags of measured frames", [Column("Flag"), Column("Frames", ",d")], rows, note)]


def _lost(content: Content) -> list[Block]:
    status = content.frames["status"]
    lost = np.flatnonzero(status != "processed")
    if not len(lost):
        return [Paragraph("No frame is quarantined or missing.", "note")]
    columns = {name: content.frames[name] for name in ("well", "field", "time_h", "status", "reason")}
    counts = Counter((str(columns["status"][i]), str(columns["reason"][i])) for i in lost)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    summary: list[list[Cell]] = [[status, reason, REASONS.get(reason, ""), n] for (status, reason), n in ranked]
    head = [Column("Status"), Column("Reason"), Column("In words"), Column("Frames", ",d")]
    rows: list[list[Cell]] = [
        [
            str(columns["well"][i]),
            str(columns["field"][i]),
            hour_text(float(columns["time_h"][i])),
            str(status[i]),
            str(columns["reason"][i]),
        ]
        for i in lost[:MOST_ROWS]
    ]
    note = "" if len(lost) <= MOST_ROWS else f"The first {MOST_ROWS} of {len(lost):,}; all are in the table frames."
    each = Table(
        "Frames not measured",
        [Column("Well"), Column("Field"), Column("Hour", ".4g"), Column("Status"), Column("Reason")],
        rows,
        note,
    )
    folded: Block = each if len(rows) <= 12 else Fold(f"List of {len(lost):,} frames not measured", [each])
    return [Table("Frames not measured, by reason", head, summary), folded]


AGREEMENT_LIMITS = (
    "What these numbers can show: how far the outlines of one preset lie from outlines drawn by people, and whether a "
    "change of settings makes that better or worse. What they cannot show: the hand masks leave out many round cells, "
    "pale flat cells and debris, so correct objects are counted as errors; hand outlines are uncertain by a few "
    "pixels, and two good masks of one frame agree to about 0.8; and the preset was tuned on the same fields, so this "
    "is a fit and no forecast for other cells."
)
_NO_MASKS = "No hand masks were compared with this run; phasewell report RUN --masks FILE compares some."
AGREEMENT_MEASURES = (
    "K: intersection over union of the foreground with everything kept. R: the same after step 8, which removes "
    "objects that touch the frame, from both. F1: cells matched at IoU > 0.5. Each is 1 for equal masks and 0 for "
    "none in common."
)
_MEASURES = {"K": "Foreground IoU (K)", "R": "IoU after step 8 (R)", "F1": "F1 of cells"}


def agreement(content: Content) -> Section:
    """Return how the segmentation agrees with masks drawn by hand, and what that can and cannot show."""
    title, document = "Agreement with hand masks", content.agreement
    if not document:
        return Section("agreement", title, [Paragraph(_NO_MASKS, "note")])
    blocks: list[Block] = []
    if document.get("run_id", content.manifest.run_id) != content.manifest.run_id:
        blocks.append(
            Paragraph("These scores are of another run of this folder; compare with the masks again.", "warning")
        )
    chambers, fields = document.get("chambers") or {}, document.get("fields") or []
    scores = [Column(name, ".3f") for name in _MEASURES.values()]
    if chambers:
        head = [Column("Chamber"), Column("Fields", "d"), *scores]
        rows: list[list[Cell]] = [
            [("All fields" if name == "all" else str(name)), entry.get("fields"), *_numbers(entry)]
            for name, entry in chambers.items()
        ]
        blocks.append(Table("Per chamber, mean over its fields", head, rows, AGREEMENT_MEASURES))
    if fields:
        head = [Column("Field"), Column("Chamber"), *scores, Column("Objects found", "d"), Column("Pieces drawn", "d")]
        rows = [
            [str(f.get("field")), str(f.get("chamber", "")), *_numbers(f), f.get("objects"), f.get("hand_pieces")]
            for f in fields
        ]
        table = Table("Per field", head, rows)
        blocks.append(table if len(rows) <= 20 else Fold(f"Table of {len(rows)} fields", [table]))
    blocks.append(Paragraph(AGREEMENT_LIMITS, "note"))
    if document.get("note"):
        blocks.append(Paragraph(str(document["note"]), "muted"))
    return Section("agreement", title, blocks)


def _numbers(entry: Mapping[str, Any]) -> list[Cell]:
    return [None if entry.get(key) is None else float(entry[key]) for key in _MEASURES]
