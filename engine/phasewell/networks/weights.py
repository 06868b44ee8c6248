"""Weights of other pictures, from a local file that cannot run code: step one of transfer learning (paper K, K11)."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from phasewell.errors import InputError, SecurityError
from phasewell.networks.building import NETWORKS
from phasewell.networks.network import HEAD

if TYPE_CHECKING:
    import torch

    from phasewell.networks.network import Network

_NESTED = ("state_dict", "model")  # where training programs keep the weights in their files
_COUNTER = "num_batches_tracked"  # of batch norm; files older than it lack it, and nothing here reads it


class LoadedWeights(NamedTuple):
    """Which file the convolutions came from, and which of its keys were not taken: those of a head."""

    sha256: str
    dropped: tuple[str, ...]


def load_backbone(network: Network, name: str, path: Path) -> LoadedWeights:
    """Give the convolutions of a network the weights of a local file with timm's keys; the head stays as it is.

    The file is safetensors, or what `torch.save` wrote of tensors alone. Its keys must be those of the convolutions,
    none less and none more; keys of the head, timm's or ours, are left out and named in the result.
    Raises SecurityError for a pickle with anything but tensors; InputError for a file that cannot be read, a key that
    is absent, unknown or of another shape, and weights that are not finite.
    """
    import torch

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"weights {path}: cannot be read ({error.strerror})") from error
    state = _read_safetensors(path, data) if _is_safetensors(data) else _read_torch(path, data)
    heads = (*HEAD, *NETWORKS[name].timm_head)
    dropped = tuple(sorted(key for key in state if key.startswith(heads)))
    found = {key: value for key, value in state.items() if key not in dropped}
    wanted = {key: value for key, value in network.state_dict().items() if not key.startswith(HEAD)}
    for key, value in found.items():
        if key in wanted and value.is_floating_point() and wanted[key].is_floating_point():
            found[key] = value.to(wanted[key].dtype)
    counters = {key: value for key, value in wanted.items() if key.endswith(_COUNTER)}
    timm = NETWORKS[name].timm_name
    check_state(
        counters | found,
        wanted,
        f"weights {path}",
        f"the convolutions of {name}" + (f", as timm's {timm} has them" if timm else ""),
    )
    with torch.no_grad():
        for key, value in found.items():
            wanted[key].copy_(value)
    return LoadedWeights(hashlib.sha256(data).hexdigest(), dropped)


def check_state(state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], where: str, what: str) -> None:
    """Raise InputError unless `state` has the keys, shapes and dtypes of `wanted`, and finite values.

    `where` names the file and `what` the network in the message.
    """
    import torch

    for problem, keys in (("lacks", wanted.keys() - state.keys()), ("has an unknown", state.keys() - wanted.keys())):
        if keys:
            raise InputError(
                f"{where}: {problem} key {min(keys)} ({len(keys)} such); expected the {len(wanted)} keys of {what}"
            )
    for key, value in wanted.items():
        found = state[key]
        if found.shape != value.shape or found.dtype != value.dtype:
            raise InputError(
                f"{where}: {key} is {found.dtype} {tuple(found.shape)}; expected {value.dtype} {tuple(value.shape)} "
                f"for {what}"
            )
        if not torch.isfinite(found).all():
            raise InputError(f"{where}: {key} holds values that are not finite; take another file or train it again")


def _is_safetensors(data: bytes) -> bool:
    return len(data) > 8 and data[8:9] == b"{" and struct.unpack("<Q", data[:8])[0] <= len(data) - 8


def _read_safetensors(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        state: dict[str, torch.Tensor] = load(data)
    except SafetensorError as error:
        raise InputError(f"weights {path}: damaged ({error})") from error
    return state


def _read_torch(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    import torch

    if data[:2] != b"PK" and data[:1] != b"\x80":
        raise InputError(f"weights {path}: neither safetensors nor a file of torch; expected one of them")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles written by other versions: they are refused, or tensors
            content: Any = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise SecurityError(
            f"weights {path}: a pickle with more than tensors, which could run code; save the tensors with "
            "safetensors.torch.save_file"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InputError(f"weights {path}: damaged ({error})") from error
    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise InputError(f"weights {path}: expected tensors by name")
    return {str(key): value for key, value in content.items()}
