"""The order of a report: from what was found to how far to trust it to where it came from."""

from __future__ import annotations

from phasewell.report import checks, predictions, provenance, summary, well_scores
from phasewell.report.blocks import OFFLINE, Page
from phasewell.report.contact_sheets import PictureFolder
from phasewell.report.content import Content


def compose(content: Content, folder: PictureFolder | None = None) -> Page:
    """Return the page about a run; `folder` says which pictures lie beside it."""
    plate = content.plate
    sections = (
        summary.headline(content),
        summary.heat_maps(content),
        summary.gallery(content, folder),
        summary.growth(content),
        summary.descriptors(content),
        well_scores.network_scores(content),
        predictions.potency(content),
        checks.quality(content),
        checks.agreement(content),
        provenance.provenance(content),
    )
    counts = {"well": len(plate.wells), "field": len(plate.fields), "hour": len(plate.times_h)}
    shape = ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items())
    subtitle = f"phasewell report · {shape} · run {content.manifest.run_id[:12]}"
    footer = f"phasewell {content.manifest.code_version}. {OFFLINE}"
    return Page(f"Plate {plate.name}", subtitle, plate.simulated, sections, footer)
