"""A small plate that every test of runs may copy, and how to run it."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.images import create_plate
from phasewell.plate import Field, FrameKey, FrameRecord

sys.path.append(str(Path(__file__).parents[1] / "kernels"))  # the GPU that the CPU plays

WELLS = ("A01", "A02", "B01")
FIELDS = ("1", "2", "3")
TIMES_H = (0.0, 6.0)
SHAPE = (128, 144)


def draw_frame(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Textured discs on a grey, noisy ground: enough for a dozen cells."""
    frame = rng.integers(124, 132, SHAPE, dtype=np.int64)
    rows, columns = np.indices(SHAPE)
    for _ in range(9):
        y, x, radius = rng.integers(18, SHAPE[0] - 18), rng.integers(18, SHAPE[1] - 18), rng.integers(7, 13)
        disc = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        frame[disc] = rng.integers(20, 236, int(disc.sum()))
    return frame.astype(np.uint8)


def write_plate(path: Path) -> Path:
    """3 wells x 3 fields x 2 times; one field missing, one all black, one too bright."""
    writer = create_plate(
        path,
        name="small",
        wells=WELLS,
        fields=tuple(Field(name, 0, i) for i, name in enumerate(FIELDS)),
        times_h=TIMES_H,
        frame_shape=SHAPE,
        dtype="uint8",
        pixel_size_um=2.0,
    )
    rng = np.random.default_rng(7)
    for unit in writer.plate.units():
        frames = {name: draw_frame(rng) for name in FIELDS}
        records: list[FrameRecord] = []
        if unit.well == "A02" and unit.time == 1:
            del frames["2"]
            records = [FrameRecord(FrameKey("small", "A02", "2", 1), "missing")]
        if unit.well == "B01" and unit.time == 0:
            frames["1"] = np.zeros(SHAPE, np.uint8)
            frames["3"] = np.full(SHAPE, 240, np.uint8)
            frames["3"][::7] = 235
        writer.write_unit(unit, frames, records)
    return path


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
