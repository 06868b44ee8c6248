"""The profile of a finished run, for any window and choice of fields; no pixel is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from phasewell.cells import DESCRIPTORS
from phasewell.manifest import read_manifest
from phasewell.profiles import FieldMoments, Profile
from phasewell.tables.field_moments import read_field_moments
from phasewell.tables.parts import PartFile, read_part

if TYPE_CHECKING:
    from phasewell.descriptors.edge_weights import WeightedMoments
    from phasewell.runs.folder.run_result import RunResult

_SIDES = ("top", "left", "bottom", "right")


def profile(
    run: RunResult | Path | str,
    window_h: tuple[float, float] | None = None,
    fields: int | tuple[str, ...] | None = None,
    seed: int = 0,
    min_fields: int = 1,
    edges: Literal["as-measured", "weighted"] = "as-measured",
) -> Profile:
    """Return the profile of a finished run, given as its result or its folder.

    `window_h` is the first and last hour, inclusive; `fields` a number of random fields per well or their names.
    Arguments left out mean all hours, all fields. `edges` "weighted" counts large cells for what the frame's edge takes
    away (`phasewell.descriptors.edge_weights`): it reads every cell, not only the moments of fields.
    Raises InputError for an unfinished run or a damaged part.
    """
    from phasewell.descriptors import build_profile

    folder = Path(run) if isinstance(run, Path | str) else run.folder
    parts = parts_of(folder)
    moments = read_field_moments(parts)
    if edges == "as-measured":
        return build_profile(moments, window_h, fields, min_fields, seed)
    from phasewell.descriptors.edge_weights import build_edge_profile

    weighted = _weighted_moments(folder, moments, parts)
    return build_edge_profile(moments, weighted, window_h, fields, min_fields, seed)


def parts_of(folder: Path) -> list[PartFile]:
    """Return the `cells` parts of a finished run, as its manifest names them."""
    return [
        PartFile(folder / entry.path, entry.well, entry.time, entry.key[:32], entry.sha256)
        for entry in read_manifest(folder).parts
    ]


def _weighted_moments(folder: Path, moments: FieldMoments, parts: list[PartFile]) -> WeightedMoments:
    """Return the weighted moments of every field (wells, hours, fields, descriptors), from every cell of a run."""
    from phasewell.descriptors.edge_weights import WeightedMoments, edge_weights, weighted_field_moments
    from phasewell.runs.folder.documents import plate_of

    frame_shape, shape = plate_of(folder).frame_shape, moments.moments.n.shape
    whole = WeightedMoments(np.zeros(shape, np.int64), *(np.zeros(shape) for _ in range(3)))
    times = sorted({part.time for part in parts})
    for part in parts:
        nested: Any = pa.concat_arrays(read_part(part, ("cells",)).column("cells").chunks)
        field, flat = nested.value_parent_indices().to_numpy().astype(np.int64), nested.flatten()
        box = np.column_stack([flat.field(f"bbox_{side}_px").to_numpy() for side in _SIDES])
        values = np.column_stack([flat.field(d.name).to_numpy(zero_copy_only=False) for d in DESCRIPTORS])
        found = weighted_field_moments(
            values.astype(np.float64), edge_weights(box, frame_shape), field, len(moments.fields)
        )
        at = moments.wells.index(part.well), times.index(part.time)
        for array, piece in zip(whole, found, strict=True):
            array[at] = piece
    return whole
