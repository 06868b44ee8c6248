"""The passage ledger: what was seeded and harvested at every passage of every clone, and the limit that follows."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import Any

from phasewell.errors import InputError

COLUMNS = ("clone", "passage", "seeded_cells", "harvested_cells")
SEEDED_CELLS = 200_000
"""Cells seeded on each 100-mm dish (paper R, methods)."""
_MOST_ROWS = 100_000
_REMEDY = f"expected CSV with the columns {', '.join(COLUMNS)} and one row per clone and passage"


@dataclass(frozen=True)
class Passage:
    """One passage of one clone: cells seeded and cells counted at harvest."""

    clone: str
    passage: int
    seeded: int
    harvested: int

    @property
    def doublings(self) -> float:
        """log2(harvested / seeded); minus infinity when nothing was harvested."""
        return math.log2(self.harvested / self.seeded) if self.harvested else -math.inf


@dataclass(frozen=True)
class History:
    """All passages of a clone in order, the first being the cell bank's."""

    clone: str
    passages: tuple[Passage, ...]

    @property
    def limit(self) -> int:
        """Serial-passage limit: the number of the last passage (paper R: the final passage number)."""
        return self.passages[-1].passage

    @property
    def arrested(self) -> bool:
        """Whether the last harvest was no larger than its seeding; otherwise the limit is only a lower bound."""
        return self.passages[-1].harvested <= self.passages[-1].seeded

    @property
    def doublings(self) -> float:
        """Population doublings added up over passages; a harvest below its seeding adds nothing."""
        return math.fsum(max(p.doublings, 0.0) for p in self.passages)


@dataclass(frozen=True)
class PassageLedger:
    """Histories by clone, in the order in which the ledger names the clones."""

    histories: tuple[History, ...]

    @property
    def limits(self) -> dict[str, int]:
        """Serial-passage limit of every clone."""
        return {history.clone: history.limit for history in self.histories}


def read_passages(text: str, source: str) -> PassageLedger:
    """Return the ledger written as CSV `text`; `source` names it in errors.

    Columns are `clone, passage, seeded_cells, harvested_cells`; others are ignored; separators are , ; or tab; rows
    may stand in any order. Raises InputError naming source, line, clone and passage for a missing column, no row, an
    empty clone, a number that is no whole count, nothing seeded, a passage named twice and a gap in the passages:
    a missing passage could hide the limit. Source: paper R, item R28.
    """
    head = text.lstrip("\ufeff")
    first = head.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(head, newline=""), delimiter=max(",;\t", key=first.count))
    found: dict[str, dict[int, Passage]] = {}
    try:
        names = {(name or "").strip().lower(): name for name in reader.fieldnames or []}
        if missing := [name for name in COLUMNS if name not in names]:
            raise InputError(f"{source}: no column {', '.join(missing)}; {_REMEDY}")
        for place, row in enumerate(reader):
            if place >= _MOST_ROWS:
                raise InputError(f"{source}: more than {_MOST_ROWS:,} rows; {_REMEDY}")
            entry = _parse({name: (row[names[name]] or "").strip() for name in COLUMNS}, source, reader.line_num)
            history = found.setdefault(entry.clone, {})
            if entry.passage in history:
                raise InputError(f"{source}, line {reader.line_num}: clone {entry.clone} passage {entry.passage} again")
            history[entry.passage] = entry
    except csv.Error as error:
        raise InputError(f"{source}, after line {reader.line_num}: {error}; {_REMEDY}") from error
    if not found:
        raise InputError(f"{source}: no row; {_REMEDY}")
    return PassageLedger(tuple(_history(clone, rows, source) for clone, rows in found.items()))


def _parse(row: dict[str, str], source: str, line: int) -> Passage:
    clone = row["clone"]
    where = f"{source}, line {line}"
    if not clone:
        raise InputError(f"{where}: no clone; {_REMEDY}")
    counts: dict[str, int] = {}
    for name in COLUMNS[1:]:
        try:
            value = float(row[name])
        except ValueError:
            value = math.nan
        least = 0 if name == "harvested_cells" else 1
        if not (math.isfinite(value) and value == int(value) and value >= least):
            raise InputError(
                f"{where}: clone {clone}: {name} {row[name]!r}; expected a whole number of {least} or more"
            )
        counts[name] = int(value)
    return Passage(clone, counts["passage"], counts["seeded_cells"], counts["harvested_cells"])


def _history(clone: str, rows: dict[int, Passage], source: str) -> History:
    numbers = sorted(rows)
    if gaps := sorted(set(range(numbers[0], numbers[-1])) - set(numbers)):
        missing = ", ".join(str(number) for number in gaps)
        raise InputError(
            f"{source}: clone {clone}: passage {missing} is missing between {numbers[0]} and {numbers[-1]}"
        )
    return History(clone, tuple(rows[number] for number in numbers))


def write_passages(ledger: PassageLedger) -> str:
    """Return the ledger as CSV text, which `read_passages` reads back."""
    out = io.StringIO(newline="")
    writer: Any = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((p.clone, p.passage, p.seeded, p.harvested) for h in ledger.histories for p in h.passages)
    return out.getvalue()
