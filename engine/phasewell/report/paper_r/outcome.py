"""The result of a reproduction of paper R, read from its folder, and the words below every table and figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phasewell.report.reproduction import Reproduction


@dataclass(frozen=True)
class Outcome(Reproduction):
    """A finished reproduction: `document` is its result.json."""

    @property
    def steps(self) -> Mapping[str, Any]:
        """The document of every step by name."""
        found: Mapping[str, Any] = self.document["steps"]
        return found

    @property
    def is_simulated(self) -> bool:
        """Whether the cells were made by a program."""
        return bool(self.material["simulated"])

    def stamp(self, n: int | None = None, noun: str = "clones") -> str:
        """Return what is true of a figure: how much was done, whether cells were simulated, on how many it rests.

        `n` and `noun` are the sample (None = the clones).
        """
        count = len({row["clone"] for row in self.material["clones"]}) if n is None else n
        origin = "simulated cells" if self.is_simulated else "imaged cells"
        return f"Scale {self.scale['name']} · {origin} · n = {count:,} {noun}."


@dataclass(frozen=True)
class Verdict:
    """What the paper says of one item, and what is found here; `agrees` None where it cannot be told."""

    item: str  # "R7"
    place: str  # "Fig. 2d"
    claim: str  # with the paper's number
    found: str  # with the number found here and its n
    agrees: bool | None


def verdict_order(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return verdicts in the order of the paper's items."""
    return sorted(verdicts, key=lambda verdict: int(verdict.item[1:].split("-")[0]))
