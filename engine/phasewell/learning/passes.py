"""Pictures on their way through a network: the order of a pass, batches, flips, precision, and the logits of many."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch

from phasewell.device import Device, as_device
from phasewell.errors import UnavailableError
from phasewell.networks.pictures import PictureNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

Precision = Literal["f32", "bf16"]
READ_BATCH = {"cpu": 16, "cuda": 256}
"""Pictures at once where nothing is taught: a constant, since other sizes may round otherwise."""


class Workplace(NamedTuple):
    """Where a network is taught, and in which precision its convolutions and dense layers work."""

    device: torch.device
    precision: Precision

    @property
    def read_batch(self) -> int:
        """Pictures at once where nothing is taught."""
        return READ_BATCH[self.device.type]

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which a forward pass runs."""
        context: AbstractContextManager[None] = torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == "bf16"
        )
        return context

    def settings(self) -> AbstractContextManager[None]:
        """Return the context of all the work: the fastest convolutions, and float32 that is not cut to 10 bits."""
        context: AbstractContextManager[None] = torch.backends.cudnn.flags(
            enabled=True, benchmark=True, deterministic=False, allow_tf32=False
        )
        return context

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Let torch draw from a seed while the block runs; the caller's own numbers go on afterwards."""
        devices = [self.device.index or 0] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield

    def put(self, pictures: NDArray[np.uint8]) -> torch.Tensor:
        """Return pictures (frames, height, width) uint8 on the device: one copy to a GPU, none on the CPU."""
        found = torch.from_numpy(np.ascontiguousarray(pictures))
        return found.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else found


def open_workplace(device: Device | str, precision: Literal["auto", "f32", "bf16"]) -> Workplace:
    """Return where to work: precision auto is bf16 on a GPU that has it, else f32.

    Raises UnavailableError for a GPU that torch does not see, or bf16 on a GPU without it.
    """
    where = as_device(device)
    if where.is_gpu and not torch.cuda.is_available():
        raise UnavailableError(f"device {where.name}: torch sees no GPU; install a torch with CUDA, or use cpu")
    target = torch.device(where.name)
    able = target.type == "cuda" and torch.cuda.get_device_capability(target) >= (8, 0)
    if precision == "bf16" and target.type == "cuda" and not able:
        raise UnavailableError(f"device {where.name}: has no bf16; use the precision f32")
    chosen: Precision = ("bf16" if able else "f32") if precision == "auto" else precision
    return Workplace(target, chosen)


def seed_of(*parts: int | str) -> int:
    """Return a seed for one purpose, 63 bits: from a digest, so that purposes share nothing."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def cut_batches(count: int, batch: int) -> list[tuple[int, int]]:
    """Return (first, last + 1) of nearly equal batches of at most `batch`; above 2, none is of a single picture."""
    batches = math.ceil(count / batch)
    return list(itertools.pairwise(count * i // batches for i in range(batches + 1)))


def flip(pictures: torch.Tensor, variants: torch.Tensor) -> torch.Tensor:
    """Return (n, height, width) with picture i mirrored left to right when bit 0 of variants[i] is set, bit 1: up."""
    for bit, axis in ((1, -1), (2, -2)):
        chosen = (variants & bit).bool().to(pictures.device)[:, None, None]
        pictures = torch.where(chosen, pictures.flip(axis), pictures)
    return pictures


def predict_pictures(
    network: PictureNetwork,
    pictures: NDArray[np.uint8],
    frames: NDArray[np.int64] | None = None,
    device: Device | str = "auto",
    precision: Literal["auto", "f32", "bf16"] = "auto",
) -> NDArray[np.float32]:
    """Return the logits (n, classes) float32 of pictures (n, height, width) uint8, or of those at some places.

    The network works on the device, in eval mode, and returns to where it was. Errors as `open_workplace`.
    """
    workplace = open_workplace(device, precision)
    before = next(network.parameters()).device
    network.to(workplace.device)
    try:
        with workplace.settings():
            return read_logits(network, pictures, np.arange(len(pictures)) if frames is None else frames, workplace)
    finally:
        network.to(before)


def read_logits(
    network: PictureNetwork, pictures: NDArray[np.uint8], frames: NDArray[np.int64], workplace: Workplace
) -> NDArray[np.float32]:
    """Return the logits (frames, classes) of the pictures at `frames` by a network that lies on the device."""
    return read_values(network, network.forward, pictures, frames, workplace).numpy()


def read_features(
    network: PictureNetwork,
    pictures: NDArray[np.uint8],
    frames: NDArray[np.int64],
    workplace: Workplace,
    variants: int,
    check: Callable[[], None],
) -> torch.Tensor:
    """Return the pooled features of frames in each of `variants` flips, (variants, n, maps) float32 on the device."""
    convolutions: Any = network.network

    def features(batch: torch.Tensor) -> torch.Tensor:
        check()
        every = [flip(batch, torch.full((len(batch),), variant)) for variant in range(variants)]
        return torch.stack([convolutions.pooled(network.scale(one)) for one in every], 1)

    found = read_values(network, features, pictures, frames, workplace)  # (n, variants, maps)
    return found.transpose(0, 1).contiguous().to(workplace.device)


def read_values(
    network: PictureNetwork,
    function: Callable[[torch.Tensor], torch.Tensor],
    pictures: NDArray[np.uint8],
    frames: NDArray[np.int64],
    workplace: Workplace,
) -> torch.Tensor:
    """Return (n, ...) float32 on the CPU of what `function` makes of frames' pictures, the network in eval mode."""
    network.eval()
    with torch.inference_mode(), workplace.autocast():
        found = [
            function(workplace.put(pictures[frames[first:last]])).float().cpu()
            for first, last in cut_batches(len(frames), workplace.read_batch)
        ]
    return torch.cat(found)  # outside of inference mode: a tensor that autograd takes
