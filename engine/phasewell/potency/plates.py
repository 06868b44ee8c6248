"""Profiles of several plates as one table, and what must agree for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency.model import PIXEL_SIZE_TOLERANCE

if TYPE_CHECKING:
    from phasewell.profiles import Profile


def join_profiles(profiles: Mapping[str, Profile]) -> Profile:
    """Return the wells of several plates as one profile; wells are called `PLATE/A01` when there are several.

    `n_fields_expected` is the least of the plates. Raises UsageError naming the plates when pixel sizes or columns
    (hours) differ: descriptors in pixels of different size are different descriptors.
    """
    if not profiles:
        raise UsageError("join_profiles: no plate; expected at least one")
    first_name, first = next(iter(profiles.items()))
    if len(profiles) == 1:
        return first
    for name, profile in profiles.items():
        if abs(profile.pixel_size_um / first.pixel_size_um - 1) > PIXEL_SIZE_TOLERANCE:
            raise UsageError(
                f"plate {name} has {profile.pixel_size_um:g} um/px, plate {first_name} {first.pixel_size_um:g} um/px: "
                "descriptors in pixels do not compare; fit them apart, or correct the pixel size at ingest"
            )
        if profile.definitions != first.definitions:
            raise UsageError(
                f"plate {name} was measured with {profile.definitions}, plate {first_name} with {first.definitions}"
            )
        if profile.columns != first.columns:
            hours = [", ".join(f"{hour:g}" for hour in p.times_h) for p in (profile, first)]
            raise UsageError(
                f"plate {name} has the hours {hours[0]}, plate {first_name} {hours[1]}; "
                "choose hours that both have with window_h"
            )
    every = list(profiles.values())
    return replace(
        first,
        wells=tuple(f"{name}/{well}" for name, profile in profiles.items() for well in profile.wells),
        values=np.concatenate([profile.values for profile in every]),
        n_cells=np.concatenate([profile.n_cells for profile in every]),
        n_fields=np.concatenate([profile.n_fields for profile in every]),
        n_fields_expected=min(profile.n_fields_expected for profile in every),
    )


def join_annotations(plates: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return one annotation of the wells of several plates, named as `join_profiles` names the wells."""
    if len(plates) == 1:
        return dict(next(iter(plates.values())))
    return {f"{name}/{well}": value for name, wells in plates.items() for well, value in wells.items()}


def check_shared_groups(
    targets: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the groups that stand on several plates: the same name is the same clone, and is left out as a whole.

    `targets` and `groups` are {plate: {well: value}}. Raises UsageError when such a group has one target on each plate
    and they differ: then the name means two clones, which would be learned from and predicted as one.
    """
    found: dict[str, dict[str, set[float]]] = {}
    for plate, wells in groups.items():
        for well, group in wells.items():
            if well in targets.get(plate, {}):
                found.setdefault(str(group), {}).setdefault(plate, set()).add(targets[plate][well])
    shared = {group: plates for group, plates in found.items() if len(plates) > 1}
    for group, plates in shared.items():
        if all(len(values) == 1 for values in plates.values()) and len(set.union(*plates.values())) > 1:
            said = ", ".join(f"{next(iter(values)):g} on plate {plate}" for plate, values in plates.items())
            raise UsageError(
                f"group {group} has the target {said}: one clone has one; "
                "give different clones different names, or correct the plate map"
            )
    return tuple(shared)
