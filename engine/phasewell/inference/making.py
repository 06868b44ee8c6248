"""Model folders made from a network: weights as safetensors, the graph as ONNX, and what float32 torch says."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError, UnavailableError
from phasewell.inference.gate import check_logits, gate_pictures
from phasewell.inference.model_file import ONNX_NAME, WEIGHTS_NAME, GateRecord, Model, ModelCard, write_model
from phasewell.networks import NETWORKS, check_picture, make_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 20  # the newest that OpenVINO, ONNX Runtime and TensorRT all read without conversion
FRAME_PX = (904, 1224)  # of the frames that the published networks saw


def make_untrained_model(
    folder: Path | str,
    network: str = "densenet121",
    seed: int = 0,
    classes: Sequence[str] = ("low", "high"),
    dense: Sequence[int] = (),
    frame_px: tuple[int, int] = FRAME_PX,
) -> Model:
    """Write a model with He-normal weights, `pretrained: false`: for rates and tests; its scores mean nothing.

    It is bound to no pixel size. Raises OutputError when the folder holds a model, UnavailableError without the extra
    `train`.
    """
    untrained = make_network(network, len(classes), dense, seed=seed)
    card = {
        "network": network,
        "classes": tuple(classes),
        "dense": tuple(dense),
        "pretrained": False,
        "origin": f"untrained: He-normal weights of seed {seed}",
        "frame_px": frame_px,
        "pixel_size_um": None,
        "mean": NETWORKS[network].mean,
        "std": NETWORKS[network].std,
    }
    return save_model(folder, untrained, card)


def save_model(folder: Path | str, network: Any, card: dict[str, Any]) -> Model:
    """Write a torch network in eval mode as a model folder; `card` has the fields of ModelCard that it cannot know.

    Its logits of the gate's pictures in float32 become part of the card. Raises InputError for weights that are not
    finite, UsageError for frames too small for the network, OutputError when the folder holds a model.
    """
    try:
        import torch
        from safetensors.torch import save
    except ImportError as error:
        raise UnavailableError(
            f"models need torch, onnxscript and safetensors ({error}); install the extra train, see `phasewell doctor`"
        ) from error
    from phasewell.networks.pictures import PictureNetwork

    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    if wrong := [name for name, value in state.items() if not torch.isfinite(value).all()]:
        raise InputError(f"network {card['network']}: weights {wrong[0]} are not finite; train it again")
    served = PictureNetwork(network, card["mean"], card["std"]).eval()
    height, width = (side // 4 for side in card["frame_px"])
    check_picture(card["network"], (height, width))
    pictures = gate_pictures(height, width)
    with torch.no_grad():
        logits = served(torch.from_numpy(pictures)).numpy()
    check_logits(logits, logits, "f32", f"network {card['network']}")  # finite
    weights, onnx = save(state), export_onnx(served, pictures)
    sha256 = {name: hashlib.sha256(data).hexdigest() for name, data in ((WEIGHTS_NAME, weights), (ONNX_NAME, onnx))}
    gate = GateRecord(seed=0, logits=tuple(tuple(map(float, row)) for row in logits))
    return write_model(Path(folder), ModelCard(**{**card, "gate": gate, "sha256": sha256}), weights, onnx)


def export_onnx(served: Any, pictures: NDArray[np.uint8]) -> bytes:
    """Return the ONNX file of a PictureNetwork: pictures (frames, height, width) uint8 -> logits, any number of frames.

    All weights are inside. Names of files and lines of this machine, which the exporter adds, are taken out, so that
    the same network gives the same bytes everywhere.
    """
    import logging

    import torch

    frames = torch.export.Dim("frames", min=1, max=1 << 16)
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)  # it tells that torchvision's own operators are absent: none is used
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*treespec, LeafSpec", FutureWarning)  # inside of the exporter
            program = torch.onnx.export(
                served,
                (torch.from_numpy(pictures),),
                dynamo=True,
                input_names=["pictures"],
                output_names=["logits"],
                dynamic_shapes={"pictures": {0: frames}},
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
    finally:
        registry.setLevel(level)
    assert program is not None
    return _without_origins(program.model_proto)


def _without_origins(model: Any) -> bytes:
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.value_info[:]  # shapes between the layers: readers infer them
    data: bytes = model.SerializeToString(deterministic=True)
    return data
