"""The run folder's own files: `run.json` first, `profiles.parquet` and scores of wells, and `manifest.json` last.

The manifest's presence means: complete, and exactly of this plate, configuration and code. It goes away before
anything of another run is written into the folder.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from phasewell.cells import DEFINITIONS_ID
from phasewell.config import Config
from phasewell.durable import replace_file, sync_folder
from phasewell.errors import InputError, UsageError
from phasewell.manifest import MANIFEST_NAME, SCHEMA_VERSION, RunManifest, canonical_json
from phasewell.plate import Plate
from phasewell.runs.finished.well_scores import make_score_files
from phasewell.runs.folder.documents import RUN_NAME, read_run_document
from phasewell.runs.folder.keys import run_document
from phasewell.runs.folder.ledger import CELLS, SCORES, Ledgers
from phasewell.runs.planning.run_plan import Plan
from phasewell.tables.field_moments import read_field_moments
from phasewell.tables.parts import part_bytes
from phasewell.tables.profile_file import PROFILE_FILE, make_profile_table


def begin_run(folder: Path, plate: Plate, config: Config, plan: Plan) -> None:
    """Write `run.json`, the frozen configuration; a manifest of another run is removed first.

    Raises UsageError when the folder belongs to another plate.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "run_id": plan.run_id,
        "plate": plate.name,
        "plate_digest": plan.plate_digest,
        "code_version": plan.code_version,
        "definitions": DEFINITIONS_ID,
        "config": config.model_dump(mode="json"),
    }
    before = read_run_document(folder)
    if before and before.get("plate") != plate.name:
        raise UsageError(
            f"run.output {folder}: holds a run of plate {before.get('plate')}, not of {plate.name}; "
            "choose another folder"
        )
    manifest = folder / MANIFEST_NAME
    if before.get("run_id") != plan.run_id and manifest.exists():
        manifest.unlink()
        sync_folder(folder)
    _write_if_changed(folder / RUN_NAME, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")


def finish_run(folder: Path, config: Config, plan: Plan, ledgers: Ledgers) -> RunManifest:
    """Write the profile and the scores of wells, then the manifest. Files that are right already are not touched."""
    from phasewell.descriptors import build_profile

    done = [ledgers[CELLS].done[unit.address] for unit in plan.units]
    scored = [ledgers[SCORES].done[unit.address] for unit in plan.units] if plan.scoring else []
    choice = config.profile
    moments = read_field_moments([item.part for item in done])
    profile = build_profile(moments, choice.window_h, choice.fields, choice.min_fields, choice.seed)
    files = {PROFILE_FILE: part_bytes(make_profile_table(profile, choice.min_fields))}
    files |= make_score_files([item.part for item in scored], choice.window_h)
    for name, data in files.items():
        _write_if_changed(folder / name, data)
    entries = tuple(item.entry for item in done)
    manifest = RunManifest(
        run_id=plan.run_id,
        plate=plan.plate,
        plate_digest=plan.plate_digest,
        config=run_document(config, plan.scoring.session_document() if plan.scoring else None),
        code_version=plan.code_version,
        definitions=DEFINITIONS_ID,
        parts=(*entries, *(item.entry for item in scored)),
        files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        scored_by=plan.scoring.model_document() if plan.scoring else None,
        n_expected=plan.n_expected,
        n_processed=sum(entry.n_processed for entry in entries),
        n_quarantined=sum(entry.n_quarantined for entry in entries),
        n_missing=sum(entry.n_missing for entry in entries),
    )
    counted = manifest.n_processed + manifest.n_quarantined + manifest.n_missing
    if counted != manifest.n_expected:
        raise InputError(f"{folder}: {counted} frames accounted for, {manifest.n_expected} expected; this is a defect")
    _write_if_changed(folder / MANIFEST_NAME, canonical_json(manifest.model_dump(mode="json")) + b"\n")
    return manifest


def _write_if_changed(path: Path, data: bytes) -> None:
    try:
        if path.read_bytes() == data:
            return
    except OSError:
        pass
    replace_file(path, data)
