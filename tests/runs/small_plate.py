"""The small plate that tests of runs share: 3 wells x 3 fields x 2 times, with one frame of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from phasewell.images import create_plate
from phasewell.plate import Field, FrameKey, FrameRecord

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
