"""Backends against torch, pictures against the specified scaling, and logits that do not know their batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from phasewell.device import Device
from phasewell.errors import UsageError
from phasewell.inference import Model, make_untrained_model, open_session, read_model, scale_images
from phasewell.inference.gate import TOLERANCES, gate_pictures
from phasewell.inference.torch_backend import load_network
from phasewell.networks.pictures import PictureNetwork


@pytest.fixture
def expected(model: Model, pictures: Any) -> Any:
    """Logits by torch in float32 from the specified scaling: independent of the exported scaling."""
    scaled = scale_images(pictures, model.card.mean, model.card.std, Device("cpu", "arrays"))
    with torch.no_grad():
        return load_network(model)(torch.from_numpy(scaled)).numpy()


@pytest.mark.parametrize(
    ("backend", "precision"), [("openvino", "f32"), ("openvino", "bf16"), ("torch", "f32"), ("torch", "bf16")]
)
def test_backends_equal_torch(backend: Any, precision: Any, model: Model, pictures: Any, expected: Any) -> None:
    device = Device("cpu", threads=2)
    if (backend, precision) == ("openvino", "bf16"):
        import openvino

        if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            pytest.skip("this processor has no bf16")
    session = open_session(model, device, precision, backend)
    found = session.scores(pictures)
    assert found.dtype == np.float32
    assert found.shape == (5, 3)
    limit = 1e-4 if precision == "f32" else TOLERANCES[precision] * max(1, np.abs(expected).max())
    assert np.abs(found - expected).max() <= limit
    assert session.gate_difference <= TOLERANCES[precision]
    assert (precision == "bf16") == bool(np.abs(found - expected).max() > 1e-4)  # the precision that was asked for


def test_onnx_equals_torch(model: Model, pictures: Any, expected: Any) -> None:
    """By the reference implementation of ONNX itself, for one picture and for several."""
    graph = onnx.load(model.onnx)
    onnx.checker.check_model(graph, full_check=True)
    evaluator = ReferenceEvaluator(graph)
    for count in (1, 3):
        (found,) = evaluator.run(None, {"pictures": pictures[:count]})
        assert np.abs(found - expected[:count]).max() <= 1e-4


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_logits_do_not_know_their_batch(backend: Any, model: Model, pictures: Any) -> None:
    session = open_session(model, Device("cpu", threads=2), "auto", backend)
    together = session.scores(pictures)
    assert np.array_equal(np.concatenate([session.scores(pictures[i : i + 1]) for i in range(5)]), together)
    assert np.array_equal(session.scores(pictures[::-1].copy())[::-1], together)
    if backend == "openvino":
        alone = open_session(model, Device("cpu", threads=1), "auto", backend)
        assert alone.identity == session.identity
        assert np.array_equal(alone.scores(pictures), together)
    assert session.scores(pictures[:0]).shape == (0, 3)


def test_a_session_for_single_frames_is_another_one(
    model: Model, pictures: Any, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, seen = Device("cpu", threads=1), []
    forward = PictureNetwork.forward
    monkeypatch.setattr(
        PictureNetwork, "forward", lambda self, given: (seen.append(len(given)), forward(self, given))[1]
    )
    whole, single = (open_session(model, device, "f32", "torch", batch=batch) for batch in (None, 1))
    assert single.identity != whole.identity and "batch 1" in single.identity.backend
    assert "batch" not in whole.identity.backend  # the identities of runs are what they were
    for session, sizes in ((whole, [8]), (single, [1])):
        seen.clear()
        found = session.scores(pictures[:1])
        assert seen == sizes  # a single picture is not filled up to eight
        assert np.abs(found - expected[:1]).max() <= 1e-4
    seen.clear()
    assert np.abs(single.scores(pictures) - expected).max() <= 1e-4
    assert seen == [1] * 5
    for backend, batch in (("openvino", 1), ("torch", 0)):
        with pytest.raises(UsageError, match="torch alone serves batches of a size"):
            open_session(model, device, "f32", backend, batch=batch)


def test_a_session_serves_threads(model: Model, pictures: Any) -> None:
    session = open_session(model, Device("cpu", threads=2), "f32", "openvino")
    expected = session.scores(pictures)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(session.scores, [pictures] * 12):
            assert np.array_equal(found, expected)


def test_pictures_of_another_size(model: Model) -> None:
    session = open_session(model, "cpu", "f32", "openvino", picture_px=(48, 52))
    pictures = gate_pictures(48, 52, seed=9)
    scaled = scale_images(pictures, model.card.mean, model.card.std, "cpu")
    with torch.no_grad():
        expected = load_network(model)(torch.from_numpy(scaled)).numpy()
    assert np.abs(session.scores(pictures) - expected).max() <= 1e-4


@pytest.mark.slow
def test_densenet121_by_openvino_equals_torch(tmp_path: Path) -> None:
    model = make_untrained_model(tmp_path / "model")
    pictures = gate_pictures(226, 306, seed=1)
    with torch.no_grad():
        scaled = scale_images(pictures, model.card.mean, model.card.std, "cpu")
        expected = load_network(model)(torch.from_numpy(scaled)).numpy()
    found = open_session(model, "cpu", "f32", "openvino").scores(pictures)
    assert np.abs(found - expected).max() <= 1e-4
    assert read_model(model.folder).sha256 == model.sha256
