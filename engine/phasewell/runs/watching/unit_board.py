"""Where every unit of a run stands: what the heartbeat tells, and what a screen or a page shows as a plate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from phasewell.runs.folder.ledger import UnitAddress

WAITING, WORKING, DONE, LACKING, QUARANTINED = "w", "r", "d", "m", "q"
"""One letter a unit: waiting; read or computed now, or next on its worker; done; done with missing frames; done with
quarantined ones."""


class UnitBoard:
    """The units of one run by well and time. Threads may tell of different units at the same time."""

    def __init__(self, units: Iterable[UnitAddress] = ()) -> None:
        addresses = list(units)
        self.times = tuple(sorted({time for _, time in addresses}))
        self._column = {time: i for i, time in enumerate(self.times)}
        blank = " " * len(self.times)  # a blank is no unit of this run
        self._letters = {well: bytearray(blank, "ascii") for well, _ in addresses}
        self._counts: dict[str, Counter[str]] = {well: Counter() for well in self._letters}
        for address in addresses:
            self._set(address, WAITING)

    def begin(self, address: UnitAddress) -> None:
        """A worker has the unit."""
        if self._letter(address) == WAITING:
            self._set(address, WORKING)

    def finish(self, address: UnitAddress, n_processed: int, n_quarantined: int, n_missing: int) -> None:
        """The unit is committed with that many frames of each kind."""
        self._set(address, QUARANTINED if n_quarantined else LACKING if n_missing else DONE)
        self._counts[address[0]].update(done=n_processed, quarantined=n_quarantined, missing=n_missing)

    def workers_gone(self) -> None:
        """What was in work waits again."""
        for letters in self._letters.values():
            letters[:] = letters.replace(WORKING.encode(), WAITING.encode())

    def to_document(self) -> dict[str, Any]:
        """Return {"times": indices, "wells": {well: {"units": a letter a time, "done", "quarantined", "missing"}}}."""
        wells = {
            well: {"units": letters.decode(), **{name: self._counts[well][name] for name in _KINDS}}
            for well, letters in self._letters.items()
        }
        return {"times": list(self.times), "wells": wells}

    def _letter(self, address: UnitAddress) -> str:
        return chr(self._letters[address[0]][self._column[address[1]]])

    def _set(self, address: UnitAddress, letter: str) -> None:
        self._letters[address[0]][self._column[address[1]]] = ord(letter)


_KINDS = ("done", "quarantined", "missing")


def well_state(units: str) -> str:
    """Return the letter that stands for a whole well: what is in work before what is wrong before what waits.

    A well is done when all of its units are; one that is done in part waits.
    """
    for letter in (WORKING, QUARANTINED, LACKING, WAITING):
        if letter in units:
            return letter
    return DONE


def count_finished(units: str) -> tuple[int, int]:
    """Return (finished units, units) of a well."""
    n_units = len(units) - units.count(" ")
    return n_units - units.count(WAITING) - units.count(WORKING), n_units


def describe_reasons(reasons: Mapping[str, int]) -> str:
    """Return reasons with counts as words, the most frequent first, such as "too_bright 8, chunk_damaged 4"."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {count}" for reason, count in ordered)
