"""Where a training stands, on disk: one file, whole or absent, that no other training takes for its own.

Tensors lie in it as safetensors, so that nothing in it can run code; the header names the training it belongs to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell.durable import find_temporaries, replace_file
from phasewell.errors import InputError, StorageError, UsageError

if TYPE_CHECKING:
    import torch

_HEADER = "phasewell"
_REMEDY = "remove it to begin again"


def write_checkpoint(
    path: Path, identity: Mapping[str, Any], document: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> None:
    """Write a JSON document and tensors; `identity` says whose they are. Raises StorageError as `replace_file`."""
    from safetensors.torch import save

    kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    header = {"identity": dict(identity), "document": dict(document), "sha256": _digest(kept)}
    replace_file(path, save(kept, {_HEADER: json.dumps(header, allow_nan=False)}))


def read_checkpoint(path: Path, identity: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, torch.Tensor]] | None:
    """Return the document and the tensors of a checkpoint, None when there is none; what a kill left beside is swept.

    Raises UsageError naming what differs when it belongs to another training, InputError when it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    for leftover in find_temporaries(path.parent):
        if leftover.name.startswith(f".{path.name}."):
            leftover.unlink(missing_ok=True)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        whole = header["sha256"] == _digest(tensors)
    except OSError as error:
        raise StorageError(f"checkpoint {path}: cannot be read ({error}); fix access, or {_REMEDY}") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"checkpoint {path}: damaged ({error}); {_REMEDY}") from error
    if not whole:
        raise InputError(f"checkpoint {path}: its tensors do not have the SHA-256 that it names; {_REMEDY}")
    wanted = json.loads(json.dumps(dict(identity)))
    for key in sorted(wanted.keys() | header["identity"].keys()):
        found, expected = header["identity"].get(key), wanted.get(key)
        if found != expected:
            raise UsageError(
                f"checkpoint {path}: of another training: {key} is {found}, now {expected}; choose another file, or "
                f"{_REMEDY}"
            )
    return header["document"], tensors


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
