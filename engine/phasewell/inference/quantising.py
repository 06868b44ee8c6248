"""INT8: ranges from calibration pictures by NNCF, kept only if frames that gave no range are told apart as before."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.device import Device, as_device
from phasewell.errors import InputError, UnavailableError, UsageError
from phasewell.inference.backends import describe_hardware
from phasewell.inference.gate import check_logits, count_flips, gate_pictures, largest_difference
from phasewell.inference.int8_file import INT8_CARD_NAME, Int8Accuracy, Int8Card, Int8Graph, refuse_existing, write_int8
from phasewell.inference.model_file import GateRecord, Model
from phasewell.inference.openvino_backend import compile_graph
from phasewell.inference.signed_graph import sign_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALLOWED_AUC_CHANGE = 0.005
_DENSE = ("Gemm", "MatMul")
"""Layers after pooling stay float32: they cost nothing, and OpenVINO 2026.4.1 makes zeros of quantised ones on several
streams of avx512_core_bf16, as measured."""
LEAST_PAIRS = round(1 / ALLOWED_AUC_CHANGE)  # of frames of different classes: fewer cannot show such a change


def quantise_model(
    model: Model,
    calibration: NDArray[np.uint8],
    held_out: NDArray[np.uint8],
    targets: NDArray[np.int64],
    device: Device | str = "cpu",
) -> Int8Graph:
    """Write the INT8 graph of a model beside it, if the AUC on held-out frames changes by at most 0.005.

    `calibration` (frames, height, width) uint8 are pictures of the frames that the model was trained on, tens to
    hundreds; `held_out` are pictures of other lines, `targets` (held-out frames,) their places in the model's classes.
    Post-training quantisation by NNCF's default: weights symmetric per channel, activations per tensor, fast bias
    correction; dense layers stay float32. Raises InputError where the AUC of a class changes more, where
    a class has no held-out frame and where too few frames would show a change; UsageError where a held-out picture is
    one of the calibration; OutputError where the folder has an INT8 graph already; UnavailableError without the extras
    `serve` and `train`.
    """
    device = as_device(device)
    _check_frames(model, calibration, held_out, targets)
    classes, threads = len(model.card.classes), device.threads
    onnx = quantise_graph(model.onnx.read_bytes(), calibration)
    signed = sign_graph(onnx)
    wanted, found, found_signed = (
        compile_graph(data, str(model.folder), classes, "f32", model.card.picture_px, threads)(held_out)
        for data in (model.onnx.read_bytes(), onnx, signed)
    )
    before = class_aucs(wanted, targets)
    accuracy, signed_accuracy = (_compare(logits, wanted, before, targets) for logits in (found, found_signed))
    if accuracy.auc_change > ALLOWED_AUC_CHANGE:
        raise InputError(
            f"model {model.folder}: INT8 changes the AUC on {len(held_out)} held-out frames by "
            f"{accuracy.auc_change:.4f} ({accuracy.class_flips} frames change their class); at most "
            f"{ALLOWED_AUC_CHANGE} is allowed, so no {INT8_CARD_NAME} is written; calibrate with more frames of every "
            "line, or serve it in bf16"
        )
    pictures = gate_pictures(*model.card.picture_px, model.card.gate.seed)
    logits = compile_graph(onnx, str(model.folder), classes, "f32", model.card.picture_px, threads)(pictures)
    check_logits(logits, np.array(model.card.gate.logits), "int8", f"model {model.folder} in int8")
    card = Int8Card(
        model_sha256=model.sha256,
        sha256=hashlib.sha256(onnx).hexdigest(),
        made_by=f"nncf {_version('nncf')}, openvino {_version('openvino')} on {describe_hardware(Device('cpu'))}",
        calibration_frames=len(calibration),
        calibration_sha256=_sha256(calibration),
        held_out_frames=len(held_out),
        held_out_sha256=_sha256(held_out),
        auc_f32=before,
        allowed_auc_change=ALLOWED_AUC_CHANGE,
        accuracy=accuracy,
        signed_accuracy=signed_accuracy,
        gate=GateRecord(seed=model.card.gate.seed, logits=tuple(tuple(map(float, row)) for row in logits)),
    )
    return write_int8(model, card, onnx)


def quantise_graph(onnx_bytes: bytes, calibration: NDArray[np.uint8]) -> bytes:
    """Return the ONNX graph with explicit INT8 quantisation, ranges taken from pictures (frames, height, width) uint8.

    No accuracy is checked here. Nothing is sent anywhere: NNCF's telemetry is off. Raises UnavailableError where NNCF
    or ONNX is not installed.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401  NNCF runs the graph with it
    except ImportError as error:
        raise UnavailableError(f"INT8 needs onnx, onnxruntime and nncf ({error}); install the extra train") from error
    nncf = _import_nncf()
    with _quiet():
        pictures = nncf.Dataset([picture[None] for picture in calibration], lambda one: {"pictures": one})
        graph, dense = onnx.load_from_string(onnx_bytes), nncf.IgnoredScope(types=list(_DENSE), validate=False)
        quantised = nncf.quantize(graph, pictures, subset_size=len(calibration), ignored_scope=dense)
    del quantised.metadata_props[:], quantised.graph.value_info[:]
    data: bytes = quantised.SerializeToString(deterministic=True)
    return data


def class_aucs(logits: NDArray[Any], targets: NDArray[np.int64]) -> tuple[float, ...]:
    """Return the AUC of every class against the others by the lead of its logit (frames, classes), ties 1/2."""
    from sklearn.metrics import roc_auc_score

    from phasewell.inference.scoring import softmax

    probabilities = softmax(logits)
    return tuple(float(roc_auc_score(targets == k, probabilities[:, k])) for k in range(logits.shape[1]))


def _check_frames(
    model: Model, calibration: NDArray[np.uint8], held_out: NDArray[np.uint8], targets: NDArray[np.int64]
) -> None:
    refuse_existing(model)
    for name, pictures in (("calibration", calibration), ("held-out", held_out)):
        if pictures.dtype != np.uint8 or pictures.shape[1:] != model.card.picture_px or not len(pictures):
            raise UsageError(
                f"{name} pictures {pictures.dtype} {pictures.shape}: expected uint8 (1 or more, "
                f"{model.card.picture_px[0]}, {model.card.picture_px[1]}), as prepare_frames makes them"
            )
    if len(targets) != len(held_out):
        raise UsageError(f"{len(held_out)} held-out pictures and {len(targets)} targets: expected as many of each")
    for place, name in enumerate(model.card.classes):
        here = int((targets == place).sum())
        if here * (len(targets) - here) < LEAST_PAIRS:
            raise InputError(
                f"model {model.folder}: {here} of {len(targets)} held-out frames are {name}: expected at least "
                f"{LEAST_PAIRS} pairs of a {name} frame with another, or a change of AUC by {ALLOWED_AUC_CHANGE} does "
                "not show; hold out lines of every class"
            )
    seen = {_sha256(picture) for picture in calibration}
    if twice := sum(_sha256(picture) in seen for picture in held_out):
        raise UsageError(f"{twice} held-out pictures also calibrate: expected frames of other lines")


def _compare(
    found: NDArray[np.float32], wanted: NDArray[np.float32], before: tuple[float, ...], targets: NDArray[np.int64]
) -> Int8Accuracy:
    after = class_aucs(found, targets)
    return Int8Accuracy(
        auc=after,
        auc_change=max(abs(one - two) for one, two in zip(after, before, strict=True)),
        class_flips=count_flips(found, wanted),
        largest_difference=largest_difference(found, wanted),
    )


def _import_nncf() -> Any:
    # it would report its use to its makers; it asks for this variable once, when it is imported
    before, loggers = os.environ.get("NNCF_CI"), logging.getLoggerClass()
    os.environ["NNCF_CI"] = "1"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import nncf
            import nncf.telemetry
    except ImportError as error:
        raise UnavailableError(f"INT8 needs nncf ({error}); install the extra train") from error
    finally:
        logging.setLoggerClass(loggers)  # it makes every later logger one of its own
        if before is None:
            del os.environ["NNCF_CI"]
        else:
            os.environ["NNCF_CI"] = before
    return nncf


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep NNCF's progress bars and notices off the screen."""
    logger = logging.getLogger("nncf")
    level = logger.level
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            logger.setLevel(logging.ERROR)
            yield
        finally:
            logger.setLevel(level)


def _sha256(pictures: NDArray[Any]) -> str:
    return hashlib.sha256(pictures.tobytes()).hexdigest()


def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution)
