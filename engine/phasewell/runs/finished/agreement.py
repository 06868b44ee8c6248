"""A run's segmentation measured against masks drawn by hand, field by field."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError, UsageError
from phasewell.manifest import read_manifest
from phasewell.runs.folder.documents import config_of, plate_of
from phasewell.segmentation import measure_agreement as compare_labels
from phasewell.segmentation import segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.config import Config
    from phasewell.plate import Plate

COLUMNS = ("file", "well", "field", "time")
MEASURES = ("K", "R", "F1", "F1_kept", "recall", "precision")


def measure_agreement(run: Path | str, masks: Path | str) -> dict[str, Any]:
    """Segment the frames that have a mask as the run did, compare, and write RUN/agreement.json.

    `masks` is a CSV with columns file (relative to it), well, field, time and optionally chamber; a mask is a label
    image (PNG or TIFF) of the frame's size, 0 = background. Returns {"fields": [...], "chambers": {...}, ...} with
    K, R, F1 (see `phasewell.segmentation.measure_agreement`), means over fields.
    Raises InputError naming the mask or frame that cannot be used.
    """
    run, masks = Path(run), Path(masks)
    manifest = read_manifest(run)
    config, plate = config_of(run), plate_of(run)
    fields = [_measure_field(plate, config, row, masks) for row in _read_rows(masks)]
    chambers = {name: _mean([f for f in fields if f["chamber"] == name]) for name in _names(fields)}
    document = {
        "fields": fields,
        "chambers": {**chambers, "all": _mean(fields)},
        "preset": config.segmentation.preset,
        "masks": masks.name,
        "run_id": manifest.run_id,
    }
    text = json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n"
    (run / "agreement.json").write_text(text, encoding="utf-8")
    return document


def _read_rows(masks: Path) -> Iterator[dict[str, str]]:
    try:
        with masks.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UsageError(f"masks {masks}: cannot be read ({error.strerror})") from error
    for number, row in enumerate(rows, start=2):
        if missing := [name for name in COLUMNS if not row.get(name)]:
            raise InputError(f"masks {masks} line {number}: no {', '.join(missing)}; expected columns {COLUMNS}")
        yield row


def _measure_field(plate: Plate, config: Config, row: dict[str, str], masks: Path) -> dict[str, Any]:
    where = f"masks {masks}: {row['file']}"
    try:
        batch = plate.frames(row["well"], int(row["time"]), (row["field"],))
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if len(batch) != 1:
        raise InputError(f"{where}: the plate has no frame of well {row['well']} field {row['field']} {row['time']}")
    hand = _read_mask(masks.parent / row["file"], batch.pixels.shape[1:])
    touching = config.segmentation.model_copy(update={"remove_frame_touching": False})
    kept = segment(batch, config=touching, background=config.background)[0]
    labels = segment(batch, config=config.segmentation, background=config.background)[0]
    found = compare_labels(kept, labels, hand)
    values = (found.k, found.r, found.f1, found.f1_kept, found.recall, found.precision)
    chamber = row.get("chamber") or row["well"]
    names = {"field": f"{row['well']} field {row['field']} time {row['time']}", "chamber": chamber}
    numbers = {name: None if np.isnan(v) else round(v, 4) for name, v in zip(MEASURES, values, strict=True)}
    return {**names, **numbers, "objects": found.objects, "hand_pieces": found.hand_pieces}


def _read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.integer[Any]]:
    import imagecodecs

    try:
        mask = np.asarray(imagecodecs.imread(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"mask {path}: cannot be read ({error}); expected a PNG or TIFF label image") from error
    if mask.shape != shape or mask.dtype.kind not in "ui":
        raise InputError(f"mask {path}: {mask.dtype} {mask.shape}; expected integers of the frame's shape {shape}")
    return mask


def _names(fields: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(field["chamber"] for field in fields))


def _mean(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of every measure over the fields where it is defined, and how many fields there are."""
    means: dict[str, Any] = {"fields": len(fields)}
    for name in MEASURES:
        values = [field[name] for field in fields if field[name] is not None]
        means[name] = round(sum(values) / len(values), 4) if values else None
    return means
