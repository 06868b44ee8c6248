"""INT8: the graph that is made, the accuracy that decides, the files, and the session that serves it."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from phasewell.device import Device
from phasewell.errors import InputError, OutputError, SecurityError, UsageError
from phasewell.inference import (
    Model,
    identify_session,
    open_session,
    quantise_model,
    quantising,
    read_int8,
    save_model,
    scale_images,
)
from phasewell.inference.gate import INT8_REPEAT, TOLERANCES, check_repeated, count_flips
from phasewell.inference.int8_file import INT8_CARD_NAME, INT8_ONNX_NAME
from phasewell.inference.openvino_backend import compile_graph
from phasewell.inference.signed_graph import sign_graph
from phasewell.networks import make_network
from sklearn.metrics import roc_auc_score

CPU = Device("cpu", threads=2)
FRAME_PX = (256, 320)


def draw(kind: int, count: int, px: tuple[int, int], seed: int) -> Any:
    """Return pictures of one of three kinds: blocks, stripes, noise, each at several contrasts."""
    rng = np.random.default_rng((seed, kind))
    blocks = rng.integers(0, 2, (count, px[0] // 8, px[1] // 8)).repeat(8, 1).repeat(8, 2)
    stripes = (np.arange(px[0])[:, None] + rng.integers(0, 64, (count, 1, 1)) + np.zeros(px[1], int)) // 4 % 2
    noise = rng.random((count, *px))
    shown = rng.uniform(60, 120, (count, 1, 1)) * (blocks, stripes, noise)[kind]
    return (60 + shown + rng.uniform(0, 10, shown.shape)).astype(np.uint8)


def coarsen(onnx_bytes: bytes) -> bytes:
    graph = onnx.load_from_string(onnx_bytes)
    first = next(node for node in graph.graph.node if node.op_type == "QuantizeLinear")
    (scale,) = (tensor for tensor in graph.graph.initializer if tensor.name == first.input[1])
    scale.CopyFrom(numpy_helper.from_array(100 * numpy_helper.to_array(scale), scale.name))
    data: bytes = graph.SerializeToString()
    return data


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A densenet13 whose last layer is fitted to tell the three kinds apart, or INT8 would have nothing to keep."""
    px = (FRAME_PX[0] // 4, FRAME_PX[1] // 4)
    network, half = make_network("densenet13", 3, seed=5), (0.5, 0.5, 0.5)
    pictures, kinds = np.concatenate([draw(kind, 24, px, 2) for kind in range(3)]), np.repeat(np.eye(3), 24, 0)
    with torch.no_grad():
        scaled = torch.from_numpy(scale_images(pictures, half, half, "cpu"))
        pooled = network.eval().features(scaled).mean((2, 3)).double().numpy()  # type: ignore[operator]
        inputs = np.column_stack([pooled, np.ones(len(pooled))])
        weights = np.linalg.solve(inputs.T @ inputs + np.eye(inputs.shape[1]), inputs.T @ (8 * kinds - 4))
        network.classifier.weight.copy_(torch.from_numpy(weights[:-1].T))  # type: ignore[operator, union-attr]
        network.classifier.bias.copy_(torch.from_numpy(weights[-1]))  # type: ignore[operator, union-attr]
    card = {
        "network": "densenet13",
        "classes": ("blocks", "stripes", "noise"),
        "pretrained": False,
        "origin": "He-normal weights, a fitted last layer",
        "frame_px": FRAME_PX,
        "pixel_size_um": None,
        "mean": half,
        "std": half,
    }
    return save_model(tmp_path_factory.mktemp("fitted") / "model", network, card)


@pytest.fixture(scope="module")
def frames(model: Model) -> tuple[Any, Any, Any]:
    """Calibration pictures, held-out pictures and the places of their classes."""
    px = model.card.picture_px
    calibration = np.concatenate([draw(kind, 6, px, 0) for kind in range(3)])
    held_out = np.concatenate([draw(kind, 12, px, 1) for kind in range(3)])
    return calibration, held_out, np.repeat(np.arange(3), 12)


@pytest.fixture(scope="module")
def quantised(model: Model, frames: tuple[Any, Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A copy of the model with an INT8 graph."""
    folder = tmp_path_factory.mktemp("int8") / "model"
    shutil.copytree(model.folder, folder)
    copy = Model(folder, model.card, model.sha256)
    quantise_model(copy, *frames, CPU)
    return copy


@pytest.fixture
def own(quantised: Model, tmp_path: Path) -> Model:
    """A copy that a test may damage."""
    return Model(Path(shutil.copytree(quantised.folder, tmp_path / "model")), quantised.card, quantised.sha256)


def test_the_graph_multiplies_integers(quantised: Model) -> None:
    graph = onnx.load(quantised.folder / INT8_ONNX_NAME)
    onnx.checker.check_model(graph, full_check=True)
    made = {name: node for node in graph.graph.node for name in node.output}
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    assert len(convolutions) > 10
    for node in convolutions:
        assert {made[name].op_type for name in node.input[:2]} == {"DequantizeLinear"}
    assert (quantised.folder / INT8_ONNX_NAME).stat().st_size < 0.5 * quantised.onnx.stat().st_size


def test_the_record_is_what_the_graph_does(quantised: Model, frames: tuple[Any, Any, Any]) -> None:
    """The AUCs of the card by scikit-learn from the logits of both graphs, and the digests of what was seen."""
    calibration, held_out, targets = frames
    card = read_int8(quantised).card
    px = quantised.card.picture_px
    data = (quantised.folder / INT8_ONNX_NAME).read_bytes()
    wanted = compile_graph(quantised.onnx.read_bytes(), "float", 3, "f32", px, 2)(held_out)
    for record, onnx_bytes in ((card.accuracy, data), (card.signed_accuracy, sign_graph(data))):
        found = compile_graph(onnx_bytes, "int8", 3, "f32", px, 2)(held_out)
        lead = np.exp(found) / np.exp(found).sum(1, keepdims=True)
        aucs = [roc_auc_score(targets == k, lead[:, k]) for k in range(3)]
        assert np.allclose(record.auc, aucs, atol=1e-12)
        assert np.isclose(record.auc_change, np.abs(np.subtract(aucs, card.auc_f32)).max(), atol=1e-12)
        assert record.class_flips == count_flips(found, wanted)
        assert 0 < record.largest_difference < TOLERANCES["int8"]
    assert card.accuracy.auc_change <= card.allowed_auc_change == 0.005
    assert (card.calibration_frames, card.held_out_frames) == (len(calibration), len(held_out))
    assert card.model_sha256 == quantised.sha256


def test_signed_levels_lie_around_zero(quantised: Model) -> None:
    data = (quantised.folder / INT8_ONNX_NAME).read_bytes()
    graph = onnx.load_from_string(sign_graph(data))
    onnx.checker.check_model(graph, full_check=True)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    quantisers = [node for node in graph.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert len(quantisers) > 20
    for node in quantisers:
        zero = constants[node.input[2]]
        assert zero.dtype == np.int8
        assert not zero.any()
    assert sign_graph(sign_graph(data)) == sign_graph(data)  # nothing is left to do


def test_a_session_serves_int8(quantised: Model, frames: tuple[Any, Any, Any]) -> None:
    _, held_out, _ = frames
    session = open_session(quantised, CPU, "int8")
    exact = open_session(quantised, CPU, "f32")
    assert session.identity.precision == "int8"
    assert session.identity.model_sha256 == read_int8(quantised).sha256 != exact.identity.model_sha256
    assert open_session(quantised, CPU).identity.precision != "int8"  # never without being asked for
    found, wanted = session.scores(held_out), exact.scores(held_out)
    assert 1e-4 < session.gate_difference <= TOLERANCES["int8"]
    recorded = (np.array(card.gate.logits) for card in (read_int8(quantised).card, quantised.card))
    assert session.gate_flips == count_flips(*recorded)
    assert np.abs(found - wanted).max() > 1e-4
    singles = np.concatenate([session.scores(held_out[i : i + 1]) for i in range(len(held_out))])
    assert np.array_equal(singles, found)
    alone = open_session(quantised, Device("cpu", threads=1), "int8")
    assert np.array_equal(alone.scores(held_out), found)


def test_the_same_pictures_give_the_same_graph(model: Model, quantised: Model, frames: tuple[Any, Any, Any]) -> None:
    before = logging.getLoggerClass()
    again = quantising.quantise_graph(model.onnx.read_bytes(), frames[0])
    assert again == (quantised.folder / INT8_ONNX_NAME).read_bytes()
    assert logging.getLoggerClass() is before


def test_what_changes_scores_is_refused(
    model: Model, frames: tuple[Any, Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantised: Model
) -> None:
    """Steps of the first activations made a hundred times as long: the accuracy says so and nothing is written."""
    folder = Path(shutil.copytree(model.folder, tmp_path / "model"))
    copy = Model(folder, model.card, model.sha256)
    right = (quantised.folder / INT8_ONNX_NAME).read_bytes()
    monkeypatch.setattr(quantising, "quantise_graph", lambda *_: coarsen(right))
    with pytest.raises(InputError, match=r"INT8 changes the AUC on 36 held-out frames by 0\.\d+ .* at most 0\.005"):
        quantise_model(copy, *frames, CPU)
    assert not list(folder.glob("*int8*"))


def test_frames_that_prove_nothing(model: Model, frames: tuple[Any, Any, Any], quantised: Model) -> None:
    calibration, held_out, targets = frames
    with pytest.raises(UsageError, match="1 held-out pictures also calibrate"):
        quantise_model(model, np.concatenate([calibration, held_out[:1]]), held_out, targets, CPU)
    absent = np.where(targets == 2, 0, targets)
    with pytest.raises(InputError, match="0 of 36 held-out frames are noise"):
        quantise_model(model, calibration, held_out, absent, CPU)
    with pytest.raises(InputError, match=r"expected at least 200 pairs"):
        quantise_model(model, calibration, held_out[::3], targets[::3], CPU)
    with pytest.raises(UsageError, match="expected as many of each"):
        quantise_model(model, calibration, held_out, targets[1:], CPU)
    with pytest.raises(UsageError, match=r"calibration pictures uint8 .*expected uint8 \(1 or more, 64, 80\)"):
        quantise_model(model, calibration[:, 1:], held_out, targets, CPU)
    with pytest.raises(OutputError, match="holds an INT8 graph already"):
        quantise_model(quantised, *frames, CPU)


def test_absent_damaged_and_foreign_graphs(model: Model, own: Model) -> None:
    with pytest.raises(InputError, match=r"no int8\.json .*`phasewell quantise`"):
        open_session(model, CPU, "int8")
    path, data = own.folder / INT8_ONNX_NAME, (own.folder / INT8_ONNX_NAME).read_bytes()
    path.write_bytes(data[:-1] + b"!")
    with pytest.raises(InputError, match=r"model-int8\.onnx: its bytes do not have the SHA-256 that int8\.json names"):
        read_int8(own)
    path.write_bytes(data + b"\x0a\x08location")
    with pytest.raises(SecurityError, match="keeps weights in other files"):
        read_int8(own)
    path.unlink()
    with pytest.raises(InputError, match=r"model-int8\.onnx: cannot be read"):
        identify_session(own, CPU, "int8")
    with pytest.raises(InputError, match="was made from model"):
        read_int8(Model(own.folder, own.card, "0" * 64))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("format",), 2, "format"),
        (("secret",), 1, "secret"),
        (("accuracy", "auc_change"), 0.006, "larger than allowed"),
        (("sha256",), "x", "sha256"),
    ],
)
def test_cards_are_strict(own: Model, keys: tuple[str, ...], value: Any, message: str) -> None:
    card = json.loads((own.folder / INT8_CARD_NAME).read_bytes())
    place = card
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (own.folder / INT8_CARD_NAME).write_text(json.dumps(card))
    with pytest.raises(InputError, match=message):
        read_int8(own)


def test_another_processor_is_held_to_the_record(own: Model) -> None:
    """The record of another machine, as an overflow of 8-bit sums would make it: serving is refused."""
    card = json.loads((own.folder / INT8_CARD_NAME).read_bytes())
    card["gate"]["logits"][0][0] += 1.5 * max(1, *(abs(value) for row in card["gate"]["logits"] for value in row))
    (own.folder / INT8_CARD_NAME).write_text(json.dumps(card))
    with pytest.raises(InputError, match="from those where the graph was made"):
        open_session(own, CPU, "int8")
    recorded = np.ones((4, 2))
    check_repeated(recorded + 0.99 * INT8_REPEAT, recorded, "here")
    with pytest.raises(InputError, match="serve it in bf16 or f32"):
        check_repeated(recorded + 1.01 * INT8_REPEAT, recorded, "here")


def test_flips_are_counted() -> None:
    expected = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.1]])
    assert count_flips(expected, expected) == 0
    assert count_flips(expected[:, ::-1], expected) == 3
    assert count_flips(np.array([[0.0, 1.0], [1.0, 0.0], [0.1, 0.2]]), expected) == 1


def test_int8_is_for_processors(model: Model) -> None:
    with pytest.raises(UsageError, match="torch does not serve it"):
        identify_session(model, CPU, "int8", "torch")
