"""The section that says what the numbers were made from, by which code, and what each of them means."""

from __future__ import annotations

import json

from phasewell.cells import DEFINITIONS_ID, DESCRIPTORS
from phasewell.report.blocks import Block, Code, Column, Definitions, Fold, Section, Table
from phasewell.report.content import Content
from phasewell.report.measures import UNITS

_CO_OCCURRENCE = (
    "Texture is that of the cell's own grey-level co-occurrence p(i, j): 32 levels of 8 grey values, distance 1 px, "
    "four angles pooled, symmetric, both pixels in the same label, on the background-adjusted image."
)


def provenance(content: Content) -> Section:
    """Return run id, digests, code version, configuration, definitions and the plate's origin and licence."""
    manifest, plate = content.manifest, content.plate
    items = [
        ("Run", manifest.run_id),
        ("Plate", plate.name),
        ("Plate digest (SHA-256)", manifest.plate_digest),
        ("Manifest digest (SHA-256)", content.manifest_sha256),
        ("Code version", manifest.code_version),
        ("Descriptor definitions", manifest.definitions),
        ("Parts", f"{len(manifest.parts):,} (each with the SHA-256 of its bytes in the manifest)"),
    ]
    if plate.dtype:
        depth = plate.dtype
        if plate.window:
            depth += f", mapped to 8 bit by one window for all frames: {plate.window[0]} to {plate.window[1]}"
        items.append(("Stored pixels", depth))
    blocks: list[Block] = [Definitions(items)]
    if plate.provenance:
        blocks.append(
            Table("Where the frames come from", [Column("Key"), Column("Value")], [*plate.provenance.items()])
        )
    config = json.dumps(manifest.config, indent=2, ensure_ascii=False, sort_keys=False)
    blocks.append(Code("Configuration of the run", config))
    blocks.append(Fold("Definitions and units of the twelve descriptors", [_definitions(content)]))
    return Section("provenance", "Provenance", blocks)


def _definitions(content: Content) -> Table:
    um = content.plate.pixel_size_um
    rows = [[d.title, UNITS[d.unit], d.definition] for d in DESCRIPTORS]
    note = f"{_CO_OCCURRENCE} 1 px = {um:.6g} µm, 1 px² = {um * um:.6g} µm². A profile pools cells; SD has ddof 1."
    return Table(DEFINITIONS_ID, [Column("Descriptor"), Column("Unit"), Column("Definition")], rows, note)
