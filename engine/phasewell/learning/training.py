"""Transfer learning in three steps (paper K, K11): weights of other pictures, then the head alone, then everything.

While only the head is taught, the convolutions stand in eval mode, batch norm included, so every picture passes through
them once for the whole step. Everything random follows from the recipe's seed, step and pass: no generator's state has
to be kept, and a training that goes on from a checkpoint ends with the same bits on a CPU with as many threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from phasewell.learning.checkpoint import read_checkpoint, write_checkpoint
from phasewell.learning.passes import open_workplace
from phasewell.learning.splits import check_split
from phasewell.learning.teaching import DivergedError, Epoch, Step, Teaching
from phasewell.manifest import digest_json
from phasewell.networks import NETWORKS, check_picture, make_network
from phasewell.networks.network import Network
from phasewell.networks.pictures import PictureNetwork
from phasewell.networks.weights import load_backbone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.device import Device
    from phasewell.learning.pictures import LabelledPictures
    from phasewell.learning.recipe import TrainingRecipe

CHECKPOINT_INTERVAL_S = 30.0


@dataclass(frozen=True)
class Trained:
    """A taught network, float32 on the CPU in eval mode, and how it came about.

    `history` has every pass; `best_epoch` is the place in it of the weights that were kept, None without validation
    frames: then they are those of the last pass. `mean` and `std` scale the pictures, per channel.
    """

    network: Network
    network_name: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    recipe: TrainingRecipe
    history: tuple[Epoch, ...]
    best_epoch: int | None
    training_lines: tuple[str, ...]
    validation_lines: tuple[str, ...]
    identity: dict[str, Any]

    @property
    def pretrained(self) -> bool:
        """Whether the convolutions began from weights of other pictures."""
        return self.identity["weights_sha256"] is not None

    def served(self) -> PictureNetwork:
        """Return the network with the scaling of its pictures: (n, height, width) uint8 -> logits (n, classes)."""
        return PictureNetwork(self.network, self.mean, self.std).eval()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON document of everything but the weights."""
        return {
            **self.identity,
            "classes": list(self.classes),
            "pretrained": self.pretrained,
            "training_lines": list(self.training_lines),
            "validation_lines": list(self.validation_lines),
            "best_epoch": self.best_epoch,
            "history": [asdict(epoch) for epoch in self.history],
        }


def train_network(
    network_name: str,
    pictures: LabelledPictures,
    training: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    recipe: TrainingRecipe,
    device: Device | str = "auto",
    *,
    weights: Path | str | None = None,
    checkpoint: Path | str | None = None,
    stop: Callable[[], None] | None = None,
    progress: Callable[[Epoch], None] | None = None,
    checkpoint_interval_s: float = CHECKPOINT_INTERVAL_S,
) -> Trained:
    """Teach a network the classes of frames, by lines: `training` and `validation` are places and share no line.

    `weights` is a local file for the convolutions (step one); without it they begin He-normal. Without `validation`
    every pass of the recipe is made. `checkpoint` is a file of this training alone, written at most every
    `checkpoint_interval_s` and at the end: the same call goes on from it, or returns at once when it had ended. `stop`
    is called before every batch: what it raises ends the training. `progress` is called after every pass. On a CPU the
    weights follow from the arguments, bit for bit, for one number of threads.
    Raises InputError for a split that is not by line and damaged checkpoints, DivergedError, UsageError for pictures
    that are too small and a checkpoint of another training, UnavailableError for a device or precision that is not
    there; for `weights` as `load_backbone`.
    """
    check_split(pictures, training, validation)
    height, width = pictures.pictures.shape[1:]
    check_picture(network_name, (height, width))
    workplace = open_workplace(device, recipe.precision)
    network = make_network(network_name, len(pictures.classes), recipe.dense, recipe.dropout, recipe.seed)
    loaded = load_backbone(network, network_name, Path(weights)) if weights is not None else None
    facts = NETWORKS[network_name]
    identity = {
        "network": network_name,
        "recipe": recipe.model_dump(mode="json"),
        "weights_sha256": loaded.sha256 if loaded else None,
        "data_sha256": data_digest(pictures, training, validation),
        "precision": workplace.precision,
        "device": workplace.device.type,
    }
    served: Any = PictureNetwork(network, facts.mean, facts.std)
    served.to(workplace.device, memory_format=torch.channels_last)
    teaching = Teaching(served, pictures, training, validation, recipe, workplace, stop or _go_on)
    course = _Course(teaching, Path(checkpoint) if checkpoint else None, identity, progress, checkpoint_interval_s)
    with workplace.settings():
        course.run()
    served.to("cpu", memory_format=torch.contiguous_format).eval()
    return Trained(
        network=network,
        network_name=network_name,
        classes=pictures.classes,
        mean=facts.mean,
        std=facts.std,
        recipe=recipe,
        history=tuple(course.history),
        best_epoch=course.best,
        training_lines=_lines(pictures, training),
        validation_lines=() if validation is None else _lines(pictures, validation),
        identity=identity,
    )


def data_digest(pictures: LabelledPictures, training: NDArray[np.int64], validation: NDArray[np.int64] | None) -> str:
    """Return the SHA-256 of what a network is taught and judged by: pictures, targets, lines, classes, in order."""
    document: list[Any] = [list(pictures.pictures.shape[1:]), list(pictures.classes)]
    for places in (training, validation):
        chosen = np.array([], np.int64) if places is None else places
        frames = [pictures.digests[place] for place in chosen]
        document.append([pictures.lines[chosen].tolist(), pictures.targets[chosen].tolist(), frames])
    return digest_json(document)


def _lines(pictures: LabelledPictures, frames: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(str(line) for line in np.unique(pictures.lines[frames]))


def _go_on() -> None:
    return None


class _Course:
    """The steps of a training in order: when one ends, what is kept, and the checkpoint that holds all of it."""

    def __init__(
        self,
        teaching: Teaching,
        checkpoint: Path | None,
        identity: dict[str, Any],
        progress: Callable[[Epoch], None] | None,
        interval_s: float,
    ) -> None:
        recipe = teaching.recipe
        self._teaching, self._path, self._identity = teaching, checkpoint, identity
        self._progress, self._interval_s, self._saved_s = progress, interval_s, time.monotonic()
        limits: dict[Step, int] = {"head": recipe.head_epochs, "tune": recipe.tune_epochs}
        self._steps: list[tuple[Step, int]] = [(step, limit) for step, limit in limits.items() if limit]
        self._at = 0  # place in the steps
        self._done = 0  # passes of this step
        self._best_weights: dict[str, torch.Tensor] = {}
        self._averages: dict[str, torch.Tensor] = {}  # those of a checkpoint, until its step goes on
        self.history: list[Epoch] = []
        self.best: int | None = None  # place in the history

    def run(self) -> None:
        """Go through the steps, from the checkpoint on."""
        adam = self._resume()
        while self._at < len(self._steps):
            self._run_step(*self._steps[self._at], adam)
            adam = {}
        self._save({})

    def _run_step(self, step: Step, limit: int, adam: dict[str, torch.Tensor]) -> None:
        optimiser = self._teaching.begin(step)
        _restore_adam(optimiser, adam)
        for name, value in self._averages.items():
            self._teaching.averages[name].copy_(value)
        self._averages = {}
        while self._done < limit and self._is_patient(step):
            epoch = self._make_pass(step, optimiser)
            if self._path and time.monotonic() - self._saved_s >= self._interval_s:
                self._save(_adam_tensors(optimiser))
            if self._progress:
                self._progress(epoch)
        self._teaching.restore(self._best_weights or self._teaching.kept(step))
        self._teaching.averages = {}
        self._at, self._done = self._at + 1, 0
        if self.best is not None:  # the next step changes other weights, and has to be better than this one
            self._best_weights = _copied(self._teaching.weights("tune"))

    def _make_pass(self, step: Step, optimiser: torch.optim.Adam) -> Epoch:
        loss, accuracy = self._teaching.teach(step, self._done + 1, optimiser)
        epoch = Epoch(step, self._done + 1, loss, accuracy, *self._teaching.judge(step))
        if not np.isfinite([loss, 0.0 if epoch.validation_loss is None else epoch.validation_loss]).all():
            raise DivergedError(
                f"training of {self._identity['network']}: the loss is not finite in pass {epoch.number} of step "
                f"{step}; lower {step}_rate"
            )
        self.history.append(epoch)
        self._done += 1
        if self._is_better(epoch):
            self.best = len(self.history) - 1
            self._best_weights = _copied(self._teaching.kept(step))
        return epoch

    def _is_better(self, epoch: Epoch) -> bool:
        if epoch.validation_loss is None or epoch.validation_accuracy is None:
            return False
        if self.best is None:
            return True
        best = self.history[self.best]
        assert best.validation_loss is not None
        assert best.validation_accuracy is not None
        if self._teaching.recipe.monitor == "loss":
            return epoch.validation_loss < best.validation_loss
        return (epoch.validation_accuracy, -epoch.validation_loss) > (best.validation_accuracy, -best.validation_loss)

    def _is_patient(self, step: Step) -> bool:
        if self._teaching.validation is None:
            return True
        best = None if self.best is None else self.history[self.best]
        return self._done - (best.number if best and best.step == step else 0) < self._teaching.recipe.patience

    def _save(self, adam: dict[str, torch.Tensor]) -> None:
        if self._path is None:
            return
        ended = self._at == len(self._steps)
        parts = {"now": self._teaching.weights("tune" if ended else self._steps[self._at][0]), "adam": adam}
        parts |= {} if ended else {"best": self._best_weights, "average": self._teaching.averages}
        tensors = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        document = {
            "at": self._at,
            "done": self._done,
            "best": self.best,
            "history": [asdict(epoch) for epoch in self.history],
        }
        write_checkpoint(self._path, self._identity, document, tensors)
        self._saved_s = time.monotonic()

    def _resume(self) -> dict[str, torch.Tensor]:
        found = read_checkpoint(self._path, self._identity) if self._path else None
        if found is None:
            return {}
        document, tensors = found
        self._at, self._done, self.best = document["at"], document["done"], document["best"]
        self.history = [Epoch(**epoch) for epoch in document["history"]]
        parts: dict[str, dict[str, torch.Tensor]] = {"now": {}, "best": {}, "adam": {}, "average": {}}
        for name, value in tensors.items():
            part, _, key = name.partition("/")
            parts[part][key] = value
        self._teaching.restore(parts["now"])
        self._best_weights, self._averages = parts["best"], parts["average"]
        return parts["adam"]


def _copied(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in weights.items()}


def _adam_tensors(optimiser: torch.optim.Adam) -> dict[str, torch.Tensor]:
    state = optimiser.state_dict()["state"]
    return {f"{place}/{key}": value for place, values in state.items() for key, value in values.items()}


def _restore_adam(optimiser: torch.optim.Adam, tensors: dict[str, torch.Tensor]) -> None:
    taught = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        place, _, key = name.partition("/")
        if value.shape:  # laid out in memory as its parameter: the fused step walks both side by side
            value = torch.empty_like(taught[int(place)]).copy_(value)  # noqa: PLW2901
        state.setdefault(int(place), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
