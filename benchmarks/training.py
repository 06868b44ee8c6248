"""What a pass of training costs: reading features for the head, a pass of the head, a pass of the whole network.

Run: python benchmarks/training.py [--networks densenet13 densenet121] [--device cpu] [--precision auto] [--frames 64]
[--output FOLDER]. Pictures are noise of 226 x 306 px. Rates are pictures per second of wall time, the median of the
repeats after one that warms up; CPU seconds beside them. Beside the pass of the whole network stands the plainest loop
a user of torch would write: same batches, same Adam, memory as torch lays it out, no reading of features in advance.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from phasewell.learning import LabelledPictures, TrainingRecipe
from phasewell.learning.passes import Workplace, open_workplace
from phasewell.learning.teaching import Teaching
from phasewell.networks import NETWORKS, count_work, make_network
from phasewell.networks.pictures import PictureNetwork
from phasewell.plate import FrameKey
from rows import RESULTS, write_rows

HEIGHT, WIDTH = 226, 306
MULTIPLY_ADDS = {"features": 1, "tune": 3, "plain tune": 3}  # in units of one forward pass; backward is two more


def make_pictures(frames: int) -> LabelledPictures:
    """Return noise with lines and classes."""
    places = np.arange(frames)
    pictures = np.random.default_rng(0).integers(0, 256, (frames, HEIGHT, WIDTH), np.uint8)
    keys = tuple(FrameKey("noise", "A01", f"f{place}", 0) for place in places)
    return LabelledPictures(
        pictures, np.array([f"line{place % 2}" for place in places]), places % 2, ("low", "high"), keys
    )


def make_teaching(name: str, pictures: LabelledPictures, recipe: TrainingRecipe, workplace: Workplace) -> Teaching:
    """Return a network on the device, as training has it."""
    facts = NETWORKS[name]
    served: Any = PictureNetwork(make_network(name, 2, recipe.dense, recipe.dropout), facts.mean, facts.std)
    served.to(workplace.device, memory_format=torch.channels_last)
    return Teaching(served, pictures, np.arange(len(pictures.keys)), None, recipe, workplace, lambda: None)


def plain_pass(name: str, teaching: Teaching) -> Callable[[], None]:
    """Return one pass of the plainest loop, with a network of its own."""
    recipe, workplace, pictures = teaching.recipe, teaching.workplace, teaching.pictures
    facts = NETWORKS[name]
    made = make_network(name, 2, recipe.dense, recipe.dropout)
    network = PictureNetwork(made, facts.mean, facts.std).to(workplace.device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.tune_rate, weight_decay=recipe.l2)

    def run() -> None:
        order = torch.randperm(len(pictures.keys))
        for part in order.split(recipe.batch):
            shown = torch.from_numpy(pictures.pictures[part.numpy()]).to(workplace.device)
            targets = torch.from_numpy(pictures.targets[part.numpy()]).to(workplace.device)
            with workplace.autocast():
                loss = torch.nn.functional.cross_entropy(network(shown), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()

    return run


def measure(
    name: str, pictures: LabelledPictures, recipe: TrainingRecipe, workplace: Workplace, repeats: int
) -> list[Any]:
    """Return the rows of one network; the ways of a pass take turns."""
    teaching = make_teaching(name, pictures, recipe, workplace)
    forward = count_work(make_network(name), HEIGHT, WIDTH).multiply_adds
    whole, head = teaching.begin("tune"), make_teaching(name, pictures, recipe, workplace)
    of_head = head.begin("head")
    ways = {
        "features": lambda: head.begin("head"),
        "head": lambda: head.teach("head", 1, of_head),
        "tune": lambda: teaching.teach("tune", 1, whole),
        "plain tune": plain_pass(name, teaching),
    }
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    with workplace.settings():
        for _ in range(repeats + 1):
            for way, run in ways.items():
                start = time.perf_counter(), time.process_time()
                run()
                if workplace.device.type == "cuda":
                    torch.cuda.synchronize()
                seconds[way].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    frames = len(pictures.keys)
    peak = torch.cuda.max_memory_allocated() if workplace.device.type == "cuda" else 0
    rows = []
    for way, times in seconds.items():
        wall, cpu = (float(np.median([pair[at] for pair in times[1:]])) for at in (0, 1))
        work = MULTIPLY_ADDS.get(way)
        rows.append(
            {
                "network": name,
                "boundary": f"pictures in host memory to one pass: {way}",
                "batch": recipe.batch,
                "precision": workplace.precision,
                "device": str(workplace.device),
                "pictures_per_s": frames / wall,
                "cpu_s_per_picture": cpu / frames,
                "p95_s": float(np.quantile([pair[0] for pair in times[1:]], 0.95)),
                "warm_up_s": times[0][0],
                "repeats": repeats,
                "gflop_per_s": 2e-9 * forward * work * frames / wall if work else None,
                "peak_memory_bytes": peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    return rows


def main() -> None:
    """Measure all rows, print them and write results/training.jsonl."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["densenet13", "densenet121"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto", choices=("auto", "f32", "bf16"))
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    workplace, recipe = open_workplace(given.device, given.precision), TrainingRecipe(batch=given.batch)
    pictures, rows = make_pictures(given.frames), []
    for name in given.networks:
        rows += measure(name, pictures, recipe, workplace, given.repeats)
        for row in rows[-4:]:
            print(
                f"{name:12} {row['boundary'][36:]:12} {row['pictures_per_s']:9.1f} pictures/s "
                f"{1e3 * row['cpu_s_per_picture']:8.2f} CPU ms a picture",
                flush=True,
            )
    print(write_rows("training", rows, "torch", folder=given.output))


if __name__ == "__main__":
    main()
