"""The result of a reproduction, read from its folder, and the words that stand below every table and figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phasewell.report.reproduction import Reproduction

TITLES = {
    "vgg19": "VGG19",
    "resnet50v2": "ResNet50V2",
    "densenet121": "DenseNet121",
    "inceptionv3": "InceptionV3",
    "xception": "Xception",
}
METRIC_TITLES = {
    "auc": "AUC",
    "f1": "F1",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
}


@dataclass(frozen=True)
class Outcome(Reproduction):
    """A finished reproduction: `document` is its result.json, `folder` holds the overlays beside it."""

    @property
    def networks(self) -> Mapping[str, Any]:
        """The compared networks by name, in the order of the scale."""
        found: Mapping[str, Any] = {name: self.document["networks"][name] for name in self.scale["networks"]}
        return found

    @property
    def final(self) -> Mapping[str, Any]:
        """The retrained network and all that was made of it."""
        found: Mapping[str, Any] = self.document["final"]
        return found

    @property
    def final_name(self) -> str:
        """The retrained network by name."""
        return str(self.final["network"])

    @property
    def is_simulated(self) -> bool:
        """Whether the frames were made by a program."""
        return bool(self.document["plate"]["simulated"])

    def stamp(self, *networks: str) -> str:
        """Return what is true of every number of some networks (none = all): scale, weights, origin of the frames."""
        begun = {bool(self.networks[name]["pretrained"]) for name in (networks or tuple(self.networks))}
        pretrained = "pretrained: " + " and ".join(str(value).lower() for value in sorted(begun))
        frames = "simulated frames" if self.is_simulated else "imaged frames"
        return f"Scale {self.scale['name']} · {pretrained} · {frames}."


def title_of(network: str) -> str:
    """Return a network's name as the paper writes it."""
    return TITLES.get(network, network)


def spread(mean: float | None, sd: float | None) -> str:
    """Return ".941 ± .089" for shares, as the paper prints them; a dash for what is undefined."""
    if mean is None:
        return "–"
    return _share(mean) if sd is None else f"{_share(mean)}\u202f±\u202f{_share(sd)}"  # does not break over lines


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
