"""What is nested in the rows of a `cells` part, made flat: its cells, and the moments of its processed frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from phasewell.cells import DESCRIPTORS


def unnest_cells(part: pa.Table) -> tuple[Any, dict[str, Any]]:
    """Return (row of the part, columns by name) of every cell of a part, in order."""
    nested: Any = pa.concat_arrays(part.column("cells").chunks)
    flat = nested.flatten()
    return nested.value_parent_indices(), {field.name: flat.field(field.name) for field in flat.type}


def unnest_moments(part: pa.Table) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Return (row of the part, columns by name) of every processed frame and descriptor of a part, in order."""
    processed = np.flatnonzero([status == "processed" for status in part.column("status").to_pylist()])
    data: dict[str, Any] = {
        "descriptor": [each.name for each in DESCRIPTORS] * len(processed),
        "descriptor_unit": [each.unit for each in DESCRIPTORS] * len(processed),
    }
    for name in ("n", "mean", "m2"):
        lists: Any = part.column(name).take(processed).combine_chunks()
        data[name] = lists.flatten()
    return np.repeat(processed, len(DESCRIPTORS)), data
