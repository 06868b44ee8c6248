"""Agreement of the segmentation with hand-drawn cells: one row per chamber, and one for all fields.

Usage: python benchmarks/segmentation_accuracy.py DATA
DATA is the folder that holds t98g_phase. The presets were fitted on these fields: the numbers are a fit, no forecast,
and hand masks leave out many round cells and debris, which the engine then finds at its cost.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from phasewell.config import SegmentationConfig
from phasewell.frames import FrameBatch
from phasewell.segmentation import measure_agreement, segment
from PIL import Image
from rows import write_rows

PIXEL_SIZE_UM = 0.8708
WINDOW = (8000, 62000)
MEASURES = ("k", "recall", "precision", "r", "f1_kept", "f1")


CONFIGS = (
    SegmentationConfig(),
    SegmentationConfig(wall_depth_um=0),  # what removing the vessel's wall is worth
    SegmentationConfig(seam_level=0),  # the split by outline alone
    SegmentationConfig(split_depth_um=0),
    SegmentationConfig(preset="paper-r"),
)


def main() -> None:
    """Measure every hand-drawn field with every configuration and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    rows = []
    for config in CONFIGS:
        fields = [measure(path, chamber, config, arguments.device) for path, chamber in hand_masks(arguments.data)]
        rows += [summarise(chamber, fields, config, arguments.device) for chamber in ("all", "A", "B", "C")]
    write_rows("segmentation_accuracy", rows)
    for row in rows:
        print(row["preset"], row["overrides"], row["chamber"], *(f"{name} {row[name]:.3f}" for name in MEASURES))


def hand_masks(data: Path) -> list[tuple[Path, str]]:
    """Return (mask file, chamber) of every hand-drawn field."""
    real = data / "t98g_phase"
    with (real / "positions.csv").open() as lines:
        return [(real / row["mask"], row["chamber"]) for row in csv.DictReader(lines) if row["mask_kind"] == "manual"]


def measure(mask: Path, chamber: str, config: SegmentationConfig, device: str) -> dict[str, Any]:
    """Return the agreement of one field with its hand mask."""
    raw = mask.parent / "raw.tif"
    if not raw.exists():  # set01 is the first frame of the time-lapse
        raw = mask.parent.parent.parent / "timelapse_xy01" / "images" / "20180101ef002xy01t01.tif"
    low, high = WINDOW
    pixels = np.clip(tifffile.imread(raw).astype(np.int64) - low, 0, high - low) * 255 // (high - low)
    batch = FrameBatch(pixels.astype(np.uint8)[None], PIXEL_SIZE_UM)
    kept = segment(batch, device, config.model_copy(update={"remove_frame_touching": False}))[0]
    start = time.process_time()
    labels = segment(batch, device, config)[0]
    cpu_ms = 1000 * (time.process_time() - start)
    found = measure_agreement(kept, labels, np.asarray(Image.open(mask)))
    return {"field": mask.parent.name, "chamber": chamber, "cpu_ms": round(cpu_ms, 1), **found.to_dict()}


def summarise(chamber: str, fields: list[dict[str, Any]], config: SegmentationConfig, device: str) -> dict[str, Any]:
    """Return one row: means over the fields of a chamber, their values, and the conditions."""
    chosen = [field for field in fields if chamber in ("all", field["chamber"])]
    return {
        "data": "t98g_phase/manual_fovs (16 fields drawn by hand, 10x phase contrast)",
        "chamber": chamber,
        "fields": len(chosen),
        **{name: round(statistics.fmean(field[name] for field in chosen), 4) for name in MEASURES},
        "objects": sum(field["objects"] for field in chosen),
        "hand_pieces": sum(field["hand_pieces"] for field in chosen),
        "cpu_ms_median": round(statistics.median(field["cpu_ms"] for field in chosen), 1),
        "cpu_ms_boundary": "8-bit frame in memory to labels, one frame a call, CPU time of the process",
        "preset": config.preset,
        "overrides": config.model_dump(exclude_none=True, exclude={"preset", "engine"}),
        "engine": config.engine,
        "window": list(WINDOW),
        "pixel_size_um": PIXEL_SIZE_UM,
        "fitted_on_these_fields": True,
        "walls": "removed before every measure, K included" if config == SegmentationConfig() else "see overrides",
        "device": device,
        "per_field": chosen,
    }


if __name__ == "__main__":
    main()
