"""Score parts: what a network said of every frame of a unit, one row per expected field, in field order.

They lie beside the `cells` parts of a run and are named, committed and checked in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa

from phasewell.errors import UsageError
from phasewell.manifest import SCHEMA_VERSION, canonical_json
from phasewell.plate import FrameKey
from phasewell.tables.parts import STATUSES


@dataclass(frozen=True)
class ScoreRow:
    """One expected field of a unit: what the network saw and said; None where there is nothing to say.

    `status` is processed when the frame has logits. `too_bright` frames were looked at and not shown to the network.
    """

    key: FrameKey
    time_h: float
    status: str
    reason: str | None = None
    frame_sha256: str | None = None
    mean_v: float | None = None
    too_bright: bool | None = None
    adjustment: float | None = None
    clipped_share: float | None = None
    logits: tuple[float, ...] | None = None
    probabilities: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Check that status, reason and logits agree."""
        processed = self.status == "processed"
        if self.status not in STATUSES or processed == (self.logits is None) or processed == bool(self.reason):
            raise UsageError(f"{self.key}: status {self.status!r}, reason {self.reason!r}, logits {self.logits}")


def _per_class(name: str, dtype: Any) -> Any:
    return pa.field(name, pa.list_(pa.field("element", dtype, nullable=False)))


SCORES_PART_SCHEMA = pa.schema(
    [
        pa.field("plate", pa.string(), nullable=False),
        pa.field("well", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("time", pa.int32(), nullable=False),
        pa.field("time_h", pa.float64(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # one of STATUSES
        pa.field("reason", pa.string()),  # why it was not scored
        pa.field("frame_sha256", pa.string()),
        pa.field("mean_v", pa.float64()),  # of the part of the frame that is scored, before the adjustment
        pa.field("too_bright", pa.bool_()),
        pa.field("adjustment", pa.float64()),  # levels added, or the gain
        pa.field("clipped_share", pa.float64()),
        _per_class("logits", pa.float32()),  # in the order of the classes in the metadata
        _per_class("probabilities", pa.float64()),
    ]
)


def make_scores_part(
    rows: Sequence[ScoreRow], *, key: str, code_version: str, classes: Sequence[str], session: Mapping[str, str]
) -> pa.Table:
    """Return the table of one unit; `session` says who scored: model_sha256, backend, precision, hardware, mode."""
    names = {field.name for field in fields(ScoreRow)} - {"key"}
    columns: dict[str, Any] = {name: [getattr(row.key, name) for row in rows] for name in FrameKey._fields}
    columns |= {name: [getattr(row, name) for row in rows] for name in names}
    metadata = {
        "key": key,
        "schema_version": str(SCHEMA_VERSION),
        "code_version": code_version,
        "classes": canonical_json(list(classes)).decode(),
        "session": canonical_json(dict(session)).decode(),
    }
    arrays = [pa.array(columns[item.name], item.type) for item in SCORES_PART_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCORES_PART_SCHEMA.with_metadata(metadata))


def spread_scores(part: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows of the table `scores`, one per frame and class, of a scores part."""
    classes = json.loads(part.schema.metadata[b"classes"])
    session = json.loads(part.schema.metadata[b"session"])
    rows = np.repeat(np.arange(part.num_rows), len(classes))
    data: dict[str, Any] = {name: part.column(name).take(rows) for name in part.column_names}
    data |= {name: pa.repeat(session[name], len(rows)) for name in ("model_sha256", "backend", "precision", "hardware")}
    data["class_name"] = classes * part.num_rows
    for name, lists in (("logit", "logits"), ("probability", "probabilities")):
        values = [value or [None] * len(classes) for value in part.column(lists).to_pylist()]
        data[name] = pa.array([value for row in values for value in row], pa.float64())
    return pa.table({name: data[name] for name in schema.names}, schema=schema)
