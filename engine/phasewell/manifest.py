"""The run's commit point: what was made from what, by which code. No device, host or time enters."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from phasewell.errors import InputError

SCHEMA_VERSION = 1
REPRODUCTION_NAME = "result.json"  # in the folder of a reproduction: all its steps, written last
MANIFEST_NAME = "manifest.json"  # in the run folder; renamed last, so that it is the run's commit point
LABELS_NAME = "labels.zarr"  # in the run folder: the label images that are kept, a plate of int32 frames


def canonical_json(document: Any) -> bytes:
    """Return one fixed byte form of a JSON document: sorted keys, no spaces, no NaN, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def digest_json(document: Any) -> str:
    """Return the SHA-256 of `canonical_json`, in hexadecimal."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


class PartEntry(BaseModel):
    """One committed part: where it is, the content key it was made for, and the digest of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    well: str
    time: int
    path: str  # relative to the run folder
    key: str
    sha256: str
    n_processed: int
    n_quarantined: int
    n_missing: int
    n_cells: int


class RunManifest(BaseModel):
    """All parts of a finished run in plate order; written last, so its presence means the run is complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    run_id: str
    plate: str
    plate_digest: str
    config: dict[str, Any]
    code_version: str
    definitions: str
    parts: tuple[PartEntry, ...]
    files: dict[str, str]  # other files of the run by name -> SHA-256, such as profiles.parquet
    scored_by: dict[str, Any] | None = None  # the network that scored the frames, None where none did
    n_expected: int
    n_processed: int
    n_quarantined: int
    n_missing: int


def read_manifest(folder: Path) -> RunManifest:
    """Return the manifest of a finished run; raises InputError when there is none or it is damaged."""
    path = folder / MANIFEST_NAME
    try:
        return RunManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        message = f"{folder}: no {MANIFEST_NAME}: no finished run here; finish it with `phasewell run`"
        raise InputError(message) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a run folder") from error
    except ValidationError as error:
        fault = error.errors()[0]["msg"]
        raise InputError(f"{path}: damaged ({fault}); run the same command again to write it anew") from error
