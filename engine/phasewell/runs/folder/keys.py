"""Content keys: what a part was made from. Two parts with one key have the same numbers on every device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from phasewell.cells import DEFINITIONS_ID
from phasewell.config import Config
from phasewell.manifest import SCHEMA_VERSION, digest_json
from phasewell.plate import FrameRecord, Plate, Unit


def cells_stage(plate: Plate, config: Config, code: str) -> dict[str, Any]:
    """Return all that the `cells` stage reads and that is the same for every unit of the plate.

    The device, the executor and the folders are not in it: they cannot change the numbers.
    """
    return {
        "stage": "cells",
        "code": code,
        "schema": SCHEMA_VERSION,
        "definitions": DEFINITIONS_ID,
        "quality": config.quality.model_dump(mode="json"),
        "segmentation": config.segmentation.model_dump(mode="json"),
        "background": config.background.model_dump(mode="json"),
        "pixel_size_um": plate.pixel_size_um,
        "window": plate.window,
        "frame_shape": plate.frame_shape,
        "dtype": plate.dtype,
    }


def unit_key(stage: dict[str, Any], unit: Unit, time_h: float, records: Sequence[FrameRecord]) -> str:
    """Return the SHA-256 of the canonical JSON of a stage and of one unit's frames, in field order."""
    frames = [(r.key.field, _content(r), r.time_h, r.flags) for r in records]
    return digest_json({**stage, "unit": unit, "time_h": time_h, "frames": frames})


def _content(record: FrameRecord) -> str:
    if record.status == "present":
        return f"sha256:{record.sha256}"
    return record.status if record.reason is None else f"{record.status}:{record.reason}"


def run_document(config: Config, scoring: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the part of the configuration that can change a run's results: no compute settings, no folders.

    `scoring` says who scores, where anybody does: the model by its digest, what was chosen for auto.
    What `foreign` says is in the digest of the plate that it makes.
    """
    left_out: Any = {"run": {"output"}, "plate": {"store"}, "compute": True, "watch": True}
    left_out |= {"foreign": True, "inference": True}
    document = config.model_dump(mode="json", exclude=left_out)
    return document if scoring is None else {**document, "inference": scoring}


def run_id(plate_digest: str, config: Config, code: str, scoring: dict[str, str] | None = None) -> str:
    """Return the name of a run: a digest of plate, configuration, who scores and code."""
    return digest_json({"plate": plate_digest, "config": run_document(config, scoring), "code": code})
