"""A run's tables under the names of pycytominer and CytoTable: `Metadata_*`, `Cells_<Group>_<Feature>`, `Image_*`.

The names follow CellProfiler's grammar; the formulas are phasewell's, and `columns.parquet` gives each with its unit.
Texture features end in the image, the distance in px, the angles and the grey levels: `_Phase_1_pooled_32`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from phasewell.cells import DESCRIPTORS
from phasewell.plate import Plate
from phasewell.tables.schema import TABLES
from phasewell.tables.well_matrix import WellMatrix, annotation_columns, hour_name, well_matrix

if TYPE_CHECKING:
    from phasewell.tables.results import Results

_SHAPES = ("area", "perimeter", "length", "breadth", "elliptical_form_factor", "compactness")
_GEOMETRY = {
    "centroid_x_px": "Cells_Location_Center_X",
    "centroid_y_px": "Cells_Location_Center_Y",
    "bbox_left_px": "Cells_AreaShape_BoundingBoxMinimum_X",
    "bbox_top_px": "Cells_AreaShape_BoundingBoxMinimum_Y",
    "bbox_right_px": "Cells_AreaShape_BoundingBoxMaximum_X",
    "bbox_bottom_px": "Cells_AreaShape_BoundingBoxMaximum_Y",
}
_IMAGE = {
    "n_cells": "Image_Count_Cells",
    "mean_v": "Image_Intensity_MeanIntensity_Phase",
    "saturated_fraction": "Image_ImageQuality_FractionMaximal_Phase",
    "black_fraction": "Image_ImageQuality_FractionMinimal_Phase",
    "focus": "Image_ImageQuality_LaplacianVariance_Phase",
    "illumination_gradient": "Image_ImageQuality_IlluminationGradient_Phase",
    "confluence": "Image_AreaOccupied_FractionOccupied_Cells",
}


class CytominerTable(NamedTuple):
    """One file: its name, its schema and its batches."""

    name: str
    schema: pa.Schema
    batches: Iterator[pa.Table]


def feature_name(descriptor: str) -> str:
    """Return the column of a descriptor, such as `Cells_AreaShape_Area` or `Cells_Texture_ASM_Phase_1_pooled_32`."""
    title = next(d.title for d in DESCRIPTORS if d.name == descriptor)
    return f"Cells_AreaShape_{title}" if descriptor in _SHAPES else f"Cells_Texture_{title}_Phase_1_pooled_32"


def cytominer_tables(results: Results, plate: Plate | None) -> list[CytominerTable]:
    """Return single_cells, images, and, where the run has a profile, profiles (per well and hour) and profiles_wide.

    The plate map's columns are `Metadata_<name>`, or `Metadata_map_<name>` where that name is taken.
    """
    tables = [_single_cells(results, plate), _images(results, plate)]
    matrix = well_matrix(results)
    if matrix is not None:
        tables += [_profiles(results, plate, matrix), _wide(results, plate, matrix)]
    return [*tables, _columns(tables)]


def _metadata(name: str, dtype: Any, unit: str, description: str) -> pa.Field[Any]:
    return pa.field(f"Metadata_{name}", dtype, metadata={"unit": unit, "description": description})


_PLATE = _metadata("Plate", pa.string(), "", "name of the plate")
_WELL = _metadata("Well", pa.string(), "", "well such as B03")
_SITE = _metadata("Site", pa.string(), "", "name of the field of view in its well")
_TIMEPOINT = _metadata("Timepoint", pa.int32(), "1", "index in the plate's time grid, from 0")
_TIME_H = _metadata("Time_h", pa.float64(), "h", "nominal hour of the time grid")
_IMAGE_NUMBER = _metadata("ImageNumber", pa.int64(), "1", "number of the frame in the run's plate, from 1")
_OBJECT = _metadata("ObjectNumber", pa.int32(), "1", "number of the cell in its frame, from 1")
_RUN = _metadata("RunID", pa.string(), "", "run that the row comes from")
_FRAME_KEYS = (_PLATE, _WELL, _SITE, _TIMEPOINT, _TIME_H, _IMAGE_NUMBER)
_RESERVED = {"Plate", "Well", "Site", "Timepoint", "Time_h", "ImageNumber", "ObjectNumber", "RunID", "Status", "Reason"}
_RESERVED |= {"CellCount", "FieldCount", "FieldCountExpected"}


class _Annotations:
    """The plate map's columns, spread over the rows of any table by their wells."""

    def __init__(self, results: Results, plate: Plate | None) -> None:
        self.wells = results.plate_info.wells
        self.columns = annotation_columns(plate, self.wells)
        self.fields = [
            _metadata(f"map_{name}" if name in _RESERVED else name, column.type, "", "column of the plate map")
            for name, column in self.columns.items()
        ]
        self._row = {well: index for index, well in enumerate(self.wells)}

    def spread(self, wells: Sequence[str]) -> list[Any]:
        rows = pa.array([self._row[well] for well in wells], pa.int64())
        return [column.take(rows) for column in self.columns.values()]


def _described(table: str, source: str, name: str) -> pa.Field[Any]:
    column = next(column for column in TABLES[table] if column.name == source)
    return pa.field(name, column.dtype, metadata={"unit": column.unit, "description": column.description})


def _frame_keys(results: Results, table: pa.Table) -> list[Any]:
    """Return plate, well, site, time index, hour and image number of every row."""
    info = results.plate_info
    wells: list[Any] = table.column("well").to_pylist()
    well_of: Mapping[Any, int] = {name: index for index, name in enumerate(info.wells)}
    time_of: Mapping[Any, int] = {time: index for index, time in enumerate(info.times)}
    field_of: Mapping[Any, int] = {name: index for index, name in enumerate(info.fields)}
    well, time, place = (
        np.array([index[name] for name in names], np.int64)
        for index, names in (
            (well_of, wells),
            (time_of, table.column("time").to_pylist()),
            (field_of, table.column("field").to_pylist()),
        )
    )
    number = (well * len(info.times) + time) * len(info.fields) + place + 1
    return [*(table.column(name) for name in ("plate", "well", "field", "time", "time_h")), pa.array(number)]


def _single_cells(results: Results, plate: Plate | None) -> CytominerTable:
    notes = _Annotations(results, plate)
    values = {d.name: feature_name(d.name) for d in DESCRIPTORS} | _GEOMETRY
    features = [_described("cells", source, name) for source, name in values.items()]
    schema = pa.schema([*_FRAME_KEYS, _OBJECT, _RUN, *notes.fields, *features])

    def batches() -> Iterator[pa.Table]:
        for table in results.cell_batches():
            wells: list[Any] = table.column("well").to_pylist()
            data = [*_frame_keys(results, table), table.column("label")]
            data += [pa.repeat(results.manifest.run_id, len(table)), *notes.spread(wells)]
            yield pa.table([*data, *(table.column(source) for source in values)], schema=schema)

    return CytominerTable("single_cells", schema, batches())


def _images(results: Results, plate: Plate | None) -> CytominerTable:
    notes = _Annotations(results, plate)
    status = _metadata("Status", pa.string(), "", "processed, quarantined or missing")
    reason = _metadata("Reason", pa.string(), "", "why the frame was not processed")
    features = [_described("frames", source, name) for source, name in _IMAGE.items()]
    schema = pa.schema([*_FRAME_KEYS, _RUN, status, reason, *notes.fields, *features])

    def batches() -> Iterator[pa.Table]:
        for table in results.frame_batches():
            wells: list[Any] = table.column("well").to_pylist()
            data = [*_frame_keys(results, table), pa.repeat(results.manifest.run_id, len(table))]
            data += [table.column("status"), table.column("reason"), *notes.spread(wells)]
            yield pa.table([*data, *(table.column(source) for source in _IMAGE)], schema=schema)

    return CytominerTable("images", schema, batches())


def _statistic(column: str, statistic: str) -> str:
    return f"{column}_{'Mean' if statistic == 'mean' else statistic}"


def _profiles(results: Results, plate: Plate | None, matrix: WellMatrix) -> CytominerTable:
    """One row per well and hour: mean and SD of each descriptor, and on how many cells and fields they rest."""
    notes = _Annotations(results, plate)
    info = results.plate_info
    hours = list(dict.fromkeys(column.time_h for column in matrix.columns))
    kinds = list(dict.fromkeys((column.descriptor, column.statistic, column.unit) for column in matrix.columns))
    counts = {"n_cells": "CellCount", "n_fields": "FieldCount", "n_fields_expected": "FieldCountExpected"}
    fields = [_described("profiles", source, f"Metadata_{name}") for source, name in counts.items()]
    features = [
        pa.field(_statistic(feature_name(d), s), pa.float64(), metadata={"unit": u, "description": f"{s} of {d}"})
        for d, s, u in kinds
    ]
    schema = pa.schema([_PLATE, _WELL, _TIMEPOINT, _TIME_H, _RUN, *fields, *notes.fields, *features])
    place = {(c.descriptor, c.statistic, c.time_h): i for i, c in enumerate(matrix.columns)}
    wells = [well for well in matrix.wells for _ in hours]
    every = hours * len(matrix.wells)
    profile = results.profile()
    assert profile is not None  # a matrix is made from it
    rows = {(row["well"], row["time_h"]): row for row in profile.select(["well", "time_h", *counts]).to_pylist()}
    index: dict[Any, int] = {hour: time for time, hour in zip(info.times, info.times_h, strict=True)}
    data: list[Any] = [pa.repeat(info.name, len(wells)), pa.array(wells)]
    data += [pa.array([index[hour] for hour in every], pa.int32()), pa.array(every, pa.float64())]
    data += [pa.repeat(results.manifest.run_id, len(wells))]
    keys = list(zip(wells, every, strict=True))
    data += [pa.array([rows[key][name] for key in keys], f.type) for name, f in zip(counts, fields, strict=True)]
    data += notes.spread(wells)
    for descriptor, statistic, _ in kinds:
        chosen = matrix.values[:, [place[descriptor, statistic, hour] for hour in hours]]
        data.append(pa.array(chosen.ravel(), from_pandas=True))
    return CytominerTable("profiles", schema, iter([pa.table(data, schema=schema)]))


def _wide(results: Results, plate: Plate | None, matrix: WellMatrix) -> CytominerTable:
    """One row per well: the whole profile, hours in the names."""
    notes = _Annotations(results, plate)
    features = [
        pa.field(
            f"{_statistic(feature_name(c.descriptor), c.statistic)}_{hour_name(c.time_h)}",
            pa.float64(),
            metadata={"unit": c.unit, "description": f"{c.statistic} of {c.descriptor} at hour {c.time_h!r}"},
        )
        for c in matrix.columns
    ]
    schema = pa.schema([_PLATE, _WELL, _RUN, *notes.fields, *features])
    n = len(matrix.wells)
    data: list[Any] = [pa.repeat(results.plate_info.name, n), pa.array(matrix.wells)]
    data += [pa.repeat(results.manifest.run_id, n), *notes.spread(matrix.wells)]
    data += [pa.array(matrix.values[:, i], from_pandas=True) for i in range(len(features))]
    return CytominerTable("profiles_wide", schema, iter([pa.table(data, schema=schema)]))


def _columns(tables: Sequence[CytominerTable]) -> CytominerTable:
    """Every column of the other files with type, unit and meaning."""
    schema = pa.schema([(name, pa.string()) for name in ("file", "column", "type", "unit", "description")])
    rows = [
        {
            "file": f"{table.name}.parquet",
            "column": field.name,
            "type": str(field.type),
            **{key: (field.metadata or {}).get(key.encode(), b"").decode() for key in ("unit", "description")},
        }
        for table in tables
        for field in table.schema
    ]
    return CytominerTable("columns", schema, iter([pa.Table.from_pylist(rows, schema=schema)]))
