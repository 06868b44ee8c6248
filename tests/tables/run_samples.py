"""A finished run made up of arrays: 3 wells x 2 times x 3 fields, with a missing, an empty and a quarantined frame."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from phasewell.cells import DEFINITIONS_ID, Cells
from phasewell.descriptors import build_profile, field_moments
from phasewell.manifest import PartEntry, RunManifest, canonical_json
from phasewell.plate import FrameKey
from phasewell.tables.applied import AnyApplied, AppliedModel, AppliedNetwork, applied_path
from phasewell.tables.field_moments import read_field_moments
from phasewell.tables.parts import FieldRow, PartFile, make_part, part_bytes, write_part
from phasewell.tables.profile_file import PROFILE_FILE, make_profile_table

WELLS, FIELDS, TIMES_H = ("A01", "A02", "B01"), ("1", "2", "3"), (6.0, 12.0)
QUALITY = {"mean_v": 127.5, "focus": 31.25, "confluence": 0.4}
EVIL = '=HYPERLINK("x")'  # a reason and a flag that a spreadsheet would run


def unit_rows(well: str, time: int) -> list[FieldRow]:
    """Return one row per field; A02 at time 1 misses field 2, B01 at time 0 has field 1 quarantined."""
    rows = []
    for name in FIELDS:
        lost = {("A02", 1, "2"): ("missing", "missing"), ("B01", 0, "1"): ("quarantined", EVIL)}.get((well, time, name))
        rows.append(
            FieldRow(
                key=FrameKey("plate 1", well, name, time),
                time_h=TIMES_H[time],
                status=lost[0] if lost else "processed",
                reason=lost[1] if lost else None,
                flags=("bright", "@risk") if name == "3" else (),
                frame_sha256=None if lost else "ab" * 32,
                true_time_h=TIMES_H[time] + 0.25,
                index=None if lost else sum(row.index is not None for row in rows),
                quality={} if lost else QUALITY,
            )
        )
    return rows


def unit_cells(rng: np.random.Generator, n_frames: int, empty: bool) -> Cells:
    """Return random cells; the last frame has none when `empty`."""
    counts = rng.integers(3, 8, n_frames)
    if empty:
        counts[-1] = 0
    frame = np.repeat(np.arange(n_frames, dtype=np.int32), counts)
    n = len(frame)
    values = rng.gamma(4, 25, size=(n, 12))
    values[0, 4] = np.nan
    label = np.concatenate([np.arange(1, c + 1, dtype=np.int32) for c in counts])
    bbox = rng.integers(0, 500, size=(n, 4)).astype(np.int32)
    return Cells(frame, label, rng.uniform(0, 900, n), rng.uniform(0, 900, n), bbox, values, n_frames, 0.87)


def write_run(folder: Path, models: bool = False) -> dict[tuple[str, int], tuple[list[FieldRow], Cells]]:
    """Write a finished run and return what went into it, by (well, time)."""
    rng = np.random.default_rng(11)
    (folder / "parts" / "cells").mkdir(parents=True)
    made, entries, files = {}, [], []
    for well in WELLS:
        for time in range(len(TIMES_H)):
            rows = unit_rows(well, time)
            n_frames = sum(row.index is not None for row in rows)
            cells = unit_cells(rng, n_frames, empty=(well, time) == ("A01", 1))
            key = hashlib.sha256(f"{well}{time}".encode()).hexdigest()
            table = make_part(rows, cells, field_moments(cells), key=key, code_version="test")
            part = write_part(folder / "parts" / "cells", well, time, key, table)
            files.append(part)
            made[well, time] = (rows, cells)
            entries.append(entry_of(folder, part, key, rows, cells))
    write_manifest(folder, entries, files)
    if models:
        write_models(folder)
    return made


def entry_of(folder: Path, part: PartFile, key: str, rows: list[FieldRow], cells: Cells) -> PartEntry:
    count = [row.status for row in rows].count
    return PartEntry(
        stage="cells",
        well=part.well,
        time=part.time,
        path=str(part.path.relative_to(folder)),
        key=key,
        sha256=part.sha256,
        n_processed=count("processed"),
        n_quarantined=count("quarantined"),
        n_missing=count("missing"),
        n_cells=len(cells),
    )


def write_manifest(folder: Path, entries: list[PartEntry], files: list[PartFile]) -> None:
    profile = build_profile(read_field_moments(files))
    data = part_bytes(make_profile_table(profile, 1))
    (folder / PROFILE_FILE).write_bytes(data)
    manifest = RunManifest(
        run_id="cd" * 32,
        plate="plate 1",
        plate_digest="ef" * 32,
        config={"quality": {"reject_blank": True}},
        code_version="test",
        definitions=DEFINITIONS_ID,
        parts=tuple(entries),
        files={PROFILE_FILE: hashlib.sha256(data).hexdigest()},
        n_expected=18,
        n_processed=16,
        n_quarantined=1,
        n_missing=1,
    )
    (folder / "manifest.json").write_bytes(canonical_json(manifest.model_dump(mode="json")))


def write_models(folder: Path) -> None:
    """Fit a small LASSO and forest and keep them as a run does, with a truth evaluation and a shuffle test."""
    import json

    from phasewell.potency import fit, permute_targets
    from phasewell.profiles import Profile, profile_columns

    rng = np.random.default_rng(3)
    values = rng.normal(size=(6, 24))
    wells = ("A01", "A02", "A03", "B01", "B02", "B03")
    counts = np.full((6, 1), 100)
    profile = Profile(wells, (6.0,), profile_columns((6.0,)), values, counts, counts, 3, 0.87)
    target = 9 + 2 * values[:, 0]
    fit(profile, target, list("abcdef"), kind="forest", parameters={"n_estimators": 5}).save(
        folder / "models" / "forest"
    )
    model = fit(profile, target, list("abcdef"))
    kept = model.save(folder / "models" / "lasso")
    (kept / "evaluation_truth.json").write_text(json.dumps(model.evaluation.to_dict()))
    shuffled = permute_targets(profile, target, list("abcdef"), n=4)
    (kept / "shuffle.json").write_text(json.dumps(shuffled.to_dict()))


def applied_model(run_id: str, wells: Sequence[str], **changes: Any) -> AppliedModel:
    """Return what a model of another plate says of wells: undefined, outside, learned from, then without interval."""
    said: list[dict[str, Any]] = [
        {"predicted": None, "low": None, "high": None, "inside": False, "reasons": ("undefined: Area_mean (6 h)",)},
        {"predicted": 12.5, "low": 9.5, "high": 15.5, "inside": False, "reasons": ("2 of 3 fields", EVIL)},
        {"predicted": 8.25, "low": 5.25, "high": 11.25, "inside": True, "reasons": (), "learned_from": True},
        {"predicted": 7.5, "low": None, "high": None, "inside": True, "reasons": ()},
    ]
    rows = [{"well": well, "learned_from": False} | said[min(i, 3)] for i, well in enumerate(wells)]
    document: dict[str, Any] = {
        "run_id": run_id, "kind": "lasso", "digest": "ab12" * 16, "training_digest": "cd" * 32, "definitions": "d-1",
        "plates": ("other <plate>",), "target": "potency", "group": "clone", "window_h": (6.0, 12.0), "n_wells": 12,
        "n_groups": 6, "rmse": 1.0, "baseline_rmse": 2.0, "q2": 0.75, "baseline": 9.0, "level": 0.8, "seed": 3,
        "pixel_size_um": 0.87, "n_columns": 24, "n_selected": 4, "validation": "leave one clone out",
        "p_sign_flip": 0.03125, "better_than_baseline": True, "verdict": "better than the mean of the other clones",
        "parameters": {"n_alphas": 50}, "versions": {"phasewell": "1.0"},
        "sentence": "jackknife+ over 6 clones: aims at 80%, guarantees 60% of new clones", "wells": rows,
    }  # fmt: skip
    return AppliedModel.model_validate(document | changes)


def applied_network(run_id: str, wells: Sequence[str], **changes: Any) -> AppliedNetwork:
    """Return what a network of another plate says of wells: no frame scored, a tie, then a majority."""
    said: list[dict[str, Any]] = [
        {"n_scored": 0, "mean": (None, None), "sd": (None, None), "votes": (0, 0), "majority": None},
        {"n_scored": 2, "mean": (0.5, 0.5), "sd": (0.25, 0.25), "votes": (1, 1), "majority": None},
        {"n_scored": 3, "mean": (0.25, 0.75), "sd": (0.125, 0.125), "votes": (1, 2), "majority": 1},
    ]
    rows = []
    for place, well in enumerate(wells):
        one = said[min(place, 2)]
        for i, name in enumerate(("low", "high")):
            row = {"well": well, "first_h": 6.0, "last_h": 12.0, "n_times": 2, "class_name": name, "n_expected": 4}
            row |= {"mean_probability": one["mean"][i], "sd_probability": one["sd"][i], "votes": one["votes"][i]}
            row["vote_share"] = one["votes"][i] / one["n_scored"] if one["n_scored"] else None
            row["majority"] = None if one["majority"] is None else one["majority"] == i
            rows.append(row | {"n_scored": one["n_scored"], "coverage": one["n_scored"] / 4})
    document: dict[str, Any] = {
        "run_id": run_id, "kind": "densenet13", "digest": "12ab" * 16, "training_digest": "ef" * 32,
        "plates": ("other <plate>",), "n_groups": 5, "pixel_size_um": 0.87, "classes": ("low", "high"),
        "pretrained": False, "origin": f"He initialisation {EVIL}", "recipe": {"epochs": 3}, "evaluated_on": "test",
        "code_version": "1.0", "backend": "openvino 1", "precision": "f32", "hardware": "avx2", "mode": "offset",
        "scores": rows,
    }  # fmt: skip
    return AppliedNetwork.model_validate(document | changes)


def keep_applied(folder: Path, applied: AnyApplied) -> Path:
    """Write it where `phasewell predict` keeps it, and return the file."""
    path = applied_path(folder, applied.name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(applied.to_bytes())
    return path
