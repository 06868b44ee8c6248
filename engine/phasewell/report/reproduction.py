"""What the pages of reproduced papers share: the result in its folder, and words for counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from phasewell.durable import read_object
from phasewell.manifest import REPRODUCTION_NAME


@dataclass(frozen=True)
class Reproduction:
    """A finished reproduction: `document` is its result.json, `folder` holds what belongs to it."""

    folder: Path
    document: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the result of a reproduction's folder; raises InputError when there is none or it is damaged."""
        return cls(folder, read_object(folder / REPRODUCTION_NAME, "make it again"))

    @property
    def scale(self) -> Mapping[str, Any]:
        """How much was done."""
        found: Mapping[str, Any] = self.document["scale"]
        return found

    @property
    def material(self) -> Mapping[str, Any]:
        """What it was made from, with counts."""
        found: Mapping[str, Any] = self.document["material"]
        return found


def count(number: int, noun: str) -> str:
    """Return "1 trial", "80 trials" or "3 passes"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"
