"""Exports read by the programs they are for: pycytominer, anndata, csv readers, JSON readers."""

from __future__ import annotations

import csv
import io
import json
import math
import warnings
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phasewell.cells import DESCRIPTOR_NAMES, DESCRIPTORS
from phasewell.plate import Field, Plate
from phasewell.tables import export, open_results
from phasewell.tables.cytominer import feature_name
from phasewell.tables.exporting import guard_formulas
from phasewell.tables.well_matrix import hour_name
from run_samples import EVIL, WELLS, write_run

FORMULAS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
NAMES = ['=1+1 "quoted"; <b>x</b>', "line\nbreak, 细胞 🧫'; DROP TABLE wells;--", "x" * 255]
MAP = {
    "A01": {"line": NAMES[0], "passage": 3, "target": 7.5, "Site": "left", "a/b": 1},
    "A02": {"line": NAMES[1], "passage": 4, "target": None, "a/b": "two"},
    "B01": {"line": NAMES[2], "target": 8},
}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, models=True)
    return folder


@pytest.fixture(scope="module")
def plate() -> Plate:
    fields = tuple(Field(name, 0, i, 100.0 * i, 0.0) for i, name in enumerate("123"))
    return Plate("plate 1", WELLS, fields, (6.0, 12.0), (100, 120), "uint8", 0.87, None, None, MAP)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cytominer(run_dir: Path, plate: Plate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cytominer")
    export(run_dir, "cytominer", folder, plate)
    return folder


def load(path: Path) -> pd.DataFrame:
    return pq.read_table(path).to_pandas()


def test_pycytominer_aggregates_normalizes_and_selects(run_dir: Path, cytominer: Path) -> None:
    from pycytominer import aggregate, feature_select, normalize
    from pycytominer.cyto_utils import infer_cp_features

    cells = load(cytominer / "single_cells.parquet")
    features = infer_cp_features(cells)
    assert set(features) == {name for name in cells.columns if name.startswith("Cells_")}
    assert {feature_name(name) for name in DESCRIPTOR_NAMES} <= set(features)
    assert infer_cp_features(cells, metadata=True) == [c for c in cells.columns if c.startswith("Metadata_")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pycytominer's own
        strata = ["Metadata_Plate", "Metadata_Well"]
        wells = aggregate(cells, strata=strata, features="infer", operation="mean")
        normalized = normalize(wells, features="infer", meta_features="infer", method="standardize")
        selected = feature_select(normalized, operation=["variance_threshold", "drop_na_columns"], na_cutoff=0)
    area = normalized.set_index("Metadata_Well")["Cells_AreaShape_Area"]
    own = {well: cells.loc[cells.Metadata_Well == well, "Cells_AreaShape_Area"].mean() for well in WELLS}
    values = np.array([own[well] for well in area.index])
    assert np.allclose(area.to_numpy(), (values - values.mean()) / values.std())
    assert "Cells_AreaShape_Area" in selected.columns and len(selected) == len(WELLS)
    assert open_results(run_dir).cells().column("area").to_pylist() == cells["Cells_AreaShape_Area"].tolist()


@pytest.mark.parametrize("name", ["profiles", "profiles_wide"])
def test_pycytominer_runs_on_profiles(cytominer: Path, name: str) -> None:
    from pycytominer import feature_select, normalize

    profiles = load(cytominer / f"{name}.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        normalized = normalize(profiles, features="infer", meta_features="infer", method="mad_robustize")
        selected = feature_select(normalized, features="infer", operation=["drop_na_columns"])
    assert len(selected) == len(profiles) == (6 if name == "profiles" else 3)
    assert sum(c.startswith("Cells_") for c in profiles.columns) == (24 if name == "profiles" else 48)


def test_profiles_hold_the_committed_numbers(run_dir: Path, cytominer: Path) -> None:
    profile = open_results(run_dir).profile()
    assert profile is not None
    wide = load(cytominer / "profiles_wide.parquet").set_index("Metadata_Well")
    long = load(cytominer / "profiles.parquet").set_index(["Metadata_Well", "Metadata_Time_h"])
    for row in profile.to_pylist():
        name = f"{feature_name(row['descriptor'])}_{'Mean' if row['statistic'] == 'mean' else 'SD'}"
        for value in (
            wide.loc[row["well"], f"{name}_{row['time_h']:g}h"],
            long.loc[(row["well"], row["time_h"]), name],
        ):
            assert value == row["value"] or (row["value"] is None and math.isnan(value))
        assert long.loc[(row["well"], row["time_h"]), "Metadata_CellCount"] == row["n_cells"]


def test_image_numbers_join_cells_to_their_frame(cytominer: Path) -> None:
    cells, images = load(cytominer / "single_cells.parquet"), load(cytominer / "images.parquet")
    assert images["Metadata_ImageNumber"].is_unique and len(images) == 18
    keys = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "Metadata_Timepoint"]
    joined = cells.merge(images, on="Metadata_ImageNumber", suffixes=("", "_image"), validate="many_to_one")
    assert all((joined[key] == joined[f"{key}_image"]).all() for key in keys)
    counts = cells.groupby("Metadata_ImageNumber").size()
    known = images.set_index("Metadata_ImageNumber")["Image_Count_Cells"].dropna()
    assert (counts.reindex(known.index, fill_value=0) == known).all()


def test_units_and_annotations_stand_in_the_cytominer_files(cytominer: Path) -> None:
    schema = pq.read_schema(cytominer / "single_cells.parquet")
    assert schema.field("Cells_AreaShape_Area").metadata[b"unit"] == b"px2"
    columns = pq.read_table(cytominer / "columns.parquet").to_pylist()
    named = {(row["file"], row["column"]) for row in columns}
    assert named == {
        (path.name, name)
        for path in cytominer.glob("*.parquet")
        if path.stem != "columns"
        for name in pq.read_schema(path).names
    }
    wells = load(cytominer / "profiles_wide.parquet").set_index("Metadata_Well")
    assert wells["Metadata_line"].to_dict() == {well: MAP[well]["line"] for well in WELLS}
    assert wells["Metadata_map_Site"].to_dict() == {"A01": "left", "A02": None, "B01": None}
    assert wells["Metadata_target"].tolist()[::2] == [7.5, 8.0]


@pytest.mark.parametrize("to", ["cytominer", "json"])
def test_the_same_run_gives_the_same_bytes(run_dir: Path, plate: Plate, tmp_path: Path, to: Any) -> None:
    first, second = (export(run_dir, to, tmp_path / name, plate) for name in "ab")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert sorted((tmp_path / "a").iterdir()) == sorted(first)


# ---- AnnData ----


def test_anndata_holds_cells_and_profiles(run_dir: Path, plate: Plate, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import anndata

        paths = export(run_dir, "anndata", tmp_path, plate)
        assert [path.name for path in paths] == ["profiles.h5ad", "cells.h5ad"]
        profiles, cells = (anndata.read_h5ad(path) for path in paths)
    own = open_results(run_dir).cells()
    expected = np.column_stack([own.column(name).to_numpy() for name in DESCRIPTOR_NAMES])
    assert np.array_equal(cells.X, expected, equal_nan=True)
    assert cells.var["unit"].tolist() == [d.unit for d in DESCRIPTORS]
    assert cells.obs["well"].astype(str).tolist() == own.column("well").to_pylist()
    assert np.array_equal(cells.obsm["spatial"][:, 0], own.column("centroid_x_px").to_numpy())
    assert cells.obs_names.is_unique
    assert cells.uns["run_id"] == profiles.uns["run_id"] == "cd" * 32
    assert profiles.obs["line"].astype(str).tolist() == NAMES
    assert profiles.obs["a_b"].astype(str).tolist()[:2] == ["1", "two"]
    profile = open_results(run_dir).profile()
    assert profile is not None
    for row in profile.to_pylist():
        value = profiles[row["well"], f"{row['descriptor']}_{row['statistic']}_{row['time_h']:g}h"].X[0, 0]
        assert value == row["value"] or (row["value"] is None and np.isnan(value))


# ---- CSV ----


def test_csv_with_units_is_read_by_pandas(run_dir: Path, plate: Plate, tmp_path: Path) -> None:
    plain, with_units = tmp_path / "plain", tmp_path / "units"
    export(run_dir, "csv", plain, plate)
    export(run_dir, "csv", with_units, plate, units_row=True)
    for path in sorted(plain.iterdir()):
        with path.open(newline="") as file, (with_units / path.name).open(newline="") as other:
            rows, more = list(csv.reader(file)), list(csv.reader(other))
        assert more[0] == rows[0] and more[2:] == rows[1:]
        schema = {row["column_name"]: row["unit"] for row in _columns(plain, path.stem)}
        assert dict(zip(more[0], more[1], strict=True)) == schema
    cells = pd.read_csv(with_units / "cells.csv", skiprows=[1], float_precision="round_trip")
    assert cells["area"].tolist() == open_results(run_dir).cells().column("area").to_pylist()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0'")), min_size=1))
def test_any_text_survives_csv(texts: list[str]) -> None:
    stream = io.BytesIO()
    pacsv.write_csv(guard_formulas(pa.table({"a": texts, "b": texts[::-1]})), stream)
    rows = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))[1:]
    assert [[cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULAS else cell for cell in row] for row in rows] == [
        list(pair) for pair in zip(texts, texts[::-1], strict=True)
    ]
    assert not any(cell[:1] and cell[0] in FORMULAS for row in rows for cell in row)


def test_hours_that_differ_have_names_that_differ() -> None:
    hours = [0.0, 6.0, 100.0, 100.000001, 1 / 6, round(1 / 6, 6) + 1e-6, 12.5]
    assert [hour_name(hour) for hour in hours[:3]] == ["0h", "6h", "100h"]
    assert len({hour_name(hour) for hour in hours}) == len(hours)


def _columns(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / "columns.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["table_name"] == table]


# ---- JSON ----


def test_json_documents_say_everything_of_a_well(run_dir: Path, plate: Plate, tmp_path: Path) -> None:
    paths = export(run_dir, "json", tmp_path, plate)
    assert [path.name for path in paths] == ["A01.json", "A02.json", "B01.json", "plate.json", "well.schema.json"]
    documents = {path.stem: json.loads(path.read_text("utf-8")) for path in paths}
    schema = documents.pop("well.schema")
    jsonschema.Draft202012Validator.check_schema(schema)
    for well in WELLS:
        jsonschema.validate(documents[well], schema, jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError, match="additional"):
        jsonschema.validate(documents["A01"] | {"more": 1}, schema, jsonschema.Draft202012Validator)
    assert all(d["document"] == "phasewell-well-3" and d["run_id"] == "cd" * 32 for d in documents.values())
    assert {well: documents[well]["annotations"] for well in WELLS} == MAP
    assert documents["B01"]["frames"] == {
        "expected": 6, "processed": 5, "quarantined": 1, "missing": 0, "reasons": {EVIL: 1},
        "flags": {"@risk": 2, "bright": 2}, "cells": documents["B01"]["frames"]["cells"],
    }  # fmt: skip
    assert documents["plate"]["frames"] == {"expected": 18, "processed": 16, "quarantined": 1, "missing": 1}
    profile = open_results(run_dir).profile()
    assert profile is not None
    rows = [row for well in WELLS for row in documents[well]["profile"]]
    assert [row["value"] for row in rows] == profile.column("value").to_pylist()
    assert {row["descriptor"]: row["unit"] for row in rows} == {d.name: d.unit for d in DESCRIPTORS}
    assert all(row["reason"] for row in rows if row["value"] is None)
    predictions = documents["A01"]["predictions"]
    assert {row["model"] for row in predictions} == {"lasso", "forest"}
    assert documents["plate"]["units"]["predictions"]["predicted"] == "target"


def test_a_run_without_profile_or_plate_exports_what_it_has(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    path = tmp_path / "run/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {}
    path.write_text(json.dumps(manifest))
    assert [p.stem for p in export(tmp_path / "run", "cytominer", tmp_path / "c")] == [
        "single_cells",
        "images",
        "columns",
    ]
    assert [p.name for p in export(tmp_path / "run", "anndata", tmp_path / "a")] == ["cells.h5ad"]
    document = json.loads(export(tmp_path / "run", "json", tmp_path / "j")[0].read_text())
    assert (document["profile"], document["annotations"]) == ([], None)
