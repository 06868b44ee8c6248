"""The profile of a finished run, for any window and choice of fields; no pixel is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from phasewell.profiles import Profile
from phasewell.runs.commit import read_manifest
from phasewell.tables.field_moments import read_field_moments
from phasewell.tables.parts import PartFile

if TYPE_CHECKING:
    from phasewell.runs.driver import RunResult


def profile(
    run: RunResult | Path | str,
    window_h: tuple[float, float] | None = None,
    fields: int | tuple[str, ...] | None = None,
    seed: int = 0,
    min_fields: int = 1,
) -> Profile:
    """Return the profile of a finished run, given as its result or its folder.

    `window_h` is the first and last hour, inclusive; `fields` a number of random fields per well or their names.
    Arguments left out mean all hours, all fields. Raises InputError for an unfinished run or a damaged part.
    """
    from phasewell.descriptors import build_profile

    folder = Path(run) if isinstance(run, Path | str) else run.folder
    parts = [
        PartFile(folder / entry.path, entry.well, entry.time, entry.key[:32], entry.sha256)
        for entry in read_manifest(folder).parts
    ]
    return build_profile(read_field_moments(parts), window_h, fields, min_fields, seed)
