"""TensorRT and CuPy as the backend uses them, played by ONNX Runtime and the CPU: to see that it runs, not how fast.

Names and arguments are those that the contract test found in the real bindings.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
from phasewell.device import Device


class Array(np.ndarray):
    """NumPy's array with the address that CuPy's has."""

    @property
    def data(self) -> Any:  # type: ignore[override]
        return SimpleNamespace(ptr=self.ctypes.data)

    def get(self) -> Any:
        return np.array(self)


class PlayedDevice(Device):
    """A GPU in host memory, three frames a batch."""

    def __init__(self, gpu: str = "Played GPU", driver: str = "580.1") -> None:
        object.__setattr__(self, "name", "cuda:0")
        object.__setattr__(self, "engine", "kernels")
        object.__setattr__(self, "threads", 1)
        object.__setattr__(self, "gpu", gpu)
        object.__setattr__(self, "driver", driver)

    batch_frames = 3  # type: ignore[assignment]

    @property
    def xp(self) -> Any:
        properties = {"name": self.gpu.encode(), "major": 9, "minor": 0, "multiProcessorCount": 132}  # type: ignore[attr-defined]

        class Current:
            compute_capability = "90"

            def __init__(self, index: int) -> None:
                pass

            def __enter__(self) -> None:
                pass

            def __exit__(self, *_: object) -> None:
                pass

        runtime = SimpleNamespace(getDeviceProperties=lambda _: properties, driverGetVersion=lambda: 13000)
        return SimpleNamespace(
            float32=np.float32,
            zeros=lambda *a: np.zeros(*a).view(Array),
            empty=lambda *a: np.empty(*a).view(Array),
            asarray=lambda a: np.asarray(a).view(Array),
            cuda=SimpleNamespace(runtime=runtime, Device=Current, get_current_stream=lambda: SimpleNamespace(ptr=7)),
        )

    def facts(self) -> Any:
        return SimpleNamespace(driver=self.driver)  # type: ignore[attr-defined]


class PlayedTensorRT:
    """The module; `built` counts engines that were built, `loaded` those that were loaded."""

    def __init__(self, version: str = "11.4.0.106") -> None:
        self.__version__ = version
        self.built = self.loaded = 0
        self.skew = 0.0  # added to the logits of what is loaded: another result on another day
        self.Logger = SimpleNamespace(WARNING=1)
        self.Logger = type("Logger", (), {"WARNING": 1, "__init__": lambda *_: None})
        self.NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
        self.MemoryPoolType = SimpleNamespace(WORKSPACE=0)
        self.BuilderFlag = SimpleNamespace(TF32=1)
        self.DataType = SimpleNamespace(FLOAT="float32", HALF="float16")
        self.Builder = lambda _: _Builder(self)
        self.OnnxParser = lambda network, _: _Parser(network)
        self.Runtime = lambda _: SimpleNamespace(deserialize_cuda_engine=self._load)

    def _load(self, plan: bytes) -> Any:
        if not plan.startswith(b"plan"):
            return None
        self.loaded += 1
        session = onnxruntime.InferenceSession(plan[4:], providers=["CPUExecutionProvider"])
        return SimpleNamespace(
            get_tensor_dtype=lambda _: self.DataType.FLOAT, create_execution_context=lambda: _Context(self, session)
        )


class _Builder:
    def __init__(self, trt: PlayedTensorRT) -> None:
        self._trt = trt

    def create_network(self, flags: int) -> Any:
        assert flags == 1 << 1
        return SimpleNamespace(onnx=b"")

    def create_builder_config(self) -> Any:
        nothing = lambda *_: None  # noqa: E731
        return SimpleNamespace(set_memory_pool_limit=nothing, clear_flag=nothing, add_optimization_profile=nothing)

    def create_optimization_profile(self) -> Any:
        return SimpleNamespace(set_shape=lambda *_: None)

    def build_serialized_network(self, network: Any, _: Any) -> bytes:
        self._trt.built += 1
        return b"plan" + bytes(network.onnx)


class _Parser:
    def __init__(self, network: Any) -> None:
        self._network = network
        self.num_errors = 1

    def parse(self, onnx: bytes) -> bool:
        self._network.onnx = onnx
        return not onnx.startswith(b"wrong")

    def get_error(self, _: int) -> str:
        return "no such operator"


class _Context:
    def __init__(self, trt: PlayedTensorRT, session: Any) -> None:
        self._trt, self._session, self._at = trt, session, {}  # type: ignore[var-annotated]

    def set_input_shape(self, _: str, shape: tuple[int, ...]) -> bool:
        self._shape = shape
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._at[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == 7
        pictures = _view(self._at["pictures"], self._shape)
        (logits,) = self._session.run(None, {"pictures": pictures})
        _view(self._at["logits"], logits.shape)[:] = logits + self._trt.skew
        return True


def _view(address: int, shape: tuple[int, ...]) -> Any:
    kind = ctypes.c_float * int(np.prod(shape))
    return np.frombuffer(kind.from_address(address), np.float32).reshape(shape)
