"""The sixteen hand-drawn fields of the real sample data, mapped to 8 bit with one window for all."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

PIXEL_SIZE_UM = 0.8708
WINDOW = (8000, 62000)


def read_chambers(folder: Path) -> dict[str, str]:
    """Return chamber by hand-drawn field, in order of their names."""
    with (folder / "t98g_phase" / "positions.csv").open() as rows:
        manual = [row for row in csv.DictReader(rows) if row["mask_kind"] == "manual"]
    return {Path(row["mask"]).parent.name: row["chamber"] for row in manual}


def read_field(
    folder: Path, name: str, window: tuple[int, int] = WINDOW
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (pixels, hand labels) of one field; set01 is the first frame of the time-lapse."""
    real = folder / "t98g_phase"
    hand = real / "manual_fovs" / name
    raw = hand / "raw.tif"
    if not raw.exists():
        raw = real / "timelapse_xy01" / "images" / "20180101ef002xy01t01.tif"
    low, high = window
    pixels = tifffile.imread(raw).astype(np.int64)
    mapped = np.clip(pixels - low, 0, high - low) * 255 // (high - low)
    return mapped.astype(np.uint8), np.asarray(Image.open(hand / "instances_ids.png"))
