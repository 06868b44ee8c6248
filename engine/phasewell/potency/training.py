"""The table a model is fitted on: rows with a target and a clone, columns that are defined everywhere."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError, UsageError
from phasewell.manifest import canonical_json
from phasewell.profiles import Profile, ProfileColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Targets = Mapping[str, float] | Sequence[float] | NDArray[np.float64]
    Groups = Mapping[str, Any] | Sequence[Any] | NDArray[Any]

MOST_ROWS = 20_000  # nested validation learns from all rows hundreds of times: 1,000 x 360 of 100 clones take 2 s
MIN_GROUPS = 3  # two groups leave one to learn from, which has nothing to vary


@dataclass(frozen=True)
class TrainingTable:
    """Rows and columns a model learns from.

    `values` is (rows, columns) float64, all defined; `target` (rows,); `groups` (rows,) names of clones.
    `left_out` are the profile's columns with an undefined value in a training row; `wells_left_out` have no target.
    """

    wells: tuple[str, ...]
    columns: tuple[ProfileColumn, ...]
    left_out: tuple[ProfileColumn, ...]
    wells_left_out: tuple[str, ...]
    values: NDArray[np.float64]
    target: NDArray[np.float64]
    groups: tuple[str, ...]

    @property
    def group_codes(self) -> NDArray[np.int64]:
        """Number of each row's group (rows,), counted from 0 in order of first appearance."""
        order = {group: code for code, group in enumerate(dict.fromkeys(self.groups))}
        return np.array([order[group] for group in self.groups], dtype=np.int64)

    @property
    def digest(self) -> str:
        """SHA-256 of wells, columns, groups, targets and values: names what a model was fitted on."""
        names = [self.wells, self.groups, [[c.descriptor, c.statistic, c.time_h] for c in self.columns]]
        sha = hashlib.sha256(canonical_json(names))
        sha.update(np.ascontiguousarray(self.target, dtype="<f8").tobytes())
        sha.update(np.ascontiguousarray(self.values, dtype="<f8").tobytes())
        return sha.hexdigest()


def training_table(profile: Profile, targets: Targets, groups: Groups | None) -> TrainingTable:
    """Join a profile with targets and clones, by well name or row by row.

    A well that the mapping of targets does not name is not used (and is listed). A column with an undefined value
    in any used row is left out (and is listed): which values are undefined does not depend on the targets.
    Raises UsageError for missing groups, fewer than 3 groups, NaN or constant targets, names the profile lacks and more
    than 20,000 rows;
    InputError when no column is left.
    """
    if groups is None:
        raise UsageError("fit: groups is missing; pass the clone of every well, folds are always leave-one-clone-out")
    chosen = _rows_with_target(profile, targets)
    if len(chosen) > MOST_ROWS:
        raise UsageError(
            f"fit: {len(chosen)} rows x {len(profile.columns)} columns; expected at most {MOST_ROWS} rows. Rows of one "
            "clone are no further clones: take the mean of the rows of each clone, or fewer of them"
        )
    wells = tuple(profile.wells[i] for i in chosen)
    target = _target_values(wells, targets)
    names = _group_names(profile, groups, chosen)
    if len(set(names)) < MIN_GROUPS:
        raise UsageError(f"fit: {len(set(names))} groups ({', '.join(sorted(set(names)))}); expected at least 3")
    if float(target.max()) == float(target.min()):
        raise UsageError(f"fit: every target is {target[0]:g}; there is nothing to learn from a constant target")
    values = profile.values[chosen]
    defined = np.asarray(np.isfinite(values).all(axis=0))
    if not defined.any():
        worst = int(np.isfinite(values).sum(axis=1).argmin())
        raise InputError(
            f"fit: each of {values.shape[1]} profile columns is undefined in some well, most of them in {wells[worst]} "
            f"({int((~np.isfinite(values[worst])).sum())}); leave that well out of the targets, or hours without cells "
            "out of the window"
        )
    used = set(chosen)
    return TrainingTable(
        wells=wells,
        columns=tuple(c for c, ok in zip(profile.columns, defined.tolist(), strict=True) if ok),
        left_out=tuple(c for c, ok in zip(profile.columns, defined.tolist(), strict=True) if not ok),
        wells_left_out=tuple(w for i, w in enumerate(profile.wells) if i not in used),
        values=np.ascontiguousarray(values[:, defined]),
        target=target,
        groups=names,
    )


def _rows_with_target(profile: Profile, targets: Targets) -> list[int]:
    if not isinstance(targets, Mapping):
        if len(targets) != len(profile.wells):
            raise UsageError(f"fit: {len(targets)} targets for {len(profile.wells)} wells; expected one per well")
        return list(range(len(profile.wells)))
    unknown = [well for well in targets if well not in set(profile.wells)]
    if unknown:
        raise UsageError(f"fit: targets name wells {', '.join(unknown)}, which the profile lacks")
    return [i for i, well in enumerate(profile.wells) if well in targets]


def _target_values(wells: tuple[str, ...], targets: Targets) -> NDArray[np.float64]:
    if not wells:
        raise UsageError("fit: no well has a target")
    raw = [targets[well] for well in wells] if isinstance(targets, Mapping) else list(targets)
    try:
        values = [math.nan if value is None else float(value) for value in raw]
    except (TypeError, ValueError) as error:
        raise UsageError(f"fit: targets must be numbers: {error}") from error
    bad = [well for well, value in zip(wells, values, strict=True) if not math.isfinite(value)]
    if bad:
        raise UsageError(
            f"fit: the target of well {', '.join(bad)} is no finite number; "
            "leave the well out of the mapping of targets to fit without it"
        )
    return np.array(values, dtype=np.float64)


def _group_names(profile: Profile, groups: Groups, chosen: list[int]) -> tuple[str, ...]:
    if isinstance(groups, Mapping):
        missing = [profile.wells[i] for i in chosen if profile.wells[i] not in groups]
        if missing:
            raise UsageError(f"fit: no group for well {', '.join(missing)}; every well with a target needs its clone")
        raw = [groups[profile.wells[i]] for i in chosen]
    else:
        if len(groups) != len(profile.wells):
            raise UsageError(f"fit: {len(groups)} groups for {len(profile.wells)} wells; expected one per well")
        raw = [groups[i] for i in chosen]
    names = tuple("" if _is_undefined(value) else str(value) for value in raw)
    unnamed = [profile.wells[i] for i, name in zip(chosen, names, strict=True) if not name.strip()]
    if unnamed:
        raise UsageError(f"fit: the group of well {', '.join(unnamed)} is empty; every well with a target needs one")
    return names


def _is_undefined(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
