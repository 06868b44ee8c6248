"""One network at work: passes that teach it, and what it makes of the validation frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from phasewell.errors import InputError
from phasewell.learning.passes import Workplace, cut_batches, flip, read_features, read_logits, seed_of
from phasewell.networks import split_parameters
from phasewell.networks.network import HEAD, Network
from phasewell.networks.pictures import PictureNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.learning.pictures import LabelledPictures
    from phasewell.learning.recipe import TrainingRecipe

Step = Literal["head", "tune"]
_EARLY_STEPS = 10


class DivergedError(InputError):
    """The loss is no longer finite (65): the rates are too high for these pictures."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the training frames: mean cross-entropy and accuracy while it taught; after it, on validation."""

    step: Step
    number: int  # from 1, within its step
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass
class Teaching:
    """One network at work: passes that teach it, and what it makes of the validation frames."""

    served: PictureNetwork
    pictures: LabelledPictures
    training: NDArray[np.int64]
    validation: NDArray[np.int64] | None
    recipe: TrainingRecipe
    workplace: Workplace
    stop: Callable[[], None]
    features: dict[str, torch.Tensor] = field(default_factory=dict)  # pooled, (variants, n, maps), of the step head
    averages: dict[str, torch.Tensor] = field(default_factory=dict)  # of what the step changes; empty without averaging

    @property
    def network(self) -> Network:
        """The network without the scaling of its pictures."""
        network: Any = self.served.network
        found: Network = network
        return found

    @property
    def variants(self) -> int:
        """How many flips of a picture there are."""
        return 4 if self.recipe.augmentation == "flips" else 1

    def begin(self, step: Step) -> torch.optim.Adam:
        """Make ready for a step: its optimiser, and for the head the features of every frame."""
        self.features = {}
        head = split_parameters(self.network)[1]
        if step == "head":
            for name, frames, variants in (
                ("training", self.training, self.variants),
                ("validation", self.validation, 1),
            ):
                if frames is not None:
                    self.features[name] = read_features(
                        self.served, self.pictures.pictures, frames, self.workplace, variants, self.stop
                    )
        if self.recipe.averaging:
            self.averages = {name: value.clone() for name, value in self.weights(step).items()}
        taught = head if step == "head" else list(self.network.parameters())
        groups = [
            {"params": [one for one in taught if one.ndim > 1], "weight_decay": self.recipe.l2},  # Adam + L2
            {"params": [one for one in taught if one.ndim == 1], "weight_decay": 0.0},  # biases, batch norm
        ]
        return torch.optim.Adam(groups, lr=self.rate(step, 1), fused=True)

    def rate(self, step: Step, number: int) -> float:
        """Return Adam's rate in one pass of a step, counted from 1; it follows from the recipe alone."""
        recipe = self.recipe
        rate, passes = (
            (recipe.head_rate, recipe.head_epochs) if step == "head" else (recipe.tune_rate, recipe.tune_epochs)
        )
        return rate if recipe.schedule == "constant" else rate * (1 + math.cos(math.pi * (number - 1) / passes)) / 2

    def teach(self, step: Step, number: int, optimiser: torch.optim.Adam) -> tuple[float, float]:
        """Make one pass over the training frames; return the mean loss and the accuracy while it went on."""
        for group in optimiser.param_groups:
            group["lr"] = self.rate(step, number)
        draw = np.random.Generator(np.random.PCG64(seed_of(self.recipe.seed, step, number, "order")))
        count = len(self.training)
        order = np.argsort(draw.random(count), kind="stable")
        chosen = np.stack(
            [order, (draw.random(count) * self.variants)[order], self.pictures.targets[self.training[order]]]
        )
        # whole orders lie on the device beforehand: a small copy for each batch would let a GPU wait for the host
        places, variants, targets = torch.from_numpy(chosen.astype(np.int64)).to(self.workplace.device)
        self._set_mode(step)
        loss_sum = torch.zeros((), dtype=torch.float64, device=self.workplace.device)
        right = torch.zeros((), dtype=torch.int64, device=self.workplace.device)
        with self.workplace.seeded(seed_of(self.recipe.seed, step, number, "dropout")):
            batches = cut_batches(count, self.recipe.batch)
            for done, (first, last) in enumerate(batches, (number - 1) * len(batches)):
                self.stop()
                part, wanted = slice(first, last), targets[first:last]
                with self.workplace.autocast():
                    if step == "head":
                        features = self.features["training"][variants[part], places[part]]
                        logits = self.network.decide(features).float()
                    else:
                        pictures = self.workplace.put(self.pictures.pictures[self.training[order[part]]])
                        logits = self.served(flip(pictures, variants[part]) if self.variants > 1 else pictures).float()
                loss = torch.nn.functional.cross_entropy(logits, wanted)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                self._average(step, done)
                loss_sum += loss.detach() * len(wanted)
                right += (logits.argmax(1) == wanted).sum()
        return float(loss_sum) / count, int(right) / count

    def judge(self, step: Step) -> tuple[float, float] | tuple[None, None]:
        """Return the mean cross-entropy and the accuracy on the validation frames, None without."""
        if self.validation is None:
            return None, None
        taught = {name: value.clone() for name, value in self.weights(step).items()} if self.averages else {}
        self.restore(self.averages)
        found = self._validation_logits(step, self.validation)
        self.restore(taught)
        logits = found.astype(np.float64)
        targets = self.pictures.targets[self.validation]
        shifted = logits - logits.max(1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(targets)), targets]
        return float(losses.mean()), float((logits.argmax(1) == targets).mean())

    def _validation_logits(self, step: Step, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        if step == "head":
            self.network.eval()
            with torch.inference_mode(), self.workplace.autocast():
                found: NDArray[np.float32] = self.network.decide(self.features["validation"][0]).float().cpu().numpy()
                return found
        return read_logits(self.served, self.pictures.pictures, frames, self.workplace)

    def _average(self, step: Step, done: int) -> None:
        # `done` steps of Adam were made before this one; while they are few, the first weights do not count for long
        if not self.averages:
            return
        keep = min(self.recipe.averaging, done / (done + _EARLY_STEPS))
        now = self.weights(step)
        moving = [name for name, value in self.averages.items() if value.dtype.is_floating_point]
        with torch.no_grad():
            torch._foreach_lerp_(  # all of them in one launch
                [self.averages[name] for name in moving], [now[name].detach() for name in moving], 1 - keep
            )
        for name in self.averages.keys() - set(moving):  # batch norm counts its batches
            self.averages[name].copy_(now[name])

    def weights(self, step: Step) -> dict[str, torch.Tensor]:
        """Return what a step changes, by state-dict key: the tensors themselves."""
        state: dict[str, torch.Tensor] = self.network.state_dict()
        return {name: value for name, value in state.items() if step == "tune" or name.startswith(HEAD)}

    def kept(self, step: Step) -> dict[str, torch.Tensor]:
        """Return what is kept of a step as it stands, by state-dict key: the averages where there are any."""
        return self.averages or self.weights(step)

    def restore(self, weights: dict[str, torch.Tensor]) -> None:
        """Give the network the values of some keys."""
        state = self.network.state_dict()
        for name, value in weights.items():
            state[name].copy_(value)

    def _set_mode(self, step: Step) -> None:
        self.network.eval()
        if step == "head":
            self.network.dense.train()  # dropout
            return
        self.network.train()
        if self.recipe.batch_norm == "frozen":
            for module in self.network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.eval()
