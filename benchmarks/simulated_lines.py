"""Donor lines of two classes that no model has seen: a network beside logistic models on the twelve descriptors.

Usage: python benchmarks/simulated_lines.py FOLDER                  the plates (7 GB), and a row per model; resumes
       python benchmarks/simulated_lines.py FOLDER --model MODEL    before that, teach the demonstration's network
How hard the lines are stands in `phasewell.simulation.difficulty`, fixed before any model was fitted on them. Every
model learns from the same lines and is judged on the same frames of the same other lines:
many   from 384 lines, judged on 32 lines, on the plate of 8, and on 20 further plates of 8: what is expected of a
       plate of 8 is the mean over plates, and one plate says little. A sixth of the lines that the network learns from
       says when to stop; the logistic models are fitted on all. The network is the one that the demonstration ships.
eight  paper K's size: each pair of a high and a low line in turn held out, and learned from the other six lines.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from phasewell.config import Config, PlateConfig, RunConfig
from phasewell.demo.lines import MODEL
from phasewell.device import Device
from phasewell.images import open_plate
from phasewell.inference import open_session, read_model, softmax
from phasewell.learning import (
    SCRATCH,
    LabelledPictures,
    fit_descriptor_model,
    fold_lines,
    frame_profiles,
    frames_of,
    predict_pictures,
    train_network,
)
from phasewell.learning.metrics import area_under_roc
from phasewell.runs import run, simulate_lines
from phasewell.runs.learning.labelled_frames import label_frames
from phasewell.runs.learning.training import train_model
from phasewell.runs.simulated_plates import measure_truth, read_simulation
from phasewell.simulation.population import populate
from phasewell.tables import open_results
from rows import write_rows
from scipy.stats import t as student

PLATES = {
    "taught": {"lines": 384, "fields": 3, "times": 3, "seed": 1003},
    "unseen": {"lines": 32, "fields": 8, "times": 3, "seed": 1002},
    "eight": {"lines": 8, "fields": 32, "times": 3, "seed": 0},
    **{f"eight-{seed}": {"lines": 8, "fields": 3, "times": 3, "seed": seed} for seed in range(2001, 2021)},
}
FURTHER = tuple(name for name in PLATES if name.startswith("eight-"))
MEASURED = "logistic, measured descriptors"
NETWORK = "densenet19"
RECIPE = SCRATCH.model_copy(
    update={
        "dense": (32,),
        "dropout": 0.2,
        "tune_rate": 2e-3,
        "batch": 16,
        "schedule": "cosine",
        "tune_epochs": 8,
        "patience": 8,
        "precision": "bf16",
        "augmentation": "flips",
        "averaging": 0.997,
    }
)
EIGHT_RECIPE = RECIPE.model_copy(update={"tune_epochs": 12, "patience": 12})  # no line to spare for stopping early
FOLDS = 4  # of the eight lines: every line is held out once


class Lines(NamedTuple):
    """The frames of a plate of lines, in one order: pictures, profiles, and the true share of small spindles."""

    pictures: LabelledPictures
    measured: NDArray[np.float64]  # (frames, 24), from the cells that a run found
    true: NDArray[np.float64]  # (frames, 24), from the cells that were drawn
    share: NDArray[np.float64]

    @property
    def lines(self) -> NDArray[np.str_]:
        """The line of each frame."""
        return self.pictures.lines

    @property
    def targets(self) -> NDArray[np.int64]:
        """The class of each frame."""
        return self.pictures.targets


def main() -> None:
    """Measure, after teaching where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, help="where to write the network that was taught")
    parser.add_argument("--only", choices=("teach", "many", "eight"), help="one part of it")
    arguments = parser.parse_args()
    if arguments.model and not (arguments.model / "model.json").exists():
        teach(arguments.folder, arguments.model)
    if arguments.only in (None, "many"):
        write(judge_many(arguments.folder, arguments.model or MODEL), "simulated_lines")
    if arguments.only in (None, "eight"):
        write(judge_eight(arguments.folder), "simulated_lines_eight")


def write(rows: list[dict[str, Any]], name: str) -> None:
    """Print rows and write them."""
    for row in rows:
        print(row)
    print(write_rows(name, rows, "scikit-learn", "torch", "openvino"))


def teach(folder: Path, model: Path) -> None:
    """Teach the demonstration's network on its lines and write its model folder; goes on where it was stopped.

    A sixth of the lines says when to stop; one thread, so that the weights follow from the arguments.
    """
    torch.set_num_threads(1)
    store = make_plate(folder, "taught")
    classes = {str(row["line"]): int(row["class"] == "high") for row in open_plate(store).platemap.values()}
    stopping = fold_lines(classes, 6)[0].held_out
    cache = folder / "pictures"
    train_model(
        store,
        model,
        NETWORK,
        RECIPE,
        validation_lines=stopping,
        test_lines=(),
        cache=cache,
        device="cpu",
        progress=print,
    )


def judge_many(folder: Path, model: Path) -> list[dict[str, Any]]:
    """Return a row per model and plate, and per model over the further plates: learned from the taught lines."""
    taught = read_lines(folder, "taught")
    models = {
        kind: fit_descriptor_model(getattr(taught, kind), taught.targets, taught.lines) for kind in ("measured", "true")
    }
    session = open_session(read_model(model), Device("cpu"), precision="f32", backend="openvino")
    task = {"task": "many", "learned_from_lines": PLATES["taught"]["lines"]}
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in ("unseen", "eight", *FURTHER):
        judged = read_lines(folder, name)
        scores = {"share of small spindles, true": judged.share}
        for kind, fitted in models.items():
            scores[f"logistic, {kind} descriptors"] = fitted.probabilities(getattr(judged, kind))[:, 1]
        scores[f"network {session.card.network}"] = softmax(session.scores(judged.pictures.pictures))[:, 1]
        rows[name] = [
            {**task, "judged_on": name, **account(kind, judged, values, name == "eight")}
            for kind, values in scores.items()
        ]
    further = compare_plates([rows[name] for name in FURTHER])
    return [*rows["unseen"], *rows["eight"], *({**task, **row} for row in further)]


def compare_plates(plates: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return a row per model: mean and SD over plates of its AUC, and of its difference from MEASURED, plate by plate.

    The interval is Student's for the mean difference, over plates: it holds for new plates of these models, and says
    nothing of models that other lines would have taught.
    """
    kinds = [row["model"] for row in plates[0]]
    rows = []
    for place, kind in enumerate(kinds):
        row: dict[str, Any] = {
            "judged_on": f"{len(plates)} further plates of 8 lines",
            "model": kind,
            "plates": len(plates),
            "lines": sum(plate[place]["lines"] for plate in plates),
            "frames": sum(plate[place]["frames"] for plate in plates),
        }
        for name in ("frame_auc", "line_auc"):
            own = np.array([plate[place][name] for plate in plates])
            away = own - [plate[kinds.index(MEASURED)][name] for plate in plates]
            half = float(student.ppf(0.975, len(away) - 1) * away.std(ddof=1) / math.sqrt(len(away)))
            row |= {
                f"{name}_mean": float(own.mean()),
                f"{name}_sd": float(own.std(ddof=1)),
                f"{name}_of_plates": own.round(6).tolist(),
            }
            if kind != MEASURED:
                row |= {
                    f"{name}_less_measured_mean": float(away.mean()),
                    f"{name}_less_measured_sd": float(away.std(ddof=1)),
                    f"{name}_less_measured_95": [float(away.mean()) - half, float(away.mean()) + half],
                    f"{name}_plates_not_below_measured": int((away >= 0).sum()),
                }
        rows.append({**row, "pretrained": False, "simulated": True})
    return rows


def judge_eight(folder: Path) -> list[dict[str, Any]]:
    """Return a row per model: each pair of the eight lines judged by what was learned from the other six."""
    eight = read_lines(folder, "eight")
    kinds = ("logistic, measured descriptors", "logistic, true descriptors", f"network {NETWORK}")
    scores = {kind: np.zeros(len(eight.lines)) for kind in kinds}
    fold_aucs: dict[str, list[float | None]] = {kind: [] for kind in kinds}
    for number, split in enumerate(fold_lines(eight.pictures.class_of_line, FOLDS)):
        inner, outer = (frames_of(eight.pictures, lines) for lines in split)
        for kind, values in zip(kinds, (eight.measured, eight.true), strict=False):
            fitted = fit_descriptor_model(values[inner], eight.targets[inner], eight.lines[inner])
            scores[kind][outer] = fitted.probabilities(values[outer])[:, 1]
        checkpoint = folder / f"eight{number}.ckpt"
        trained = train_network(NETWORK, eight.pictures, inner, None, EIGHT_RECIPE, "cpu", checkpoint=checkpoint)
        scores[kinds[2]][outer] = softmax(predict_pictures(trained.served(), eight.pictures.pictures, outer, "cpu"))[
            :, 1
        ]
        for kind in kinds:
            fold_aucs[kind].append(area_under_roc(eight.targets[outer] == 1, scores[kind][outer]))
    task = {"task": "eight", "learned_from_lines": 6, "judged_on": "pairs held out, pooled"}
    return [{**task, **account(kind, eight, scores[kind]), "fold_frame_auc": fold_aucs[kind]} for kind in kinds]


def account(kind: str, judged: Lines, scores: NDArray[np.float64], by_line: bool = False) -> dict[str, Any]:
    """Return what a row says of the scores of frames."""
    names = list(judged.pictures.class_of_line)
    means = np.array([scores[judged.lines == name].mean() for name in names])
    high = np.array([judged.pictures.class_of_line[name] == 1 for name in names])
    row = {
        "model": kind,
        "lines": len(names),
        "frames": len(scores),
        "frame_auc": area_under_roc(judged.targets == 1, scores),
        "line_auc": area_under_roc(high, means),
        "pretrained": False,
        "simulated": True,
    }
    if by_line:  # class, mean score and true share of every line, in order of the mean score
        row["line_scores"] = [
            [names[at], "high" if high[at] else "low", round(float(means[at]), 4), round(float(share), 4)]
            for at, share in ((at, judged.share[judged.lines == names[at]].mean()) for at in np.argsort(means))
        ]
    return row


def make_plate(folder: Path, name: str) -> Path:
    """Simulate one of the plates, unless it is there."""
    simulate_lines(folder / f"{name}.zarr", **PLATES[name])
    return folder / f"{name}.zarr"


def read_lines(folder: Path, name: str) -> Lines:
    """Return all that is known of the frames of a plate; what takes long is kept beside it."""
    store = make_plate(folder, name)
    plate, plan = open_plate(store), read_simulation(store)
    if not (folder / f"{name}-run" / "manifest.json").exists():
        print(run(Config(plate=PlateConfig(store=store), run=RunConfig(output=folder / f"{name}-run"))).last_line)
    kept = folder / f"{name}-true.npy"
    if not kept.exists():
        np.save(kept, frame_profiles(measure_truth(store)).values)
    measured = frame_profiles(open_results(folder / f"{name}-run").field_moments())
    pictures = label_frames(plate, folder / "pictures").pictures
    hours = {hour: time for time, hour in enumerate(plate.times_h)}
    fields = {field.name: place for place, field in enumerate(plate.fields)}
    order = {(key.well, plate.times_h[key.time], key.field): place for place, key in enumerate(pictures.keys)}
    pictures = pictures.take(np.array([order[key] for key in measured.keys], np.int64))
    share = []
    for well, hour, field in measured.keys:
        chance = plan.chance(plan.wells.index(well), fields[field])
        share.append(float(populate(plan, plan.culture(well), chance, hours[hour]).rapid.mean()))
    return Lines(pictures, measured.values, np.load(kept), np.array(share))


if __name__ == "__main__":
    main()
