"""The bytes of the cell table of real frames, so that another machine or library version that changes a bit is seen.

The digests say nothing about correctness: the oracles do. They change only together with DEFINITIONS_ID.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from cell_samples import measure, read_hand_drawn
from phasewell.cells import DEFINITIONS_ID
from phasewell.descriptors import field_moments

DIGESTS = {
    "chamber-A_field-1_frame-01": (
        "5fc151d5a262bd3c4f3803c74918d235253b24736e5f66e2e5e9aad8497d847d",
        "67e39da15ea9f3ebc203d656b65a08edb4cf3c2046ad6ee62cea24d4fa29f298",
    ),
    "chamber-B_field-1_frame-01": (
        "4b7f1678654b5dc18e6dad4942c68c91abf8cdea7c5dc4ac0396d6eaf9fd5c98",
        "16794b6aab00d63dcd73e9c984d3f7339652423da1c50edd3e851931e82e20b9",
    ),
}


def digest(*arrays: np.ndarray) -> str:
    total = hashlib.sha256()
    for array in arrays:
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        total.update(
            np.where(np.isnan(little), np.nan, little).tobytes() if little.dtype.kind == "f" else little.tobytes()
        )
    return total.hexdigest()


@pytest.mark.parametrize("field", ["chamber-A_field-1_frame-01", "chamber-B_field-1_frame-01"])
def test_bytes_of_real_cells(field: str) -> None:
    frame, labels = read_hand_drawn(field)
    cells = measure(frame, labels)
    found = digest(cells.label, cells.bbox_px, cells.values), digest(*field_moments(cells))
    assert DEFINITIONS_ID == "phasewell-descriptors-1"
    assert found == DIGESTS[field]
