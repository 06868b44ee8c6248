"""Frames in, scores out on a CPU: five networks x f32, bf16, INT8, beside raw OpenVINO, ONNX Runtime and torch.

Run: python benchmarks/serving.py [FOLDER] [--networks densenet121 ...] [--rounds 5] [--frames 64]. FOLDER (default
build/bench/serving) keeps models and frames between calls. All ways of one network are measured in turns, so that
a slow minute falls on all of them; `share_of_raw` is the rate with preprocessing over the best rate of OpenVINO alone
on pictures made beforehand. Networks are untrained, so INT8 has no AUC to keep here: its graph is compared with ONNX
Runtime on the same graph, and its distance from float32 and the classes that flip are in the row.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from phasewell.device import Device
from phasewell.images import open_plate
from phasewell.inference import (
    Model,
    Session,
    SessionIdentity,
    frame_windows,
    identify_session,
    make_untrained_model,
    open_session,
    read_model,
    score_frames,
    show_frames,
)
from phasewell.inference.gate import TOLERANCES, count_flips, largest_difference
from phasewell.inference.openvino_backend import compile_graph
from phasewell.inference.quantising import quantise_graph
from phasewell.inference.torch_backend import load_network
from phasewell.networks import count_work, make_network
from phasewell.networks.pictures import PictureNetwork
from phasewell.runs import simulate_lines
from rows import write_rows
from timing import Times, Work, measure

NETWORKS = ("densenet121", "resnet50v2", "inceptionv3", "xception", "vgg19")
PRECISIONS = ("f32", "bf16", "int8")
CALIBRATION = 48  # frames that give INT8 its ranges, none of which is measured
RAW_SETTINGS = ((1, 0), (8, 0), (8, 1))  # frames an inference, streams (0: one per thread)
PEER_BATCH = 8
MATRIX_SIDE = 2048
SEED = 0


def make_frames(folder: Path, count: int) -> np.ndarray[Any, Any]:
    """Return simulated frames (count, 904, 1224) uint8 of two classes and several hours."""
    store = folder / f"lines-{count}.zarr"
    if not store.exists():
        simulate_lines(store, lines=2, fields=-(-count // 4), times=2, seed=SEED)
    plate = open_plate(store)
    pixels = np.concatenate([plate.frames(unit.well, unit.time).pixels for unit in plate.units()])
    return pixels[np.random.default_rng(SEED).permutation(len(pixels))[:count]]


def make_model(folder: Path, name: str) -> Model:
    """Return an untrained model, made once."""
    return (
        read_model(folder / name)
        if (folder / name / "model.json").exists()
        else make_untrained_model(folder / name, name)
    )


def open_int8(model: Model, calibration: np.ndarray[Any, Any], device: Device) -> tuple[Session, bytes]:
    """Return a session of an INT8 graph whose accuracy nobody asked about, and the graph, kept beside the model."""
    path = model.folder / "unchecked-int8.onnx"
    if not path.exists():
        path.write_bytes(quantise_graph(model.onnx.read_bytes(), calibration))
    px, exact = model.card.picture_px, identify_session(model, device, "f32")
    run = compile_graph(path.read_bytes(), str(path), len(model.card.classes), "f32", px, device.threads)
    identity = SessionIdentity(exact.model_sha256, exact.backend, "int8", exact.hardware)
    return Session(model, identity, px, run, float("nan"), 0), path.read_bytes()


def raw_openvino(
    onnx: bytes, precision: str, pictures: np.ndarray[Any, Any], batch: int, streams: int, threads: int
) -> Callable[[], Any]:
    """Return a call of OpenVINO and nothing else: every picture through its own queue of requests."""
    import openvino

    core = openvino.Core()
    graph = core.read_model(onnx)
    graph.reshape([batch, *pictures.shape[1:]])
    settings = {
        "INFERENCE_PRECISION_HINT": "f32" if precision == "int8" else precision,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams or threads,
    }
    queue = openvino.AsyncInferQueue(core.compile_model(graph, "CPU", settings), 2 * (streams or threads))

    def call() -> None:
        for first in range(0, len(pictures), batch):
            queue.start_async({0: pictures[first : first + batch]}, share_inputs=True)
        queue.wait_all()

    return call


def run_onnxruntime(onnx: bytes, pictures: np.ndarray[Any, Any], threads: int) -> Callable[[], Any]:
    """Return a call of ONNX Runtime on the same graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    parts = [pictures[first : first + PEER_BATCH] for first in range(0, len(pictures), PEER_BATCH)]
    return lambda: np.concatenate([session.run(None, {"pictures": part})[0] for part in parts])


def run_torch(model: Model, precision: str, pictures: np.ndarray[Any, Any], threads: int) -> Callable[[], Any]:
    """Return a call of torch, eager, channels last."""
    import torch

    torch.set_num_threads(threads)
    served = PictureNetwork(load_network(model), model.card.mean, model.card.std).eval()
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    served.network.to(dtype=kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
    parts = [torch.from_numpy(pictures[first : first + PEER_BATCH]) for first in range(0, len(pictures), PEER_BATCH)]

    def call() -> Any:
        with torch.inference_mode():
            return np.concatenate([served(part).float().numpy() for part in parts])

    return call


def measure_ceilings(threads: int) -> dict[str, float]:
    """Return 10^12 operations a second of matrix products per precision: the best of the libraries at hand."""
    import openvino
    import torch
    from openvino import opset13

    torch.set_num_threads(threads)
    one = np.random.default_rng(SEED).normal(size=(MATRIX_SIDE, MATRIX_SIDE)).astype(np.float32)
    left, integers = torch.from_numpy(one), torch.ones((MATRIX_SIDE, MATRIX_SIDE), dtype=torch.int8)
    half = left.bfloat16()
    calls: dict[str, list[Callable[[], Any]]] = {
        "f32": [lambda: one @ one, lambda: left @ left],
        "bf16": [lambda: half @ half],
        "int8": [lambda: torch._int_mm(integers, integers)],
    }
    for precision in ("f32", "bf16"):
        given = opset13.parameter(list(one.shape), np.float32)
        graph = openvino.Model([opset13.matmul(given, opset13.constant(one), False, True)], [given])
        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
        request = openvino.Core().compile_model(graph, "CPU", settings).create_infer_request()
        calls[precision].append(lambda request=request: request.infer({0: one}, share_inputs=True))
    return {name: max(_rate(call) for call in those) for name, those in calls.items()}


def _rate(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(8):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 2 * MATRIX_SIDE**3 / float(np.median(times[2:])) / 1e12


def measure_network(
    folder: Path, name: str, pixels: np.ndarray[Any, Any], rounds: int, device: Device
) -> Iterator[dict[str, Any]]:
    """Yield one row per precision: frames to scores through a session, and the others on the same pictures."""
    model = make_model(folder, name)
    framing = frame_windows(model.card, pixels.shape[1:], None)
    mode, measured = model.card.brightness, pixels[CALIBRATION:]
    shown = [show_frames(part, framing, mode, device).pictures for part in (pixels[:CALIBRATION], measured)]
    calibration, pictures = (np.ascontiguousarray(part) for part in shown)
    int8, int8_onnx = open_int8(model, calibration, device)
    exact = model.onnx.read_bytes()
    sessions = {"f32": open_session(model, device, "f32"), "bf16": open_session(model, device, "bf16"), "int8": int8}
    reference = run_torch(model, "f32", pictures, device.threads)
    work, checks = {"torch f32": reference, "torch bf16": run_torch(model, "bf16", pictures, device.threads)}, {}
    for precision, session in sessions.items():
        onnx = int8_onnx if precision == "int8" else exact
        if precision != "bf16":
            work[f"onnxruntime {precision}"] = run_onnxruntime(onnx, pictures, device.threads)
        for batch, streams in RAW_SETTINGS:
            work[f"raw {precision} batch {batch} streams {streams or device.threads}"] = raw_openvino(
                onnx, precision, pictures, batch, streams, device.threads
            )
        work[f"ours {precision}"] = lambda session=session: score_frames(measured, session, framing, mode, device)
        checks[precision] = score_frames(measured, session, framing, mode, device).logits
    wanted = reference()
    same_graph, refusal = compare_same_graph(work, checks["int8"])
    times = measure({key: Work(call, len(pictures)) for key, call in work.items()}, rounds)
    operations = 2.0 * count_work(make_network(name, 2), *model.card.picture_px).multiply_adds
    for precision in PRECISIONS:
        parity = {
            "against": "torch in float32",
            "frames": len(pictures),
            "largest_difference": largest_difference(checks[precision], wanted),
            "tolerance": TOLERANCES[precision],
            "class_flips": count_flips(checks[precision], wanted),
        }
        if precision == "int8":
            parity |= {"largest_difference_from_onnxruntime_on_the_same_graph": same_graph, "peer_refused": refusal}
        yield describe(name, precision, times, parity, operations, device, rounds)


def compare_same_graph(
    work: dict[str, Callable[[], Any]], ours: np.ndarray[Any, Any]
) -> tuple[float | None, str | None]:
    """Return how far ONNX Runtime's INT8 is from ours, or why it cannot run the graph, which is then no peer."""
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    try:
        return largest_difference(ours, work["onnxruntime int8"]()), None
    except Fail as error:
        del work["onnxruntime int8"]  # NNCF quantises depth-wise inputs channel by channel; QLinearConv takes one scale
        return None, str(error).partition(" Status Message: ")[2].rpartition("QLinearConv : ")[2] or str(error)


def describe(
    name: str,
    precision: str,
    times: dict[str, Times],
    parity: dict[str, Any],
    operations: float,
    device: Device,
    rounds: int,
) -> dict[str, Any]:
    """Return the row of one network in one precision."""
    raw = {key: value for key, value in times.items() if key.startswith(f"raw {precision} ")}
    best = min(raw, key=lambda key: raw[key].wall.p50_ms)
    ours, alone = times[f"ours {precision}"], raw[best]
    peers = {key: value for key, value in times.items() if key.endswith(f" {precision}") and not key.startswith("ours")}
    rate = 1e3 / ours.wall.p50_ms
    return {
        "network": name,
        "precision": precision,
        "boundary": "frames of 904 x 1224 in memory -> brightness rule, pictures -> scores in memory",
        "device": f"cpu, {device.threads} threads",
        "pretrained": False,
        "frame": "simulated lines",
        "frames_per_s": rate,
        "p50_ms": ours.wall.p50_ms,
        "p95_ms": ours.wall.p95_ms,
        "latency_of": "a frame, mean over a call",
        "spread": ours.wall.spread,
        "first_call_ms_per_frame": ours.wall.first_ms,
        "cpu_ms": ours.cpu.p50_ms,
        "rounds": rounds,
        "raw_openvino_frames_per_s": 1e3 / alone.wall.p50_ms,
        "raw_openvino_setting": best.removeprefix(f"raw {precision} "),
        "raw_openvino_cpu_ms": alone.cpu.p50_ms,
        "share_of_raw": alone.wall.p50_ms / ours.wall.p50_ms,
        "share_of_raw_by_cpu_time": alone.cpu.p50_ms / ours.cpu.p50_ms,
        "peers_frames_per_s": {key.split()[0]: 1e3 / value.wall.p50_ms for key, value in peers.items()},
        "parity": {**parity, "holds": parity["largest_difference"] <= parity["tolerance"]},
        "tflop_per_s": operations * rate / 1e12,
        "peak_host_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure, print and write results/serving.jsonl."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/bench/serving"))
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--results", type=Path, default=None, help="another folder for the rows")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    device, rows = Device("cpu"), []
    ceilings: list[dict[str, float]] = []
    pixels = make_frames(given.folder, given.frames + CALIBRATION)
    for name in given.networks:
        ceilings.append(measure_ceilings(device.threads))
        for row in measure_network(given.folder, name, pixels, given.rounds, device):
            rows.append(row)
            print(
                f"{name} {row['precision']}: {row['frames_per_s']:.1f} frames/s, {row['share_of_raw']:.3f} of raw "
                f"({row['share_of_raw_by_cpu_time']:.3f} by CPU time, {row['raw_openvino_setting']}), "
                "peers "
                + ", ".join(f"{key} {value:.1f}" for key, value in row["peers_frames_per_s"].items())
                + f", differs by {row['parity']['largest_difference']:.2g}, {row['parity']['class_flips']} flips",
                flush=True,
            )
    ceilings.append(measure_ceilings(device.threads))
    for row in rows:
        best = max(found[row["precision"]] for found in ceilings)  # a busy moment lowers it, nothing raises it
        row |= {"ceiling_tflop_per_s": best, "ceiling": f"matrix product of {MATRIX_SIDE} in {row['precision']}"}
        row["share_of_ceiling"] = row["tflop_per_s"] / best
    where = {"folder": given.results} if given.results else {}
    print(write_rows("serving", rows, "openvino", "onnxruntime", "torch", "nncf", **where))


if __name__ == "__main__":
    main()
