"""The tables `models`, `predictions` and `evaluations`, read from the JSON files of RUN/models/<name>/.

`manifest.json` and `evaluation.json` are written with the model; `evaluation_truth.json` (the same model on the true
descriptors of a simulated plate) and `shuffle.json` (shuffled targets) may stand beside them. What a finished model
says of the run's wells stands in RUN/predictions (`phasewell.tables.applied`): predictions of the basis "applied".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from phasewell.durable import read_object
from phasewell.errors import InputError
from phasewell.manifest import canonical_json
from phasewell.plate import Plate
from phasewell.tables.applied import AppliedModel, read_applied
from phasewell.tables.results import Results
from phasewell.tables.schema import TABLES, arrow_schema

BASES = {"measured": "evaluation.json", "truth": "evaluation_truth.json"}


def model_tables(results: Results, plate: Plate | None = None) -> dict[str, pa.Table]:
    """Return the three tables; empty ones when no model was fitted or applied. `plate` adds its map to the applied.

    Raises InputError naming the file when a JSON file is damaged or lacks a key.
    """
    rows: dict[str, list[dict[str, Any]]] = {"models": [], "predictions": [], "evaluations": []}
    for manifest_path in sorted((results.folder / "models").glob("*/manifest.json")):
        folder = manifest_path.parent
        rows["models"].append(_model_row(manifest_path))
        for basis, name in BASES.items():
            path = folder / name
            if basis == "measured" or path.is_file():
                evaluation = read_object(path, "fit the model again")
                rows["evaluations"].append(_evaluation_row(path, evaluation, basis))
                rows["predictions"] += _prediction_rows(path, evaluation, basis)
    for applied in read_applied(results.folder, results.manifest.run_id).models:
        rows["predictions"] += _applied_rows(applied, plate)
    return {name: pa.Table.from_pylist(rows[name], schema=arrow_schema(name)) for name in rows}


def _model_row(path: Path) -> dict[str, Any]:
    document = read_object(path, "fit the model again")
    plain = ("kind", "seed", "validation", "definitions", "pixel_size_um", "training_digest")
    row = {"model": path.parent.name} | {name: _take(document, name, path) for name in plain}
    row["n_columns"] = len(_take(document, "columns", path))
    row["n_groups"] = len(_take(document, "groups", path))
    for name in ("parameters", "versions"):
        row[name] = canonical_json(_take(document, name, path)).decode()
    return row


def _evaluation_row(path: Path, document: Mapping[str, Any], basis: str) -> dict[str, Any]:
    row: dict[str, Any] = {"model": path.parent.name, "basis": basis}
    selects = document.get("kind") in ("lasso", "elastic_net")
    row["n_selected"] = len(_take(document, "coefficients", path)) if selects else None
    shuffle = path.with_name("shuffle.json")
    if basis == "measured" and shuffle.is_file():
        shuffled = read_object(shuffle, "fit the model again")
        row["shuffle_n"] = len(_take(shuffled, "shuffled_ratios", shuffle))
        row["shuffle_median_ratio"] = _take(shuffled, "median", shuffle)
        row["shuffle_p"] = _take(shuffled, "p_value", shuffle)
    for column in TABLES["evaluations"]:
        if column.name not in row and not column.name.startswith("shuffle"):
            row[column.name] = _take(document, column.name, path)
    return row


def _prediction_rows(path: Path, document: Mapping[str, Any], basis: str) -> list[dict[str, Any]]:
    return [
        {"model": path.parent.name, "basis": basis, "group_id": _take(row, "group", path)}
        | {name: _take(row, name, path) for name in ("well", "truth", "predicted", "baseline")}
        for row in _take(document, "predictions", path)
    ]


def _applied_rows(applied: AppliedModel, plate: Plate | None) -> list[dict[str, Any]]:
    shared = {"model": applied.name, "basis": "applied", "baseline": applied.baseline, "level": applied.level}
    rows = []
    for well in applied.wells:
        notes = {} if plate is None else plate.platemap.get(well.well, {})
        truth, group = notes.get(applied.target), notes.get(applied.group)
        row = shared | well.model_dump(exclude={"reasons"}) | {"reasons": "; ".join(well.reasons) or None}
        row["group_id"] = None if group is None else str(group)
        row["truth"] = float(truth) if isinstance(truth, int | float) and math.isfinite(truth) else None
        rows.append(row)
    return rows


def _take(document: Mapping[str, Any], name: str, path: Path) -> Any:
    if not isinstance(document, dict) or name not in document:
        raise InputError(f"{path}: no {name}; fit the model again")
    return document[name]
