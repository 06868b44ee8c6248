"""The documents of a run folder, read: its frozen configuration and the plate it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell.config import Config
from phasewell.errors import InputError
from phasewell.runs.folder.source_plate import open_configured

if TYPE_CHECKING:
    from phasewell.plate import Plate

RUN_NAME = "run.json"


def read_run_document(folder: Path) -> dict[str, Any]:
    """Return `run.json`; empty when there is none or it is damaged."""
    try:
        document = json.loads((folder / RUN_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def config_of(run: Path | str) -> Config:
    """Return the configuration a run was made with; raises InputError when `run` is no run folder."""
    document = read_run_document(Path(run)).get("config")
    if not document:
        raise InputError(f"{run}: no run.json: no run here; make one with `phasewell run`")
    return Config.model_validate(document)


def plate_of(run: Path | str) -> Plate:
    """Return the plate a run read, opened from where it was; errors as `config_of` and `open_plate`."""
    return open_configured(config_of(run))
