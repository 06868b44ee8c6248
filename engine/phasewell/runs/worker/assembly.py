"""From measured frames to the table of one unit: rows in field order, cells and moments in the same order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from phasewell.cells import DESCRIPTORS, Cells
from phasewell.plate import FrameKey, FrameRecord, Plate
from phasewell.profiles import Moments
from phasewell.tables.parts import FieldRow, make_part


@dataclass(frozen=True)
class MeasuredFrame:
    """What became of one frame that was read: cells and moments, or the reason why not."""

    key: FrameKey
    reason: str | None = None
    flags: tuple[str, ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)
    cells: Cells | None = None  # of this frame alone
    moments: Moments | None = None  # arrays (1, descriptors)
    labels: Any = None  # (height, width) int32 where labels are kept
    failure: str | None = None  # traceback


def split_cells(cells: Cells) -> list[Cells]:
    """Return the cells of every frame of a batch, as batches of one, without copies."""
    bounds = np.searchsorted(cells.frame, np.arange(cells.n_frames + 1)).tolist()
    return [
        Cells(
            frame=np.zeros(end - start, cells.frame.dtype),
            label=cells.label[start:end],
            centroid_y_px=cells.centroid_y_px[start:end],
            centroid_x_px=cells.centroid_x_px[start:end],
            bbox_px=cells.bbox_px[start:end],
            values=cells.values[start:end],
            n_frames=1,
            pixel_size_um=cells.pixel_size_um,
        )
        for start, end in itertools.pairwise(bounds)
    ]


def assemble_part(
    plate: Plate, records: Sequence[FrameRecord], measured: Mapping[str, MeasuredFrame], key: str, code_version: str
) -> pa.Table:
    """Return the part of one unit from its records, in field order, and the measured frames by field name."""
    rows: list[FieldRow] = []
    good: list[MeasuredFrame] = []
    for record in records:
        row = FieldRow(
            key=record.key,
            time_h=plate.times_h[record.key.time],
            true_time_h=record.time_h,
            status="missing" if record.status == "missing" else "quarantined",
            reason=record.reason or record.status,
            flags=record.flags,
            frame_sha256=record.sha256,
        )
        if record.status == "present":
            frame = measured[record.key.field]
            flags = tuple(dict.fromkeys((*record.flags, *frame.flags)))
            row = (
                replace(row, reason=frame.reason, flags=flags, quality=frame.quality, status="quarantined")
                if (frame.reason)
                else replace(row, reason=None, flags=flags, quality=frame.quality, status="processed", index=len(good))
            )
            good += [] if frame.reason else [frame]
        rows.append(row)
    cells = _join_cells([frame.cells for frame in good if frame.cells is not None], plate.pixel_size_um)
    moments = _join_moments([frame.moments for frame in good if frame.moments is not None])
    return make_part(rows, cells, moments, key=key, code_version=code_version)


def _join_cells(parts: Sequence[Cells], pixel_size_um: float) -> Cells:
    def join(name: str, dtype: Any, *shape: int) -> Any:
        return np.concatenate([np.zeros((0, *shape), dtype), *(getattr(part, name) for part in parts)])

    return Cells(
        frame=np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts]),
        label=join("label", np.int32),
        centroid_y_px=join("centroid_y_px", np.float64),
        centroid_x_px=join("centroid_x_px", np.float64),
        bbox_px=join("bbox_px", np.int32, 4),
        values=join("values", np.float64, len(DESCRIPTORS)),
        n_frames=len(parts),
        pixel_size_um=pixel_size_um,
    )


def _join_moments(parts: Sequence[Moments]) -> Moments:
    none = np.zeros((0, len(DESCRIPTORS)))
    empty = Moments(none.astype(np.int64), none, none)
    n, mean, m2 = (np.concatenate(values) for values in zip(empty, *parts, strict=True))
    return Moments(n, mean, m2)
