"""One network taught for a reproduction: in folds, on all lines but the test lines, and how fast it then reads."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.inference import softmax
from phasewell.learning import LabelledPictures, LineSplit, TrainingRecipe
from phasewell.learning.cross_validation import CrossValidation, cross_validate
from phasewell.learning.passes import predict_pictures
from phasewell.learning.training import Trained, train_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_REPEATS = 3


@dataclass(frozen=True)
class Teacher:
    """Who teaches one network: its name, where it begins, on what device, and what may stop it."""

    network: str
    pictures: LabelledPictures
    device: str
    weights: Path | None
    work: Path  # checkpoints lie here while they are needed
    check: Callable[[], None]

    def teach(
        self,
        recipe: TrainingRecipe,
        training: NDArray[np.int64],
        validation: NDArray[np.int64] | None,
        checkpoint: Path,
    ) -> Trained:
        """Teach one network, from its checkpoint on."""
        return train_network(
            self.network,
            self.pictures,
            training,
            validation,
            recipe,
            device=self.device,
            checkpoint=checkpoint,
            stop=self.check,
            weights=self.weights,
        )

    def score(self, trained: Trained, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probabilities (frames, classes) float64 that a taught network gives to frames."""
        return softmax(predict_pictures(trained.served(), self.pictures.pictures, frames, self.device))

    def cross_validate(
        self, recipe: TrainingRecipe, folds: tuple[LineSplit, ...], name: str
    ) -> tuple[CrossValidation, list[dict[str, Any]]]:
        """Teach and judge a network in every fold; also return the course of each training.

        A fold stops early by its held-out lines, as the paper's do. What a killed call had done of a fold is not done
        again; checkpoints go when all folds are done.
        """
        place = self.work / name
        courses: list[dict[str, Any]] = []

        def one(fold: int, training: NDArray[np.int64], held_out: NDArray[np.int64]) -> NDArray[np.float64]:
            trained = self.teach(recipe, training, held_out, place / f"fold{fold}.ckpt")
            courses.append(summarise_course(trained))
            return self.score(trained, held_out)

        found = cross_validate(self.pictures, folds, one)
        shutil.rmtree(place, ignore_errors=True)
        return found, courses


def summarise_course(trained: Trained) -> dict[str, Any]:
    """Return the loss and accuracy of every pass of a training, and after how many passes its best weights came."""
    document = trained.to_dict()
    history = document["history"]
    best = None if document["best_epoch"] is None else history[document["best_epoch"]]
    head = [epoch for epoch in history if epoch["step"] == "head"]
    return {
        "head_passes": min(head, key=_validation_loss)["number"] if head and best else len(head),
        "tune_passes": best["number"] if best and best["step"] == "tune" else 0 if best else len(history) - len(head),
        "precision": document["precision"],
        "device": document["device"],
        "pretrained": document["pretrained"],
        "history": history,
    }


def _validation_loss(epoch: dict[str, Any]) -> float:
    return float(epoch["validation_loss"])


def without_validation(recipe: TrainingRecipe, courses: list[dict[str, Any]]) -> TrainingRecipe:
    """Return the recipe for all lines together, where no line is left to stop by (K17).

    The paper does not say when it stopped: each step makes as many passes as the folds' best weights had taken, on
    average, and at least one. A rate that falls over the passes ends where they end: then all of them are made.
    """
    if recipe.schedule == "cosine":
        return recipe
    head = round(statistics.fmean(course["head_passes"] for course in courses)) if recipe.head_epochs else 0
    tune = round(statistics.fmean(course["tune_passes"] for course in courses)) if recipe.tune_epochs else 0
    return recipe.model_copy(update={"head_epochs": head, "tune_epochs": tune if head or tune else 1})


def measure_rate(teacher: Teacher, trained_like: Any, frames: NDArray[np.int64]) -> dict[str, Any]:
    """Return how many pictures a second a network reads: pictures in memory to logits, by torch, in f32 or bf16.

    Weights do not change the rate. The first pass over the frames is not counted.
    """
    import torch

    from phasewell.learning.passes import open_workplace

    workplace = open_workplace(teacher.device, "auto")
    rates = []
    for repeat in range(RATE_REPEATS + 1):
        teacher.check()
        started = time.perf_counter()
        predict_pictures(trained_like, teacher.pictures.pictures, frames, teacher.device)
        if repeat:
            rates.append(len(frames) / (time.perf_counter() - started))
    gpu = workplace.device.type == "cuda"
    return {
        "frames_per_s": statistics.fmean(rates),
        "sd": statistics.stdev(rates),
        "sd_ddof": 1,
        "repeats": RATE_REPEATS,
        "frames": len(frames),
        "batch": workplace.read_batch,
        "precision": workplace.precision,
        "device": torch.cuda.get_device_name(workplace.device)
        if gpu
        else f"CPU, torch on {torch.get_num_threads()} cores",
        "boundary": "network only: pictures in memory to logits in memory, torch",
    }
