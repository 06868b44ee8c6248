"""Simulated plates on disk: same bytes, resumed, refused where something else lies, truth beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.errors import InputError, OutputError, UsageError
from phasewell.images import open_plate
from phasewell.runs.simulated_plates import measure_truth, read_simulation, simulate
from phasewell.simulation import drop_frame_touching, render_unit

SMALL: dict[str, Any] = {"clones": 3, "fields": 5, "times": 2, "seed": 6, "frame_shape": (96, 130)}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "plate.zarr"
    simulate(path, **SMALL, workers=1)
    return path


def test_the_store_holds_the_frames_and_the_truth(store: Path) -> None:
    plate, plan = open_plate(store), read_simulation(store)
    assert (plate.wells, plate.times_h, plate.frame_shape) == (("A01", "A02", "A03"), (6.0, 12.0), (96, 130))
    assert "simulated" in plate.provenance
    assert [(field.name, field.row, field.column) for field in plate.fields][2:4] == [("f03", 0, 2), ("f04", 1, 0)]
    for clone in plan.clones:
        row = plate.platemap[clone.well]
        assert (row["clone"], row["potency"], row["seed"]) == (clone.name, clone.potency, 6)
        for time in (0, 1):
            np.testing.assert_array_equal(plate.frames(clone.well, time).pixels, render_unit(plan, clone.well, time)[0])


def test_bytes_do_not_depend_on_workers_or_interruption(store: Path, tmp_path: Path) -> None:
    class StopHereError(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        assert total == 30
        if done >= 10:
            raise StopHereError

    with pytest.raises(StopHereError):
        simulate(tmp_path / "plate.zarr", **SMALL, workers=2, progress=interrupt)
    seen: list[int] = []
    simulate(tmp_path / "plate.zarr", **SMALL, workers=3, progress=lambda done, _: seen.append(done))
    assert seen[-1] == 30
    assert len(seen) < 6  # the units before the interruption were kept
    assert contents(tmp_path / "plate.zarr") == contents(store)


def test_a_finished_plate_is_not_written_again(store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.rglob("c/*/*") if path.is_file()}
    calls: list[int] = []
    simulate(store, **SMALL, progress=lambda done, _: calls.append(done))
    assert calls == []
    assert before == {path: path.stat().st_mtime_ns for path in store.rglob("c/*/*") if path.is_file()}


@pytest.mark.parametrize("other", [{"seed": 7}, {"fields": 4}, {"frame_shape": (96, 131)}, {"pixel_size_um": 1.0}])
def test_another_plate_in_the_folder_is_refused(store: Path, other: dict[str, Any]) -> None:
    before = contents(store)
    with pytest.raises(OutputError, match="choose another folder"):
        simulate(store, **{**SMALL, **other})
    assert contents(store) == before


def test_the_package_keeps_the_function_after_the_module_was_imported() -> None:
    import phasewell
    import phasewell.runs

    assert phasewell.simulate is simulate
    assert phasewell.runs.simulate is simulate


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError):
        simulate(tmp_path, **SMALL)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_truth_labels_are_stored_on_request(tmp_path: Path) -> None:
    simulate(tmp_path / "plate.zarr", **SMALL, truth_labels=tmp_path / "labels.zarr")
    plan, labels = read_simulation(tmp_path / "labels.zarr"), open_plate(tmp_path / "labels.zarr")
    assert labels.dtype == "int32"
    records = labels.records("A02", 1)
    assert {record.status for record in records} == {"present"}
    import hashlib

    owners = render_unit(plan, "A02", 1)[1]
    assert [record.sha256 for record in records] == [hashlib.sha256(owner.tobytes()).hexdigest() for owner in owners]


def test_true_moments_are_those_of_the_true_labels(store: Path) -> None:
    from phasewell.descriptors import describe
    from phasewell.frames import FrameBatch

    moments, plan = measure_truth(store, workers=2), read_simulation(store)
    assert moments.measured.all()
    later = measure_truth(store, window_h=(12, 90))
    assert later.times_h == (12.0,)
    np.testing.assert_array_equal(later.moments.mean, moments.moments.mean[:, 1:])
    with pytest.raises(UsageError, match="no hour"):
        measure_truth(store, window_h=(7, 11))
    for i, clone in enumerate(plan.clones):
        pixels, labels = render_unit(plan, clone.well, 1)
        cells = describe(FrameBatch(pixels, 0.87), drop_frame_touching(labels), device="cpu")
        assert moments.n_cells[i, 1].sum() == len(cells)
        area = moments.moments.mean[i, 1, :, 0] * moments.moments.n[i, 1, :, 0]
        assert round(area.sum()) == round(cells.column("area").sum())


def test_damaged_truth_and_wrong_arguments_are_named(store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="workers"):
        simulate(tmp_path / "plate.zarr", workers=-1)
    with pytest.raises(InputError, match=r"truth\.json"):
        read_simulation(tmp_path)
    document = json.loads((store / "truth.json").read_text())
    document["clones"][0]["potency"] += 1
    (tmp_path / "truth.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="not those of seed 6"):
        read_simulation(tmp_path)
