"""How much work one unit costs: system calls are counted, so that none creeps in."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.images import create_plate, files, open_plate
from phasewell.plate import Field


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    counted: Counter[str] = Counter()

    def count(name: str) -> None:
        real = getattr(files.os, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            counted[name] += 1
            return real(*arguments, **options)

        monkeypatch.setattr(files.os, name, counting)

    for name in ("pread", "preadv", "fsync"):
        count(name)
    yield counted


def test_a_unit_of_64_frames_is_one_index_read_and_one_read_a_frame(tmp_path: Path, calls: Counter[str]) -> None:
    writer = create_plate(
        tmp_path / "p",
        name="p",
        wells=["A1"],
        fields=[Field(str(at), at // 8, at % 8) for at in range(64)],
        times_h=[0, 6],
        frame_shape=(10, 10),
        dtype="uint8",
        pixel_size_um=1.0,
    )
    frames = {str(at): np.full((10, 10), at, np.uint8) for at in range(64)}
    writer.write_unit(writer.unit("A01", 0), frames)  # makes folders, each made durable once
    calls.clear()
    writer.write_unit(writer.unit("A01", 0), frames)
    assert calls["fsync"] == 2 * 3  # file and folder of shard, overview and records
    plate = open_plate(tmp_path / "p")
    plate.frames("A01", 0)
    calls.clear()
    plate.frames("A01", 0)
    assert calls == {"pread": 2, "preadv": 64}  # records, index; frames straight into the batch
    calls.clear()
    plate.frames("A01", 0, ("7",))
    assert calls == {"pread": 2, "preadv": 1}


def test_reading_a_plate_needs_neither_zarr_nor_ome_zarr_models(tmp_path: Path) -> None:
    create_plate(
        tmp_path / "p",
        name="p",
        wells=["A1"],
        fields=[Field("1", 0, 0)],
        times_h=[0],
        frame_shape=(10, 10),
        dtype="uint8",
        pixel_size_um=1.0,
    )
    script = (
        "import sys\nfrom phasewell.images import open_plate\n"
        "assert len(open_plate(sys.argv[1]).frames('A01', 0)) == 0\n"
        "print(sorted({'zarr', 'ome_zarr_models', 'numcodecs', 'tifffile'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "p")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
