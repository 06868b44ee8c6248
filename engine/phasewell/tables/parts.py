"""Parts: one Parquet file per unit and content key, named by the key and by the digest of its bytes.

A `cells` part has one row per expected field of a well at one time, in field order, with the field's cells nested in
it: good, quarantined and missing frames become visible together, by one rename.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from phasewell.cells import DEFINITIONS_ID, DESCRIPTOR_NAMES, DESCRIPTORS, Cells
from phasewell.durable import replace_file
from phasewell.errors import InputError, StorageError, UsageError
from phasewell.manifest import SCHEMA_VERSION
from phasewell.plate import FrameKey
from phasewell.profiles import Moments

STATUSES = ("processed", "quarantined", "missing")
QUALITY_COLUMNS = (
    "mean_v",
    "saturated_fraction",
    "black_fraction",
    "focus",
    "blur_1",
    "blur_2",
    "blur_3",
    "illumination_gradient",
    "confluence",
)
_N = len(DESCRIPTORS)

CELL_TYPE = pa.struct(
    [pa.field("label", pa.int32(), nullable=False)]
    + [pa.field(name, pa.float64(), nullable=False) for name in ("centroid_y_px", "centroid_x_px")]
    + [pa.field(f"bbox_{side}_px", pa.int32(), nullable=False) for side in ("top", "left", "bottom", "right")]
    + [pa.field(name, pa.float64()) for name in DESCRIPTOR_NAMES]
)


def _column(name: str, dtype: Any, nullable: bool = True) -> Any:
    return pa.field(name, dtype, nullable=nullable)


def _per_descriptor(name: str, dtype: Any) -> Any:
    """One value per descriptor; null where the frame was not processed."""
    return pa.field(name, pa.list_(pa.field("element", dtype, nullable=False), _N))


CELLS_PART_SCHEMA = pa.schema(
    [
        _column("plate", pa.string(), nullable=False),
        _column("well", pa.string(), nullable=False),
        _column("field", pa.string(), nullable=False),
        _column("time", pa.int32(), nullable=False),
        _column("time_h", pa.float64(), nullable=False),  # of the plate's time grid
        _column("true_time_h", pa.float64()),  # where the source says it
        _column("status", pa.string(), nullable=False),  # one of STATUSES
        _column("reason", pa.string()),  # why it was not processed
        _column("flags", pa.list_(pa.field("element", pa.string(), nullable=False)), nullable=False),
        _column("frame_sha256", pa.string()),
        _column("n_cells", pa.int32()),  # null where the frame was not processed, 0 where it has no cell
        *(_column(name, pa.float64()) for name in QUALITY_COLUMNS),
        _per_descriptor("n", pa.int64()),
        _per_descriptor("mean", pa.float64()),
        _per_descriptor("m2", pa.float64()),
        _column("cells", pa.list_(pa.field("element", CELL_TYPE, nullable=False))),
    ]
)

_PART_NAME = re.compile(r"([A-Z]{1,2}[0-9]{2})-t([0-9]{3,})\.([0-9a-f]{32})\.([0-9a-f]{64})\.parquet")


@dataclass(frozen=True)
class FieldRow:
    """One expected field of a unit: what became of its frame.

    `index` is the frame's place in the unit's Cells and Moments; it is None exactly when the frame was not processed.
    `quality` has values by the names of QUALITY_COLUMNS; absent or NaN becomes null.
    """

    key: FrameKey
    time_h: float
    status: str
    reason: str | None = None
    flags: tuple[str, ...] = ()
    frame_sha256: str | None = None
    true_time_h: float | None = None
    index: int | None = None
    quality: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that status, reason and index agree."""
        processed = self.status == "processed"
        if self.status not in STATUSES or processed != (self.index is not None) or processed == bool(self.reason):
            raise UsageError(f"{self.key}: status {self.status!r}, reason {self.reason!r}, index {self.index}")


@dataclass(frozen=True)
class PartFile:
    """A part on disk, as its name tells: nothing here is verified until `read_part` has read it."""

    path: Path
    well: str
    time: int
    key32: str  # first 32 digits of the content key
    sha256: str  # of the file's bytes


def make_part(rows: Sequence[FieldRow], cells: Cells, moments: Moments, *, key: str, code_version: str) -> pa.Table:
    """Return the table of one unit: one row per field, in the order given.

    `cells` and `moments` (frames, 12) belong to the processed frames, in the order of `FieldRow.index`.
    """
    order = [row.index for row in rows if row.index is not None]
    if order != list(range(cells.n_frames)) or moments.n.shape != (cells.n_frames, _N):
        raise UsageError(f"part: frames {order} for {cells.n_frames} frames of cells and moments {moments.n.shape}")
    count = np.bincount(cells.frame, minlength=cells.n_frames)
    columns: dict[str, Any] = {name: [getattr(row.key, name) for row in rows] for name in FrameKey._fields}
    for name in ("time_h", "true_time_h", "status", "reason", "frame_sha256"):
        columns[name] = [getattr(row, name) for row in rows]
    columns["flags"] = [list(row.flags) for row in rows]
    columns["n_cells"] = [None if row.index is None else int(count[row.index]) for row in rows]
    for name in QUALITY_COLUMNS:
        values = [row.quality.get(name) for row in rows]
        columns[name] = [None if value is None or math.isnan(value) else float(value) for value in values]
    for name, array in zip(("n", "mean", "m2"), moments, strict=True):
        columns[name] = [None if row.index is None else array[row.index].tolist() for row in rows]
    arrays = [
        _nest_cells(rows, cells, count) if item.name == "cells" else pa.array(columns[item.name], item.type)
        for item in CELLS_PART_SCHEMA
    ]
    metadata = {
        "key": key,
        "definitions": DEFINITIONS_ID,
        "pixel_size_um": repr(float(cells.pixel_size_um)),
        "schema_version": str(SCHEMA_VERSION),
        "code_version": code_version,
    }
    return pa.Table.from_arrays(arrays, schema=CELLS_PART_SCHEMA.with_metadata(metadata))


def _nest_cells(rows: Sequence[FieldRow], cells: Cells, count: np.ndarray[Any, Any]) -> Any:
    columns: list[Any] = [cells.label, cells.centroid_y_px, cells.centroid_x_px]
    columns += [np.ascontiguousarray(cells.bbox_px[:, side]) for side in range(4)]
    columns += [np.ascontiguousarray(cells.values[:, i]) for i in range(_N)]
    children = [
        pa.array(values, item.type, from_pandas=item.nullable)  # NaN means undefined: null
        for values, item in zip(columns, CELL_TYPE, strict=True)
    ]
    structs = pa.StructArray.from_arrays(children, fields=list(CELL_TYPE))
    lengths = [0 if row.index is None else int(count[row.index]) for row in rows]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    absent = pa.array([row.index is None for row in rows], pa.bool_())
    list_array: Any = pa.ListArray  # its stubs know no nested type together with a mask
    return list_array.from_arrays(offsets, structs, type=CELLS_PART_SCHEMA.field("cells").type, mask=absent)


def part_bytes(table: pa.Table) -> bytes:
    """Return the Parquet file of a table; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        version="2.6",
        compression="zstd",
        compression_level=3,
        use_dictionary=False,
        write_page_checksum=True,  # for other readers; ours check the digest of the whole file
        row_group_size=max(1, table.num_rows),
    )
    data: bytes = sink.getvalue().to_pybytes()
    return data


def write_part(folder: Path, well: str, time: int, key: str, table: pa.Table) -> PartFile:
    """Commit a part by rename and return it. A part that is already there with the same bytes is not touched.

    Raises StorageError when the folder cannot be written or the disk is full.
    """
    data = part_bytes(table)
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / f"{well}-t{time:03d}.{key[:32]}.{sha256}.parquet"
    part = PartFile(path, well, time, key[:32], sha256)
    if not (path.exists() and _read_checked(part, None) == data):
        replace_file(path, data)
    return part


def find_parts(folder: Path) -> Iterator[PartFile]:
    """Yield the parts of a folder in the order of their names, without reading them; other files are ignored."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _PART_NAME.fullmatch(path.name)
        if match and path.is_file():
            yield PartFile(path, match[1], int(match[2]), match[3], match[4])


def read_part(part: PartFile | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the table of a part after checking the digest of the whole file and the key inside it.

    Raises InputError when the bytes are not those the name promises, StorageError when they cannot be read.
    """
    if isinstance(part, Path):
        match = _PART_NAME.fullmatch(part.name)
        if not match:
            raise InputError(f"part {part}: expected a name <well>-t<time>.<key>.<sha256>.parquet")
        part = PartFile(part, match[1], int(match[2]), match[3], match[4])
    remedy = "run the command again: it is computed anew"
    data = _read_checked(part, remedy)
    table = pq.ParquetFile(pa.BufferReader(data)).read(None if columns is None else list(columns), use_threads=False)
    key = (table.schema.metadata or {}).get(b"key", b"").decode()
    if key[:32] != part.key32:
        raise InputError(f"part {part.path}: made for key {key[:32]}, its name says {part.key32}; {remedy}")
    return table


def _read_checked(part: PartFile, remedy: str | None) -> bytes | None:
    try:
        data = part.path.read_bytes()
    except OSError as error:
        raise StorageError(f"part {part.path}: cannot be read ({error.strerror})") from error
    if hashlib.sha256(data).hexdigest() == part.sha256:
        return data
    if remedy is None:
        return None
    raise InputError(f"part {part.path}: its bytes do not have the SHA-256 in its name; {remedy}")
