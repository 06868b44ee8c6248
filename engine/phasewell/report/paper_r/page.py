"""The page of a reproduction: every claim, figure and table of paper R, and where the numbers come from."""

from __future__ import annotations

import json
from pathlib import Path

from phasewell.report.blocks import Block, Code, Column, Definitions, Fact, Facts, Page, Paragraph, Section, Table
from phasewell.report.document import prepare_output, write_page
from phasewell.report.paper_r import describing, modelling
from phasewell.report.paper_r.outcome import Outcome
from phasewell.report.paper_r.verdicts import describe_selected, model_verdicts, verdict_table
from phasewell.report.theme import hour_text

PAGE_NAME = "paper-r.html"
_SCALE_NOTES = {
    "smoke": "This is the smallest form in which every step runs: fewer field counts, draws, deals and trees than the "
    "scale paper. Its numbers show that the steps work."
}


def write_paper_r(folder: Path | str, output: Path | str | None = None) -> Path:
    """Write the page of a finished reproduction as one HTML file that opens offline, and return its path.

    `output` defaults to paper-r.html in the folder. The same result gives the same bytes. Raises InputError when the
    folder holds no finished reproduction, OutputError when the file cannot be made.
    """
    outcome = Outcome.read(Path(folder))
    path = prepare_output(Path(output) if output is not None else Path(folder) / PAGE_NAME)
    return write_page(path, compose_paper_r(outcome))


def compose_paper_r(outcome: Outcome) -> Page:
    """Return the page of a result."""
    material = outcome.material
    sections = (
        _summary(outcome),
        *describing.sections(outcome),
        modelling.full_models(outcome),
        modelling.grids(outcome),
        modelling.structure(outcome),
        modelling.bootstraps(outcome),
        _provenance(outcome),
    )
    return Page(
        title="Paper R, reproduced",
        subtitle=f"How long a clone goes on, from how its cells look · plate {material['plate']} · {outcome.stamp()}",
        simulated="These cells were made by a program; no cell was imaged." if outcome.is_simulated else "",
        sections=sections,
    )


def _summary(outcome: Outcome) -> Section:
    material, models, grid = outcome.material, outcome.steps["models"], outcome.steps["lasso_grid"]
    clones = {row["clone"]: row["potency"] for row in material["clones"]}
    lasso = models["evaluations"]["lasso"]
    n_cells = sum(sum(row["n_cells"]) for row in material["clones"])
    times, p = material["times_h"], grid["first_draw"]["p_family"]
    lots = len({row["lot"] for row in material["lots"]})
    which = "the grid" if grid["draws"] == 1 else "the grid of the first draw"
    over = f"p over {which} {p:.3f}" if p is not None else "p over the grid not computed"
    facts = [
        Fact("Clones", str(len(clones)), f"{material['target']} {min(clones.values()):g} to {max(clones.values()):g}"),
        Fact("Bulk lots", str(lots), f"{len(material['lots'])} wells" if lots else "none in the plate map"),
        Fact("Cells", f"{n_cells:,}", f"{material['frames_measured']:,} of {material['frames_expected']:,} frames"),
        Fact(
            "Hours",
            str(len(times)),
            f"{hour_text(times[0])} to {hour_text(times[-1])} h, {material['n_fields']} fields",
        ),
        Fact(
            "LASSO, all data",
            f"{lasso['rmse']:.2f}",
            f"baseline {lasso['baseline_rmse']:.2f}, Q\u00b2 {lasso['q2']:.2f}",
        ),
        Fact("Selected cell", f"{grid['selected']['rmse']:.2f}", f"{describe_selected(outcome)}; {over}"),
    ]
    verdicts = [*describing.verdicts(outcome), *model_verdicts(outcome)]
    blocks: list[Block] = [Facts(facts)]
    if note := _SCALE_NOTES.get(outcome.scale["name"].partition(",")[0]):
        blocks.append(Paragraph(note, "warning"))
    elif outcome.scale["name"] != "paper":
        blocks.append(Paragraph("Keys of the scale paper were changed; provenance has all of them.", "note"))
    blocks += [verdict_table(outcome, verdicts), _clone_table(outcome)]
    return Section("summary", "Summary", blocks)


def _clone_table(outcome: Outcome) -> Table:
    material = outcome.material
    rows = {p["group"]: p for p in outcome.steps["models"]["evaluations"]["lasso"]["predictions"]}
    columns = [Column("Clone"), Column("Well"), Column(f"{material['target'].capitalize()} (passages)", "g")]
    first, last = (hour_text(material["times_h"][place]) for place in (0, -1))
    columns += [Column(f"Cells at {first} h", ",d"), Column(f"Cells at {last} h", ",d")]
    columns.append(Column("Predicted without it (passages)", ".2f"))
    cells = [
        [r["clone"], r["well"], r["potency"], r["n_cells"][0], r["n_cells"][-1], rows[r["clone"]]["predicted"]]
        for r in material["clones"]
    ]
    note = f"Predicted by the LASSO on all fields and hours. {outcome.stamp()}"
    return Table("Clones", columns, cells, note)


def _provenance(outcome: Outcome) -> Section:
    document, material = outcome.document, outcome.material
    items = [
        (
            "Source",
            "Morphology-based noninvasive early prediction of serial-passage potency enhances the selection of "
            "clone-derived high-potency cell bank from mesenchymal stem cells",
        ),
        ("Plate", material["plate"]),
        ("Run", material["run"]),
        ("Pixel size", f"{material['pixel_size_um']:g} µm; areas are in px\u00b2 unless a unit says otherwise"),
        ("Parts, clones and potencies (SHA-256)", material["sha256"]),
        ("Code of the steps", ", ".join(document["code_versions"])),
    ]
    items += [(f"Origin: {key}", value) for key, value in material["provenance"].items()]
    scale = json.dumps(outcome.scale, indent=2, ensure_ascii=False)
    return Section("provenance", "Provenance", [Definitions(items), Code("The scale", scale)])
