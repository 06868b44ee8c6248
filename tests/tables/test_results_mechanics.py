"""A run is read through its manifest only: anything missing, changed or outside is refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from phasewell.errors import InputError, OutputError, SecurityError, UsageError
from phasewell.tables import build_database, export, open_results
from run_samples import write_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def first_part(folder: Path) -> Path:
    manifest = json.loads((folder / "manifest.json").read_text())
    return folder / str(manifest["parts"][0]["path"])


READERS: list[Callable[[Path], object]] = [
    lambda folder: open_results(folder).frames(),
    lambda folder: open_results(folder).cells(),
    lambda folder: open_results(folder).field_moments(),
    build_database,
    lambda folder: export(folder, to="csv"),
]


@pytest.mark.parametrize("read", READERS)
def test_a_missing_part_is_named_with_its_remedy(run_dir: Path, read: Callable[[Path], object]) -> None:
    part = first_part(run_dir)
    part.unlink()
    with pytest.raises(InputError, match=rf"{part.name}.*phasewell run"):
        read(run_dir)


@pytest.mark.parametrize("read", READERS)
def test_one_changed_byte_is_found(run_dir: Path, read: Callable[[Path], object]) -> None:
    part = first_part(run_dir)
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with pytest.raises(InputError, match="SHA-256"):
        read(run_dir)


def test_a_changed_or_missing_profile_is_found(run_dir: Path) -> None:
    path = run_dir / "profiles.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"profiles\.parquet: is not the file that was committed"):
        open_results(run_dir).profile()
    path.unlink()
    with pytest.raises(InputError, match=r"profiles\.parquet: cannot be read"):
        open_results(run_dir).profile()


def test_an_unfinished_or_damaged_run_is_no_result(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run here"):
        open_results(tmp_path)
    (run_dir / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        open_results(run_dir)


def test_a_part_that_the_manifest_does_not_name_is_ignored(run_dir: Path) -> None:
    before = open_results(run_dir).cells()
    stray = first_part(run_dir)
    shutil.copy(stray, stray.with_name(stray.name.replace("A01", "C01")))
    assert open_results(run_dir).cells().equals(before)


@pytest.mark.parametrize("name", ["../outside.parquet", "/etc/hostname"])
def test_a_manifest_cannot_reach_outside_the_run(run_dir: Path, name: str) -> None:
    manifest = json.loads((run_dir / "manifest.json").read_text())
    manifest["parts"][0]["path"] = name
    (run_dir / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SecurityError, match="outside the run"):
        open_results(run_dir).frames()


def test_unknown_columns_formats_and_outputs(run_dir: Path) -> None:
    with pytest.raises(UsageError, match="no column aera; it has plate"):
        open_results(run_dir).cells(["aera"])
    with pytest.raises(UsageError, match="parquet, duckdb, csv"):
        export(run_dir, to="xlsx")  # type: ignore[arg-type]
    (run_dir / "file").write_text("")
    with pytest.raises(OutputError, match="another --output"):
        export(run_dir, to="csv", output=run_dir / "file")
    with pytest.raises(OutputError, match="another output"):
        build_database(run_dir, run_dir / "file" / "x.duckdb")


def test_a_model_without_its_baseline_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, models=True)
    path = tmp_path / "models" / "lasso" / "evaluation.json"
    document = json.loads(path.read_text())
    del document["baseline_rmse"]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"evaluation\.json: no baseline_rmse"):
        build_database(tmp_path)
