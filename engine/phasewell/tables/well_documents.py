"""One JSON document per well, for LIMS and ELN: what was measured, on how much, and what is predicted."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from phasewell.plate import Plate
from phasewell.tables.models import model_tables
from phasewell.tables.schema import TABLES, Column
from phasewell.tables.well_scores import HOUR_SCORES, WELL_SCORES

if TYPE_CHECKING:
    import pyarrow as pa

    from phasewell.tables.results import Results

DOCUMENT = "phasewell-well-3"  # raise with every change of keys

APPLIED_SCORES = "applied_scores"
_LISTED = (WELL_SCORES, HOUR_SCORES, "predictions", APPLIED_SCORES)


def well_documents(results: Results, plate: Plate | None) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, JSON in UTF-8): A01.json and so on, plate.json, which lists them, and well.schema.json.

    The values of a profile stand beside their units, those of the other lists are in plate.json, as are the models that
    predictions and applied scores name; what is undefined is null and has a reason. The same run gives the same bytes.
    """
    manifest, info = results.manifest, results.plate_info
    head = {
        "document": DOCUMENT,
        "plate": manifest.plate,
        "run_id": manifest.run_id,
        "code_version": manifest.code_version,
        "definitions": manifest.definitions,
        "pixel_size": {"value": info.pixel_size_um, "unit": "um"},
    }
    frames = _by_well(results.frames().select(["well", "status", "reason", "flags", "n_cells"]))
    profile = _by_well(results.profile())
    scores, hours = (_by_well(results.pooled_scores(name)) for name in (WELL_SCORES, HOUR_SCORES))
    models = model_tables(results, plate)
    predictions, applied = (_by_well(models[name]) for name in ("predictions", APPLIED_SCORES))
    for well in info.wells:
        document = head | {
            "well": well,
            "annotations": None if plate is None else plate.platemap.get(well, {}),
            "frames": _frames(frames.get(well, [])),
            "profile": [_value(row) for row in profile.get(well, [])],
            "scores": [_without(row, "plate", "well") for row in scores.get(well, [])],
            "hour_scores": [_without(row, "plate", "well") for row in hours.get(well, [])],
            "predictions": [_without(row, "well") for row in predictions.get(well, [])],
            "applied_scores": [_without(row, "well") for row in applied.get(well, [])],
        }
        yield f"{well}.json", _encode(document)
    units = {table: {c.name: c.unit for c in TABLES[table]} for table in _LISTED}
    listed = {"wells": [{"well": well, "file": f"{well}.json"} for well in info.wells], "units": units}
    listed["models"] = [_parsed(row) for row in models["models"].to_pylist()]
    counts = {name: getattr(manifest, f"n_{name}") for name in ("expected", "processed", "quarantined", "missing")}
    yield "plate.json", _encode(head | {"frames": counts} | listed)
    yield "well.schema.json", _encode(well_schema())


def well_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a well's document; its keys are those of every document of this version."""

    def record(properties: dict[str, Any]) -> dict[str, Any]:
        return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}

    def rows(properties: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": record(properties)}

    def columns(table: str, *left_out: str) -> dict[str, Any]:
        kept = [column for column in TABLES[table] if column.name not in left_out]
        return rows({c.name: {"type": [_json_type(c.dtype), "null"], "description": _meaning(c)} for c in kept})

    text: dict[str, Any] = {"type": "string"}
    count: dict[str, Any] = {"type": "integer", "minimum": 0}
    optional_text, tally = {"type": ["string", "null"]}, {"type": "object", "additionalProperties": count}
    value: dict[str, Any] = {name: text for name in ("descriptor", "statistic")} | {
        "value": {"type": ["number", "null"]}
    }
    value |= {"unit": text, "time_h": {"type": "number"}, "reason": optional_text}
    value |= dict.fromkeys(("n_cells", "n_fields", "n_fields_expected"), count)
    frames = dict.fromkeys(("expected", "processed", "quarantined", "missing"), count)
    properties = {
        "document": {"const": DOCUMENT},
        **dict.fromkeys(("plate", "run_id", "code_version", "definitions"), text),
        "pixel_size": record({"value": {"type": "number", "exclusiveMinimum": 0}, "unit": {"const": "um"}}),
        "well": {"type": "string", "pattern": "^[A-Z]{1,2}[0-9]{2}$"},
        "annotations": {"type": ["object", "null"], "additionalProperties": {"type": ["string", "number", "null"]}},
        "frames": record({**frames, "reasons": tally, "flags": tally, "cells": count}),
        "profile": rows(value),
        "scores": columns(WELL_SCORES, "plate", "well"),
        "hour_scores": columns(HOUR_SCORES, "plate", "well"),
        "predictions": columns("predictions", "well"),
        "applied_scores": columns(APPLIED_SCORES, "well"),
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": DOCUMENT} | record(properties)


def _meaning(column: Column) -> str:
    return f"{column.description} [{column.unit}]" if column.unit else column.description


def _json_type(dtype: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_boolean(dtype):
        return "boolean"
    if pa.types.is_integer(dtype):
        return "integer"
    return "number" if pa.types.is_floating(dtype) else "string"


def _encode(document: dict[str, Any]) -> bytes:
    return (json.dumps(_finite(document), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def _finite(value: Any) -> Any:
    """Return the document with infinite and undefined numbers as null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _by_well(table: pa.Table | None) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in [] if table is None else table.to_pylist():
        rows.setdefault(str(row["well"]), []).append(row)
    return rows


def _frames(rows: list[dict[str, Any]]) -> dict[str, Any]:
    status = Counter(row["status"] for row in rows)
    return {
        "expected": len(rows),
        **{name: status[name] for name in ("processed", "quarantined", "missing")},
        "reasons": dict(sorted(Counter(row["reason"] for row in rows if row["reason"]).items())),
        "flags": dict(sorted(Counter(flag for row in rows for flag in row["flags"] or ()).items())),
        "cells": sum(row["n_cells"] or 0 for row in rows),
    }


def _value(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("descriptor", "statistic", "value")}
    kept |= {"unit": row["descriptor_unit"], "time_h": row["time_h"], "reason": row["reason"]}
    return kept | {name: row[name] for name in ("n_cells", "n_fields", "n_fields_expected")}


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: json.loads(row[name]) for name in ("parameters", "versions")}


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
