"""torch: the model's weights on a CPU, or on a GPU in 16 bits with batch norm folded. Not measured on a GPU yet.

On a GPU frames arrive as CuPy arrays and are taken through DLPack without a copy. Every call runs whole batches of one
size, the last one filled up: for other sizes other kernels are chosen, which round differently.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError, UnavailableError
from phasewell.networks import make_network
from phasewell.networks.weights import check_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.device import Device
    from phasewell.inference.backends import Acceleration, RunPictures
    from phasewell.inference.model_file import Model

CPU_BATCH = 8  # more is slower on a CPU


def load_network(model: Model) -> Any:
    """Return the torch network of a model with its weights, float32 on the CPU, in eval mode.

    Raises InputError naming a key that is absent, superfluous or of another shape, and weights that are not finite.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ImportError as error:
        raise UnavailableError(f"torch and safetensors are needed ({error}); install the extra train") from error
    card = model.card
    network = make_network(card.network, len(card.classes), card.dense, card.dropout)
    try:
        state = load(model.weights.read_bytes())
    except SafetensorError as error:
        raise InputError(f"model {model.weights}: not a safetensors file ({error})") from error
    what = f"{card.network} with {len(card.classes)} classes"
    check_state(state, network.state_dict(), f"model {model.weights}", what)
    network.load_state_dict(state, strict=True)
    return network


def compile_torch(
    model: Model,
    device: Device,
    precision: str,
    picture_px: tuple[int, int],
    acceleration: Acceleration,
    batch: int | None = None,
) -> RunPictures:
    """Return the model on a device, for pictures of one size; `batch` as in `serve_network`."""
    card, network = model.card, load_network(model)
    return serve_network(network, card.mean, card.std, device, precision, picture_px, acceleration, batch)


def serve_network(
    network: Any,
    mean: Sequence[float],
    std: Sequence[float],
    device: Device,
    precision: str,
    picture_px: tuple[int, int],
    acceleration: Acceleration = "none",
    batch: int | None = None,
) -> RunPictures:
    """Return a network of `make_network` on a device, for pictures of one size; it is moved there.

    Every call runs whole batches of `batch` pictures; left out, it is the device's. A session has one, and its
    identity names any other than the device's: scores of two batch sizes differ in their last bits on a GPU.
    """
    import torch

    from phasewell.networks.folding import fold_batch_norm
    from phasewell.networks.pictures import PictureNetwork

    target = torch.device(device.name)
    if device.is_gpu:
        network = fold_batch_norm(network)
        if not torch.cuda.is_available():
            raise UnavailableError(f"device {device.name}: torch sees no GPU; install a torch with CUDA")
    else:
        torch.set_num_threads(device.threads)
    served: Any = PictureNetwork(network, mean, std).eval()
    served.network.to(_dtype(precision), memory_format=torch.channels_last)
    served.to(target)
    runner = _Runner(served, device, picture_px, batch or (device.batch_frames if device.is_gpu else CPU_BATCH))
    if acceleration == "compile":
        runner.served = torch.compile(served, mode="max-autotune", fullgraph=True)
    elif acceleration == "graphs":
        runner.served = _capture(served, runner.batch, picture_px, target)
    return runner


class _Runner:
    def __init__(self, served: Any, device: Device, picture_px: tuple[int, int], batch: int) -> None:
        self.served, self._device, self._picture_px, self.batch = served, device, picture_px, batch
        self._alone = threading.Lock()  # a captured graph has one batch and one set of logits

    def __call__(self, pictures: Any) -> NDArray[np.float32]:
        import torch
        from torch.utils.dlpack import from_dlpack

        found: list[NDArray[np.float32]] = []
        with self._alone, torch.inference_mode(), _settings():
            for first in range(0, len(pictures), self.batch):
                part = pictures[first : first + self.batch]
                count = len(part)
                logits = self.served(from_dlpack(self._fill(part)))
                found.append(logits[:count].float().cpu().numpy())
        return np.concatenate(found)

    def _fill(self, part: Any) -> Any:
        if len(part) == self.batch:
            return part
        whole = self._device.xp.zeros((self.batch, *self._picture_px), np.uint8)
        whole[: len(part)] = part
        return whole


def _capture(served: Any, batch: int, picture_px: tuple[int, int], target: Any) -> Any:
    """Return a function that replays the network's launches on one static batch: a CUDA graph."""
    import torch

    with torch.inference_mode(), _settings():  # a graph keeps the algorithms that were chosen when it was captured
        pictures = torch.zeros((batch, *picture_px), dtype=torch.uint8, device=target)
        side: Any = torch.cuda.Stream(target)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(target))
        with torch.cuda.stream(side):
            for _ in range(3):  # libraries allocate and choose on their first calls
                served(pictures)
        torch.cuda.current_stream(target).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = served(pictures)

    def replay(given: Any) -> Any:
        pictures.copy_(given)
        graph.replay()
        return logits

    return replay


def _settings() -> Any:
    import torch

    # a GPU's fastest algorithms may differ from call to call, and f32 would be cut to 10 bits
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def _dtype(precision: str) -> Any:
    import torch

    return {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[precision]
