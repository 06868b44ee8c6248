"""The TensorRT backend around TensorRT: graphs, keys, the cache of engines, batches and refusals."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from phasewell.device import Device
from phasewell.errors import InputError, SecurityError, UnavailableError, UsageError
from phasewell.inference import Model, backends, identify_session, open_session
from phasewell.inference.engine_cache import EngineCache
from phasewell.inference.gate import TOLERANCES, gate_pictures, largest_difference
from phasewell.inference.int8_file import Int8Graph
from phasewell.inference.tensorrt_backend import compile_tensorrt, engine_key, float_input, typed_onnx
from phasewell.inference.tensorrt_engine import build_engine, import_tensorrt

sys.path.append(str(Path(__file__).parent))
from played_tensorrt import PlayedDevice, PlayedTensorRT

PX = (64, 80)


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PlayedTensorRT:
    """TensorRT as far as the backend sees, and a cache of its own."""
    played = PlayedTensorRT()
    monkeypatch.setitem(sys.modules, "tensorrt", played)  # type: ignore[arg-type]
    monkeypatch.setenv("PHASEWELL_STATE", str(tmp_path / "state"))
    return played


def test_scores_through_the_backend(
    model: Model, trt: PlayedTensorRT, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_version", {"tensorrt": "11.4.0.106", "openvino": "2026"}.get)
    session = open_session(model, PlayedDevice(), "f32", "tensorrt")
    assert session.identity.backend == "tensorrt 11.4.0.106"
    assert session.identity.hardware == "sm_90"
    wanted = open_session(model, Device("cpu", threads=1), "f32", "openvino").scores(pictures)
    assert np.abs(session.scores(pictures) - wanted).max() <= 1e-4  # five frames: two batches of three, one filled up
    assert session.gate_difference <= TOLERANCES["f32"]
    with ThreadPoolExecutor(4) as pool:
        every = list(pool.map(session.scores, [pictures, pictures[::-1].copy()] * 8))
    assert all(np.array_equal(found[::order], every[0]) for found, order in zip(every, [1, -1] * 8, strict=True))
    assert trt.built == trt.loaded == 1
    open_session(model, PlayedDevice(), "f32", "tensorrt")
    assert (trt.built, trt.loaded) == (1, 2)


def test_an_engine_is_for_one_gpu_driver_version_shape_and_precision(model: Model, trt: PlayedTensorRT) -> None:
    def compile_with(device: Device, picture_px: tuple[int, int] = PX) -> None:
        compile_tensorrt(model, device, "f32", picture_px)

    compile_with(PlayedDevice())
    compile_with(PlayedDevice())
    assert trt.built == 1
    compile_with(PlayedDevice("Another GPU"))
    compile_with(PlayedDevice(driver="590.0"))
    compile_with(PlayedDevice(), picture_px=(48, 52))
    assert trt.built == 4
    trt.__version__ = "10.16.1.11"
    compile_with(PlayedDevice())
    assert trt.built == 5
    keys = [engine_key(PlayedDevice(), "11", onnx, kind, (3, *PX)) for onnx, kind in ((b"a", "f32"), (b"b", "f32"))]
    assert keys[0] != keys[1]  # of other weights
    assert keys[0] != engine_key(PlayedDevice(), "11", b"a", "f16", (3, *PX))


def test_forged_and_changed_engines_are_built_again(model: Model, trt: PlayedTensorRT, tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "engines")

    def compile_once() -> int:
        before = trt.loaded
        compile_tensorrt(model, PlayedDevice(), "f32", PX, cache)
        return trt.loaded - before

    compile_once()
    (path,) = cache.folder.glob("*.engine")
    whole = path.read_bytes()
    for at in (0, 8, 45, 60, len(whole) - 1):  # mark, code, length, document, plan
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        built = trt.built
        assert compile_once() == 1  # the forged one is never loaded
        assert trt.built == built + 1
        assert path.read_bytes() == whole
    path.write_bytes(whole[:20])
    compile_once()
    assert path.read_bytes() == whole
    built, trt.skew = trt.built, 0.5
    assert compile_once() == 2  # authentic, and yet it computes something else: loaded, refused, built
    assert trt.built == built + 1


def test_a_file_of_another_key_is_not_taken(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.write({"gpu": "one"}, b"engine", np.ones((1, 2), np.float32))
    found = cache.read({"gpu": "one"})
    assert found is not None
    assert found[0] == b"engine"
    assert found[1].tolist() == [[1.0, 1.0]]
    cache.path({"gpu": "one"}).rename(cache.path({"gpu": "two"}))
    assert cache.read({"gpu": "two"}) is None
    assert cache.read({"gpu": "one"}) is None


def test_the_secret_is_the_users_alone(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.write({}, b"engine", np.ones((1, 2)))
    secret = tmp_path / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_bytes()) == 32
    secret.chmod(0o640)
    with pytest.raises(SecurityError, match="others may read or write it"):
        cache.read({})
    secret.unlink()
    assert cache.read({}) is None  # a new secret: what was kept is not authentic any more
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".secret")] == []


def test_logits_that_are_not_finite_are_not_kept(model: Model, trt: PlayedTensorRT, tmp_path: Path) -> None:
    trt.skew = float("nan")
    with pytest.raises(InputError, match="not finite"):
        compile_tensorrt(model, PlayedDevice(), "f32", PX, EngineCache(tmp_path / "engines"))
    assert not list((tmp_path / "engines").glob("*.engine"))


def test_graphs_in_16_bits(model: Model) -> None:
    """The types are in the graph; only pictures and logits are float32."""
    graph = onnx.load_from_string(float_input(typed_onnx(model, "f16", PX), PX))
    onnx.checker.check_model(graph, full_check=True)
    kinds = {tensor.data_type for tensor in graph.graph.initializer if tensor.name.startswith("network.")}
    assert kinds == {onnx.TensorProto.FLOAT16}
    ends = [*graph.graph.input, *graph.graph.output]
    assert {end.type.tensor_type.elem_type for end in ends} == {onnx.TensorProto.FLOAT}
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"pictures": gate_pictures(*PX).astype(np.float32)})[0]
    assert 1e-6 < largest_difference(found, np.array(model.card.gate.logits)) <= TOLERANCES["f16"]


def test_int8_whose_signed_form_is_too_far_off(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    card: Any = SimpleNamespace(signed_accuracy=SimpleNamespace(auc_change=0.006), allowed_auc_change=0.005)
    graph = Int8Graph(model.onnx, card, "0" * 64)
    monkeypatch.setattr("phasewell.inference.tensorrt_backend.read_int8", lambda _: graph)
    with pytest.raises(InputError, match=r"signed levels.*changes the AUC by 0\.0060.*use f16 or bf16"):
        typed_onnx(model, "int8", PX)


def test_what_cannot_be_had_is_said(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)  # type: ignore[arg-type]
    with pytest.raises(UnavailableError, match="backend tensorrt: cannot be loaded"):
        import_tensorrt()
    with pytest.raises(UnavailableError, match="tensorrt not installed; install TensorRT 11"):
        identify_session(model, PlayedDevice(), "f32", "tensorrt")
    with pytest.raises(UsageError, match="expected torch or tensorrt"):
        identify_session(model, PlayedDevice(), "f32", "openvino")
    with pytest.raises(UsageError, match="serves on GPUs only"):
        identify_session(model, Device("cpu"), "f32", "tensorrt")
    with pytest.raises(InputError, match=r"TensorRT 11\.4\.0\.106 cannot read it \(no such operator\)"):
        build_engine(PlayedTensorRT(), b"wrong", "here", (1, *PX))
