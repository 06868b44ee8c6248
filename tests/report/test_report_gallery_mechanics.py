"""The gallery reads real stores: frames of the plate, labels of this run only, and says what it cannot show."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.cells import DEFINITIONS_ID
from phasewell.images import create_plate, open_plate
from phasewell.manifest import PartEntry, RunManifest
from phasewell.plate import Field, FrameKey, FrameRecord, Plate, Unit
from phasewell.report.gallery import LabelStore, Shot, choose_shots, make_gallery

SHAPE = (60, 70)
FIELDS = (Field("f1", 0, 0), Field("f2", 0, 1))
WELLS, TIMES = ("A01", "B02"), (0.0, 6.0, 12.0, 18.0)


def fill(path: Path, dtype: str, frames: dict[tuple[str, int, str], Any], source: str | None = None) -> Plate:
    """Write a plate with the given frames, by (well, time, field)."""
    writer = create_plate(
        path, name="p", wells=WELLS, fields=FIELDS, times_h=TIMES, frame_shape=SHAPE, dtype=dtype, pixel_size_um=0.9,
        codec="zstd",
    )  # fmt: skip
    for well in WELLS:
        for time in range(len(TIMES)):
            here = {f.name: frames[well, time, f.name] for f in FIELDS if (well, time, f.name) in frames}
            if here:
                records = [
                    FrameRecord(
                        FrameKey("p", well, f.name, time), "present" if f.name in here else "missing", source=source
                    )
                    for f in FIELDS
                ]
                writer.write_unit(Unit("p", well, time), here, records)
    return open_plate(path)


def frame(seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, SHAPE).astype(np.uint8)


def labels(n: int) -> Any:
    found = np.zeros(SHAPE, dtype=np.int32)
    for i in range(n):
        found[5 + 9 * i : 11 + 9 * i, 10:30] = i + 1
    return found


def manifest(keys: dict[tuple[str, int], str]) -> RunManifest:
    parts = tuple(
        PartEntry(stage="cells", well=w, time=t, path="x", key=key, sha256="0", n_processed=2, n_quarantined=0,
                  n_missing=0, n_cells=0)
        for (w, t), key in keys.items()
    )  # fmt: skip
    return RunManifest(
        run_id="r", plate="p", plate_digest="d", config={}, code_version="0", definitions=DEFINITIONS_ID, parts=parts,
        files={}, n_expected=16, n_processed=16, n_quarantined=0, n_missing=0,
    )  # fmt: skip


def columns(lost: tuple[tuple[str, int, str], ...] = ()) -> dict[str, Any]:
    rows = [(w, t, f.name) for w in WELLS for t in range(len(TIMES)) for f in FIELDS]
    return {
        "well": np.array([w for w, _, _ in rows], dtype=object),
        "field": np.array([f for _, _, f in rows], dtype=object),
        "plate_time": np.array([t for _, t, _ in rows]),
        "status": np.array(["missing" if row in lost else "processed" for row in rows], dtype=object),
        "frame_sha256": np.array([hashlib.sha256(frame(t).tobytes()).hexdigest() for _, t, _ in rows], dtype=object),
    }


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    everything = {(w, t, f.name): frame(t) for w in WELLS for t in range(len(TIMES)) for f in FIELDS}
    return fill(tmp_path / "plate.zarr", "uint8", everything)


def test_frames_with_labels_are_shown_first_and_labels_of_other_parts_never(tmp_path: Path, plate: Plate) -> None:
    run = tmp_path / "run"
    run.mkdir()
    kept = {("A01", 1, "f2"): labels(3), ("A01", 3, "f1"): labels(2)}
    fill(run / "labels.zarr", "int32", kept, source="1 fields, key aaa")
    keys = {(w, t): "aaa" for w in WELLS for t in range(len(TIMES))} | {("A01", 3): "bbb"}
    store = LabelStore(run, manifest(keys))
    assert store.fields("A01", 1) == ("f2",)
    assert store.fields("A01", 3) == (), "made for another content key"
    assert store.read(Shot("A01", 3, "f1")) is None
    shots, note = choose_shots(columns(), store)
    assert note == ""
    assert [s for s in shots if s.well == "A01"] == [
        Shot("A01", 1, "f2", hashlib.sha256(frame(1).tobytes()).hexdigest())
    ]
    assert [(s.time, s.field) for s in shots if s.well == "B02"] == [(0, "f1"), (2, "f1"), (3, "f1")]
    pictures, note = make_gallery(run, manifest(keys), plate, columns())
    assert note == ""
    assert [(p.well, p.field, p.time_h, p.n_cells) for p in pictures] == [
        ("A01", "f2", 6.0, 3), ("B02", "f1", 0.0, None), ("B02", "f1", 12.0, None), ("B02", "f1", 18.0, None)
    ]  # fmt: skip


def test_a_run_without_labels_shows_frames_and_says_why_there_are_no_outlines(tmp_path: Path, plate: Plate) -> None:
    pictures, note = make_gallery(tmp_path, manifest({}), plate, columns())
    assert len(pictures) == 6
    assert all(p.field_outlines is None for p in pictures)
    assert "kept no labels" in note


def test_lost_frames_are_not_chosen(tmp_path: Path, plate: Plate) -> None:
    lost = tuple(("B02", t, f.name) for t in range(len(TIMES)) for f in FIELDS)
    pictures, _ = make_gallery(tmp_path, manifest({}), plate, columns((*lost, ("A01", 0, "f1"))))
    assert {p.well for p in pictures} == {"A01"}
    assert pictures[0].field == "f2"
    everything = tuple((w, t, f.name) for w in WELLS for t in range(len(TIMES)) for f in FIELDS)
    assert make_gallery(tmp_path, manifest({}), plate, columns(everything)) == (
        (), "No frame was measured, so there is none to show."
    )  # fmt: skip


def test_a_damaged_frame_costs_its_picture_only(tmp_path: Path, plate: Plate) -> None:
    shards = [p for p in (tmp_path / "plate.zarr").rglob("*") if p.is_file() and p.stat().st_size > 4000]
    victim = sorted(shards)[0]
    content = bytearray(victim.read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    victim.write_bytes(bytes(content))
    pictures, note = make_gallery(tmp_path, manifest({}), open_plate(tmp_path / "plate.zarr"), columns())
    assert len(pictures) == 5
    assert note.startswith("1 of 6 chosen frames are damaged")


def test_frames_replaced_since_the_run_are_not_shown_as_its_own(tmp_path: Path, plate: Plate) -> None:
    other = columns()
    other["frame_sha256"][other["well"] == "A01"] = "0" * 64
    pictures, note = make_gallery(tmp_path, manifest({}), plate, other)
    assert {p.well for p in pictures} == {"B02"}
    assert "3 of 6 chosen frames" in note


def test_a_missing_store_or_damaged_labels_cost_the_gallery_only(tmp_path: Path, plate: Plate) -> None:
    assert make_gallery(tmp_path, manifest({}), None, columns())[1].startswith("The plate store cannot be opened")
    run = tmp_path / "run"
    (run / "labels.zarr").mkdir(parents=True)
    pictures, note = make_gallery(run, manifest({}), plate, columns())
    assert len(pictures) == 6
    assert "labels cannot be read" in note


def test_many_wells_are_thinned_evenly_and_the_page_says_so(tmp_path: Path) -> None:
    wells = [f"{row}{column:02d}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]
    many = {
        "well": np.array(wells, dtype=object), "field": np.full(384, "f1", dtype=object),
        "plate_time": np.zeros(384, dtype=int), "status": np.full(384, "processed", dtype=object),
        "frame_sha256": np.full(384, "0", dtype=object),
    }  # fmt: skip
    shots, note = choose_shots(many, LabelStore(tmp_path, manifest({})))
    assert len(shots) == 96
    assert (shots[0].well, shots[-1].well) == ("A01", "P24")
    assert note == "96 of 384 wells are shown."
