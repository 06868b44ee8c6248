"""A run on a plate of another program gives the cells that a run on our store of the same frames gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from phasewell import runs
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.cli import main
from phasewell.config import ComputeConfig, Config, ForeignConfig, PlateConfig, RunConfig
from phasewell.images import create_plate
from phasewell.plate import Field
from phasewell.report import write_report
from phasewell.tables import open_results
from small_plate import FIELDS, SHAPE, TIMES_H, draw_frame


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHASEWELL_STATE", str(tmp_path / "state"))


def put(group: zarr.Group, **attributes: object) -> None:
    group.attrs.update({"ome": {"version": "0.5", **attributes}})


def write_both(own: Path, foreign: Path) -> None:
    """One well of three fields at two times; the last field of the last time is missing."""
    rng = np.random.default_rng(11)
    frames = {(t, f): draw_frame(rng) for t in range(len(TIMES_H)) for f in range(len(FIELDS))}
    del frames[1, 2]
    places = [Field(name, 0, at) for at, name in enumerate(FIELDS)]
    writer = create_plate(
        own, name="p", wells=["B02"], fields=places, times_h=TIMES_H, frame_shape=SHAPE, dtype="uint8",
        pixel_size_um=2.0,
    )  # fmt: skip
    for t in range(len(TIMES_H)):
        there = {FIELDS[f]: frames[t, f] for f in range(len(FIELDS)) if (t, f) in frames}
        writer.write_unit(writer.unit("B02", t), there)
    root = zarr.open_group(str(foreign), mode="w")
    wells = [{"path": "B/02", "rowIndex": 0, "columnIndex": 0}]
    put(
        root,
        plate={"name": "p", "version": "0.5", "rows": [{"name": "B"}], "columns": [{"name": "02"}], "wells": wells},
    )
    well = root.create_group("B/02")
    put(well, well={"version": "0.5", "images": [{"path": name} for name in FIELDS]})
    axes = [{"name": "t", "type": "time"}, *({"name": a, "type": "space", "unit": "micrometer"} for a in "yx")]
    step = {"type": "scale", "scale": [1.0, 2.0, 2.0]}
    for f, name in enumerate(FIELDS):
        image = well.create_group(name)
        put(image, multiscales=[{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [step]}]}])
        array = image.create_array(
            "0", shape=(len(TIMES_H), *SHAPE), dtype="uint8", chunks=(1, *SHAPE), dimension_names="tyx"
        )
        for t in range(len(TIMES_H)):
            if (t, f) in frames:
                array[t] = frames[t, f]


def table_of(folder: Path) -> list[tuple[object, ...]]:
    cells = open_results(folder).cells(["well", "field", "time", "time_h", *DESCRIPTOR_NAMES])
    return [tuple(row.values()) for row in cells.to_pylist()]


def test_the_same_frames_give_the_same_cells_wherever_they_lie(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_both(tmp_path / "own.zarr", tmp_path / "foreign.zarr")
    compute = ComputeConfig(device="cpu")
    config = Config(
        plate=PlateConfig(store=tmp_path / "own.zarr"), run=RunConfig(output=tmp_path / "own"), compute=compute
    )
    ours = runs.run(config)
    theirs = Config(
        plate=PlateConfig(store=tmp_path / "foreign.zarr"),
        run=RunConfig(output=tmp_path / "foreign"),
        foreign=ForeignConfig(interval_h=6.0),
        compute=compute,
    )
    planned = runs.plan(theirs)
    assert (planned.n_expected, len(planned.remaining)) == (6, 2)
    result = runs.run(theirs)
    assert (result.n_processed, result.n_missing, result.n_quarantined) == (5, 1, 0)
    assert (result.n_cells, result.exit_code) == (ours.n_cells, ours.exit_code)
    assert result.n_cells > 10
    assert table_of(result.folder) == table_of(ours.folder)
    assert runs.plan(theirs).remaining == ()
    assert runs.plate_of(result.folder).times_h == TIMES_H
    assert write_report(result.folder).is_file()
    assert main(["validate", str(tmp_path / "foreign.zarr"), "--set", "foreign.interval_h=6", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["n_present"], document["n_missing"], document["foreign"]) == (5, 1, True)
    assert document["ome_zarr"] == "valid"
    assert main(["validate", str(tmp_path / "foreign.zarr"), "--set", "run.labels=none"]) == 64


def test_a_frame_that_changes_after_the_plan_is_not_measured(tmp_path: Path) -> None:
    write_both(tmp_path / "own.zarr", tmp_path / "foreign.zarr")
    config = Config(
        plate=PlateConfig(store=tmp_path / "foreign.zarr"),
        run=RunConfig(output=tmp_path / "run"),
        foreign=ForeignConfig(interval_h=6.0),
        compute=ComputeConfig(device="cpu"),
    )
    first = runs.run(config)
    chunk = tmp_path / "foreign.zarr/B/02/2/0/c/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:-20])
    assert [unit.address for unit in runs.plan(config).remaining] == [("B02", 0)]
    result = runs.run(config)
    assert (result.n_processed, result.n_quarantined, result.n_missing) == (first.n_processed - 1, 1, 1)
