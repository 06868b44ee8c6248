"""A small plate that every test of runs may copy, and how to run it."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from small_plate import write_plate

sys.path.append(str(Path(__file__).parents[1] / "kernels"))  # the GPU that the CPU plays


@pytest.fixture(scope="session")
def plate_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plate(tmp_path_factory.mktemp("original") / "plate.zarr")


@pytest.fixture
def store(plate_original: Path, tmp_path: Path) -> Path:
    """A copy of the small plate that a test may damage."""
    return Path(shutil.copytree(plate_original, tmp_path / "plate.zarr"))


@pytest.fixture
def make_config(store: Path, tmp_path: Path) -> Callable[..., Config]:
    """Return a configuration of the small plate; keywords go to [compute]."""

    def make(output: str = "run", labels: str = "sample", **compute: Any) -> Config:
        settings = {"device": "cpu", **compute}
        return Config(
            plate=PlateConfig(store=store),
            run=RunConfig(output=tmp_path / output, labels=labels),
            compute=ComputeConfig(**settings),
        )

    return make


def result_bytes(folder: Path) -> dict[str, str]:
    """Return the digest of every file that a run promises to make the same, by relative path."""
    files = [folder / "manifest.json", folder / "profiles.parquet", *(folder / "parts").rglob("*")]
    files += [path for path in (folder / "labels.zarr").rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()
    }


@pytest.fixture(scope="session")
def digests() -> Callable[[Path], dict[str, str]]:
    return result_bytes
