"""The tables `models`, `predictions`, `applied_scores` and `evaluations`, read from the JSON files of a run folder.

What was fitted on the run stands in RUN/models/<name>/: `manifest.json` and `evaluation.json` are written with
the model; `profile.json` (what it was fitted on), `evaluation_truth.json` (the same model on the true descriptors of a
simulated plate) and `shuffle.json` (shuffled targets) may stand beside them. What a finished model says of the run's
wells stands in RUN/predictions (`phasewell.tables.applied`): rows of the basis "applied".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from phasewell.durable import read_object
from phasewell.errors import InputError
from phasewell.manifest import canonical_json
from phasewell.plate import Plate
from phasewell.tables.applied import AnyApplied, AppliedModel, AppliedNetwork, read_applied
from phasewell.tables.results import Results
from phasewell.tables.schema import TABLES, arrow_schema

BASES = {"measured": "evaluation.json", "truth": "evaluation_truth.json"}


def model_tables(results: Results, plate: Plate | None = None) -> dict[str, pa.Table]:
    """Return the four tables; empty ones when no model was fitted or applied. `plate` adds its map to the applied.

    Raises InputError naming the file when a JSON file is damaged or lacks a key.
    """
    names = ("models", "predictions", "applied_scores", "evaluations")
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for manifest_path in sorted((results.folder / "models").glob("*/manifest.json")):
        folder = manifest_path.parent
        rows["models"].append(_model_row(manifest_path))
        for basis, name in BASES.items():
            path = folder / name
            if basis == "measured" or path.is_file():
                evaluation = read_object(path, "fit the model again")
                rows["evaluations"].append(_evaluation_row(path, evaluation, basis))
                rows["predictions"] += _prediction_rows(path, evaluation, basis)
    found = read_applied(results.folder, results.manifest.run_id)
    rows["models"] += [_applied_model_row(applied) for applied in found.models]
    for model in found.potency:
        rows["predictions"] += _applied_rows(model, plate)
        rows["evaluations"].append(_applied_evaluation_row(model))
    for network in found.networks:
        rows["applied_scores"] += _score_rows(network)
    return {name: pa.Table.from_pylist(rows[name], schema=arrow_schema(name)) for name in rows}


def model_origin(folder: Path) -> dict[str, Any]:
    """Return digest, plates, target and group of a saved potency model; [] and None where it does not say.

    Raises InputError naming the file when it is damaged.
    """
    path = folder / "profile.json"
    said = read_object(path, "fit the model again") if path.is_file() else {}
    named, plates = [said.get(key) for key in ("target", "group")], said.get("plates", [])
    texts = [*plates, *(text for text in named if text is not None)] if isinstance(plates, list) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path}: target, group and plates are not names; fit the model again")
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    return {"digest": digest, "plates": plates, "target": named[0], "group": named[1]}


def _model_row(path: Path) -> dict[str, Any]:
    document = read_object(path, "fit the model again")
    plain = ("kind", "seed", "validation", "definitions", "pixel_size_um", "training_digest")
    row = {"model": path.parent.name, "applied": False} | {name: _take(document, name, path) for name in plain}
    row |= {name: value for name, value in model_origin(path.parent).items() if name != "group"}
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


def _applied_model_row(applied: AnyApplied) -> dict[str, Any]:
    shared = ("kind", "digest", "pixel_size_um", "n_groups", "training_digest", "plates")
    row = {"model": applied.name, "applied": True} | {name: getattr(applied, name) for name in shared}
    if isinstance(applied, AppliedModel):
        row |= {name: getattr(applied, name) for name in ("seed", "validation", "definitions", "n_columns", "target")}
        parameters, versions = applied.parameters, applied.versions
    else:
        row["validation"] = applied.evaluated_on and f"{applied.evaluated_on} lines"
        parameters = {name: getattr(applied, name) for name in ("classes", "origin", "pretrained", "recipe", "mode")}
        versions = {} if applied.code_version is None else {"phasewell": applied.code_version}
    for name, document in (("parameters", parameters), ("versions", versions)):
        row[name] = canonical_json(document).decode()
    return row


def _applied_evaluation_row(applied: AppliedModel) -> dict[str, Any]:
    row = {column.name: getattr(applied, column.name, None) for column in TABLES["evaluations"]}
    row |= {"model": applied.name, "basis": "applied", "n_rows": applied.n_wells, "n_parameters": applied.n_columns}
    return row


def _score_rows(network: AppliedNetwork) -> list[dict[str, Any]]:
    by = {"model": network.name} | {name: getattr(network, name) for name in ("backend", "precision", "hardware")}
    return [by | score.model_dump() for score in network.scores]


def _take(document: Mapping[str, Any], name: str, path: Path) -> Any:
    if not isinstance(document, dict) or name not in document:
        raise InputError(f"{path}: no {name}; fit the model again")
    return document[name]
