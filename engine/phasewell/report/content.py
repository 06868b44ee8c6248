"""Everything a report shows, as plain arrays, before any of it is a picture or a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.manifest import RunManifest
from phasewell.plate import Plate
from phasewell.profiles import FieldMoments, Profile
from phasewell.report.contact_sheets import Sheet
from phasewell.report.curves import Colouring, Distribution
from phasewell.report.evaluations import ModelReport
from phasewell.report.measures import Measure, field_measures, frame_measures
from phasewell.report.overlay import Picture
from phasewell.report.potency_study import PotencyStudy
from phasewell.report.size_density import SizeDensities
from phasewell.report.well_scores import RunScores
from phasewell.tables.applied import NO_APPLIED, Applied

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PlateFacts:
    """What the report says of the plate itself."""

    name: str
    wells: tuple[str, ...]
    fields: tuple[str, ...]
    times_h: tuple[float, ...]
    pixel_size_um: float
    frame_shape: tuple[int, int] | None = None  # (height, width) px; None where the run does not say
    dtype: str = ""
    window: tuple[int, int] | None = None
    platemap: Mapping[str, Mapping[str, str | float | int | None]] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def simulated(self) -> str:
        """What was simulated, in words; empty for real frames."""
        if "simulated" not in self.provenance:
            return ""
        made = self.provenance["simulated"]
        try:
            document = json.loads(made)
        except ValueError:
            document = None
        if isinstance(document, dict):  # the settings of the simulation: its numbers and words, without lists
            made = ", ".join(f"{key} {value}" for key, value in document.items() if not isinstance(value, list | dict))
        return f"These frames were made by a program ({made}); no cell was imaged."

    def annotation(self, name: str) -> tuple[str | float | int | None, ...]:
        """Return one annotation of the plate map for every well; None where a well has none."""
        return tuple(self.platemap.get(well, {}).get(name) for well in self.wells)

    def annotation_names(self) -> tuple[list[str], list[str]]:
        """Return the names of the plate map's annotations that differ between wells, and of those that do not.

        Both in order of first appearance; a plate of one well has only the first kind.
        """
        names = list(dict.fromkeys(name for well in self.wells for name in self.platemap.get(well, {})))
        same = [name for name in names if len(self.wells) > 1 and len(set(self.annotation(name))) == 1]
        return [name for name in names if name not in same], same


@dataclass(frozen=True)
class Content:
    """A run as the report reads it.

    `frames` has one entry per expected frame and column: well, field, status (str), reason (str, "" for none),
    flags (tuples of str), time (int), time_h and the quality columns (float64, NaN for null).
    """

    manifest: RunManifest
    plate: PlateFacts
    frames: Mapping[str, NDArray[Any]]
    moments: FieldMoments
    profile: Profile | None = None
    distributions: tuple[Distribution, ...] = ()
    models: tuple[ModelReport, ...] = ()
    study: PotencyStudy | None = None
    applied: Applied = NO_APPLIED
    scores: RunScores | None = None
    agreement: Mapping[str, Any] | None = None
    pictures: tuple[Picture, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    densities: SizeDensities | None = None
    store: Plate | None = None
    times: tuple[int, ...] = ()  # the run's hours as indices in the plate
    gallery_note: str = ""
    notes: tuple[str, ...] = ()
    manifest_sha256: str = ""

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """Every number per well and hour, by key."""
        found = field_measures(self.moments)
        found += frame_measures(self.frames, self.plate.wells, len(self.plate.times_h))
        found += self.scores.measures() if self.scores else ()
        return {measure.key: measure for measure in found}

    @property
    def n_cells(self) -> int:
        """Cells of all processed frames."""
        return int(np.where(self.moments.measured, self.moments.n_cells, 0).sum())

    def setting(self, section: str, key: str, otherwise: Any = None) -> Any:
        """Return one value of the run's configuration."""
        values = self.manifest.config.get(section)
        return values.get(key, otherwise) if isinstance(values, Mapping) else otherwise

    def colouring(self, few: int = 10) -> Colouring:
        """Return what colours wells: the well itself for few wells, else the target, else the group, else the well."""
        plate = self.plate
        if len(plate.wells) > few:
            for name in (self.setting("model", "target"), self.setting("model", "group")):
                values = plate.annotation(name) if name else ()
                if any(value is not None for value in values):
                    return Colouring(str(name), values)
        return Colouring("Well", plate.wells)
