"""Rates that were measured on this machine: what a plan's minutes rest on. They live in one small JSON file."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phasewell.durable import replace_file
from phasewell.state import state_folder

STORE_TO_TABLE = "store to table"
STORE_TO_TABLE_WITH_NETWORK = "store to table with network"
_FILE_NAME = "rates.json"


@dataclass(frozen=True)
class MeasuredRate:
    """A measured rate of all cores of a processor, or of one GPU."""

    hardware: str
    """As `DeviceFacts.hardware` names it."""
    boundary: str
    """What lies inside of the measured time, such as "store to table"."""
    preset: str
    """The segmentation's."""
    pixels_per_s: float
    code_version: str
    """Of phasewell and its kernels when it was measured."""
    at: str
    """Date and time, ISO 8601 with time zone."""

    @property
    def subject(self) -> tuple[str, str, str]:
        """What the rate is of: a newer one of the same replaces it."""
        return self.hardware, self.boundary, self.preset


def rates_path() -> Path:
    """Return the file of this user's rates in the state folder."""
    return state_folder() / _FILE_NAME


def remember_rates(rates: Iterable[MeasuredRate]) -> Path:
    """Add rates to those of this machine and return their file; raises StorageError when it cannot be written."""
    path = rates_path()
    known = {rate.subject: rate for rate in (*_read(path), *rates)}
    document = {"rates": [asdict(known[subject]) for subject in sorted(known)]}
    replace_file(path, json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")
    return path


def known_rate(hardware: str, boundary: str, preset: str) -> MeasuredRate | None:
    """Return the last rate measured of this hardware; None where there is none, or the file cannot be read."""
    return next((rate for rate in _read(rates_path()) if rate.subject == (hardware, boundary, preset)), None)


def _read(path: Path) -> list[MeasuredRate]:
    """Return the rates of a file; none of one that is not what we write: it is a memory, `bench` makes it anew."""
    try:
        document: Any = json.loads(path.read_bytes())
        rates = [MeasuredRate(**entry) for entry in document["rates"]]
        for rate in rates:
            datetime.datetime.fromisoformat(rate.at)
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return [rate for rate in rates if isinstance(rate.pixels_per_s, float | int) and rate.pixels_per_s > 0]
