"""TensorRT: a model's graph on a GPU, in the types that the graph itself names. Not measured yet.

f32 is the model's ONNX as it is; f16 and bf16 are exported from the weights in that type with batch norm folded; int8
is the INT8 graph with signed levels. Every call runs whole batches of one size, the last one filled up.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError
from phasewell.inference.engine_cache import EngineCache, open_engine
from phasewell.inference.gate import gate_pictures
from phasewell.inference.int8_file import read_int8
from phasewell.inference.signed_graph import sign_graph
from phasewell.inference.tensorrt_engine import build_engine, execute, import_tensorrt, load_engine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.device import Device
    from phasewell.inference.backends import RunPictures
    from phasewell.inference.model_file import Model


def compile_tensorrt(
    model: Model, device: Device, precision: str, picture_px: tuple[int, int], cache: EngineCache | None = None
) -> RunPictures:
    """Return the model on a GPU for pictures of one size; built once, minutes, then kept (`engine_cache`).

    Raises UnavailableError without TensorRT, InputError for graphs that it cannot build and for int8 whose signed form
    changes the AUC by more than allowed.
    """
    trt = import_tensorrt()
    onnx = float_input(typed_onnx(model, precision, picture_px), picture_px)
    shape = (device.batch_frames, *picture_px)
    key = engine_key(device, trt.__version__, onnx, precision, shape)

    def load(plan: bytes) -> RunPictures:
        return _Runner(load_engine(trt, plan, shape), device, shape, len(model.card.classes))

    with device.xp.cuda.Device(device.index):
        pictures = device.put(gate_pictures(*picture_px))
        return open_engine(
            cache or EngineCache(), key, pictures, lambda: build_engine(trt, onnx, str(model.folder), shape), load
        )


def engine_key(device: Device, version: str, onnx: bytes, precision: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return all that an engine depends on: GPU, driver, TensorRT, precision, the one shape, graph and weights."""
    properties = device.xp.cuda.runtime.getDeviceProperties(device.index)
    name = properties["name"]
    return {
        "gpu": name.decode() if isinstance(name, bytes) else str(name),
        "compute_capability": [int(properties["major"]), int(properties["minor"])],
        "processors": int(properties["multiProcessorCount"]),  # slices of a GPU have its name
        "driver": int(device.xp.cuda.runtime.driverGetVersion()),
        "driver_version": device.facts().driver or "",
        "tensorrt": version,
        "precision": precision,
        "shape": list(shape),
        "onnx_sha256": hashlib.sha256(onnx).hexdigest(),
    }


def typed_onnx(model: Model, precision: str, picture_px: tuple[int, int]) -> bytes:
    """Return the ONNX graph whose types are those of a precision, logits float32.

    Raises InputError for int8 without a graph, or whose signed form was found too far off when it was made.
    """
    if precision == "f32":
        return model.onnx.read_bytes()
    if precision == "int8":
        graph = read_int8(model)
        change = graph.card.signed_accuracy.auc_change
        if change > graph.card.allowed_auc_change:
            raise InputError(
                f"model {model.folder}: INT8 with signed levels, which GPUs multiply, changes the AUC by {change:.4f}; "
                f"at most {graph.card.allowed_auc_change} is allowed; use f16 or bf16"
            )
        return sign_graph(graph.onnx.read_bytes())
    import torch

    from phasewell.inference.making import export_onnx
    from phasewell.inference.torch_backend import load_network
    from phasewell.networks.folding import fold_batch_norm
    from phasewell.networks.pictures import PictureNetwork

    kind = {"f16": torch.float16, "bf16": torch.bfloat16}[precision]
    served = PictureNetwork(fold_batch_norm(load_network(model)), model.card.mean, model.card.std).eval()
    served.network.to(kind)
    return float_logits(export_onnx(served, gate_pictures(*picture_px)))


def float_logits(onnx_bytes: bytes) -> bytes:
    """Return the graph with float32 logits."""
    import onnx

    model = onnx.load_from_string(onnx_bytes)
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["logits in 16 bits" if name == output.name else name for name in node.output]
    cast = onnx.helper.make_node("Cast", ["logits in 16 bits"], [output.name], "cast_logits", to=onnx.TensorProto.FLOAT)
    model.graph.node.append(cast)
    output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def float_input(onnx_bytes: bytes, picture_px: tuple[int, int]) -> bytes:
    """Return the graph for float32 pictures of levels 0..255 and one size: TensorRT takes uint8 only before a cast."""
    import onnx

    model = onnx.load_from_string(onnx_bytes)
    tensor = model.graph.input[0].type.tensor_type
    tensor.elem_type = onnx.TensorProto.FLOAT
    for dimension, side in zip(tensor.shape.dim[1:], picture_px, strict=True):
        dimension.dim_value = side
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Runner:
    def __init__(self, loaded: tuple[Any, Any], device: Device, shape: tuple[int, ...], classes: int) -> None:
        self._living, self._context = loaded
        self._device = device
        self._alone = threading.Lock()  # one context, one batch and one set of logits
        xp = device.xp
        self._pictures, self._logits = xp.zeros(shape, xp.float32), xp.empty((shape[0], classes), xp.float32)

    def __call__(self, pictures: Any) -> NDArray[np.float32]:
        with self._alone:
            return self._run(pictures)

    def _run(self, pictures: Any) -> NDArray[np.float32]:
        found: list[NDArray[np.float32]] = []
        stream = self._device.xp.cuda.get_current_stream()
        for first in range(0, len(pictures), len(self._pictures)):
            part = pictures[first : first + len(self._pictures)]
            self._pictures[: len(part)] = part
            self._pictures[len(part) :] = 0
            execute(self._context, self._pictures.data.ptr, self._logits.data.ptr, stream.ptr)
            found.append(np.array(self._device.get(self._logits[: len(part)])))
        return np.concatenate(found)
