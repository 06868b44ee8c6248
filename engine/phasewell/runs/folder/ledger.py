"""What is done: the run folder itself says it, and nothing else does.

A unit is done when a part for its content key is there and the file has the digest in its name. A part with frames
that failed for a reason that may pass (damaged chunk, exception, crash) counts as done for the manifest, but is
tried once more by the next run: the store may have been repaired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.compute as pc

from phasewell.durable import find_temporaries, sync_folder
from phasewell.errors import InputError
from phasewell.manifest import PartEntry
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.tables.parts import PartFile, find_parts, read_part

CELLS, SCORES = "cells", "scores"
STAGES = (CELLS, SCORES)  # each commits a part of its own per unit
RETRIED_REASONS = ("chunk_damaged", "error:", "crash", "timeout", "gpu_oom")

UnitAddress = tuple[str, int]  # well, time
Ledgers = Mapping[str, "Ledger"]  # by stage


def parts_folder(stage: str) -> Path:
    """Return where the parts of a stage lie, relative to the run folder."""
    return Path("parts", stage)


def superseded_folder(stage: str) -> Path:
    """Return where valid parts of other configurations are kept for a way back."""
    return Path("superseded", stage)


@dataclass(frozen=True)
class LedgerEntry:
    """A verified part for the wanted key of its unit."""

    part: PartFile
    entry: PartEntry
    retry: bool  # has a frame that failed for a reason that may pass
    reasons: dict[str, int] = field(default_factory=dict)  # why frames were not processed, with counts


@dataclass(frozen=True)
class Ledger:
    """What a run folder holds of one stage for the wanted keys."""

    stage: str = CELLS
    done: dict[UnitAddress, LedgerEntry] = field(default_factory=dict)
    damaged: tuple[Path, ...] = ()  # the bytes are not what the name promises: computed anew
    superseded: tuple[Path, ...] = ()  # in the folder of parts, made for another key of a unit of this run

    def is_settled(self, address: UnitAddress) -> bool:
        """True when a unit is done and has no frame worth another try."""
        return address in self.done and not self.done[address].retry


def scan_stages(folder: Path, units: Sequence[UnitPlan]) -> Ledgers:
    """Return what a run folder holds of every stage for the keys of units; writes nothing."""
    return {stage: scan_ledger(folder, {unit.address: unit.keys()[stage] for unit in units}, stage) for stage in STAGES}


def scan_ledger(folder: Path, wanted: Mapping[UnitAddress, str], stage: str = CELLS) -> Ledger:
    """Read and verify every part of a stage that bears a wanted key; writes nothing.

    `wanted` maps (well, time) to the content key, or to "" where no part of the stage is wanted. Of two parts for one
    key, the one with more processed frames wins.
    """
    home = folder / parts_folder(stage)
    found: dict[UnitAddress, list[LedgerEntry]] = {}
    damaged, superseded = [], []
    for place in (home, folder / superseded_folder(stage)):
        for part in find_parts(place):
            key = wanted.get((part.well, part.time))
            if key is not None and part.key32 == key[:32]:
                try:
                    verified = _verify(part, key, stage)
                except InputError:
                    damaged.append(part.path)
                else:
                    found.setdefault((part.well, part.time), []).append(verified)
            elif key is not None and place == home:
                superseded.append(part.path)
    done = {}
    for address, entries in found.items():
        best, *others = sorted(entries, key=lambda e: (-e.entry.n_processed, e.part.sha256, str(e.part.path)))
        done[address] = best
        superseded += [e.part.path for e in others if e.part.path.parent == home]
    return Ledger(stage, done, tuple(damaged), tuple(superseded))


def _verify(part: PartFile, key: str, stage: str) -> LedgerEntry:
    table = read_part(part, ["status", "reason", *(("n_cells",) if stage == CELLS else ())])
    if table.schema.metadata[b"key"].decode() != key:
        raise InputError(f"part {part.path}: made for another key than {key}; it is computed anew")
    status = table.column("status").to_pylist()
    entry = PartEntry(
        stage=stage,
        well=part.well,
        time=part.time,
        path=(parts_folder(stage) / part.path.name).as_posix(),
        key=key,
        sha256=part.sha256,
        n_processed=status.count("processed"),
        n_quarantined=status.count("quarantined"),
        n_missing=status.count("missing"),
        n_cells=(pc.sum(table.column("n_cells")).as_py() or 0) if stage == CELLS else 0,
    )
    reasons = [reason for reason in table.column("reason").to_pylist() if reason]
    return LedgerEntry(part, entry, any(reason.startswith(RETRIED_REASONS) for reason in reasons), Counter(reasons))


def prepare_folders(folder: Path) -> None:
    """Make the part folders and remove what killed writers left. Only under the run's lock."""
    for place in (parts_folder(CELLS), superseded_folder(CELLS)):
        (folder / place).mkdir(parents=True, exist_ok=True)
    places = [place for stage in STAGES for place in (parts_folder(stage), superseded_folder(stage))]
    for place in (Path(), *places):  # those of scores are made by the first part
        for stale in find_temporaries(folder / place):
            stale.unlink(missing_ok=True)


def restore_parts(folder: Path, ledger: Ledger) -> None:
    """Move wanted parts back from `superseded/`. Only under the run's lock."""
    _move(folder / parts_folder(ledger.stage), [e.part.path for e in ledger.done.values()])


def retire_parts(folder: Path, ledger: Ledger) -> None:
    """Move parts of other keys to `superseded/`, so that `parts/` holds what the manifest names.

    Parts of wells or times outside of this run's choice stay where they are. Only under the run's lock.
    """
    _move(folder / superseded_folder(ledger.stage), list(ledger.superseded))
    for path in ledger.damaged:
        path.unlink(missing_ok=True)


def _move(target: Path, paths: list[Path]) -> None:
    moved = [path for path in paths if path.parent != target]
    if moved:
        target.mkdir(parents=True, exist_ok=True)
    for path in moved:
        path.replace(target / path.name)
    for changed in {target, *(path.parent for path in moved)} if moved else ():
        sync_folder(changed)
