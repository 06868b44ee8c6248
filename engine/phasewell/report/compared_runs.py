"""Two finished runs beside each other: what is equal byte for byte, and by how much the rest differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError
from phasewell.manifest import RunManifest
from phasewell.report.evaluations import ModelReport, read_models
from phasewell.report.measures import Measure, field_measures
from phasewell.report.reading import find_plate, frame_columns
from phasewell.report.well_scores import RunScores, read_scores
from phasewell.tables.applied import Applied, read_applied
from phasewell.tables.results import open_results

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ComparedRun:
    """One of the two runs, as the comparison reads it."""

    folder: Path
    manifest: RunManifest
    wells: tuple[str, ...]
    hours: tuple[float, ...]
    measures: Mapping[str, Measure]
    status: Mapping[tuple[str, str, float], tuple[str, str]]  # (well, field, hour) -> (status, reason)
    models: tuple[ModelReport, ...]
    scores: RunScores | None
    applied: Applied
    simulated: bool

    @property
    def n_cells(self) -> int:
        """Cells of all processed frames."""
        return sum(part.n_cells for part in self.manifest.parts if part.stage == "cells")


def read_run(folder: Path) -> ComparedRun:
    """Return a finished run; raises InputError when it is not finished or a file of it is damaged."""
    results = open_results(folder)
    info = results.plate_info
    frames = frame_columns(results.frames(), info.times)
    keys = zip(*(frames[name] for name in ("well", "field", "time_h")), strict=True)
    states = zip(frames["status"], frames["reason"], strict=True)
    plate, _ = find_plate(info)
    return ComparedRun(
        folder=folder,
        manifest=results.manifest,
        wells=info.wells,
        hours=info.times_h,
        measures={measure.key: measure for measure in field_measures(results.field_moments())},
        status={(str(w), str(f), float(h)): (str(s), str(r)) for (w, f, h), (s, r) in zip(keys, states, strict=True)},
        models=read_models(folder / "models"),
        scores=read_scores(results),
        applied=read_applied(folder, results.manifest.run_id),
        simulated=plate is not None and "simulated" in plate.provenance,
    )


@dataclass(frozen=True)
class Comparison:
    """Two runs, and what they have in common: wells by name and hours by value."""

    first: ComparedRun
    second: ComparedRun

    def __post_init__(self) -> None:
        """Refuse runs that have no well or no hour in common: there is nothing to set side by side."""
        for what, found in (("well", self.wells), ("hour", self.hours)):
            if not found:
                raise InputError(
                    f"{self.first.folder} and {self.second.folder}: no {what} in common; compare runs of one plate, or "
                    "of plates with the same wells and hours"
                )

    @cached_property
    def wells(self) -> tuple[str, ...]:
        """The wells of both, in plate order."""
        return tuple(well for well in self.first.wells if well in self.second.wells)

    @cached_property
    def hours(self) -> tuple[float, ...]:
        """The hours of both."""
        return tuple(hour for hour in self.first.hours if hour in self.second.hours)

    @property
    def same_plate(self) -> bool:
        """True when both were made from the same frames."""
        return self.first.manifest.plate_digest == self.second.manifest.plate_digest

    def pair(self, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a measure of both runs over the common wells and hours, (wells, hours) each."""
        first, second = (
            run.measures[key].values[
                np.ix_([run.wells.index(w) for w in self.wells], [run.hours.index(h) for h in self.hours])
            ]
            for run in (self.first, self.second)
        )
        return first, second

    def parts(self) -> dict[str, tuple[int, int, int]]:
        """Return per stage (parts of the same bytes, parts of both, parts of one run only)."""
        found = {}
        digests = [
            {(part.stage, part.well, part.time): part.sha256 for part in run.manifest.parts}
            for run in (self.first, self.second)
        ]
        for stage in dict.fromkeys(stage for each in digests for stage, _, _ in each):
            one, other = ({k: v for k, v in each.items() if k[0] == stage} for each in digests)
            both = one.keys() & other.keys()
            found[stage] = (sum(one[key] == other[key] for key in both), len(both), len(one.keys() ^ other.keys()))
        return found

    def settings(self) -> list[tuple[str, str, str]]:
        """Return (key, first, second) of every key of the configuration that differs; a dash where a run lacks it."""
        one, other = (_flat(run.manifest.config) for run in (self.first, self.second))
        names = dict.fromkeys([*one, *other])
        return [(n, one.get(n, "–"), other.get(n, "–")) for n in names if one.get(n) != other.get(n)]

    def transitions(self) -> Counter[tuple[str, str]]:
        """Return how many frames of both runs have (status in the first, status in the second)."""
        both = self.first.status.keys() & self.second.status.keys()
        return Counter((self.first.status[key][0], self.second.status[key][0]) for key in both)

    def changed_frames(self) -> list[tuple[tuple[str, str, float], tuple[str, str], tuple[str, str]]]:
        """Return the frames whose status or reason differs: (well, field, hour), first, second."""
        both = [key for key in self.first.status if key in self.second.status]
        pairs = ((key, self.first.status[key], self.second.status[key]) for key in both)
        return [(key, one, other) for key, one, other in pairs if one != other]


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = "left out" if value is None else str(value)
    return found
