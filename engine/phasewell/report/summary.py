"""The sections about the plate: headline numbers, heat maps, gallery, growth and descriptors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phasewell.report import curves, model_figures, plate_maps
from phasewell.report.blocks import Block, Cell, Column, Fact, Facts, Figure, Fold, Gallery, Paragraph, Section, Table
from phasewell.report.contact_sheets import PictureFolder
from phasewell.report.content import Content
from phasewell.report.curves import Colouring
from phasewell.report.measures import Measure, field_spread, shown_time
from phasewell.report.overlay import Picture
from phasewell.report.theme import PAGE_WIDTH, hour_text, to_spec
from phasewell.report.well_browser import well_browser

EXPLORER_VALUES = 60_000
"""The selectable heat map holds at most about this many values; beyond, hours are left out evenly."""
_ANNOTATIONS_SHOWN = 4
_OPEN_TABLE_ROWS = 24
_COMPONENTS_FROM_WELLS = 5  # fewer points lie in a plane whatever they are
_LARGE_WELLS = 4  # galleries of more wells are set smaller
_OPEN_WELLS = 6  # ... and of more than these are folded: the browser of wells stands above them


def headline(content: Content) -> Section:
    """Return the headline numbers and one sentence on whether every expected frame was measured."""
    manifest, plate = content.manifest, content.plate
    expected = manifest.n_expected
    shares = {
        "processed": manifest.n_processed,
        "quarantined": manifest.n_quarantined,
        "missing": manifest.n_missing,
    }
    size = f"{plate.pixel_size_um:.4g}\u00a0µm/px"
    field_of_view = ""
    if plate.frame_shape:
        height, width = plate.frame_shape
        um = plate.pixel_size_um
        field_of_view = f"frames of {width} × {height} px = {width * um / 1000:#.3g} × {height * um / 1000:#.3g} mm"
    hours = plate.times_h
    span = "–".join(hour_text(hour) for hour in dict.fromkeys((*hours[:1], *hours[-1:]))) + " h"
    per_frame = f"{content.n_cells / manifest.n_processed:,.1f} per measured frame" if manifest.n_processed else ""
    flagged = sum(1 for flags in content.frames["flags"][content.frames["status"] == "processed"] if flags)
    facts = [
        Fact("Wells × fields × hours", f"{len(plate.wells)} × {len(plate.fields)} × {len(hours)}", span),
        Fact(
            "Frames measured",
            f"{shares['processed']:,}",
            f"of {expected:,} expected{_percent(shares['processed'], expected)}",
        ),
        Fact("Cells", f"{content.n_cells:,}", per_frame),
        Fact("Quarantined", f"{shares['quarantined']:,}", "delivered, not usable", _tone(shares["quarantined"])),
        Fact("Missing", f"{shares['missing']:,}", "expected, never delivered", _tone(shares["missing"])),
        Fact("Flagged", f"{flagged:,}", "measured, with a quality flag"),
        Fact("Pixel size", size, field_of_view),
        Fact(
            "Segmentation preset",
            str(content.setting("segmentation", "preset", "phase")),
            "all settings under Provenance",
        ),
    ]
    blocks: list[Block] = [Facts(facts)]
    lost = expected - shares["processed"]
    if expected == 0:
        blocks.append(Paragraph("This run expected no frames.", "warning"))
    elif shares["processed"] == 0:
        blocks.append(Paragraph("No frame was measured; the reasons are under Quality.", "warning"))
    elif lost:
        sentence = f"{lost:,} of {expected:,} expected frames were not measured; the reasons are under Quality. "
        blocks.append(Paragraph(sentence + "Means and counts rest on the measured fields only.", "warning"))
    else:
        blocks.append(Paragraph(f"All {expected:,} expected frames were measured.", "note"))
    blocks += [Paragraph(note, "warning") for note in content.notes]
    blocks.append(_well_table(content))
    return Section("summary", "Summary", blocks)


def _percent(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.1f} %)" if whole else ""


def _tone(count: int) -> str:
    return "warning" if count else "plain"


def _well_table(content: Content) -> Block:
    plate, measures = content.plate, content.measures
    names, constant = plate.annotation_names()
    shown = names[:_ANNOTATIONS_SHOWN]
    per_field, confluence = measures["cells_per_field"].values, measures.get("confluence")
    columns = [Column("Well"), *(_annotation_column(plate.annotation(name), name) for name in shown)]
    columns += [
        Column("Fields measured per hour"),
        Column("Cells, all hours", ",.0f"),
        Column("Cells / field, first hour", ".1f"),
        Column("Cells / field, last hour", ".1f"),
        Column("Fold change", ".2f"),
        Column("Confluence, last hour (%)", ".1f"),
    ]
    rows: list[list[Cell]] = []
    for w, well in enumerate(plate.wells):
        hours = np.flatnonzero(np.isfinite(per_field[w]))
        first, last = (
            (float(per_field[w, hours[0]]), float(per_field[w, hours[-1]])) if len(hours) else (np.nan, np.nan)
        )
        fields = measures["fields"].values[w]
        cells = measures["cells"].values[w]
        annotations = [plate.platemap.get(well, {}).get(name) for name in shown]
        rows.append(
            [
                well,
                *annotations,
                _range(fields, len(plate.fields)),
                float(cells[np.isfinite(cells)].sum()),
                first,
                last,
                last / first if len(hours) > 1 and first > 0 else None,
                float(confluence.values[w, hours[-1]]) if confluence is not None and len(hours) else None,
            ]
        )
    note = "First and last hour are those at which the well was measured; fold change is their ratio."
    if constant:
        note += " The same in all wells: " + ", ".join(f"{n} {plate.annotation(n)[0]}" for n in constant) + "."
    if len(names) > len(shown):
        note += f" Not shown: {', '.join(names[_ANNOTATIONS_SHOWN:])} (all are in the table wells)."
    table = Table("Wells", columns, rows, note)
    return table if len(rows) <= _OPEN_TABLE_ROWS else Fold(f"Table of {len(rows)} wells", [table])


def _range(counts: NDArray[np.float64], expected: int) -> str | None:
    """Return "3 – 4 of 4", or "4 of 4" where all hours are the same; None without an hour."""
    ends = dict.fromkeys(f"{count:.0f}" for count in (counts.min(), counts.max())) if counts.size else {}
    return f"{' – '.join(ends)} of {expected}" if ends else None


def _annotation_column(values: tuple[str | float | int | None, ...], name: str) -> Column:
    """Return a column set flush right with four digits when the annotation is numbers, else text."""
    return Column(name, ".4g" if Colouring(name, values).numeric else "")


def heat_maps(content: Content) -> Section:
    """Return the plate as heat maps: three fixed ones, and one whose measure and hour are chosen."""
    plate, measures = content.plate, content.measures
    if not plate.wells or not plate.times_h:
        return Section("plate", "Plate", [Paragraph("The run has no well or no hour to show.", "note")])
    time = shown_time(measures["cells_per_field"].values)
    lost = measures["quarantined"].values + measures["missing"].values
    chosen = [(measures["cells_per_field"], time, "viridis")]
    if "confluence" in measures:
        chosen.append((measures["confluence"], time, "viridis"))
    hour = f"{hour_text(plate.times_h[time])} h"
    caption = f"At {hour}, the last hour at which most wells were measured"
    if lost.any():
        overall = Measure(
            "lost", "Frames not measured", "% of frames, all hours", lost.mean(axis=1, keepdims=True), True
        )
        chosen.append((overall, 0, "oranges"))
        caption += "; frames quarantined or missing over all hours"
    else:
        chosen.append((measures["area_mean"], time, "viridis"))
    caption += ". Grey: nothing measured."
    n = len(plate.wells)
    words = f"Heat maps of {n} wells at {hour}: " + ", ".join(measure.title for measure, _, _ in chosen)
    chart = plate_maps.plate_maps(plate.wells, chosen, PAGE_WIDTH)
    fixed = Figure("plate-maps", to_spec(chart, words, 3 * n), caption)
    explored = tuple(m for m in measures.values() if np.isfinite(m.values).any())
    return Section("plate", "Plate", [fixed, _explorer(content, explored, time)])


def _explorer(content: Content, explored: tuple[Measure, ...], start: int) -> Figure:
    plate, n = content.plate, len(content.plate.wells)
    keep = _thin(len(plate.times_h), EXPLORER_VALUES // max(1, n * len(explored)), start)
    times = tuple(plate.times_h[t] for t in keep)
    cut = tuple(Measure(m.key, m.title, m.unit, m.values[:, keep], m.from_zero) for m in explored)
    caption = (
        "Any measure at any hour; the colours span the wells shown. Descriptors are over the pooled cells of a well."
    )
    if len(keep) < len(plate.times_h):
        caption += f" {len(keep)} of {len(plate.times_h)} hours are here; the rest is in the run's tables."
    words = "Heat map of the plate for a measure and an hour chosen on the page"
    chart = plate_maps.explorer(plate.wells, times, cut, keep.index(start), PAGE_WIDTH)
    titles = {"hour": "Time (h)", **{f"v{i}": measure.label for i, measure in enumerate(cut)}}
    return Figure("plate-explorer", to_spec(chart, words, n, titles), caption)


def _thin(n: int, most: int, always: int) -> list[int]:
    """Return at most `most` of n indices, evenly, and `always` in any case."""
    if n <= most:
        return list(range(n))
    return sorted({always, *(round(i) for i in np.linspace(0, n - 1, max(0, most - 1)))})


def gallery(content: Content, folder: PictureFolder | None = None) -> Section:
    """Return the browser of wells, and frames of every well, or of some, with the outlines of their segmentation."""
    title = "Wells and frames"
    blocks: list[Block] = [well_browser(content, folder)] if content.plate.wells and content.plate.times_h else []
    pictures = content.pictures
    if content.gallery_note or not pictures:
        blocks.append(Paragraph(content.gallery_note or "No picture could be made.", "note"))
    if not pictures:
        return Section("gallery", title, blocks)
    groups: dict[str, list[Picture]] = {}
    for picture in pictures:
        groups.setdefault(picture.well, []).append(picture)
    titled = [(_well_title(content, well), found) for well, found in groups.items()]
    outlined = any(picture.field_outlines for picture in pictures)
    if outlined:
        text = (
            "Below, each whole field, and its dashed window at full resolution beside or below it: the part of the "
            "field with the most segmented pixels. Outlines are the labels this run counted and measured; neighbours "
            "mostly differ in hue."
        )
        blocks.append(Paragraph(text, "muted"))
    shown = Gallery(titled, outlined, compact=len(titled) > _LARGE_WELLS)
    many = len(titled) > _OPEN_WELLS
    blocks.append(Fold(f"Whole fields and full resolution, {len(titled)} wells", [shown]) if many else shown)
    lead = "Choose a well here, or on any chart that shows wells." if blocks and blocks[0].kind == "wells" else ""
    return Section("gallery", title, blocks, lead)


def _well_title(content: Content, well: str) -> str:
    names, _ = content.plate.annotation_names()
    annotations = content.plate.platemap.get(well, {})
    values = {name: annotations.get(name) for name in names[:_ANNOTATIONS_SHOWN]}
    texts = [f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}" for n, v in values.items() if v is not None]
    return " · ".join([f"Well {well}", *texts])


def growth(content: Content) -> Section:
    """Return cells per field over hours for every well."""
    plate, per_field = content.plate, content.measures["cells_per_field"].values
    if not np.isfinite(per_field).any():
        return Section("growth", "Growth", [Paragraph("No field was measured, so there is no count to show.", "note")])
    chart = curves.growth(
        plate.wells, plate.times_h, per_field, field_spread(content.moments), content.colouring(), PAGE_WIDTH - 190
    )
    words = f"Cells per field over {len(plate.times_h)} hours for {len(plate.wells)} wells"
    caption = "Mean number of cells per measured field"
    if len(plate.wells) <= 6:
        caption += "; bars and band are one standard deviation over the fields of a well"
    caption += ". Cells that touch the frame are not counted."
    if len(plate.times_h) == 1:
        caption += " The plate has one hour, so there is no growth to see."
    titles = {"low": "Mean − SD over fields (cells)", "high": "Mean + SD over fields (cells)"}
    figure = Figure("growth", to_spec(chart, words, 2 * per_field.size, titles), caption)
    return Section("growth", "Growth", [figure])


def descriptors(content: Content) -> Section:
    """Return the distributions of the twelve descriptors, the profile as a heat map, and its principal components."""
    blocks: list[Block] = []
    found = content.distributions
    if found:
        n = {d.time_h: d.n_cells for d in found if d.descriptor == "area"}
        counts = ", ".join(f"{count:,} cells at {hour_text(hour)} h" for hour, count in sorted(n.items()))
        chart = curves.distributions(found, PAGE_WIDTH)
        caption = (
            f"Share of cells per bin over all wells: {counts}. The axes span the 0.5th to 99.5th percentile. "
            f"1 px = {content.plate.pixel_size_um:.4g} µm."
        )
        words = "Distributions of the twelve descriptors, one panel each, one line per hour"
        blocks.append(Figure("distributions", to_spec(chart, words, 12 * 3), caption))
    else:
        blocks.append(Paragraph("No cell was measured, so there is no distribution to show.", "note"))
    blocks += _profile_blocks(content)
    return Section("descriptors", "Descriptors and profile", blocks)


def _profile_blocks(content: Content) -> list[Block]:
    profile = content.profile
    if profile is None or not profile.columns or not profile.wells:
        return [Paragraph("This run has no profile table.", "note")]
    if len(profile.wells) < 2 or not np.isfinite(profile.values).any():
        return [Paragraph("A profile is compared between wells; this run has fewer than two to compare.", "note")]
    chart = model_figures.profile_map(profile, PAGE_WIDTH)
    fields = profile.n_fields
    rests = f"on {fields.min()} to {fields.max()} of {profile.n_fields_expected} fields per well and hour"
    caption = (
        f"Profile of {len(profile.wells)} wells × {len(profile.columns)} columns, each column as z score over "
        f"the wells. The values rest {rests}. Blank: undefined, or equal in all wells."
    )
    words = f"Heat map of the profile, {len(profile.wells)} wells by {len(profile.columns)} columns"
    blocks: list[Block] = [Figure("profile", to_spec(chart, words, profile.values.size), caption)]
    components = model_figures.principal_components(profile.values)
    if components is not None and len(profile.wells) >= _COMPONENTS_FROM_WELLS:
        scores, shares = components
        plate = content.plate
        colouring = content.colouring()
        values = dict(zip(plate.wells, colouring.values, strict=True))
        matched = Colouring(colouring.title, tuple(values.get(well) for well in profile.wells))
        chart = model_figures.pca(profile.wells, scores, shares, matched, PAGE_WIDTH - 190)
        words = "Wells in the plane of the first two principal components of the profile"
        caption = (
            "Principal components of the profile, columns scaled to unit variance; undefined columns are left out."
        )
        blocks.append(Figure("components", to_spec(chart, words, 2 * len(profile.wells)), caption))
    return blocks
