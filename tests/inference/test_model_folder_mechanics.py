"""Model folders: what is written, what is refused and with which words."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from phasewell.device import Device
from phasewell.errors import InputError, OutputError, PhasewellError, SecurityError, UnavailableError, UsageError
from phasewell.inference import Model, backends, identify_session, make_untrained_model, open_session, read_model
from phasewell.inference.torch_backend import load_network
from safetensors.torch import load, save


def test_the_same_arguments_give_the_same_bytes(model: Model, tmp_path: Path) -> None:
    again = make_untrained_model(
        tmp_path / "again", "densenet13", 5, model.card.classes, model.card.dense, model.card.frame_px
    )
    assert again.sha256 == model.sha256
    assert not model.card.pretrained
    text = model.onnx.read_bytes()
    assert b".py" not in text
    assert b"phasewell" not in text
    with pytest.raises(OutputError, match="holds a model already"):
        make_untrained_model(model.folder, "densenet13")


def test_absent_and_damaged_files(model: Model, damaged: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model\.json"):
        read_model(tmp_path)
    folder = damaged("weights.safetensors", model.weights.read_bytes()[:-1] + b"!")
    with pytest.raises(InputError, match=r"weights\.safetensors: its bytes do not have the SHA-256"):
        read_model(folder)
    (folder / "weights.safetensors").write_bytes(b"weights")
    with pytest.raises(InputError, match="not a safetensors file"):
        read_model(folder)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"weights\.safetensors: cannot be read"):
        read_model(folder)


def test_pickled_weights_are_refused(damaged: Callable[..., Path], tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.pth")
    for data in (pickle.dumps({"a": 1}), (tmp_path / "weights.pth").read_bytes()):
        folder = damaged("weights.safetensors", data)
        with pytest.raises(SecurityError, match="pickled weights"):
            read_model(folder)
        (folder / "weights.safetensors").unlink()
        folder.rename(tmp_path / f"used-{len(data)}")


def test_onnx_that_points_elsewhere_is_refused(model: Model, damaged: Callable[..., Path]) -> None:
    graph = onnx.load(model.onnx)
    tensor = graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../elsewhere"
    folder = damaged("model.onnx", graph.SerializeToString())
    with pytest.raises(SecurityError, match="keeps weights in other files"):
        read_model(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "format"),
        ("frame_px", [255, 320], "divisible by 4"),
        ("classes", ["a", "a", "b"], "distinct names"),
        ("network", "resnet1", "expected one of"),
        ("std", [1, 1, 0], "std above 0"),
        ("secret", 1, "secret"),
        ("sha256", {"model.onnx": "0" * 64}, "weights.safetensors"),
    ],
)
def test_cards_are_strict(damaged: Callable[..., Path], model: Model, key: str, value: Any, message: str) -> None:
    card = json.loads((model.folder / "model.json").read_bytes())
    folder = damaged("model.json", json.dumps({**card, key: value}).encode())
    with pytest.raises(InputError, match=message):
        read_model(folder)


def test_weights_are_strict(model: Model, damaged: Callable[..., Path], tmp_path: Path) -> None:
    state = load(model.weights.read_bytes())
    name = "classifier.weight"
    wrong: list[tuple[dict[str, torch.Tensor], str]] = [
        ({k: v for k, v in state.items() if k != name}, "lacks key classifier.weight"),
        ({**state, "extra": torch.zeros(1)}, "unknown key extra"),
        ({**state, name: torch.zeros(2, 16)}, r"\(2, 16\); expected torch.float32 \(3, 16\)"),
        ({**state, name: state[name] * torch.nan}, "not finite"),
    ]
    for i, (weights, message) in enumerate(wrong):
        folder = damaged("weights.safetensors", save(weights), forged=True)
        with pytest.raises(InputError, match=message):
            load_network(read_model(folder))
        folder.rename(tmp_path / f"used-{i}")


def test_the_gate_refuses_another_network(model: Model, damaged: Callable[..., Path]) -> None:
    """The right card, the right digests, a graph of other weights: only its numbers betray it."""
    graph = onnx.load(model.onnx)
    (tensor,) = (item for item in graph.graph.initializer if item.name == "network.classifier.weight")
    tensor.raw_data = (1.01 * np.frombuffer(tensor.raw_data, np.float32)).tobytes()
    folder = damaged("model.onnx", graph.SerializeToString(), forged=True)
    with pytest.raises(InputError, match=r"differ by .* from float32 torch"):
        open_session(folder, "cpu", "f32", "openvino")
    open_session(folder, "cpu", "f32", "torch")


def test_choices_are_stated(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device("cpu", threads=2)
    monkeypatch.setattr(backends, "describe_hardware", lambda _: "avx2")
    assert identify_session(model, device).precision == "f32"
    monkeypatch.setattr(backends, "describe_hardware", lambda _: "avx512_core_bf16")
    chosen = identify_session(model, device)
    assert (chosen.precision, chosen.backend.split()[0]) == ("bf16", "openvino")
    assert chosen.model_sha256 == model.sha256
    monkeypatch.setattr(backends, "_version", {"torch": "9.9"}.get)
    assert identify_session(model, device).backend == "torch 9.9 threads 2"
    with pytest.raises(UnavailableError, match="extra serve"):
        identify_session(model, device, backend="openvino")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "f16"}, "on GPUs only"),
        ({"precision": "int4"}, "expected one of auto, f32"),
        ({"backend": "tensorrt"}, "expected one of auto, openvino"),
        ({"acceleration": "graphs"}, "needs backend torch on a GPU"),
    ],
)
def test_impossible_settings(model: Model, settings: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        identify_session(model, Device("cpu"), **settings)


def test_instruction_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = {"sse4_1", "avx2", "fma"}
    monkeypatch.setattr(backends, "_cpu_flags", lambda: flags)
    assert backends.describe_hardware(Device("cpu")) == "avx2"
    flags |= {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"}
    assert backends.describe_hardware(Device("cpu")) == "avx512_core_vnni"
    flags |= {"avx512_bf16"}
    assert backends.describe_hardware(Device("cpu")) == "avx512_core_bf16"


def test_wrong_pictures(model: Model) -> None:
    session = open_session(model, "cpu", "f32", "openvino")
    for pictures in (np.zeros((1, 64, 80), np.float32), np.zeros((1, 64, 84), np.uint8), np.zeros((64, 80), np.uint8)):
        with pytest.raises(UsageError, match=r"expected uint8 \(frames, 64, 80\)"):
            session.scores(pictures)


def test_errors_know_their_exit_codes() -> None:
    assert issubclass(SecurityError, PhasewellError)
    assert (InputError.exit_code, SecurityError.exit_code, UnavailableError.exit_code) == (65, 77, 69)
