"""What is done: the run folder itself says it, and nothing else does.

A unit is done when a part for its content key is there and the file has the digest in its name. A part with frames
that failed for a reason that may pass (damaged chunk, exception, crash) counts as done for the manifest, but is
tried once more by the next run: the store may have been repaired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.compute as pc

from phasewell.durable import find_temporaries, sync_folder
from phasewell.errors import InputError
from phasewell.manifest import PartEntry
from phasewell.tables.parts import PartFile, find_parts, read_part

CELLS_FOLDER = Path("parts", "cells")
SUPERSEDED_FOLDER = Path("superseded", "cells")  # valid parts of other configurations, kept for a way back
RETRIED_REASONS = ("chunk_damaged", "error:", "crash", "timeout")

UnitAddress = tuple[str, int]  # well, time


@dataclass(frozen=True)
class LedgerEntry:
    """A verified part for the wanted key of its unit."""

    part: PartFile
    entry: PartEntry
    retry: bool  # has a frame that failed for a reason that may pass


@dataclass(frozen=True)
class Ledger:
    """What a run folder holds for the wanted keys."""

    done: dict[UnitAddress, LedgerEntry] = field(default_factory=dict)
    damaged: tuple[Path, ...] = ()  # the bytes are not what the name promises: computed anew
    superseded: tuple[Path, ...] = ()  # in parts/cells, made for another key of a unit of this run

    def is_settled(self, address: UnitAddress) -> bool:
        """True when a unit is done and has no frame worth another try."""
        return address in self.done and not self.done[address].retry


def scan_ledger(folder: Path, wanted: Mapping[UnitAddress, str]) -> Ledger:
    """Read and verify every part that bears a wanted key; writes nothing.

    `wanted` maps (well, time) to the content key. Of two parts for one key, the one with more processed frames wins.
    """
    found: dict[UnitAddress, list[LedgerEntry]] = {}
    damaged, superseded = [], []
    for place in (CELLS_FOLDER, SUPERSEDED_FOLDER):
        for part in find_parts(folder / place):
            key = wanted.get((part.well, part.time))
            if key is not None and part.key32 == key[:32]:
                try:
                    verified = _verify(part, key)
                except InputError:
                    damaged.append(part.path)
                else:
                    found.setdefault((part.well, part.time), []).append(verified)
            elif key is not None and place == CELLS_FOLDER:
                superseded.append(part.path)
    done = {}
    for address, entries in found.items():
        best, *others = sorted(entries, key=lambda e: (-e.entry.n_processed, e.part.sha256, str(e.part.path)))
        done[address] = best
        superseded += [e.part.path for e in others if e.part.path.parent == folder / CELLS_FOLDER]
    return Ledger(done, tuple(damaged), tuple(superseded))


def _verify(part: PartFile, key: str) -> LedgerEntry:
    table = read_part(part, ["status", "reason", "n_cells"])
    if table.schema.metadata[b"key"].decode() != key:
        raise InputError(f"part {part.path}: made for another key than {key}; it is computed anew")
    status = table.column("status").to_pylist()
    entry = PartEntry(
        stage="cells",
        well=part.well,
        time=part.time,
        path=(CELLS_FOLDER / part.path.name).as_posix(),
        key=key,
        sha256=part.sha256,
        n_processed=status.count("processed"),
        n_quarantined=status.count("quarantined"),
        n_missing=status.count("missing"),
        n_cells=pc.sum(table.column("n_cells")).as_py() or 0,
    )
    reasons = [reason for reason in table.column("reason").to_pylist() if reason]
    return LedgerEntry(part, entry, any(reason.startswith(RETRIED_REASONS) for reason in reasons))


def prepare_folders(folder: Path) -> None:
    """Make the part folders and remove what killed writers left. Only under the run's lock."""
    for place in (CELLS_FOLDER, SUPERSEDED_FOLDER):
        (folder / place).mkdir(parents=True, exist_ok=True)
    for place in (folder, folder / CELLS_FOLDER, folder / SUPERSEDED_FOLDER):
        for stale in find_temporaries(place):
            stale.unlink(missing_ok=True)


def restore_parts(folder: Path, ledger: Ledger) -> None:
    """Move wanted parts back from `superseded/`. Only under the run's lock."""
    _move(folder / CELLS_FOLDER, [e.part.path for e in ledger.done.values()])


def retire_parts(folder: Path, ledger: Ledger) -> None:
    """Move parts of other keys to `superseded/`, so that parts/cells holds what the manifest names.

    Parts of wells or times outside of this run's choice stay where they are. Only under the run's lock.
    """
    _move(folder / SUPERSEDED_FOLDER, list(ledger.superseded))
    for path in ledger.damaged:
        path.unlink(missing_ok=True)


def _move(target: Path, paths: list[Path]) -> None:
    moved = [path for path in paths if path.parent != target]
    for path in moved:
        path.replace(target / path.name)
    for changed in {target, *(path.parent for path in moved)} if moved else ():
        sync_folder(changed)
