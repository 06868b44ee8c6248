"""The bundled real plate: its files are those its tables name, and it runs to the agreement it is known for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import imagecodecs
import pytest
from phasewell.config import Config, PlateConfig, RunConfig
from phasewell.demo.run import ORIGIN, REAL
from phasewell.errors import InputError
from phasewell.images import ingest
from phasewell.runs import measure_agreement, run


def rows(name: str) -> list[dict[str, str]]:
    with (REAL / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_is_named_by_a_table_and_there() -> None:
    named = {row["file"] for name in ("frames.csv", "masks.csv") for row in rows(name)}
    found = {str(path.relative_to(REAL)) for path in REAL.rglob("*.png")}
    assert named == found
    assert (REAL / "LICENSE").read_text().startswith("MIT License")
    assert ORIGIN["licence"].startswith("MIT")


def test_masks_fit_their_frames() -> None:
    frames = {(row["well"], row["field"], row["time"]): row["file"] for row in rows("frames.csv")}
    for row in rows("masks.csv"):
        frame = imagecodecs.imread(REAL / frames[row["well"], row["field"], row["time"]])
        mask = imagecodecs.imread(REAL / row["file"])
        assert frame.shape == mask.shape == (1022, 1024)
        assert 30 < len(set(mask.ravel().tolist())) < 130


def test_it_runs_to_the_known_agreement_and_counts_what_is_missing(tmp_path: Path) -> None:
    store, output = tmp_path / "plate.zarr", tmp_path / "run"
    ingest(REAL, store, layout="table", table=REAL / "frames.csv", workers=1)
    result = run(Config(plate=PlateConfig(store=store), run=RunConfig(output=output, labels="none")))
    assert (result.n_processed, result.n_quarantined, result.n_missing) == (8, 0, 10)
    assert result.exit_code == 10
    found = measure_agreement(output, REAL / "masks.csv")
    assert found == json.loads((output / "agreement.json").read_text())
    assert list(found["chambers"]) == ["A", "B", "C", "all"]
    overall = found["chambers"]["all"]
    assert overall["fields"] == 6
    assert overall["K"] >= 0.65
    assert overall["R"] >= 0.62
    assert overall["F1"] >= 0.52
    with pytest.raises(InputError, match="has no frame of well B01 field 1"):
        (tmp_path / "wrong.csv").write_text("file,well,field,time\nmask.png,B01,1,2\n")
        measure_agreement(output, tmp_path / "wrong.csv")
