"""Every table of a run as Arrow batches: what databases and exports are filled from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from phasewell.errors import InputError
from phasewell.manifest import canonical_json
from phasewell.plate import Plate, well_position
from phasewell.tables.models import model_tables
from phasewell.tables.results import Results
from phasewell.tables.schema import arrow_schema, columns_table
from phasewell.tables.well_scores import HOUR_SCORES, WELL_SCORES


def table_batches(results: Results, plate: Plate | None = None) -> Iterator[tuple[str, Iterator[pa.Table]]]:
    """Yield (name, batches) of every table in the order of the schema, each batch with exactly its schema.

    `plate` adds what only the plate store knows: frame shape, field positions, plate map and provenance.
    Raises InputError when it is not the plate of the run.
    """
    if plate is not None and plate.name != results.manifest.plate:
        raise InputError(f"plate {plate.name}: the run {results.folder} is of plate {results.manifest.plate}")
    profile = results.profile()
    yield "runs", iter([_runs(results)])
    yield "plates", iter([_plates(results, plate)])
    yield "wells", iter([_wells(results, plate)])
    yield "fields", iter([_fields(results, plate)])
    yield "frames", results.frame_batches()
    yield "cells", results.cell_batches()
    yield "moments", results.moment_batches()
    yield "scores", results.score_batches()
    for name in (HOUR_SCORES, WELL_SCORES):
        pooled = results.pooled_scores(name)
        yield name, iter([] if pooled is None else [pooled])
    yield "profiles", iter([] if profile is None else [profile])
    for name, table in model_tables(results, plate).items():
        yield name, iter([table])
    yield "columns", iter([columns_table()])


def _rows(table: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(table))


def _runs(results: Results) -> pa.Table:
    manifest = results.manifest
    names = ("run_id", "plate", "plate_digest", "code_version", "definitions", "schema_version")
    counts = ("n_expected", "n_processed", "n_quarantined", "n_missing")
    row = {name: getattr(manifest, name) for name in (*names, *counts)}
    row |= {"config": canonical_json(manifest.config).decode(), "n_parts": len(manifest.parts)}
    return _rows("runs", [row])


def _plates(results: Results, plate: Plate | None) -> pa.Table:
    info = results.plate_info
    row: dict[str, Any] = {"plate": info.name, "pixel_size_um": info.pixel_size_um}
    row |= {"n_wells": len(info.wells), "n_fields": len(info.fields), "n_times": len(info.times)}
    if plate is not None:
        height, width = plate.frame_shape
        low, high = plate.window or (None, None)
        row |= {"frame_height_px": height, "frame_width_px": width, "dtype": plate.dtype}
        row |= {"window_low": low, "window_high": high, "provenance": canonical_json(plate.provenance).decode()}
    return _rows("plates", [row])


def _wells(results: Results, plate: Plate | None) -> pa.Table:
    info = results.plate_info
    rows = []
    for well in info.wells:
        row, column = well_position(well)
        notes = None if plate is None else canonical_json(plate.platemap.get(well, {})).decode()
        rows.append({"plate": info.name, "well": well, "row_index": row, "column_index": column, "annotations": notes})
    return _rows("wells", rows)


def _fields(results: Results, plate: Plate | None) -> pa.Table:
    info = results.plate_info
    places = {} if plate is None else {field.name: field for field in plate.fields}
    rows: list[dict[str, Any]] = []
    for index, name in enumerate(info.fields):
        row: dict[str, Any] = {"plate": info.name, "field": name, "field_index": index}
        if name in places:
            place = places[name]
            row |= {"mosaic_row": place.row, "mosaic_column": place.column, "x_um": place.x_um, "y_um": place.y_um}
        rows.append(row)
    return _rows("fields", rows)
