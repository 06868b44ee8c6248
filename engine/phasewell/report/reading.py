"""From a run folder to the content of its report, through the manifest only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.errors import PhasewellError
from phasewell.images import open_plate
from phasewell.plate import Plate
from phasewell.profiles import FieldMoments
from phasewell.report.content import Content, PlateFacts
from phasewell.report.curves import Distribution, histogram
from phasewell.report.evaluations import read_json, read_models
from phasewell.report.gallery import make_gallery
from phasewell.tables.results import Results, open_results

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

QUALITY_COLUMNS = (
    "mean_v",
    "saturated_fraction",
    "black_fraction",
    "focus",
    "illumination_gradient",
    "confluence",
)


def read_content(run_dir: Path, agreement: Mapping[str, Any] | None = None, plate: Plate | None = None) -> Content:
    """Return all that the report of a finished run shows.

    `agreement` and `plate` default to agreement.json and to the store named in run.json. Raises InputError when the
    run is not finished or a file of it is damaged; a plate store that is not there only costs the gallery.
    """
    results = open_results(run_dir)
    moments = results.field_moments()
    frames = frame_columns(results.frames(), moments.times_h)
    notes: list[str] = []
    if plate is None:
        plate, problem = _find_plate(run_dir, results)
        notes += [problem] if problem else []
    if agreement is None and (run_dir / "agreement.json").exists():
        agreement = read_json(run_dir / "agreement.json")
    pictures, gallery_note = make_gallery(run_dir, results.manifest, plate, frames)
    return Content(
        manifest=results.manifest,
        plate=_plate_facts(results, moments, plate),
        frames=frames,
        moments=moments,
        profile=results.profile(),
        distributions=_distributions(results, moments),
        models=read_models(run_dir / "models"),
        agreement=agreement,
        pictures=pictures,
        gallery_note=gallery_note,
        notes=tuple(notes),
        manifest_sha256=hashlib.sha256((run_dir / "manifest.json").read_bytes()).hexdigest(),
    )
