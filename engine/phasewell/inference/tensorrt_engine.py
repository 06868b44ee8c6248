"""Every call of TensorRT, and nothing else: 11.x, and 10.16, which has the same names. Not measured yet.

Networks are strongly typed, which is the only kind that 11 has: the numbers' types are those of the ONNX graph, INT8
where it says so with QuantizeLinear and DequantizeLinear. Names and arguments are checked against the bindings of both
versions; `trt`, `builder`, `network`, `parser`, `config`, `profile`, `runtime`, `engine` and `context` are what the
check knows them by.
"""

from __future__ import annotations

from typing import Any

from phasewell.errors import InputError, UnavailableError

WORKSPACE_BYTES = 4 << 30  # what a layer may use meanwhile


def import_tensorrt() -> Any:
    """Return the library; raises UnavailableError where it, or the driver it needs, is absent."""
    try:
        import tensorrt
    except (ImportError, OSError) as error:
        raise UnavailableError(
            f"inference.backend tensorrt: cannot be loaded ({error}); install TensorRT 11 (or 10.16) with its Python "
            "bindings and a driver for CUDA 13, or use backend torch"
        ) from error
    return tensorrt


def build_engine(trt: Any, onnx: bytes, name: str, shape: tuple[int, ...]) -> bytes:
    """Return the plan of an ONNX graph for input `pictures` of one shape; `name` is for messages.

    Raises InputError where TensorRT cannot read or build it.
    """
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx):
        said = "; ".join(str(parser.get_error(place)) for place in range(parser.num_errors))
        raise InputError(f"model {name}: TensorRT {trt.__version__} cannot read it ({said}); use backend torch")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.clear_flag(trt.BuilderFlag.TF32)  # f32 would be cut to 10 bits
    profile = builder.create_optimization_profile()
    profile.set_shape("pictures", shape, shape, shape)
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise InputError(f"model {name}: TensorRT {trt.__version__} cannot build it; use backend torch")
    return bytes(plan)


def load_engine(trt: Any, plan: bytes, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return runtime objects that must live, and the context that executes a plan; raises InputError for another's."""
    runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise InputError(f"TensorRT {trt.__version__}: cannot load an engine; it is built again")
    for name, wanted in (("pictures", trt.DataType.FLOAT), ("logits", trt.DataType.FLOAT)):
        if engine.get_tensor_dtype(name) != wanted:
            raise InputError(f"TensorRT {trt.__version__}: {name} of an engine are not float32; it is built again")
    context = engine.create_execution_context()
    if context is None or not context.set_input_shape("pictures", shape):
        raise InputError(f"TensorRT {trt.__version__}: an engine is not for pictures {shape}; it is built again")
    return (runtime, engine), context


def execute(context: Any, pictures: int, logits: int, stream: int) -> None:
    """Enqueue one batch on a stream; arguments are addresses on the GPU. Raises UnavailableError where it refuses."""
    ready = context.set_tensor_address("pictures", pictures) and context.set_tensor_address("logits", logits)
    if not (ready and context.execute_async_v3(stream)):
        raise UnavailableError("TensorRT refused a batch; see its messages above, or use backend torch")
