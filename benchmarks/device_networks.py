"""The networks alone, by torch: pictures in the device's memory to scores in host memory, per batch and acceleration.

python benchmarks/device_networks.py FOLDER [--networks vgg19 ...] [--precisions bf16 ...] [--accelerations graphs ...]

Batches of 1 tell the latency. Weights are untrained; every way is held to float32 on the CPU by the gate's tolerance
before it is timed, and one that differs by more, or cannot be had, is written with the reason and without a rate.
Rows go to FOLDER/device_networks.jsonl as they come. --accelerations compile takes minutes a network.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from phasewell.bench.matrices import matrix_rates
from phasewell.bench.timing import Pace, time_calls
from phasewell.bench.watching import Watcher
from phasewell.device import Device
from phasewell.errors import PhasewellError
from phasewell.inference.gate import check_logits, gate_pictures
from phasewell.inference.torch_backend import serve_network
from phasewell.networks import NETWORKS, count_work, make_network
from phasewell.networks.network import Network
from phasewell.networks.pictures import PictureNetwork
from rows import write_rows

FIVE = [name for name, facts in NETWORKS.items() if facts.timm_name]
PICTURE_PX = (226, 306)
PACE = Pace(20, 0.5, 6.0)
NUMBERS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
BOUNDARY = "pictures in the device's memory to scores in host memory"


@dataclass(frozen=True)
class Subject:
    """A network, what float32 on the CPU makes of the gate's pictures, and multiplications and additions a picture."""

    name: str
    network: Network
    pictures: np.ndarray[Any, Any]
    logits: np.ndarray[Any, Any]
    operations: float


def open_subject(name: str) -> Subject:
    """Make a network and its expected logits."""
    network, facts = make_network(name), NETWORKS[name]
    pictures = gate_pictures(*PICTURE_PX)
    with torch.inference_mode():
        logits = PictureNetwork(network, facts.mean, facts.std).eval()(torch.from_numpy(pictures)).numpy()
    return Subject(name, network, pictures, logits, 2.0 * count_work(network, *PICTURE_PX).multiply_adds)


def measure(subject: Subject, device: Device, precision: str, acceleration: Any, batch: int) -> dict[str, Any]:
    """Return one row without its share of the ceiling."""
    facts = NETWORKS[subject.name]
    row: dict[str, Any] = {
        "boundary": BOUNDARY,
        "network": f"{subject.name}, untrained, batch norm folded" if device.is_gpu else f"{subject.name}, untrained",
        "pretrained": False,
        "picture_px": list(PICTURE_PX),
        "device": device.facts().to_dict(),
        "precision": precision,
        "acceleration": acceleration,
        "batch_frames": batch,
    }
    try:
        clone = make_network(subject.name)  # serving changes the weights' format
        run = serve_network(clone, facts.mean, facts.std, device, precision, PICTURE_PX, acceleration, batch)
        found = run(device.put(subject.pictures))
        difference = check_logits(found, subject.logits, precision, f"{subject.name} by torch, batches of {batch}")
    except (PhasewellError, RuntimeError) as error:
        return {**row, "state": "not measured", "reason": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    pictures = device.put(np.resize(subject.pictures, (batch, *PICTURE_PX)))
    watcher = Watcher(device)
    times = time_calls(lambda: run(pictures), PACE, watcher)
    rate = batch / times.p50_s
    return row | {
        "state": "measured",
        "frames_per_s": rate,
        "p50_ms": times.p50_s * 1e3,
        "p95_ms": times.p95_s * 1e3,
        "spread": times.spread,
        "repeats": len(times.calls_s),
        "warm_up_s": times.warm_up_s,
        "tflop_per_s": rate * subject.operations / 1e12,
        "watched": watcher.watched.as_values(batch * len(times.calls_s)),
        "parity": {
            "against": "torch in float32 on the CPU, in units of the largest logit, at least 1",
            "frames": len(subject.pictures),
            "largest_difference": difference,
            "class_flips": int((found.argmax(1) != subject.logits.argmax(1)).sum()),
        },
    }


def measure_all(options: argparse.Namespace, device: Device) -> Iterator[dict[str, Any]]:
    """Yield a row for every network, precision, acceleration and batch."""
    ceilings = {one.numbers: one for one in matrix_rates(device, PACE)}
    for name in options.networks:
        subject = open_subject(name)
        for precision in options.precisions:
            ceiling = ceilings[NUMBERS[precision]]
            for acceleration in options.accelerations:
                for batch in options.batches:
                    row = measure(subject, device, precision, acceleration, batch)
                    row |= {"ceiling_tflop_per_s": ceiling.tflop_per_s, "ceiling": f"matrix product, {ceiling.how}"}
                    if ceiling.tflop_per_s and "tflop_per_s" in row:
                        row["share_of_ceiling"] = row["tflop_per_s"] / ceiling.tflop_per_s
                    yield row


def say(row: dict[str, Any]) -> str:
    """Return a row in one line."""
    what = f"{row['network']}, {row['precision']}, {row['acceleration']}, batch {row['batch_frames']}"
    if row["state"] != "measured":
        return f"{what}: {row['reason']}"
    return f"{what}: {row['frames_per_s']:.1f} frames/s, p50 {row['p50_ms']:.2f} ms, p95 {row['p95_ms']:.2f} ms"


def main() -> int:
    """Measure and write rows; the exit status is 1 if one of them has no rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=FIVE)
    parser.add_argument("--precisions", nargs="+", choices=list(NUMBERS), default=["bf16"])
    parser.add_argument("--accelerations", nargs="+", choices=["none", "graphs", "compile"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64, 128, 256])
    options = parser.parse_args()
    device = Device(options.device)
    options.accelerations = options.accelerations or (["none", "graphs"] if device.is_gpu else ["none"])
    rows: list[dict[str, Any]] = []
    for row in measure_all(options, device):
        rows.append(row)
        print(say(row), flush=True)
        write_rows("device_networks", rows, "torch", folder=options.out)  # what is measured stays, whatever comes next
    return 0 if all(row["state"] == "measured" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
