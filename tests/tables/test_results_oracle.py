"""What open_results returns is what went into the parts, value by value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.tables import open_results
from run_samples import FIELDS, QUALITY, TIMES_H, WELLS, write_run


def test_cells_come_back_in_plate_order(tmp_path: Path) -> None:
    made = write_run(tmp_path)
    table = open_results(tmp_path).cells()
    values = np.concatenate([cells.values for _, cells in made.values()])
    found = np.column_stack([table.column(name).to_numpy() for name in DESCRIPTOR_NAMES])
    np.testing.assert_array_equal(found, values)
    assert table.column("elliptical_form_factor").null_count == np.isnan(values).sum() == 6
    np.testing.assert_array_equal(table.column("label").to_numpy(), np.concatenate([c.label for _, c in made.values()]))
    boxes = np.column_stack([table.column(f"bbox_{s}_px").to_numpy() for s in ("top", "left", "bottom", "right")])
    np.testing.assert_array_equal(boxes, np.concatenate([c.bbox_px for _, c in made.values()]))
    keys = [
        (row.key.plate, row.key.well, row.key.field, row.key.time, row.time_h)
        for rows, cells in made.values()
        for index in cells.frame
        for row in rows
        if row.index == index
    ]
    assert (
        list(zip(*(table.column(n).to_pylist() for n in ("plate", "well", "field", "time", "time_h")), strict=True))
        == keys
    )


def test_a_choice_of_cell_columns(tmp_path: Path) -> None:
    write_run(tmp_path)
    results = open_results(tmp_path)
    assert results.cells(["area", "well"]).equals(results.cells().select(["area", "well"]))


def test_every_expected_frame_has_one_row(tmp_path: Path) -> None:
    made = write_run(tmp_path)
    frames = open_results(tmp_path).frames().to_pylist()
    assert [(f["well"], f["time"], f["field"]) for f in frames] == [
        (well, time, field) for well in WELLS for time in range(2) for field in FIELDS
    ]
    rows = [row for rows, _ in made.values() for row in rows]
    for frame, row in zip(frames, rows, strict=True):
        assert (frame["status"], frame["reason"], frame["flags"]) == (row.status, row.reason, list(row.flags))
        assert frame["mean_v"] == (QUALITY["mean_v"] if row.status == "processed" else None)
        assert frame["blur_1"] is None
        assert (frame["n_cells"] is None) is (row.status != "processed")
    assert sum(f["n_cells"] or 0 for f in frames) == sum(len(c) for _, c in made.values())


def test_moments_and_profile_rest_on_the_same_cells(tmp_path: Path) -> None:
    made = write_run(tmp_path)
    results = open_results(tmp_path)
    moments = results.field_moments()
    assert moments.wells == WELLS
    assert int(moments.n_cells.sum()) == results.cells(["label"]).num_rows
    profile = results.profile()
    assert profile is not None
    assert profile.num_rows == len(WELLS) * len(TIMES_H) * 24
    for (well, time), (_, cells) in made.items():
        own = [r for r in profile.to_pylist() if (r["well"], r["time"], r["descriptor"]) == (well, time, "area")]
        assert [r["statistic"] for r in own] == ["mean", "SD"]
        assert own[0]["value"] == pytest.approx(cells.column("area").mean(), rel=1e-12)
        assert own[1]["value"] == pytest.approx(cells.column("area").std(ddof=1), rel=1e-12)
        assert own[0]["descriptor_unit"] == "px2"
        assert own[0]["n_cells"] == len(cells)


def test_plate_info(tmp_path: Path) -> None:
    write_run(tmp_path)
    info = open_results(tmp_path).plate_info
    assert (info.wells, info.fields, info.times_h, info.pixel_size_um) == (WELLS, FIELDS, TIMES_H, 0.87)
    assert (info.name, info.times, info.store) == ("plate 1", (0, 1), None)
    (tmp_path / "run.json").write_text('{"config": {"plate": {"store": "plates/p.zarr"}}}')
    assert open_results(tmp_path).plate_info.store == Path("plates/p.zarr")
