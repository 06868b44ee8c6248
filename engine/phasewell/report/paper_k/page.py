"""The page of a reproduction: what was done, every table and figure of paper K, and where the numbers come from."""

from __future__ import annotations

import json
from pathlib import Path

from phasewell.report.blocks import Block, Code, Column, Definitions, Fact, Facts, Page, Section, Table
from phasewell.report.document import prepare_output, write_page
from phasewell.report.paper_k import comparing, insight, testing
from phasewell.report.paper_k.outcome import Outcome, title_of
from phasewell.report.reproduction import count

PAGE_NAME = "paper-k.html"


def write_paper_k(folder: Path | str, output: Path | str | None = None) -> Path:
    """Write the page of a finished reproduction as one HTML file that opens offline, and return its path.

    `output` defaults to paper-k.html in the folder. The same result gives the same bytes. Raises InputError when the
    folder holds no finished reproduction, OutputError when the file cannot be made.
    """
    outcome = Outcome.read(Path(folder))
    path = prepare_output(Path(output) if output is not None else Path(folder) / PAGE_NAME)
    return write_page(path, compose_paper_k(outcome))


def compose_paper_k(outcome: Outcome) -> Page:
    """Return the page of a result."""
    sections = (
        _summary(outcome),
        comparing.searches(outcome),
        comparing.folds(outcome),
        comparing.teaching(outcome),
        testing.test_lines(outcome),
        testing.lines(outcome),
        insight.embedding(outcome),
        insight.saliency(outcome),
        _provenance(outcome),
    )
    plate = outcome.document["plate"]
    simulated = ""
    if outcome.is_simulated:
        simulated = "These frames were made by a program; no cell was imaged. " + outcome.stamp()
    return Page(
        title="Paper K, reproduced",
        subtitle=f"High or low: whole frames of donor lines told apart · plate {plate['name']} · {outcome.stamp()}",
        simulated=simulated,
        sections=sections,
    )


def _summary(outcome: Outcome) -> Section:
    material, scale = outcome.material, outcome.scale
    by_class = {name: [line for line in material["lines"] if line["class"] == name] for name in material["classes"]}
    lines = ", ".join(f"{len(found)} {name}" for name, found in by_class.items())
    height, width = material["picture_px"]
    pretrained = [title_of(name) for name, found in outcome.networks.items() if found["pretrained"]]
    after = outcome.final["after"]["test"]["evaluation"]["metrics"]
    auc = "undefined" if after["auc"] is None else f"{after['auc']:.3f}"
    facts = [
        Fact("Donor lines", str(len(material["lines"])), lines),
        Fact("Frames", f"{material['frames']:,}", f"read as pictures of {height} × {width} px"),
        Fact(
            "Networks",
            str(len(outcome.networks)),
            f"{count(scale['trials'], 'trial')} each, {scale['folds']} folds by line",
        ),
        Fact("Weights of other pictures", str(len(pretrained)), ", ".join(pretrained) or "none: pretrained: false"),
        Fact("AUC on the test lines", auc, f"{title_of(outcome.final_name)}, after optimisation"),
        Fact("Scale", scale["name"], "simulated frames" if outcome.is_simulated else "imaged frames"),
    ]
    blocks: list[Block] = [Facts(facts)]
    if warning := comparing.nothing_learned(outcome):
        blocks.append(warning)
    held = {line: f"fold {i + 1}" for i, fold in enumerate(material["folds"]) for line in fold["held_out"]}
    rows = [[line["line"], line["class"], line["frames"], held.get(line["line"], "test")] for line in material["lines"]]
    columns = [Column("Line"), Column("Class"), Column("Frames", ",d"), Column("Judged in")]
    blocks.append(Table("Lines and where each is judged", columns, rows, outcome.stamp()))
    return Section("summary", "Summary", blocks)


def _provenance(outcome: Outcome) -> Section:
    document, plate = outcome.document, outcome.document["plate"]
    items = [
        ("Source", "Kim et al. 2022, Scientific Reports: High throughput screening of mesenchymal stem cell lines"),
        ("Plate", plate["name"]),
        ("Frames", f"{plate['frame_px'][0]} × {plate['frame_px'][1]} px, {plate['pixel_size_um']:g} µm per px"),
        ("Pictures, lines and classes (SHA-256)", outcome.material["sha256"]),
        ("Code of the steps", ", ".join(document["code_versions"])),
    ]
    model = outcome.final["model"]
    items.append(("Model folder of the network after optimisation", f"{model['folder']}, SHA-256 {model['sha256']}"))
    items += [(f"Origin: {key}", value) for key, value in plate["provenance"].items()]
    scale = json.dumps(outcome.scale, indent=2, ensure_ascii=False)
    recipe = json.dumps(outcome.final["after"]["test"]["recipe"], indent=2, ensure_ascii=False)
    blocks: list[Block] = [Definitions(items), Code("The scale", scale), Code("The recipe after optimisation", recipe)]
    return Section("provenance", "Provenance", blocks)
