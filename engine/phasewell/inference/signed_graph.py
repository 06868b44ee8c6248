"""A quantised ONNX graph with signed levels around zero: the form that GPUs multiply."""

from __future__ import annotations

from typing import Any

import numpy as np

_QUANTISERS = ("QuantizeLinear", "DequantizeLinear")


def sign_graph(onnx_bytes: bytes) -> bytes:
    """Return the graph with every activation at levels -127..127 whose zero is level 0, covering the range it had.

    Activations at levels 0..255 with scale s and zero z reach from -z s to (255 - z) s; the new scale is the larger of
    these magnitudes over 127, so that steps are up to twice as long. Weights are signed already and stay.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(onnx_bytes)
    constants: dict[str, Any] = {tensor.name: tensor for tensor in model.graph.initializer}

    def add(name: str, value: Any) -> str:
        if name not in constants:
            constants[name] = numpy_helper.from_array(value, name)
            model.graph.initializer.append(constants[name])
        return name

    for node in model.graph.node:
        if node.op_type not in _QUANTISERS:
            continue
        zeros = numpy_helper.to_array(constants[node.input[2]])
        if zeros.dtype == np.uint8:
            scales, levels = numpy_helper.to_array(constants[node.input[1]]), zeros.astype(np.float32)
            reach = np.maximum(levels, 255 - levels) * scales / 127
            node.input[1] = add(f"{node.input[1]} signed", reach.astype(np.float32))
            node.input[2] = add(f"{node.input[2]} signed", np.zeros_like(zeros, np.int8))
    del model.graph.value_info[:]  # types between the layers, some of which are others now; readers infer them
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
