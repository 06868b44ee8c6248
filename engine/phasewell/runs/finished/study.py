"""What potency models are fitted on: the profiles of one or several runs joined with their plate maps."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.plates import check_shared_groups, join_annotations, join_profiles
from phasewell.profiles import Moments
from phasewell.runs.finished.run_profile import parts_of, profile
from phasewell.runs.folder.documents import config_of, plate_of
from phasewell.tables.field_moments import read_field_moments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phasewell.config import Config
    from phasewell.plate import Plate
    from phasewell.profiles import FieldMoments, Profile

Edges = Literal["as-measured", "weighted"]


@dataclass(frozen=True)
class FitChoice:
    """What is fitted: columns of the plate map, hours, fields and seeds; None is what the run's configuration says."""

    target: str | None = None
    group: str | None = None
    window_h: tuple[float, float] | None = None
    fields: int | None = None
    seed: int | None = None
    edges: Edges = "as-measured"


@dataclass(frozen=True)
class Study:
    """Wells of one or several plates with what is known of them; `seed` is that of models, `draw` that of fields."""

    run: Path
    config: Config
    plates: tuple[str, ...]
    profile: Profile
    targets: Mapping[str, Any]
    groups: Mapping[str, Any]
    target: str
    group: str
    shared_groups: tuple[str, ...]
    fields: int | None
    seed: int
    draw: int
    edges: Edges

    def describe(self) -> dict[str, Any]:
        """Return what the profile was made of, as profile.json keeps it."""
        hours = [self.profile.times_h[0], self.profile.times_h[-1]]
        document: dict[str, Any] = {"window_h": hours, "fields": self.fields, "seed": self.draw}
        document |= {"target": self.target, "group": self.group, "edges": self.edges, "plates": list(self.plates)}
        return document | {"shared_groups": list(self.shared_groups)}

    def field_moments(self) -> FieldMoments:
        """Return the moments of the fields of the one run, over the hours of the profile.

        Raises UsageError for several runs and for weighted edges, where fields cannot be drawn from moments alone.
        """
        if len(self.plates) > 1 or self.edges != "as-measured":
            raise UsageError("fields are drawn from one run with edges as measured; leave out --also and --edges")
        whole = read_field_moments(parts_of(self.run))
        return cut_hours(whole, self.profile.times_h)


def read_study(run: Path, also: Sequence[Path], choice: FitChoice) -> Study:
    """Return the study of a run and of further ones `also`; wells of several are called PLATE/A01.

    Raises UsageError when the plate maps lack the columns, and when plates differ in pixel size, hours or name a clone
    with two targets (`phasewell.potency.plates`).
    """
    config = config_of(run)
    window_h, fields = choice.window_h or config.profile.window_h, choice.fields or config.profile.fields
    draw = config.profile.seed if choice.seed is None else choice.seed
    target, group = choice.target or config.model.target, choice.group or config.model.group
    profiles: dict[str, Profile] = {}
    targets: dict[str, Mapping[str, Any]] = {}
    groups: dict[str, Mapping[str, Any]] = {}
    for folder in (run, *also):
        plate = plate_of(folder)
        if plate.name in profiles:
            raise UsageError(f"run {folder}: plate {plate.name} is already in the study; a plate is learned from once")
        profiles[plate.name] = profile(folder, window_h, fields, draw, config.profile.min_fields, choice.edges)
        targets[plate.name], groups[plate.name] = annotation(plate, target), annotation(plate, group)
    shared = check_shared_groups(targets, groups) if also else ()
    return Study(
        run=run,
        config=config,
        plates=tuple(profiles),
        profile=join_profiles(profiles),
        targets=join_annotations(targets),
        groups=join_annotations(groups),
        target=target,
        group=group,
        shared_groups=shared,
        fields=fields,
        seed=config.model.seed if choice.seed is None else choice.seed,
        draw=draw,
        edges=choice.edges,
    )


def annotation(plate: Plate, name: str) -> Mapping[str, Any]:
    """Return one column of the plate map by well; raises UsageError when the plate map has no such column."""
    found = {well: row[name] for well, row in plate.platemap.items() if row.get(name) is not None}
    if not found:
        columns = sorted({key for row in plate.platemap.values() for key in row})
        raise UsageError(
            f"plate {plate.name}: its plate map has no column {name!r}; it has {', '.join(columns) or 'no columns'}. "
            "Give a plate map at ingest, or name another column"
        )
    return found


def cut_hours(moments: FieldMoments, times_h: tuple[float, ...]) -> FieldMoments:
    """Return the moments of some hours."""
    keep = np.array([hour in times_h for hour in moments.times_h])
    n, mean, m2 = moments.moments
    return replace(
        moments,
        times_h=tuple(hour for hour in moments.times_h if hour in times_h),
        moments=Moments(n[:, keep], mean[:, keep], m2[:, keep]),
        n_cells=moments.n_cells[:, keep],
        measured=moments.measured[:, keep],
    )


def true_profile(study: Study) -> Profile | None:
    """Return the profile of a simulated plate's true label images over the same hours and fields; None if not so."""
    plate = plate_of(study.run)
    if "simulated" not in plate.provenance or len(study.plates) > 1 or study.edges != "as-measured":
        return None
    from phasewell.descriptors import build_profile

    window_h = (study.profile.times_h[0], study.profile.times_h[-1])
    return build_profile(_true_moments(study.config.plate.store, window_h), window_h, study.fields, seed=study.draw)


@functools.lru_cache(maxsize=1)  # minutes of work for a large plate, and several fits follow each other
def _true_moments(store: Path, window_h: tuple[float, float]) -> FieldMoments:
    from phasewell.runs.simulated_plates import measure_truth

    return measure_truth(store, window_h)
