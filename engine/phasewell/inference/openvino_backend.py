"""OpenVINO: the model's ONNX on a CPU. One frame per inference and one stream per thread.

Measured on two cores of one instruction set: single frames on two streams are as fast as batches, and logits have the
same bits for any batch, number of streams and number of threads.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError, UnavailableError
from phasewell.inference.int8_file import read_int8

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.inference.backends import RunPictures
    from phasewell.inference.model_file import Model


def compile_openvino(model: Model, precision: str, picture_px: tuple[int, int], threads: int) -> RunPictures:
    """Return the compiled model for pictures of one size; it may be called from several threads at once.

    Raises UnavailableError without OpenVINO or when the processor lacks the precision, InputError for ONNX that cannot
    be read and for int8 of a model that has no INT8 graph.
    """
    onnx = read_int8(model).onnx if precision == "int8" else model.onnx
    # what INT8 leaves in floating point is little: measured, bf16 there is not faster
    hint = "f32" if precision == "int8" else precision
    return compile_graph(onnx.read_bytes(), str(onnx), len(model.card.classes), hint, picture_px, threads)


def compile_graph(
    onnx: bytes, name: str, classes: int, precision: str, picture_px: tuple[int, int], threads: int
) -> RunPictures:
    """Return an ONNX graph ready to run, as `compile_openvino`, and with its errors; `name` is for messages."""
    try:
        import openvino
    except ImportError as error:
        raise UnavailableError("openvino is not installed; install the extra serve: `phasewell doctor`") from error
    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UnavailableError("inference.precision bf16: OpenVINO finds no bf16 on this processor; use f32")
    try:
        graph = core.read_model(onnx)
        graph.reshape([1, *picture_px])
    except RuntimeError as error:
        raise InputError(f"model {name}: OpenVINO cannot read it ({_first_line(error)})") from error
    compiled = core.compile_model(
        graph,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": precision,
            "EXECUTION_MODE_HINT": "PERFORMANCE",  # ACCURACY would take the hint above back to f32
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "ENABLE_CPU_PINNING": False,  # the same cores also measure cells
        },
    )
    return _Runner(openvino, compiled, threads, classes)


class _Runner:
    def __init__(self, openvino: Any, compiled: Any, streams: int, classes: int) -> None:
        self._openvino, self._compiled, self._streams, self._classes = openvino, compiled, streams, classes
        self._own = threading.local()  # requests of the calling thread; all share the streams

    def __call__(self, pictures: Any) -> NDArray[np.float32]:
        logits = np.empty((len(pictures), self._classes), np.float32)
        queue = self._queue()
        queue.set_callback(lambda request, place: logits.__setitem__(place, request.get_output_tensor(0).data[0]))
        for place in range(len(pictures)):
            queue.start_async({0: pictures[place : place + 1]}, place, share_inputs=True)
        queue.wait_all()
        return logits

    def _queue(self) -> Any:
        if not hasattr(self._own, "queue"):
            self._own.queue = self._openvino.AsyncInferQueue(self._compiled, 2 * self._streams)
        return self._own.queue


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
