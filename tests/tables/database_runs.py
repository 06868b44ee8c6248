"""Finished runs of any size for the tests of databases: scores, pooled scores, profile, plate map, bad frames."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from phasewell.cells import DEFINITIONS_ID, Cells
from phasewell.descriptors import build_profile, field_moments
from phasewell.manifest import PartEntry, RunManifest, canonical_json
from phasewell.plate import Field, FrameKey, Plate
from phasewell.tables.field_moments import read_field_moments
from phasewell.tables.parts import QUALITY_COLUMNS, FieldRow, make_part, part_bytes, write_part
from phasewell.tables.profile_file import PROFILE_FILE, make_profile_table
from phasewell.tables.score_parts import ScoreRow, make_scores_part
from phasewell.tables.well_scores import SCORE_FILES, PooledRow, make_score_table, read_plate_scores

CLASSES = ("low", "high")
SESSION = {"model_sha256": "ab" * 32, "backend": "openvino 1", "precision": "f32", "hardware": "avx2", "mode": "offset"}


@dataclass(frozen=True)
class Sample:
    """What a run is made of; two samples with other seeds differ in every part."""

    plate: str = "screen 1"
    wells: tuple[str, ...] = ("A01", "A02", "B01", "B02")
    fields: tuple[str, ...] = ("1", "2", "3")
    n_times: int = 3
    cells_per_field: int = 6
    seed: int = 1
    run: str = "first"  # names the run
    scored: bool = True
    faulty: bool = True  # with a missing, a quarantined and flagged frames
    reason: str = "out of focus"
    state: str = ""  # of the plate: another one gives another digest

    @property
    def run_id(self) -> str:
        return hashlib.sha256(self.run.encode()).hexdigest()

    def plate_of(self, clone: str = "clone {}") -> Plate:
        """Return the plate with a plate map: two wells a clone."""
        fields = tuple(Field(name, 0, i, x_um=870.0 * i, y_um=0.0) for i, name in enumerate(self.fields))
        platemap: dict[str, dict[str, str | float | int | None]] = {
            well: {"clone": clone.format(i // 2 + 1), "potency": 4.5 + i // 2} for i, well in enumerate(self.wells)
        }
        hours = tuple(6.0 * (i + 1) for i in range(self.n_times))
        made: Any = Plate(self.plate, self.wells, fields, hours, (100, 120), "uint8", 0.87, None, None, platemap)
        return made


def write_database_run(folder: Path, sample: Sample) -> Path:
    """Write a finished run and return its folder."""
    entries: list[PartEntry] = []
    files: dict[str, bytes] = {}
    parts = []
    for place, well in enumerate(sample.wells):
        for time in range(sample.n_times):
            rng = np.random.default_rng([sample.seed, place, time])
            entry, part = _cells_part(folder, sample, well, time, rng)
            entries.append(entry)
            parts.append(part)
    if sample.scored:
        scored = []
        for place, well in enumerate(sample.wells):
            for time in range(sample.n_times):
                rng = np.random.default_rng([sample.seed, place, time, 7])
                entry, part = _scores_part(folder, sample, well, time, rng)
                entries.append(entry)
                scored.append(part)
        files |= _pooled(scored)
    files[PROFILE_FILE] = part_bytes(make_profile_table(build_profile(read_field_moments(parts)), 1))
    for name, data in files.items():
        (folder / name).write_bytes(data)
    write_manifest(folder, sample, entries, {name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
    return folder


def write_manifest(folder: Path, sample: Sample, entries: Sequence[PartEntry], files: dict[str, str]) -> None:
    """Write the manifest over these parts and files."""
    cells = [entry for entry in entries if entry.stage == "cells"]
    manifest = RunManifest(
        run_id=sample.run_id,
        plate=sample.plate,
        plate_digest=hashlib.sha256(f"{sample.plate}{sample.state}".encode()).hexdigest(),
        config={"segmentation": {"preset": "phase"}},
        code_version="1.0",
        definitions=DEFINITIONS_ID,
        parts=tuple(entries),
        files=files,
        n_expected=len(sample.wells) * sample.n_times * len(sample.fields),
        n_processed=sum(entry.n_processed for entry in cells),
        n_quarantined=sum(entry.n_quarantined for entry in cells),
        n_missing=sum(entry.n_missing for entry in cells),
    )
    (folder / "manifest.json").write_bytes(canonical_json(manifest.model_dump(mode="json")))


def _fate(sample: Sample, well: str, field: int, time: int) -> tuple[str, str | None]:
    if sample.faulty and (well, field, time) == (sample.wells[1], 1, 0):
        return "missing", "missing"
    if sample.faulty and (well, field, time) == (sample.wells[-1], 0, 1):
        return "quarantined", sample.reason
    return "processed", None


def _cells_part(folder: Path, sample: Sample, well: str, time: int, rng: np.random.Generator) -> tuple[PartEntry, Any]:
    rows: list[FieldRow] = []
    for index, name in enumerate(sample.fields):
        status, reason = _fate(sample, well, index, time)
        good = status == "processed"
        rows.append(
            FieldRow(
                FrameKey(sample.plate, well, name, time),
                time_h=6.0 * (time + 1),
                status=status,
                reason=reason,
                flags=("bright", "moved") if sample.faulty and index == 2 and time == 0 else (),
                frame_sha256=None if status == "missing" else rng.bytes(32).hex(),
                true_time_h=6.0 * (time + 1) + 0.125,
                index=sum(row.index is not None for row in rows) if good else None,
                quality={name: float(rng.uniform(0.1, 100)) for name in QUALITY_COLUMNS} if good else {},
            )
        )
    n_frames = sum(row.index is not None for row in rows)
    n = n_frames * sample.cells_per_field
    values = rng.gamma(4, 25, (n, 12))
    values[: n // 20 + 1, 4] = np.nan
    cells = Cells(
        frame=np.repeat(np.arange(n_frames, dtype=np.int32), sample.cells_per_field),
        label=np.tile(np.arange(1, sample.cells_per_field + 1, dtype=np.int32), n_frames),
        centroid_y_px=rng.uniform(0, 1000, n),
        centroid_x_px=rng.uniform(0, 1000, n),
        bbox_px=rng.integers(0, 1000, (n, 4)).astype(np.int32),
        values=values,
        n_frames=n_frames,
        pixel_size_um=0.87,
    )
    key = hashlib.sha256(f"{sample.seed}{well}{time}".encode()).hexdigest()
    table = make_part(rows, cells, field_moments(cells), key=key, code_version="1.0")
    counts = {
        f"n_{status}": [row.status for row in rows].count(status) for status in ("processed", "quarantined", "missing")
    }
    return _commit(folder, "cells", well, time, key, table, counts | {"n_cells": n})


def _scores_part(folder: Path, sample: Sample, well: str, time: int, rng: np.random.Generator) -> tuple[PartEntry, Any]:
    rows = []
    for index, name in enumerate(sample.fields):
        status, reason = _fate(sample, well, index, time)
        said: dict[str, Any] = {}
        if status == "processed":
            high = float(rng.uniform())
            said = {"mean_v": 120.0, "too_bright": False, "adjustment": 7.0, "clipped_share": 0.0}
            said |= {"logits": (0.0, float(np.float32(np.log(high / (1 - high))))), "probabilities": (1 - high, high)}
        rows.append(ScoreRow(FrameKey(sample.plate, well, name, time), 6.0 * (time + 1), status, reason, **said))
    key = hashlib.sha256(f"scores{sample.seed}{well}{time}".encode()).hexdigest()
    table = make_scores_part(rows, key=key, code_version="1.0", classes=CLASSES, session=SESSION)
    counts = {
        f"n_{status}": [row.status for row in rows].count(status) for status in ("processed", "quarantined", "missing")
    }
    return _commit(folder, "scores", well, time, key, table, counts | {"n_cells": 0})


def _commit(
    folder: Path, stage: str, well: str, time: int, key: str, table: Any, counts: dict[str, int]
) -> tuple[PartEntry, Any]:
    (folder / "parts" / stage).mkdir(parents=True, exist_ok=True)
    part = write_part(folder / "parts" / stage, well, time, key, table)
    named = {"stage": stage, "well": well, "time": time, "path": str(part.path.relative_to(folder)), "key": key}
    return PartEntry.model_validate({**named, "sha256": part.sha256, **counts}), part


def _pooled(parts: list[Any]) -> dict[str, bytes]:
    scores = read_plate_scores(parts)
    by_well: dict[str, list[Any]] = {}
    for unit in scores.units:
        by_well.setdefault(unit.well, []).append(unit)

    def row(keys: dict[str, Any], units: list[Any]) -> PooledRow:
        values = np.concatenate([unit.probabilities for unit in units])
        votes = np.bincount(values.argmax(axis=1), minlength=2)
        majority = None if votes[0] == votes[1] else int(votes.argmax())
        expected = sum(unit.n_expected for unit in units)
        sd = values.std(0, ddof=1) if len(values) > 1 else [np.nan, np.nan]
        return PooledRow(keys, expected, len(values), values.mean(0), sd, votes.tolist(), majority)

    hours = [row({"well": u.well, "time": u.time, "time_h": u.time_h}, [u]) for u in scores.units]
    wells = []
    for well, units in by_well.items():
        span = {"first_h": units[0].time_h, "last_h": units[-1].time_h, "n_times": len(units)}
        wells.append(row({"well": well, **span}, units))
    made = {"hour_scores": hours, "well_scores": wells}
    return {SCORE_FILES[name]: part_bytes(make_score_table(name, scores, rows)) for name, rows in made.items()}
